"""What the numbers of a picture mean, and how they become the usual 8 bits; and transparency.

The same picture with 8 bits, 16 bits (times 257) or as floats (divided by 255) gives the same
uint8 numbers. Nothing is stretched to what a picture happens to hold: only a stated range counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from objrec.errors import DataError

# Numbers that are changed at once: what they become on the way takes several times their memory.
_AT_ONCE = 1 << 20
# How far floats may lie outside their range, as a share of it: the overshoot of a resampling.
_OVERSHOOT = 1e-3


@dataclass(frozen=True)
class Depth:
    """What the numbers of a picture with more than 8 bits a channel mean.

    Attributes:
        low: The number that is black.
        high: The number that is white.
        stated: What in the file states this range; "" if it is only the usual one.
        white_is_low: Whether low is white and high is black.
        gray: Whether it is gray, even if it is decoded as three equal channels.
        ignores_fourth: Whether a fourth channel is no alpha.
        premultiplied: Whether the colours are multiplied by the alpha channel already.
    """

    low: float = 0
    high: float = 1
    stated: str = ""
    white_is_low: bool = False
    gray: bool = False
    ignores_fourth: bool = False
    premultiplied: bool = False


def to_bytes(pixels: np.ndarray, depth: Depth, path: str | Path) -> np.ndarray:
    """Scale numbers to 0 to 255, rounded to the nearest.

    Args:
        pixels: Any shape; integers or floats.
        depth: What they mean.
        path: What to call the file in messages.

    Returns:
        uint8, the same shape.

    Raises:
        DataError: A number is no number, or lies outside the range.
    """
    _check_range(pixels, depth, path)
    table = None
    if pixels.dtype in (np.uint8, np.uint16):
        table = _scaled(np.arange(np.iinfo(pixels.dtype).max + 1), depth)

    def change(rows: slice) -> np.ndarray:
        return _scaled(pixels[rows], depth) if table is None else table[pixels[rows]]

    return in_bands(change, pixels.shape)


def in_bands(change: Callable[[slice], np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Put a picture together from bands of rows, so that little more than itself is in memory.

    Args:
        change: Returns some of its rows, uint8.
        shape: Of the whole picture.

    Returns:
        uint8 of that shape.
    """
    whole = np.empty(shape, np.uint8)
    step = max(1, _AT_ONCE // max(1, math.prod(shape[1:])))
    for start in range(0, len(whole), step):
        rows = slice(start, min(start + step, len(whole)))
        whole[rows] = change(rows)
    return whole


def _scaled(numbers: np.ndarray, depth: Depth) -> np.ndarray:
    floats = numbers if numbers.dtype.kind == "f" else numbers.astype(np.float64)
    shares = (floats - depth.low) * (255 / (depth.high - depth.low))
    scaled = np.clip(np.rint(shares), 0, 255).astype(np.uint8)
    return 255 - scaled if depth.white_is_low else scaled


def _check_range(pixels: np.ndarray, depth: Depth, path: str | Path) -> None:
    low, high = float(pixels.min()), float(pixels.max())  # both NaN if one number is
    if not np.isfinite(high - low):
        raise DataError(
            f"{path}: has pixels that are NaN or infinite; replace them, or save it with 8 or 16 "
            "bits a channel"
        )
    spare = _OVERSHOOT * (depth.high - depth.low)
    if depth.low - spare <= low and high <= depth.high + spare:
        return
    held = f"pixels from {low:g} to {high:g}"
    if depth.stated:
        raise DataError(
            f"{path}: has {held}, but states {depth.low:g} to {depth.high:g}; correct its "
            f"{depth.stated}, or save it with 8 or 16 bits a channel"
        )
    raise DataError(
        f"{path}: has {held} and states no range; divide them so that {depth.low:g} is black and "
        f"{depth.high:g} white, or save it with 8 or 16 bits a channel"
    )


def shown_on_white(pixels: np.ndarray, *, premultiplied: bool = False) -> np.ndarray:
    """Lay transparent pixels over white: uint8 (..., C + 1), alpha last, → (..., C).

    Where alpha is 0 the result is white, whatever colour is stored there.

    Args:
        pixels: Gray or colour, and alpha.
        premultiplied: Whether the colours are multiplied by alpha already.
    """
    colour, alpha = pixels[..., :-1].astype(np.uint16), pixels[..., -1:].astype(np.uint16)
    if premultiplied:
        return (np.minimum(colour, alpha) + (255 - alpha)).astype(np.uint8)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
