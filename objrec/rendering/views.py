"""From where an object is seen, under which lamps, and before what: drawn by seed and name.

The same seed and the same name give the same views, whatever else is rendered.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from objrec.rendering.settings import GRID, NOISE, PLAIN, RenderSettings, ViewSettings

_GOLDEN = 180 * (3 - np.sqrt(5))  # degrees: turns by this angle never fall together
_COARSE = 6  # cells a side of the coarsest noise


@dataclass(frozen=True)
class Views:
    """n views of one object.

    Attributes:
        azimuths: (n,) degrees.
        elevations: (n,) degrees.
        lamps: (n, L) numbers of the lamps, ascending.
    """

    azimuths: np.ndarray
    elevations: np.ndarray
    lamps: np.ndarray


def generator(settings: RenderSettings, *name: str | int) -> np.random.Generator:
    """Return a random generator that depends on the seed and a name alone."""
    numbers = [n if isinstance(n, int) else zlib.crc32(n.encode()) for n in name]
    return np.random.default_rng([settings.set.seed, *numbers])


def views_of(settings: RenderSettings, category: str, instance: str) -> Views:
    """Choose the views of an object, and the lamps of each.

    The lighting of a view is drawn: were it to follow from the view, shadows would betray the pose.
    """
    rng = generator(settings, category, instance)
    if settings.views.views == GRID:
        azimuths, elevations = _grid(settings.views)
    else:
        azimuths, elevations = _sphere(settings.views, rng.uniform(0, 360))
    lamps = [rng.permutation(6)[: settings.views.lamps] for _ in azimuths]
    return Views(azimuths, elevations, np.sort(lamps, axis=1))


def _grid(views: ViewSettings) -> tuple[np.ndarray, np.ndarray]:
    turns = round(360 / views.azimuth_step)
    azimuths = np.arange(turns) * views.azimuth_step
    return np.tile(azimuths, len(views.elevations)), np.repeat(views.elevations, turns)


def _sphere(views: ViewSettings, start: float) -> tuple[np.ndarray, np.ndarray]:
    """Spread views evenly over a band of the sphere, along a Fibonacci spiral."""
    low, high = np.sin(np.radians([views.min_elevation, views.max_elevation]))
    heights = low + (high - low) * (np.arange(views.count) + 0.5) / views.count
    azimuths = (start + _GOLDEN * np.arange(views.count)) % 360
    return azimuths.round(3) % 360, np.degrees(np.arcsin(heights)).round(3)


def backdrop(settings: RenderSettings, rng: np.random.Generator) -> np.ndarray | None:
    """Draw what stands behind an object, (1, C, size, size) in 0..1; None for plain gray."""
    pictures = settings.pictures
    if pictures.background == PLAIN:
        return None
    if pictures.background == NOISE:
        return _noise(rng, pictures.size)[None, None]
    paths = background_files(pictures.background)
    return _part_of(_read(paths[rng.integers(len(paths))]), rng, pictures.size)


def background_files(folder: str) -> tuple[Path, ...]:
    """List the images of a folder; empty if there are none."""
    from objrec.datasets.images import is_image_name

    root = Path(folder)
    return tuple(sorted(p for p in root.rglob("*") if is_image_name(p))) if root.is_dir() else ()


@lru_cache(maxsize=32)
def _read(path: Path) -> np.ndarray:
    from objrec.datasets.images import read_image

    pixels = read_image(path)
    return np.dstack([pixels] * 3) if pixels.ndim == 2 else pixels


def _part_of(pixels: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """Return a square part of a picture, a half to the whole of its shorter side, at size."""
    from objrec.preprocessing import Preprocessing

    height, width = pixels.shape[:2]
    side = max(1, int(min(height, width) * rng.uniform(0.5, 1)))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    part = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    return Preprocessing(size=size, colour=True).images(part[None]).numpy() / 255


def _noise(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return cloudy noise (size, size) in 0..1: random grids of ever finer cells, added up."""
    total, weight, cells = np.zeros((size, size)), 1.0, _COARSE
    while cells < 2 * size:
        total += weight * _enlarged(rng.uniform(-1, 1, (cells + 1, cells + 1)), size)
        weight, cells = weight / 1.6, cells * 2
    spread = max(np.abs(total).max(), 1e-9)
    return 0.5 + 0.45 * total / spread


def _enlarged(grid: np.ndarray, size: int) -> np.ndarray:
    """Interpolate a grid (n, n) bilinearly to (size, size)."""
    places = np.linspace(0, len(grid) - 1, size)
    left = np.minimum(places.astype(int), len(grid) - 2)
    share = places - left
    rows = grid[left] * (1 - share)[:, None] + grid[left + 1] * share[:, None]
    return rows[:, left] * (1 - share) + rows[:, left + 1] * share
