"""The solids that toys are built of: lofts, extrusions, tubes, lathe work, blades.

Every function returns a closed trimesh whose faces look outwards. Lengths are in the toy's own
unit; `meshes` brings the finished toy to size.

Convention (the object's frame): x forward, y to the object's left, z up, ground at z = 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import trimesh

Numbers = Sequence[float] | np.ndarray


def loft(rings: np.ndarray) -> trimesh.Trimesh:
    """Skin a row of closed rings and close both ends.

    Args:
        rings: (R, n, 3) points; the end rings must be star-shaped about their mean.
    """
    count, n = rings.shape[:2]
    points = np.concatenate([rings.reshape(-1, 3), rings[:1].mean(1), rings[-1:].mean(1)])
    here = np.arange(n)
    following = (here + 1) % n
    faces = []
    for start in range(0, (count - 1) * n, n):
        a, b, c, d = start + here, start + following, start + n + following, start + n + here
        faces += [np.stack([a, b, c], 1), np.stack([a, c, d], 1)]
    first, last, end = count * n, count * n + 1, (count - 1) * n
    faces.append(np.stack([np.full(n, first), following, here], 1))
    faces.append(np.stack([np.full(n, last), end + here, end + following], 1))
    return outward(trimesh.Trimesh(points, np.concatenate(faces)))


def outward(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Turn a closed mesh inside out if its faces look inwards."""
    if mesh.volume < 0:
        mesh.invert()
    return mesh


def box(size: Numbers, centre: Numbers) -> trimesh.Trimesh:
    """Make a box of the given size (3,) round a centre (3,)."""
    mesh = trimesh.creation.box(extents=size)
    mesh.apply_translation(centre)
    return mesh


def ellipsoid(radii: Numbers, centre: Numbers) -> trimesh.Trimesh:
    """Make an ellipsoid of the given radii (3,) round a centre (3,)."""
    mesh = trimesh.creation.icosphere(subdivisions=3)
    mesh.apply_scale(radii)
    mesh.apply_translation(centre)
    return mesh


def rod(start: Numbers, end: Numbers, radius: float) -> trimesh.Trimesh:
    """Make a cylinder between two points (3,)."""
    return trimesh.creation.cylinder(radius, segment=[list(start), list(end)], sections=24)


def wheel(centre: Numbers, radius: float, width: float) -> trimesh.Trimesh:
    """Make a wheel that rolls along x."""
    x, y, z = centre
    return rod([x, y - width / 2, z], [x, y + width / 2, z], radius)


def lathe(profile: Numbers) -> trimesh.Trimesh:
    """Turn an outline (n, 2) of (radius, z), from axis to axis, about the vertical axis."""
    return outward(trimesh.creation.revolve(np.asarray(profile, float), sections=40))


def hulls(stations: Iterable[Numbers], n: int = 28, power: float = 2.0) -> trimesh.Trimesh:
    """Loft upright (super-)ellipses along x: bodies and fuselages.

    Args:
        stations: Rows of (x, centre z, half width, half height), along x.
        n: Points a ring.
        power: 2 is an ellipse; larger is boxier.
    """
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    round_y = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / power)
    round_z = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / power)
    rings = [
        np.stack([np.full(n, x), half_width * round_y, z + half_height * round_z], 1)
        for x, z, half_width, half_height in stations
    ]
    return loft(np.array(rings))


def tube(
    points: Numbers, radii: Numbers | float, n: int = 16, *, round_ends: bool = True
) -> trimesh.Trimesh:
    """Sweep a circle of changing radius along a path.

    Args:
        points: (m, 3) path.
        radii: One radius, or one a point.
        n: Points a circle.
        round_ends: Whether half balls close the ends, beyond the path, instead of flat discs.
    """
    path = np.asarray(points, float)
    radius = np.broadcast_to(np.asarray(radii, float), len(path))
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    if round_ends:
        bend = np.radians([80, 55, 25])
        before = path[0] - along[0] * radius[0] * np.sin(bend)[:, None]
        after = path[-1] + along[-1] * radius[-1] * np.sin(bend)[::-1, None]
        path = np.concatenate([before, path, after])
        along = np.pad(along, ((3, 3), (0, 0)), mode="edge")
        shrunk = radius[0] * np.cos(bend), radius, radius[-1] * np.cos(bend)[::-1]
        radius = np.concatenate(shrunk)
    return loft(_circles(path, along, radius, n))


def _circles(path: np.ndarray, along: np.ndarray, radius: np.ndarray, n: int) -> np.ndarray:
    """Return circles across a path that do not twist: each starts where the last one did."""
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)[:, None]
    side = np.cross(along[0], [0, 1, 0] if abs(along[0, 1]) < 0.9 else [1, 0, 0])
    rings = []
    for centre, ahead, r in zip(path, along, radius, strict=True):
        side = side - ahead * (side @ ahead)
        side /= np.linalg.norm(side)
        rings.append(centre + r * (np.cos(angle) * side + np.sin(angle) * np.cross(ahead, side)))
    return np.array(rings)


def extrude(
    outline: Numbers,
    half_width: float | Numbers,
    *,
    y: float = 0.0,
    bevel: float = 0.0,
) -> trimesh.Trimesh:
    """Extrude a side view along y.

    Args:
        outline: (n, 2) of (x, z), star-shaped about its mean.
        half_width: One value, or one a point: a cabin is narrower at its roof.
        y: The middle of the extrusion.
        bevel: Width of the chamfer at both sides.
    """
    side = np.asarray(outline, float)
    width = np.broadcast_to(np.asarray(half_width, float), len(side))
    middle = side.mean(0)
    inset = middle + (side - middle) * (1 - bevel / np.abs(side - middle).max(0).mean())

    def ring(points: np.ndarray, offset: np.ndarray) -> np.ndarray:
        return np.stack([points[:, 0], y + offset, points[:, 1]], 1)

    rings = [ring(side, width - bevel), ring(side, bevel - width)]
    if bevel:
        rings = [ring(inset, width), *rings, ring(inset, -width)]
    return loft(np.array(rings))


def blade(root: Numbers, tip: Numbers, *, upright: bool = False) -> trimesh.Trimesh:
    """Make a wing, a fin or a tailplane: a lens-shaped section that runs from root to tip.

    Args:
        root: (leading x, y, z, chord, thickness).
        tip: Likewise.
        upright: Whether the thickness is along y (a fin) instead of z (a wing).
    """
    back = np.array([0, 0.12, 0.35, 0.7, 1, 0.7, 0.35, 0.12])
    thick = np.array([0, 0.35, 0.5, 0.35, 0.06, -0.35, -0.5, -0.35])
    rings = []
    for lead, y, z, chord, thickness in (root, tip):
        across = np.stack([lead - back * chord, np.full(8, y), np.full(8, z)], 1)
        across[:, 1 if upright else 2] += thick * thickness
        rings.append(across)
    return loft(np.array(rings))


def mirrored(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Return the mirror image across the plane y = 0."""
    return trimesh.Trimesh(mesh.vertices * [1, -1, 1], mesh.faces[:, ::-1], process=False)


def both(*parts: trimesh.Trimesh) -> list[trimesh.Trimesh]:
    """Return the parts given and their mirror images: left and right."""
    return [*parts, *(mirrored(part) for part in parts)]
