"""What stands behind an object: nothing, cloudy noise, or part of a picture; drawn each time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from objrec.errors import DataError, Failure
from objrec.rendering.settings import NOISE, PLAIN, PictureSettings

_COARSE = 6  # cells a side of the coarsest noise
_LUMA = (0.299, 0.587, 0.114)
_FINEST = 4  # pictures are kept at so many times the size of the images


class Backdrops:
    """Draws backdrops, and keeps the pictures that it read, made small."""

    def __init__(self, pictures: PictureSettings, files: Sequence[Path] = ()) -> None:
        """Take the settings, and the pictures to choose from, if there are any."""
        self._pictures, self._files = pictures, tuple(files)
        self._read: dict[Path, np.ndarray | None] = {}
        self.failures: list[Failure] = []

    @property
    def pictured(self) -> bool:
        """Whether they are pictures."""
        return bool(self._files)

    def drawn(self, rng: np.random.Generator, *, colour: bool) -> np.ndarray | None:
        """Draw one, (V, 3 or 1, size, size) in 0..1, the same for V cameras; None: plain gray."""
        if self._pictures.background == PLAIN:
            return None
        size = self._pictures.size
        if self._pictures.background == NOISE:
            behind = _noise(rng, size)[None]
        else:
            behind = _part_of(self._picture(rng), rng, size).transpose(2, 0, 1)
        if len(behind) == 3 and not colour:
            behind = np.tensordot(_LUMA, behind, 1)[None]
        return np.repeat(behind[None], self._pictures.cameras, axis=0)

    def _picture(self, rng: np.random.Generator) -> np.ndarray:
        """Choose a picture; the next one in the place of one that cannot be read.

        Raises:
            DataError: None can be read.
        """
        first = int(rng.integers(len(self._files)))
        for path in (*self._files[first:], *self._files[:first]):
            if path not in self._read:
                self._read[path] = self._small(path)
            if (pixels := self._read[path]) is not None:
                return pixels
        raise DataError(str(self.failures[0]))

    def _small(self, path: Path) -> np.ndarray | None:
        from objrec.datasets.images import read_image

        try:
            pixels = read_image(path)
        except DataError as error:
            self.failures.append(Failure.of(path, error))
            return None
        pixels = np.dstack([pixels] * 3) if pixels.ndim == 2 else pixels
        return _shrunk(pixels, min(pixels.shape[:2]) // (_FINEST * self._pictures.size))


def background_files(background: str) -> tuple[Path, ...]:
    """List the pictures that a background names; none for plain and noise.

    Raises:
        DataError: It is no folder, or holds no pictures.
    """
    from objrec.datasets.images import is_image_name

    if background in (PLAIN, NOISE):
        return ()
    root = Path(background)
    files = sorted(p for p in root.rglob("*") if is_image_name(p)) if root.is_dir() else []
    if not files:
        raise DataError(
            f"{root}: holds no images for backgrounds; name plain, noise, or a folder of images"
        )
    return tuple(files)


def _shrunk(pixels: np.ndarray, factor: int) -> np.ndarray:
    """Average blocks of factor x factor pixels (H, W, 3)."""
    if factor < 2:
        return pixels
    height, width = (side // factor for side in pixels.shape[:2])
    blocks = pixels[: height * factor, : width * factor]
    blocks = blocks.reshape(height, factor, width, factor, 3)
    return blocks.mean(axis=(1, 3)).round().astype(np.uint8)


def _part_of(pixels: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """Return a square part (size, size, 3): a half to the whole of the shorter side."""
    height, width = pixels.shape[:2]
    side = max(1, int(min(height, width) * rng.uniform(0.5, 1)))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    part = pixels[top : top + side, left : left + side]
    return _interpolated(_shrunk(part, side // size) / 255, size)


def _noise(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return cloudy noise (size, size) in 0..1: random grids of ever finer cells, added up."""
    total, weight, cells = np.zeros((size, size)), 1.0, _COARSE
    while cells < 2 * size:
        total += weight * _interpolated(rng.uniform(-1, 1, (cells + 1, cells + 1)), size)
        weight, cells = weight / 1.6, cells * 2
    spread = max(np.abs(total).max(), 1e-9)
    return 0.5 + 0.45 * total / spread


def _interpolated(grid: np.ndarray, size: int) -> np.ndarray:
    """Interpolate a grid (n, n[, C]) bilinearly to (size, size[, C])."""
    for axis in (0, 1):
        places = np.linspace(0, grid.shape[axis] - 1, size)
        low = places.astype(int)
        high = np.minimum(low + 1, grid.shape[axis] - 1)
        share = np.expand_dims(places - low, tuple(i for i in range(grid.ndim) if i != axis))
        grid = grid.take(low, axis) * (1 - share) + grid.take(high, axis) * share
    return grid
