"""One toy on a plane, seen by a stereo pair of cameras and lit by one distant lamp.

Rays are cast by Embree through trimesh: one call for all rays of both cameras, one more for the
shadows of each lighting. Shading is Lambertian with an ambient part; there is no noise.

Convention:
    Directions are those of `objrec.pose`: azimuth 0 looks at the toy's front (+x), and the camera
    moves counter-clockwise seen from above as azimuth grows, so that the toy's left side (+y)
    faces it at 90. Camera 0 is the left one. The two stand on one circle round the toy, half of
    `STEREO_ANGLE` to either side of the stated azimuth, and both look at its middle. The lamp
    belongs to the cameras, not to the toy: the toy is turned on its spot, as on a turntable. The
    lamp's azimuth counts from the cameras': positive is to the right of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import trimesh
from trimesh.ray.ray_pyembree import RayMeshIntersector

from objrec.rendering.meshes import Toy

DISTANCE = 5.0  # of the cameras from the toy's middle; the toy's radius is 1
STEREO_ANGLE = 4.0  # degrees between the two cameras, seen from the toy
MARGIN = 1.04  # side of the frame, in diameters of the sphere that holds the toy
LOWEST = 15.0  # degrees of elevation at which every ray still meets the ground
GROUND_GRAY = 0.72
CREASE = 0.75  # cosine of the largest angle that is shaded as if it were round
SKIN = 2e-3  # how far a shadow ray starts above the surface


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
    """Return the unit vector (3,) that points from the toy to a camera or lamp; degrees."""
    a, e = np.radians([azimuth, elevation])
    return np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])


@dataclass(frozen=True)
class _Hits:
    """What the rays of one stereo pair met; R rays.

    Attributes:
        points: (R, 3).
        normals: (R, 3) of the smoothed surface, towards the camera.
        faces: (R, 3) of the flat face, towards the camera.
        grays: (R,) paint.
    """

    points: np.ndarray
    normals: np.ndarray
    faces: np.ndarray
    grays: np.ndarray


class Scene:
    """A toy on the ground, ready to be rendered from anywhere above it."""

    def __init__(self, toy: Toy) -> None:
        self._toy = toy
        self._caster = RayMeshIntersector(toy.mesh)
        self._corners = np.asarray(toy.mesh.triangles)
        self._flat = np.asarray(toy.mesh.face_normals)
        self._smooth = corner_normals(toy.mesh)
        self._middle = np.array([0, 0, toy.mesh.bounds[1, 2] / 2])

    def render(
        self,
        azimuth: float,
        elevation: float,
        lightings: Sequence[Lighting],
        size: int,
        samples: int = 2,
    ) -> np.ndarray:
        """Render the stereo pair once a lighting.

        Args:
            azimuth: Degrees, of the point half way between the cameras.
            elevation: Degrees above the horizon, `LOWEST` to 90.
            lightings: L lamps.
            size: Side of the image in pixels.
            samples: Rays a pixel, in each direction.

        Returns:
            (L, 2, size, size) uint8.

        Raises:
            ValueError: The elevation is so low that the horizon would be in sight.
        """
        if not LOWEST <= elevation <= 90:
            raise ValueError(f"elevation must be {LOWEST:g} to 90 degrees, not {elevation:g}")
        hits = self._trace(azimuth, elevation, size * samples)
        images = []
        for lighting in lightings:
            light = direction(azimuth + lighting.azimuth, lighting.elevation)
            values = self._shade(hits, light, lighting)
            blocks = values.reshape(2, size, samples, size, samples)
            images.append(np.rint(blocks.mean(axis=(2, 4)) * 255).clip(0, 255))
        return np.array(images, dtype=np.uint8)

    def _trace(self, azimuth: float, elevation: float, resolution: int) -> _Hits:
        sides = [
            camera_rays(azimuth + turn, elevation, self._middle, resolution)
            for turn in (-STEREO_ANGLE / 2, STEREO_ANGLE / 2)
        ]
        origins = np.concatenate([origin for origin, _ in sides])
        rays = np.concatenate([ray for _, ray in sides])
        triangles = self._caster.intersects_first(origins, rays)
        on_toy = triangles >= 0
        points = origins - rays * (origins[:, 2:] / rays[:, 2:])
        normals = np.tile([0.0, 0.0, 1.0], (len(rays), 1))
        faces = normals.copy()
        grays = np.where(on_toy, self._toy.gray, GROUND_GRAY)
        met = self._surface(triangles[on_toy], origins[on_toy], rays[on_toy])
        points[on_toy], normals[on_toy], faces[on_toy] = met
        return _Hits(points, normals, faces, grays)

    def _surface(
        self, triangles: np.ndarray, origins: np.ndarray, rays: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return where rays meet their triangles, the smoothed and the flat normals there."""
        flat, corners = self._flat[triangles], self._corners[triangles]
        along = ((corners[:, 0] - origins) * flat).sum(1) / (rays * flat).sum(1)
        points = origins + rays * along[:, None]
        weights = trimesh.triangles.points_to_barycentric(corners, points)
        smooth = (self._smooth[triangles] * weights[:, :, None]).sum(1)
        smooth /= np.linalg.norm(smooth, axis=1, keepdims=True)
        # Thin sheets are seen from both sides: every normal looks at the camera.
        towards = -np.sign((rays * flat).sum(1, keepdims=True))
        return points, smooth * towards, flat * towards

    def _shade(self, hits: _Hits, light: np.ndarray, lighting: Lighting) -> np.ndarray:
        """Return the gray values (R,) in 0..1 under one lamp."""
        facing = (hits.normals @ light).clip(0, None)
        lit = np.flatnonzero((facing > 0) & (hits.faces @ light > 0))
        starts = hits.points[lit] + SKIN * hits.faces[lit]
        dark = self._caster.intersects_any(starts, np.tile(light, (len(lit), 1)))
        direct = np.zeros(len(facing))
        direct[lit] = facing[lit] * ~dark
        # The sky is above: surfaces that look up get all of the ambient light, others less.
        sky = lighting.ambient * (0.75 + 0.25 * hits.normals[:, 2])
        return hits.grays * (sky + lighting.strength * direct)


def camera_rays(
    azimuth: float, elevation: float, target: np.ndarray, resolution: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return origins and directions of a camera's rays, row by row from the top left.

    Args:
        azimuth: Degrees.
        elevation: Degrees.
        target: (3,) point in the middle of the image.
        resolution: Rays a side.

    Returns:
        Two arrays (resolution**2, 3); the directions are not of unit length.
    """
    back = direction(azimuth, elevation)
    a = np.radians(azimuth)
    right = np.array([-np.sin(a), np.cos(a), 0])
    up = np.cross(back, right)
    reach = MARGIN / np.sqrt(DISTANCE**2 - 1)  # tangent of half the field of view
    steps = ((np.arange(resolution) + 0.5) / resolution * 2 - 1) * reach
    rays = -back + steps[None, :, None] * right - steps[:, None, None] * up
    origin = target + DISTANCE * back
    return np.tile(origin, (resolution**2, 1)), rays.reshape(-1, 3)


def corner_normals(mesh: trimesh.Trimesh) -> np.ndarray:
    """Return normals (F, 3, 3) for shading: a normal for each corner of each face.

    A corner takes the mean normal of the faces round its vertex, by area, that meet its own face
    at less than the crease angle: round parts look round, and edges stay sharp.
    """
    around = mesh.vertex_faces[mesh.faces]  # (F, 3, most faces at a vertex), -1 where fewer
    neighbours = mesh.face_normals[around]
    near = (neighbours * mesh.face_normals[:, None, None]).sum(-1) >= CREASE
    weights = mesh.area_faces[around] * near * (around >= 0)
    total = (neighbours * weights[..., None]).sum(2)
    return total / np.linalg.norm(total, axis=2, keepdims=True)
