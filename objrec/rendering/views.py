"""From where an object is seen, and under which lamps: drawn by seed and name.

The same seed and the same name give the same views, whatever else is rendered.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from objrec.rendering.settings import GRID, RenderSettings, ViewSettings

_GOLDEN = 180 * (3 - np.sqrt(5))  # degrees: turns by this angle never fall together


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

    def part(self, start: int, stop: int) -> Views:
        """Return some of the views, in their order."""
        some = slice(start, stop)
        return Views(self.azimuths[some], self.elevations[some], self.lamps[some])


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
