"""What of an image is not its background: masks of the object, soft shadows left out.

Only what stands at the border of the image counts as background. Nothing is known of objects here:
a mask may hold several things, or a cloth; `objrec.datasets.cropping` judges it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import cv2
import numpy as np

_SIDE = 320  # the image is looked at with its longer side at most this
_BLUR = 1.0  # pixels, against noise
_BAND = 0.04  # width of the border, as a share of the shorter side
# What stands out: so many times the spread of the background, and at least so many gray levels.
_TIMES, _LEVELS = 4.0, 9.0
_FEWEST = 0.05  # share of the image that a background is fitted to, at the least
_SPECK = 12  # pixels: a smaller part is noise
# The border of a soft shadow climbs by less than this share of its depth, or gray levels, a pixel.
_SOFT, _FLAT = 0.2, 2.5
_DARKEST = 0.45  # share of the background's light that a shadow leaves at the least
_TINT = 6.0  # gray levels that a shadow's colour may differ from the background's, beyond noise
_COLOUR_STEP = 12  # gray levels: colours no further apart are one colour
_COMMON = 0.004  # share of a side of the image that a colour of the background takes at the least


def object_masks(pixels: np.ndarray) -> Iterator[np.ndarray]:
    """Tell what stands before the background, under one idea of background after another.

    Args:
        pixels: uint8, (H, W) or (H, W, 3).

    Yields:
        Masks (h, w) bool, of a smaller image if the image is large. For the first, the background
        is one smooth surface, so that a lamp's gradient and dark corners are part of it; for the
        second it may also be of several colours, as a wall above a table is: those that two sides
        of the image show.
    """
    image = _reduced(pixels)
    behind, spread = _background(image)
    differs = _standing_out(image, behind, spread) & ~_in_shadow(image, behind, spread)
    yield _cleaned(differs)
    yield _cleaned(differs & ~_coloured_as_two_sides(image))


def _reduced(pixels: np.ndarray) -> np.ndarray:
    """Return float32 (h, w, channels), small and a little blurred."""
    height, width = pixels.shape[:2]
    ratio = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    blurred = cv2.GaussianBlur(small, (0, 0), _BLUR)
    return blurred[..., None] if blurred.ndim == 2 else blurred


def _background(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit the background to the border, then to all that does not stand out from that fit."""
    band = np.ones(image.shape[:2], dtype=bool)
    width = _band_width(image)
    band[width:-width, width:-width] = False
    behind, spread = fitted_surface(image, band)
    differs = _standing_out(image, behind, spread).astype(np.uint8)
    free = cv2.dilate(differs, np.ones((9, 9), np.uint8)) == 0
    return fitted_surface(image, free) if free.mean() >= _FEWEST else (behind, spread)


def _band_width(image: np.ndarray) -> int:
    return max(2, round(_BAND * min(image.shape[:2])))


def fitted_surface(image: np.ndarray, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit a quadratic surface to part of an image, not minding what stands out there.

    Args:
        image: float32 (H, W, C).
        where: (H, W) bool, the part.

    Returns:
        The surface (H, W, C), and its spread (C,): the robust standard deviation about it.
    """
    height, width = image.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 2)
    known, values = terms[where], image[where]
    stride = max(1, len(known) // 2000)
    known, values = known[::stride], values[::stride]
    weights = np.ones(len(known), np.float32)
    for _ in range(5):
        weighted = known * weights[:, None], values * weights[:, None]
        factors = np.linalg.lstsq(*weighted, rcond=None)[0]
        misfit = np.abs(values - known @ factors)
        spread = 1.4826 * np.median(misfit, axis=0)
        # Tukey's weights: what lies far off, such as an object, has no say at all.
        far = (misfit / np.maximum(4.7 * spread, 2.0)).max(1)
        weights = np.clip(1 - far**2, 0, None)
    return terms @ factors, spread


def _standing_out(image: np.ndarray, behind: np.ndarray, spread: np.ndarray) -> np.ndarray:
    return (np.abs(image - behind) > np.maximum(_TIMES * spread, _LEVELS)).any(2)


def _in_shadow(image: np.ndarray, behind: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return (H, W) bool: darker than the background, in its colour, and without an edge."""
    light = image.mean(2) / np.maximum(behind.mean(2), 1.0)
    tint = np.abs(image - light[..., None] * behind) - _TIMES * spread
    level = image.mean(2)
    slope = np.hypot(cv2.Sobel(level, cv2.CV_32F, 1, 0), cv2.Sobel(level, cv2.CV_32F, 0, 1)) / 8
    depth = (behind - image).mean(2)
    soft = slope < np.maximum(_SOFT * depth, _FLAT + spread.mean())
    return (light < 1) & (light > _DARKEST) & (tint < _TINT).all(2) & soft


def _coloured_as_two_sides(image: np.ndarray) -> np.ndarray:
    """Return (H, W) bool: of a colour that two sides of the image have.

    A wall or a table reaches from one side to another; an object cut off by the border is seldom
    seen on two sides.
    """
    width = _band_width(image)
    bins = 256 // _COLOUR_STEP + 1
    colours = np.moveaxis((image / _COLOUR_STEP).astype(int).clip(0, bins - 1), 2, 0)
    sides = np.zeros((bins,) * len(colours), np.uint8)
    for side in np.s_[:, :width], np.s_[:, -width:], np.s_[:, :, :width], np.s_[:, :, -width:]:
        shown = colours[side].reshape(len(colours), -1)
        counts = np.zeros_like(sides, dtype=np.int64)
        np.add.at(counts, tuple(shown), 1)
        sides += _with_neighbours(counts >= _COMMON * shown.shape[1])
    return (sides >= 2)[tuple(colours)]


def _with_neighbours(cells: np.ndarray) -> np.ndarray:
    """Spread bool cells of any number of dimensions to the cells that touch them."""
    padded = np.pad(cells, 1)
    shifted = (
        padded[tuple(slice(i, i + n) for i, n in zip(shift, cells.shape, strict=True))]
        for shift in product((0, 1, 2), repeat=cells.ndim)
    )
    return np.logical_or.reduce(list(shifted))


def _cleaned(mask: np.ndarray) -> np.ndarray:
    """Remove specks, close gaps, and fill holes: a smooth object may be an outline only."""
    count, numbered, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    sizeable = (stats[:, cv2.CC_STAT_AREA] >= _SPECK) & (np.arange(count) > 0)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    closed = cv2.morphologyEx(sizeable[numbered].astype(np.uint8), cv2.MORPH_CLOSE, disc)
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros_like(closed), outlines, -1, 1, cv2.FILLED).astype(bool)
