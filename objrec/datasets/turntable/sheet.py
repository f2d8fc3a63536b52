"""A picture of the frames with the crops drawn in, and of what was cut out, to be checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from objrec.datasets.cropping import Box, cut_out
from objrec.datasets.pictures import contact_sheet
from objrec.datasets.turntable.looking import Look, Run, shown_path
from objrec.errors import Failure

_SHOWN = 12
_SIDE = 240
_FOUND, _CROP = (230, 120, 20), (20, 90, 220)


def draw_crops(runs: Sequence[Run], looks: Sequence[Look], path: Path) -> None:
    """Draw, for each input, frames spread over the turn and their crops.

    In the frames, the object's box is orange and the crop blue.

    Raises:
        DataError: The picture's name ends in a kind that cannot be drawn, or it cannot be written.
    """
    rows = []
    for run, look in zip(runs, looks, strict=True):
        frames, crops = [], []
        shown = _spread(look)
        for i, pixels in zip(shown, run.footage.read(run.indices[shown].tolist()), strict=True):
            if isinstance(pixels, Failure):
                continue
            caption = f"{run.azimuths[i]:.0f}°"
            crop = look.crops[i] if look.crops else None
            frames.append((caption, _marked(pixels, look.findings[i].box, crop)))
            if crop:
                crops.append((caption, cut_out(pixels, crop)))
        at = "" if run.elevation is None else f", {run.elevation:g}° up"
        rows.append((f"{run.instance}\n{shown_path(run.footage.path)}{at}", frames))
        if crops:
            rows.append(("cut out", crops))
    contact_sheet(rows, path, title="Frames (orange: the object; blue: the crop) and crops")


def _spread(look: Look) -> list[int]:
    usable = np.flatnonzero(look.usable)
    places = np.linspace(0, len(usable) - 1, min(_SHOWN, len(usable))).round().astype(int)
    return usable[places].tolist()


def _marked(pixels: np.ndarray, found: Box | None, crop: Box | None) -> np.ndarray:
    """Draw boxes on a small copy of a frame."""
    image = np.dstack([pixels] * 3) if pixels.ndim == 2 else pixels
    share = min(1.0, _SIDE / max(image.shape[:2]))
    image = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    for box, colour in ((found, _FOUND), (crop, _CROP)):
        if box:
            corners = [(round(x * share), round(y * share)) for x, y in _corners(box)]
            cv2.rectangle(image, *corners, colour, 2)
    return image


def _corners(box: Box) -> tuple[tuple[int, int], tuple[int, int]]:
    return (box.left, box.top), (box.right - 1, box.bottom - 1)
