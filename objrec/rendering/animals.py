"""The recipe for four-legged animals; see `meshes` for what a recipe is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from trimesh import Trimesh

from objrec.rendering import solids

Range = tuple[float, float]


@dataclass(frozen=True)
class _Build:
    """The ranges that one kind of animal is drawn from; lengths in body lengths."""

    leg: Range
    leg_radius: Range
    girth: Range
    neck: Range
    neck_angle: Range
    head: Range
    snout: Range
    ear: Range
    tail: Range
    tail_angle: Range


_BUILDS = {
    "horse": _Build(
        (0.42, 0.5), (0.034, 0.045), (0.13, 0.16), (0.3, 0.38), (42, 58),
        (0.07, 0.085), (0.16, 0.2), (0.05, 0.07), (0.28, 0.38), (-75, -55),
    ),
    "pig": _Build(
        (0.14, 0.2), (0.045, 0.06), (0.2, 0.25), (0.05, 0.1), (0, 15),
        (0.13, 0.16), (0.1, 0.15), (0.07, 0.1), (0.08, 0.12), (20, 50),
    ),
    "giraffe": _Build(
        (0.5, 0.62), (0.034, 0.042), (0.13, 0.16), (0.6, 0.75), (60, 72),
        (0.065, 0.08), (0.13, 0.16), (0.05, 0.06), (0.25, 0.32), (-80, -65),
    ),
    "elephant": _Build(
        (0.32, 0.4), (0.075, 0.095), (0.22, 0.26), (0.1, 0.15), (20, 40),
        (0.14, 0.17), (0.05, 0.08), (0.16, 0.22), (0.22, 0.3), (-75, -60),
    ),
    "dog": _Build(
        (0.28, 0.38), (0.035, 0.045), (0.11, 0.15), (0.14, 0.2), (35, 60),
        (0.085, 0.105), (0.12, 0.16), (0.08, 0.12), (0.25, 0.35), (20, 65),
    ),
}  # fmt: skip
STYLES = tuple(_BUILDS)


def animal(rng: np.random.Generator, style: str) -> list[Trimesh]:
    """Build a standing animal whose trunk is about 0.8 long."""
    build = _BUILDS[style]
    girth, leg = rng.uniform(*build.girth), rng.uniform(*build.leg)
    z = leg + girth * 0.75
    parts = [_trunk(rng, girth, z)]
    parts += _legs(rng, build, girth, z)
    angle = np.radians(rng.uniform(*build.neck_angle))
    start = np.array([0.3, 0, z + 0.35 * girth])
    end = start + rng.uniform(*build.neck) * np.array([np.cos(angle), 0, np.sin(angle)])
    thick = girth * rng.uniform(0.55, 0.7)
    head = rng.uniform(*build.head)
    path = [start - [0.08, 0, 0.06], (start + end) / 2, end]
    parts += [solids.tube(path, [thick * 1.1, thick * 0.8, head * 0.75])]
    parts += _head(rng, build, style, end, head)
    tail = np.radians(rng.uniform(*build.tail_angle))
    reach = rng.uniform(*build.tail) * np.array([-np.cos(tail), 0, np.sin(tail)])
    root = np.array([-0.4, 0, z + 0.3 * girth])
    middle = root + reach * 0.5 + [-0.04, 0, 0]
    return [*parts, solids.tube([root, middle, root + reach], [0.032, 0.026, 0.022])]


def _trunk(rng: np.random.Generator, girth: float, z: float) -> Trimesh:
    waist, rump = rng.uniform(0.8, 1.05), rng.uniform(0.9, 1.1)
    stations = [
        (-0.46, z + 0.05 * girth, 0.3 * girth, 0.35 * girth),
        (-0.42, z + 0.03 * girth, 0.65 * girth, 0.7 * girth),
        (-0.3, z, 0.92 * girth * rump, girth * rump),
        (0.0, z, 0.9 * girth * waist, girth * waist),
        (0.25, z, 0.92 * girth, 1.05 * girth),
        (0.36, z + 0.03 * girth, 0.7 * girth, 0.8 * girth),
        (0.42, z + 0.05 * girth, 0.35 * girth, 0.45 * girth),
    ]
    return solids.hulls(stations)


def _legs(rng: np.random.Generator, build: _Build, girth: float, z: float) -> list[Trimesh]:
    radius, lean = rng.uniform(*build.leg_radius), rng.uniform(-0.05, 0.05)
    y = 0.92 * girth - radius
    parts = []
    for x, knee in ((0.27, -0.01), (-0.3, 0.04)):
        top, foot = [x, y * 0.8, z - 0.2 * girth], [x + lean, y, radius * 0.5]
        middle = [x + 0.4 * lean + knee, y, 0.45 * z]
        parts.append(solids.tube([top, middle, foot], [radius * 1.6, radius, radius * 0.95]))
    return solids.both(*parts)


def _head(
    rng: np.random.Generator, build: _Build, style: str, at: np.ndarray, size: float
) -> list[Trimesh]:
    drop = rng.uniform(-0.5, -0.2) * (style != "dog")
    reach = rng.uniform(*build.snout)
    nose = _from(at, size * 0.4 + reach, 0, drop * reach - 0.1 * size)
    parts = [solids.ellipsoid([size * 1.05, size * 0.85, size], at)]
    parts += [solids.tube([_from(at, size * 0.2, 0, 0), nose], [size * 0.75, size * 0.5])]
    ear = rng.uniform(*build.ear)
    if style == "elephant":
        return parts + _elephant_head(rng, at, size, ear)
    root = _from(at, -size * 0.3, size * 0.55, size * 0.6)
    point = root + ear * np.array([-0.2, rng.uniform(0.2, 0.7), rng.uniform(0.6, 1.0)])
    parts += solids.both(solids.tube([root, point], [size * 0.32, size * 0.16]))
    if style == "giraffe" or (style == "pig" and rng.uniform() < 0.4):
        horn = solids.tube([_from(at, 0, 0.03, size * 0.8), _from(at, 0, 0.06, size * 1.7)], 0.02)
        parts += solids.both(horn)
    return parts


def _elephant_head(
    rng: np.random.Generator, at: np.ndarray, size: float, ear: float
) -> list[Trimesh]:
    """Make flat ears and a trunk that hangs almost to the ground."""
    place = _from(at, -size * 0.5, size * 0.7 + ear * 0.45, 0)
    flap = solids.ellipsoid([0.03, ear * 0.6, ear], place)
    low = rng.uniform(0.04, 0.15)
    path = [
        _from(at, size * 0.6, 0, -0.02),
        _from(at, size * 1.35, 0, -0.12),
        np.array([at[0] + size * 1.5, 0, (at[2] + low) / 2]),
        np.array([at[0] + size * 1.7, 0, low]),
    ]
    return [*solids.both(flap), solids.tube(path, [size * 0.5, 0.065, 0.05, 0.04])]


def _from(point: np.ndarray, ahead: float, left: float, up: float) -> np.ndarray:
    """Return the point so far ahead of, to the left of and above another."""
    return point + np.array([ahead, left, up])
