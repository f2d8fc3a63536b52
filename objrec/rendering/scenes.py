"""One object, seen by one or two cameras and lit by one distant lamp, on a plane or before nothing.

Shading is Lambertian with an ambient part; there is no noise. Directions, cameras and lamps are
explained in `cameras` and `lights`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import trimesh

from objrec.rendering.cameras import (
    DISTANCE,
    HALF_FRAME,
    MARGIN,
    STEREO_ANGLE,
    Camera,
    cameras_at,
    pixel_tangents,
)
from objrec.rendering.casting import Caster
from objrec.rendering.lights import LIGHTINGS, Lighting, direction
from objrec.rendering.surfaces import Hits, Surface, dot

__all__ = ["DISTANCE", "LIGHTINGS", "MARGIN", "STEREO_ANGLE", "Lighting", "Look", "Scene"]

GROUND_GRAY = 0.72
SKIN = 2e-3  # how far a shadow ray starts above the surface
_BATCH = 16_384  # rays at a time: what the processor's cache holds
_LUMA = np.array([0.299, 0.587, 0.114])[:, None]


class Painted(Protocol):
    """An object that can be placed in a scene: a `Toy`, or a `Model` read from a file."""

    @property
    def mesh(self) -> trimesh.Trimesh:
        """Stands on z = 0 above the origin, within a radius of 1 round its middle."""

    @property
    def paint(self) -> Paint:
        """Its colours."""


class Paint(Protocol):
    """What share of the light a surface reflects, everywhere."""

    def at(self, faces: np.ndarray, weights: np.ndarray, footprint: float) -> np.ndarray:
        """Return (1, n) gray or (3, n) colour values.

        Args:
            faces: (n,) numbers.
            weights: (3, n) barycentric coordinates within the face.
            footprint: Width of what one ray stands for, on the object.
        """


@dataclass(frozen=True)
class Look:
    """How pictures are taken.

    Attributes:
        size: Side of the image in pixels.
        samples: Rays a pixel, in each direction.
        cameras: 1 or 2.
        ground: Whether the object stands on a plane, which takes shadows.
        shadows: Whether shadows are cast, on the plane and on the object itself.
        colour: Whether images are RGB.
    """

    size: int
    samples: int = 2
    cameras: int = 2
    ground: bool = True
    shadows: bool = True
    colour: bool = False


@dataclass(frozen=True)
class _Band:
    """Some rows of pixels of one camera, and what their n rays meet.

    Attributes:
        rows: The rows of pixels.
        on: (n,) whether a ray meets the object.
        hits: Where, for those that do.
        paint: (C, hits).
        floor: (n,) whether a ray meets the ground.
        points: (3, those) where.
        base: (C or 1, n) colour of what is behind the object, under no shadow.
    """

    rows: slice
    on: np.ndarray
    hits: Hits
    paint: np.ndarray
    floor: np.ndarray
    points: np.ndarray
    base: np.ndarray


class Scene:
    """An object, ready to be seen from anywhere."""

    def __init__(self, model: Painted) -> None:
        self._paint = model.paint
        self._caster = Caster(model.mesh)
        self._surface = Surface(model.mesh)
        self._middle = np.array([0, 0, model.mesh.bounds[1, 2] / 2])
        # A little more than the sphere that holds the object: rays that miss it are not cast.
        offsets = np.asarray(model.mesh.vertices) - self._middle
        self._radius = np.linalg.norm(offsets, axis=1).max() * (1 + 1e-6)

    def render(
        self,
        azimuth: float,
        elevation: float,
        lightings: Sequence[Lighting],
        size: int,
        samples: int = 2,
    ) -> np.ndarray:
        """Render a gray stereo pair on the ground once a lighting, (L, 2, size, size) uint8."""
        return self.photograph(azimuth, elevation, lightings, Look(size, samples))

    def photograph(
        self,
        azimuth: float,
        elevation: float,
        lightings: Sequence[Lighting],
        look: Look,
        backdrop: np.ndarray | None = None,
    ) -> np.ndarray:
        """Render a view once a lighting.

        Args:
            azimuth: Degrees; with two cameras, of the point half way between them.
            elevation: Degrees above the horizon, -90 to 90; from 0 with a ground.
            lightings: L lamps.
            look: How, with V cameras.
            backdrop: (V, C or 1, size, size) values in 0..1 behind the object. A ground is
                then seen by its shadows only. None: plain gray.

        Returns:
            uint8 (L, V, size, size), or (L, V, size, size, 3) in colour.

        Raises:
            ValueError: The elevation is out of range.
        """
        lowest = 0 if look.ground else -90
        if not lowest <= elevation <= 90:
            raise ValueError(f"elevation must be {lowest} to 90 degrees, not {elevation:g}")
        channels, size = 3 if look.colour else 1, look.size
        images = np.empty((len(lightings), look.cameras, channels, size, size), np.uint8)
        lights = [direction(azimuth + lamp.azimuth, lamp.elevation) for lamp in lightings]
        for v, camera in enumerate(cameras_at(azimuth, elevation, self._middle, look.cameras)):
            for band in self._bands(camera, look, None if backdrop is None else backdrop[v]):
                for image, lamp, light in zip(images[:, v], lightings, lights, strict=True):
                    values = self._shaded(band, light, lamp, look, plain=backdrop is None)
                    image[:, band.rows] = _as_bytes(values, look)
        return np.moveaxis(images, 2, -1) if look.colour else images[:, :, 0]

    def _bands(self, camera: Camera, look: Look, backdrop: np.ndarray | None) -> Iterator[_Band]:
        """Trace the rays of one camera, some rows at a time."""
        across = pixel_tangents(look.size * look.samples)
        height = max(1, _BATCH // (len(across) * look.samples))
        for start in range(0, look.size, height):
            rows = slice(start, min(start + height, look.size))
            down = across[rows.start * look.samples : rows.stop * look.samples]
            x, y = np.tile(across, len(down)), np.repeat(down, len(across))
            behind = np.full((1, 1), GROUND_GRAY)
            if backdrop is not None:
                behind = backdrop[:, rows].repeat(look.samples, 1).repeat(look.samples, 2)
                behind = behind.reshape(len(behind), -1)
            yield self._traced(camera, x, y, look, rows, behind)

    def _traced(
        self,
        camera: Camera,
        x: np.ndarray,
        y: np.ndarray,
        look: Look,
        rows: slice,
        behind: np.ndarray,
    ) -> _Band:
        rays = camera.rays(x, y)
        near = np.flatnonzero(x * x + y * y <= self._radius**2 / (DISTANCE**2 - self._radius**2))
        faces = np.full(len(x), -1)
        faces[near] = self._caster.first(camera.origin, rays[:, near])
        on = faces >= 0
        hits = self._surface.hits(faces[on], camera.origin, rays[:, on])
        footprint = 2 * HALF_FRAME * DISTANCE / (look.size * look.samples)
        paint = self._paint.at(hits.faces, hits.weights, footprint)
        if len(paint) == 3 and not look.colour:
            paint = (_LUMA * paint).sum(axis=0, keepdims=True)
        floor = ~on & (rays[2] < 0) if look.ground else np.zeros_like(on)
        origin, down = camera.origin[:, None], rays[:, floor]
        points = origin - down * (origin[2] / down[2])
        return _Band(rows, on, hits, paint, floor, points, behind)

    def _shaded(
        self, band: _Band, light: np.ndarray, lamp: Lighting, look: Look, *, plain: bool
    ) -> np.ndarray:
        """Return values (C, n) in 0..1, or beyond, under one lamp."""
        lit = lamp.ambient + lamp.strength * light[2]  # the ground where no shadow falls
        below = self._on_ground(band, light, lamp, look)
        values = np.empty((3 if look.colour else 1, len(band.on)))
        if not plain:
            values[:] = band.base
            values[:, band.floor] *= below / lit
        else:
            values[:] = band.base * (lit if look.ground else 1)
            values[:, band.floor] = band.base * below
        values[:, band.on] = band.paint * self._on_object(band.hits, light, lamp, look)
        return values

    def _on_object(self, hits: Hits, light: np.ndarray, lamp: Lighting, look: Look) -> np.ndarray:
        """Return the light (hits,) that falls on the object."""
        facing = dot(hits.normals, light).clip(0, None)
        lit = np.flatnonzero((facing > 0) & (dot(hits.flats, light) > 0))
        direct = np.zeros(len(facing))
        direct[lit] = facing[lit]
        if look.shadows:
            starts = hits.points[:, lit] + SKIN * hits.flats[:, lit]
            direct[lit] *= ~self._caster.blocked(starts, light)
        # The sky is above: surfaces that look up get all of the ambient light, others less.
        return lamp.ambient * (0.75 + 0.25 * hits.normals[2]) + lamp.strength * direct

    def _on_ground(self, band: _Band, light: np.ndarray, lamp: Lighting, look: Look) -> np.ndarray:
        """Return the light (floor,) that falls on the ground."""
        direct = np.full(band.points.shape[1], light[2])
        if look.shadows:
            starts = band.points + SKIN * np.array([[0.0], [0.0], [1.0]])
            offsets = starts - self._middle[:, None]
            apart = (
                dot(offsets, offsets) - dot(offsets, light) ** 2
            )  # squared, from the light's way
            near = np.flatnonzero(apart <= self._radius**2)
            direct[near] *= ~self._caster.blocked(starts[:, near], light)
        return lamp.ambient + lamp.strength * direct


def _as_bytes(values: np.ndarray, look: Look) -> np.ndarray:
    """Average the rays of each pixel, (C, n) → (C, rows, size)."""
    blocks = values.reshape(len(values), -1, look.samples, look.size, look.samples)
    return np.rint(blocks.mean(axis=(2, 4)) * 255).clip(0, 255)
