"""Rays against one mesh, through Embree.

Points and directions are held as (3, n): a row of x, one of y, one of z. Embree computes in single
precision; the mesh is brought to a size of 100 for it.
"""

from __future__ import annotations

import numpy as np
import trimesh
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

_SIZE = 100.0


class Caster:
    """Finds what rays meet first, and whether they meet anything."""

    def __init__(self, mesh: trimesh.Trimesh) -> None:
        self._low = mesh.vertices.min(axis=0)[:, None]
        self._scale = _SIZE / mesh.scale
        vertices = (np.asarray(mesh.vertices) - self._low.T) * self._scale
        self._scene = EmbreeScene()
        TriangleMesh(self._scene, vertices.astype(np.float32), mesh.faces.astype(np.int32))

    def first(self, origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
        """Return the face that each ray from one point meets first, (n,), -1 where none.

        Args:
            origin: (3,).
            rays: (3, n) directions of any length.
        """
        origins = np.tile(self._scaled(origin[:, None]), (rays.shape[1], 1))
        return self._scene.run(origins, _unit(rays))

    def blocked(self, starts: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """Return (n,) whether rays from points (3, n) in one direction (3,) meet anything."""
        rays = np.tile(_unit(direction[:, None]), (starts.shape[1], 1))
        return self._scene.run(self._scaled(starts), rays, query="OCCLUDED") != -1

    def _scaled(self, points: np.ndarray) -> np.ndarray:
        rounded = points.astype(np.float32).astype(np.float64)
        return _rows((rounded - self._low) * self._scale)


def _unit(directions: np.ndarray) -> np.ndarray:
    rounded = directions.astype(np.float32)
    x, y, z = (rounded * rounded).astype(np.float64)
    return _rows(rounded * (1 / np.sqrt(x + y + z)))


def _rows(columns: np.ndarray) -> np.ndarray:
    """Return (3, n) as single-precision rows (n, 3), as Embree takes them."""
    return np.ascontiguousarray(columns.T, dtype=np.float32)
