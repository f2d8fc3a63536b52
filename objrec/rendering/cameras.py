"""Cameras round an object, and the rays through their pixels.

Convention:
    Directions are those of `objrec.pose`: azimuth 0 looks at the object's front (+x), and the
    camera moves counter-clockwise seen from above as azimuth grows, so that the object's left side
    (+y) faces it at 90. Camera 0 is the left one. Two cameras stand on one circle round the object,
    half of `STEREO_ANGLE` to either side of the stated azimuth, and both look at its middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from objrec.rendering.lights import direction

DISTANCE = 5.0  # of the cameras from the object's middle; the object's radius is 1
STEREO_ANGLE = 4.0  # degrees between the two cameras, seen from the object
MARGIN = 1.04  # side of the frame, in diameters of the sphere that holds the object
HALF_FRAME = MARGIN / np.sqrt(DISTANCE**2 - 1)  # tangent of half the field of view


@dataclass(frozen=True)
class Camera:
    """One camera.

    Attributes:
        origin: (3,) where it stands.
        back: (3,) unit vector from what it looks at to where it stands.
        right: (3,) unit vector to the right of its image.
        up: (3,) unit vector to the top of its image.
    """

    origin: np.ndarray
    back: np.ndarray
    right: np.ndarray
    up: np.ndarray

    def rays(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return directions (3, n), not of unit length, through points of the image.

        Args:
            x: (n,) tangents to the right of the middle.
            y: (n,) tangents below it.
        """
        right, up = self.right[:, None], self.up[:, None]
        return -self.back[:, None] + x * right - y * up


def camera_at(azimuth: float, elevation: float, target: np.ndarray) -> Camera:
    """Return the camera at `DISTANCE` from a point (3,) that it looks at; degrees."""
    back = direction(azimuth, elevation)
    a = np.radians(azimuth)
    right = np.array([-np.sin(a), np.cos(a), 0])
    return Camera(target + DISTANCE * back, back, right, np.cross(back, right))


def cameras_at(azimuth: float, elevation: float, target: np.ndarray, count: int) -> list[Camera]:
    """Return one camera at the azimuth, or two to either side of it, the left one first."""
    turns = (0.0,) if count == 1 else (-STEREO_ANGLE / 2, STEREO_ANGLE / 2)
    return [camera_at(azimuth + turn, elevation, target) for turn in turns]


def pixel_tangents(resolution: int) -> np.ndarray:
    """Return the tangents (resolution,) of the middles of an image's columns, or of its rows."""
    return ((np.arange(resolution) + 0.5) / resolution * 2 - 1) * HALF_FRAME
