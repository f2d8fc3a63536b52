"""A mesh file as an object that can be placed in a scene: turned, cleaned, brought to size.

What cannot be rendered is refused with its reason: no faces, coordinates that are no numbers,
everything in one plane. Everything else is rendered as it is: holes, faces that look inwards,
parts that pass through each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh

from objrec.errors import DataError
from objrec.rendering.frames import rotation_of
from objrec.rendering.mesh_files import GLTF_SUFFIXES, Part, read_parts
from objrec.rendering.paint import Coat, Pictures, Plain
from objrec.rendering.settings import FrameSettings

_STEPS = 1 << 20  # vertices nearer to each other than this share of the size are one
_THIN = 1e-5  # of the size: what is thinner is flat
_NO_AREA = 1e-12  # of the size, squared


@dataclass(frozen=True)
class Model:
    """An object, ready to be placed in a scene.

    Attributes:
        mesh: Stands on z = 0, the middle of its bounding box above the origin; scaled so that it
            lies within a sphere of radius 1 round (0, 0, half its height).
        paint: Its colours.
        remarks: What is uncertain or missing, in words.
    """

    mesh: trimesh.Trimesh
    paint: Plain | Coat
    remarks: tuple[str, ...] = ()


def read_model(path: Path, frame: FrameSettings, gray: float) -> Model:
    """Read a mesh file.

    Args:
        path: The file.
        frame: How the object is turned.
        gray: Paint for what has no colour of its own.

    Raises:
        DataError: It cannot be read or rendered.
    """
    parts, missing = read_parts(path)
    triangles = np.concatenate([part.vertices[part.faces] for part in parts])
    triangles = _normalised(triangles, path)
    rotation, doubts = rotation_of(triangles, frame, gltf=path.suffix.lower() in GLTF_SUFFIXES)
    triangles = _placed(triangles @ rotation.T)
    vertices, faces = _merged(triangles)
    kept = _with_area(vertices[faces], faces)
    if not kept.any():
        raise DataError(f"{path}: its faces have no area; export it again")
    mesh = trimesh.Trimesh(vertices, faces[kept], process=False)
    remarks = [f"{name} was not found; drawn without it" for name in missing]
    remarks += [f"principal axes: {doubt}" for doubt in doubts]
    return Model(mesh, _paint(parts, kept, mesh, gray), tuple(remarks))


def _normalised(triangles: np.ndarray, path: Path) -> np.ndarray:
    """Bring (F, 3, 3) corners into -1..1, and refuse what has no extent.

    Raises:
        DataError: Coordinates are no finite numbers, or all lie in one point, line or plane.
    """
    if not np.isfinite(triangles).all():
        raise DataError(f"{path}: has coordinates that are no numbers; export it again")
    points = triangles.reshape(-1, 3)
    low, high = points.min(axis=0), points.max(axis=0)
    half = (high / 2 - low / 2).max()  # halved first: the difference may be too large a number
    if half <= 0:
        raise DataError(f"{path}: all its vertices are in one point; export it again")
    points = (points - (high / 2 + low / 2)) / half
    spread = points - points.mean(axis=0)
    across = np.linalg.eigh(spread.T @ spread)[1][:, 0]  # the direction in which it is thinnest
    if np.ptp(spread @ across) < _THIN:
        raise DataError(f"{path}: all its faces are in one plane; an object needs depth")
    return points.reshape(triangles.shape)


def _placed(triangles: np.ndarray) -> np.ndarray:
    """Put corners (F, 3, 3) on the ground, in the middle, within a sphere of radius 1."""
    points = triangles.reshape(-1, 3)
    low, high = points.min(axis=0), points.max(axis=0)
    points = points - (low + high) / 2
    points /= np.linalg.norm(points, axis=1).max()
    points[:, 2] -= points[:, 2].min()
    return points.reshape(triangles.shape)


def _merged(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return vertices (V, 3) and faces (F, 3), one vertex for all corners in one place.

    Files repeat vertices at seams of textures and between parts; shading must not show it.
    """
    points = triangles.reshape(-1, 3)
    cells = np.rint((points + 2) / 4 * _STEPS).astype(np.int64)
    keys = (cells[:, 0] * 2 * _STEPS + cells[:, 1]) * 2 * _STEPS + cells[:, 2]
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return points[first], inverse.reshape(-1, 3)


def _with_area(triangles: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return (F,) which faces have three different corners, and an area."""
    a, b, c = faces.T
    edges = triangles[:, 1:] - triangles[:, :1]
    areas = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1) / 2
    return (a != b) & (b != c) & (c != a) & (areas > _NO_AREA)


def _paint(parts: list[Part], kept: np.ndarray, mesh: trimesh.Trimesh, gray: float) -> Plain | Coat:
    """Lay the parts' colours and pictures on the faces that were kept."""
    if all(part.colours is None and part.picture is None for part in parts):
        return Plain(gray)
    corners = [
        np.full((len(part.faces), 3, 3), gray) if part.colours is None else part.colours
        for part in parts
    ]
    corners = np.concatenate(corners).astype(np.float32)[kept]
    pictured = [part for part in parts if part.picture is not None]
    if not pictured:
        return Coat(corners)
    uv = [np.zeros((len(p.faces), 3, 2)) if p.picture is None else p.uv for p in parts]
    uv = np.concatenate(uv).astype(np.float32)[kept]
    numbers = {id(part.picture): i for i, part in enumerate(pictured)}
    of_part = [numbers[id(p.picture)] if p.picture is not None else -1 for p in parts]
    picture = np.repeat(of_part, [len(part.faces) for part in parts])[kept]
    pictures = Pictures([part.picture for part in pictured])
    one, two = (uv[:, i] - uv[:, 0] for i in (1, 2))
    uv_areas = np.abs(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]) / 2
    density = np.sqrt(uv_areas / mesh.area_faces) * pictures.sizes[picture]
    return Coat(corners, uv, picture, density, pictures)
