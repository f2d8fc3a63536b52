"""Directions in a scene, and the six lamps that light it.

Convention:
    Directions are those of `objrec.pose`. A lamp belongs to the cameras, not to the object: the
    object is turned on its spot, as on a turntable. The lamp's azimuth counts from the cameras':
    positive is to the right of the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Lighting:
    """A lamp: degrees from the cameras' azimuth, degrees above the horizon, and strengths."""

    azimuth: float
    elevation: float
    strength: float
    ambient: float


LIGHTINGS: tuple[Lighting, ...] = (
    Lighting(azimuth=-60, elevation=45, strength=0.75, ambient=0.35),
    Lighting(azimuth=60, elevation=45, strength=0.75, ambient=0.35),
    Lighting(azimuth=-140, elevation=50, strength=0.8, ambient=0.4),
    Lighting(azimuth=140, elevation=50, strength=0.8, ambient=0.4),
    Lighting(azimuth=15, elevation=75, strength=0.6, ambient=0.3),
    Lighting(azimuth=-20, elevation=35, strength=1.0, ambient=0.3),
)


def direction(azimuth: float, elevation: float) -> np.ndarray:
    """Return the unit vector (3,) that points from the object to a camera or lamp; degrees."""
    a, e = np.radians([azimuth, elevation])
    return np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
