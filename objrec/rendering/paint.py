"""What colour a surface has: one gray, colours of its corners, or pictures laid on it.

Values are those of an image's pixels divided by 255; light multiplies them.

Convention:
    u runs along a picture from left to right, v from its bottom to its top; both go on from 1 as
    from 0, so that a picture repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_NEARLY_GRAY = 8 / 255  # channels of a gray may differ by so much


@dataclass(frozen=True)
class Plain:
    """One gray everywhere."""

    gray: float
    coloured: bool = False

    def at(self, faces: np.ndarray, weights: np.ndarray, footprint: float) -> np.ndarray:
        """Return the gray (1, n) at n places; see `scenes.Paint`."""
        return np.full((1, len(faces)), self.gray)


class Pictures:
    """Pictures and their halved versions, pixel after pixel.

    Where a ray stands for many pixels of a picture, a version with fewer is looked up, so that
    fine patterns become their mean instead of noise.
    """

    def __init__(self, images: Sequence[np.ndarray]) -> None:
        """Take images (H, W, 3) uint8."""
        levels = [list(_halvings(image)) for image in images]
        depth = max(map(len, levels))
        self._shapes = np.ones((2, len(images), depth), np.int64)  # heights, widths
        self._starts = np.zeros((len(images), depth), np.int64)
        self._last = np.array([len(versions) - 1 for versions in levels])
        start = 0
        for i, versions in enumerate(levels):
            for level, version in enumerate(versions):
                self._shapes[:, i, level] = version.shape[:2]
                self._starts[i, level] = start
                start += version.shape[0] * version.shape[1]
        flat = [version.reshape(-1, 3) for versions in levels for version in versions]
        self._pixels = np.concatenate(flat)

    @property
    def sizes(self) -> np.ndarray:
        """Square root of the number of pixels of each picture."""
        return np.sqrt(self._shapes[:, :, 0].prod(axis=0))

    @property
    def coloured(self) -> bool:
        """Whether any pixel is no gray."""
        return _has_colour(self._pixels / 255)

    def at(self, picture: np.ndarray, level: np.ndarray, uv: np.ndarray) -> np.ndarray:
        """Look up n places, bilinearly.

        Args:
            picture: (n,) numbers.
            level: (n,) how often the picture is to be halved; rounded.
            uv: (2, n).

        Returns:
            (3, n) in 0..1.
        """
        level = np.rint(level).clip(0, self._last[picture]).astype(np.int64)
        height, width = self._shapes[:, picture, level]
        x, y = uv[0] * width - 0.5, (1 - uv[1]) * height - 0.5
        left, top = np.floor(x), np.floor(y)
        right_share, low_share = (x - left)[:, None], (y - top)[:, None]
        columns = [(left.astype(np.int64) + i) % width for i in (0, 1)]
        starts = [
            self._starts[picture, level] + (top.astype(np.int64) + i) % height * width
            for i in (0, 1)
        ]
        upper, lower = (
            self._pixels[row + columns[0]] * (1 - right_share)
            + self._pixels[row + columns[1]] * right_share
            for row in starts
        )
        return (upper * (1 - low_share) + lower * low_share).T / 255


@dataclass(frozen=True)
class Coat:
    """Colours of each corner of each face, and pictures that they multiply.

    Attributes:
        corners: (F, 3, 3) float32: face, corner, channel; in 0..1.
        uv: (F, 3, 2) where in its picture a corner is; None without pictures.
        picture: (F,) number of the face's picture, -1 without.
        density: (F,) pixels of the picture for each length of 1 on the object.
        pictures: The pictures.
    """

    corners: np.ndarray
    uv: np.ndarray | None = None
    picture: np.ndarray | None = None
    density: np.ndarray | None = None
    pictures: Pictures | None = None

    @property
    def coloured(self) -> bool:
        """Whether anything on it is no gray."""
        return _has_colour(self.corners) or (self.pictures is not None and self.pictures.coloured)

    def at(self, faces: np.ndarray, weights: np.ndarray, footprint: float) -> np.ndarray:
        """Return the colours (3, n) at n places; see `scenes.Paint`."""
        colours = _blended(self.corners, faces, weights)
        if self.pictures is not None:
            on = self.picture[faces] >= 0
            there, uv = faces[on], _blended(self.uv, faces[on], weights[:, on])
            level = np.log2(np.maximum(self.density[there] * footprint, 1))
            colours[:, on] *= self.pictures.at(self.picture[there], level, uv)
        return colours


def _blended(corners: np.ndarray, faces: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Blend values (F, 3, c) of the corners of faces (n,) by weights (3, n) → (c, n)."""
    return sum(corners[faces, i].T * weights[i] for i in range(3))


def _halvings(image: np.ndarray) -> Sequence[np.ndarray]:
    """Yield an image (H, W, 3) and its halves, down to a single pixel."""
    yield image
    while max(image.shape[:2]) > 1:
        rows, columns = image.shape[:2]
        even = np.pad(image, ((0, rows % 2), (0, columns % 2), (0, 0)), mode="edge")
        quarters = [even[i::2, j::2].astype(np.uint16) for i in (0, 1) for j in (0, 1)]
        image = ((sum(quarters) + 2) // 4).astype(np.uint8)
        yield image


def _has_colour(values: np.ndarray) -> bool:
    return bool((values.max(axis=-1) - values.min(axis=-1)).max(initial=0) > _NEARLY_GRAY)
