"""The surface of a mesh: where rays meet it, and which way it looks there.

Points and directions are held as (3, n): a row of x, one of y, one of z.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh

CREASE = 0.75  # cosine of the largest angle that is shaded as if it were round
_CROWDED = 128  # faces round one vertex, from which on it is not worth while to average them
_CHUNK = 20_000  # faces whose corners are averaged at a time


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the inner products (n,) of vectors (3, n) or (3,)."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@dataclass(frozen=True)
class Hits:
    """What n rays met.

    Attributes:
        points: (3, n).
        normals: (3, n) of the smoothed surface, towards the camera.
        flats: (3, n) of the flat face, towards the camera.
        faces: (n,) number of the face.
        weights: (3, n) barycentric coordinates within the face.
    """

    points: np.ndarray
    normals: np.ndarray
    flats: np.ndarray
    faces: np.ndarray
    weights: np.ndarray


class Surface:
    """What has to be known of each face to look up hits on it."""

    def __init__(self, mesh: trimesh.Trimesh) -> None:
        corners = np.ascontiguousarray(np.asarray(mesh.triangles).transpose(1, 2, 0))
        self._corner = corners[0]
        self._edges = corners[1] - corners[0], corners[2] - corners[0]
        self._flat = np.ascontiguousarray(np.asarray(mesh.face_normals).T)
        self._smooth = np.ascontiguousarray(corner_normals(mesh).transpose(1, 2, 0))
        one, two = self._edges
        self._gram = dot(one, one), dot(one, two), dot(two, two)

    def hits(self, faces: np.ndarray, origin: np.ndarray, rays: np.ndarray) -> Hits:
        """Return where rays meet their faces.

        Args:
            faces: (n,) numbers.
            origin: (3,) where all rays begin.
            rays: (3, n) directions of any length.
        """
        flats, corner = self._flat[:, faces], self._corner[:, faces]
        slope = dot(rays, flats)
        origin = origin[:, None]
        points = origin + rays * (dot(corner - origin, flats) / slope)
        weights = self._weights(faces, points - corner)
        normals = sum(self._smooth[i][:, faces] * weights[i] for i in range(3))
        normals /= np.sqrt(dot(normals, normals))
        # Thin sheets are seen from both sides: every normal looks at the camera.
        towards = -np.sign(slope)
        return Hits(points, normals * towards, flats * towards, faces, weights)

    def _weights(self, faces: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Return barycentric coordinates by Cramer's rule; offsets (3, n) from the first corner."""
        one, two = (dot(edge[:, faces], offsets) for edge in self._edges)
        aa, ab, bb = (values[faces] for values in self._gram)
        inverse = 1 / (aa * bb - ab * ab)
        second, third = (bb * one - ab * two) * inverse, (aa * two - ab * one) * inverse
        return np.stack([1 - second - third, second, third])


def corner_normals(mesh: trimesh.Trimesh) -> np.ndarray:
    """Return normals (F, 3, 3) for shading: a normal for each corner of each face.

    A corner takes the mean normal of the faces round its vertex, by area, that meet its own face
    at less than the crease angle: round parts look round, and edges stay sharp. Where very many
    faces meet, as at the tip of a finely divided cone, each keeps its own normal.
    """
    faces, flat, areas = mesh.faces, np.asarray(mesh.face_normals), np.asarray(mesh.area_faces)
    counts = np.bincount(faces.ravel(), minlength=len(mesh.vertices))
    ends = np.cumsum(counts)
    owners = np.argsort(faces.ravel(), kind="stable") // 3  # faces, vertex by vertex
    normals = np.empty((len(faces), 3, 3))
    for start in range(0, len(faces), _CHUNK):
        part = slice(start, start + _CHUNK)
        vertices = faces[part]
        around = np.where(counts[vertices] > _CROWDED, 0, counts[vertices])
        rank = np.arange(max(1, around.max()))
        present = rank < around[..., None]  # (n, 3, most faces at a vertex)
        at = (ends - counts)[vertices][..., None] + np.where(present, rank, 0)
        neighbours = owners[at]
        normals[part] = _mean_normals(flat[part], flat[neighbours], areas[neighbours] * present)
    return normals


def _mean_normals(own: np.ndarray, others: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Average (n, 3, m, 3) neighbours of n faces that are near their own normals (n, 3)."""
    near = (others * own[:, None, None]).sum(-1) >= CREASE
    total = (others * (weights * near)[..., None]).sum(2)
    length = np.linalg.norm(total, axis=2, keepdims=True)
    return np.where(length > 0, total / np.where(length > 0, length, 1), own[:, None])
