"""Finding an object before a plain background, and square crops round it of one steady scale.

Functions of pixels and boxes only: no file is read or written here. The background is what the
border of the image shows, so an object that reaches the border is not looked for any further.

Convention:
    x grows to the right and y downwards, in pixels; a box takes in `left` and `top` and leaves out
    `right` and `bottom`. It may reach beyond the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from objrec.datasets.background import object_masks

# A mask that takes in less or more of the image than this is no object before a background.
_SMALLEST, _LARGEST = 0.0005, 0.85
# Parts smaller than this share of the largest one are dirt (or, at the border of the image, part of
# the background); those further away, in sides of the object, are other things.
_PART, _PART_AT_BORDER, _NEAR = 0.02, 0.2, 0.5
# How far the middle of the boxes may wander, as a share of their side, before the crop follows.
_FIXED = 0.35
_WINDOW = 1 / 12  # of all frames: over so many the centre is smoothed, in either direction
_QUANTILE = 0.98
_NOTHING = "no object stands out from the background"
_AT_BORDER = "the object touches the border of the image, or the background is not plain"


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return self.bottom - self.top


@dataclass(frozen=True)
class Finding:
    """What was found in an image: a box, or why there is none, in words."""

    box: Box | None
    reason: str = ""


def look_for_object(pixels: np.ndarray) -> Finding:
    """Find the object of an image with a plain background.

    Args:
        pixels: uint8, (H, W) or (H, W, 3).

    Returns:
        The box round it; none, and why, where no object stands out, or it touches the border of
        the image.
    """
    first = Finding(None, _NOTHING)
    for number, mask in enumerate(object_masks(pixels)):
        finding = _judged(mask, pixels.shape[:2])
        if finding.box is not None:
            return finding
        first = first if number else finding
    return first


def _judged(mask: np.ndarray, size: tuple[int, ...]) -> Finding:
    """Return the box of a mask's main parts in an image of a size, unless it is no object."""
    parts = _main_parts(mask)
    if parts.mean() < _SMALLEST:
        return Finding(None, _NOTHING)
    ys, xs = np.flatnonzero(parts.any(1)), np.flatnonzero(parts.any(0))
    if ys[0] == 0 or xs[0] == 0 or ys[-1] == len(mask) - 1 or xs[-1] == mask.shape[1] - 1:
        return Finding(None, _AT_BORDER)
    if parts.mean() > _LARGEST:
        return Finding(None, _NOTHING)
    return Finding(_in_pixels(xs, ys, mask.shape, size))


def _in_pixels(
    xs: np.ndarray, ys: np.ndarray, small: tuple[int, ...], full: tuple[int, ...]
) -> Box:
    """Scale the box of a mask up to the image."""
    right, down = full[1] / small[1], full[0] / small[0]
    return Box(
        int(np.floor(xs[0] * right)),
        int(np.floor(ys[0] * down)),
        int(np.ceil((xs[-1] + 1) * right)),
        int(np.ceil((ys[-1] + 1) * down)),
    )


def _main_parts(mask: np.ndarray) -> np.ndarray:
    """Return (H, W) bool: the largest part of a mask, and what of some size lies near it."""
    count, numbered, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return np.zeros_like(mask)
    areas = np.where(np.arange(count) > 0, stats[:, cv2.CC_STAT_AREA], 0)
    corners = np.hstack([stats[:, :2], stats[:, :2] + stats[:, 2:4]])
    at_border = (corners[:, :2] == 0).any(1) | (corners[:, 2:] == mask.shape[::-1]).any(1)
    large = areas >= np.where(at_border, _PART_AT_BORDER, _PART) * areas.max()
    kept = areas == areas.max()
    while True:
        left, top = corners[kept, :2].min(0)
        right, bottom = corners[kept, 2:].max(0)
        reach = _NEAR * max(right - left, bottom - top)
        after = (corners[:, :2] <= (right + reach, bottom + reach)).all(1)
        before = (corners[:, 2:] >= (left - reach, top - reach)).all(1)
        more = kept | (after & before & large)
        if (more == kept).all():
            return kept[numbered]
        kept = more


def steady_crops(
    boxes: Sequence[Box | None], size: tuple[int, int], margin: float = 0.1
) -> tuple[Box, ...]:
    """Return one square crop a frame, all of the same side, that do not jump.

    The side is that of nearly the largest view, so that a thin view stays thin and nothing pumps.
    The centre stays where it is while the object turns on the spot, so that a handle swings round
    it; it follows, smoothly, an object that wanders through the frames.

    Args:
        boxes: Of the object in each frame, in order; None where it was not found.
        size: Height and width of the frames.
        margin: Left free on either side, as a share of the object.

    Returns:
        Crops in whole pixels; they may reach beyond the frame. Without any box, the whole frame.
    """
    found = np.array([i for i, box in enumerate(boxes) if box is not None])
    if not len(found):
        return (Box(0, 0, size[1], size[0]),) * len(boxes)
    edges = np.array([_edges(box) for box in boxes if box is not None], dtype=np.float64)
    centres = _centres(found, edges, len(boxes))
    reach = np.abs(edges - np.tile(centres[found], 2)).max(1)
    side = max(int(np.ceil(2 * np.quantile(reach, _QUANTILE) * (1 + 2 * margin))), 1)
    corners = np.rint(centres - side / 2).astype(int).tolist()
    return tuple(Box(x, y, x + side, y + side) for x, y in corners)


def _edges(box: Box) -> tuple[int, int, int, int]:
    return box.left, box.top, box.right, box.bottom


def _centres(found: np.ndarray, edges: np.ndarray, count: int) -> np.ndarray:
    """Return the centre (count, 2) of each crop: one for all, or the smoothed path of the boxes."""
    middles = (edges[:, :2] + edges[:, 2:]) / 2
    side = np.median((edges[:, 2:] - edges[:, :2]).max(1))
    if np.ptp(np.quantile(middles, [0.02, 0.98], axis=0), axis=0).max() <= _FIXED * side:
        return np.tile(np.median(middles, axis=0), (count, 1))
    path = np.stack([np.interp(np.arange(count), found, axis) for axis in middles.T], 1)
    return _smoothed(path, max(1, round(count * _WINDOW)))


def _smoothed(path: np.ndarray, reach: int) -> np.ndarray:
    """Average (n, 2) over `reach` neighbours on either side, mirrored through the ends."""
    ahead = 2 * path[0] - path[reach:0:-1]
    after = 2 * path[-1] - path[-2 : -reach - 2 : -1]
    padded = np.concatenate([ahead, path, after])
    weights = np.hanning(2 * reach + 3)[1:-1]
    weights /= weights.sum()
    return np.stack([np.convolve(axis, weights, "valid") for axis in padded.T], 1)


def cut_out(pixels: np.ndarray, box: Box) -> np.ndarray:
    """Return the pixels of a box; beyond the image, the median colour of its border."""
    height, width = pixels.shape[:2]
    inside = pixels[max(box.top, 0) : max(box.bottom, 0), max(box.left, 0) : max(box.right, 0)]
    missing = (
        max(-box.top, 0),
        max(box.bottom - height, 0),
        max(-box.left, 0),
        max(box.right - width, 0),
    )
    if not any(missing):
        return inside
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    colour = np.median(border, axis=0).round().reshape(-1).tolist()
    return cv2.copyMakeBorder(inside, *missing, cv2.BORDER_CONSTANT, value=colour)
