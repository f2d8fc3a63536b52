"""Which way an object looks: as its file's axes say, or by its principal axes.

Convention:
    A rotation (3, 3) brings a file's coordinates into the frame of `objrec.rendering.meshes`: x to
    the front, y to the object's left, z up.

Principal axes are those of the surface: x along its greatest extent, z along its least. Each points
to where the surface reaches out farther (its third moment is positive). They are the same however
the file is turned, but nobody has looked at them: what a person calls the front may be at 90 or
180 degrees, and an object that is alike on both sides, or round, has no certain axes at all.
"""

from __future__ import annotations

import numpy as np

from objrec.rendering.settings import DIRECTIONS, FrameSettings

_ALIKE = 0.95  # ratio of two moments, from which on two axes may be exchanged
_LOPSIDED = 0.02  # skewness, from which on the two ends of an axis can be told apart


def axis(name: str) -> np.ndarray:
    """Return the unit vector (3,) of 'x', '-x' and so on."""
    index = DIRECTIONS.index(name)
    return np.eye(3)[index // 2] * (-1 if index % 2 else 1)


def stated_rotation(up: str, front: str) -> np.ndarray:
    """Return the rotation for axes that point up and to the front."""
    z, x = axis(up), axis(front)
    return np.stack([x, np.cross(z, x), z])


def rotation_of(
    triangles: np.ndarray, frame: FrameSettings, *, gltf: bool
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the rotation of one object, and what is uncertain about it.

    Args:
        triangles: (F, 3, 3) corners, in the file's coordinates.
        frame: How it is to be found. With principal axes and an `up`, that axis stays upright.
        gltf: Whether the defaults of glTF files are meant.
    """
    if frame.frame == "file":
        return stated_rotation(*frame.directions(gltf=gltf)), ()
    return principal_rotation(triangles, None if frame.up is None else axis(frame.up))


def principal_rotation(
    triangles: np.ndarray, up: np.ndarray | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the rotation by principal axes, and which of them are uncertain.

    Args:
        triangles: (F, 3, 3) corners.
        up: (3,) unit vector that is known to point up.
    """
    edges = triangles[:, 1:] - triangles[:, :1]
    areas = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    areas = areas / areas.sum()
    centred = triangles - (areas[:, None] * triangles.mean(axis=1)).sum(axis=0)
    moments = _second_moments(centred, areas)
    if up is not None:
        # What is upright takes no part: its moment becomes the least.
        flat = np.eye(3) - np.outer(up, up)
        moments = flat @ moments @ flat - np.outer(up, up)
    values, vectors = np.linalg.eigh(moments)
    doubts = []
    x, front = _directed(vectors[:, 2], centred, areas)
    z, top = (up, True) if up is not None else _directed(vectors[:, 0], centred, areas)
    if values[1] > _ALIKE * values[2]:
        doubts.append("its front may be at 90 degrees")
    elif not front:
        doubts.append("its front may be its back")
    if up is None and (values[0] > _ALIKE * values[1] or not top):
        doubts.append("what is up may not be")
    return np.stack([x, np.cross(z, x), z]), tuple(doubts)


def _second_moments(triangles: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Return the mean of x xᵀ (3, 3) over the surface, exact within each triangle."""
    total = triangles.sum(axis=1)
    corners = np.einsum("f,fci,fcj->ij", areas, triangles, triangles)
    return (corners + np.einsum("f,fi,fj->ij", areas, total, total)) / 12


def _directed(
    direction: np.ndarray, triangles: np.ndarray, areas: np.ndarray
) -> tuple[np.ndarray, bool]:
    """Turn an axis to where the surface reaches out farther; say whether that is clear."""
    a, b, c = (triangles @ direction).T
    # Means of t² and t³ over a triangle: the complete homogeneous polynomials of its corners.
    pairs = a * a + b * b + c * c + a * b + b * c + c * a
    triples = (a + b + c) * (a * a + b * b + c * c) + a * b * c
    skewness = (areas * triples).sum() / 10 / ((areas * pairs).sum() / 6) ** 1.5
    if abs(skewness) < _LOPSIDED:
        # Neither end: the one whose greatest coordinate is positive, so as to decide.
        return direction * np.sign(direction[np.abs(direction).argmax()]), False
    return direction * np.sign(skewness), True
