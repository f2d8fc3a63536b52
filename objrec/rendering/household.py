"""Recipes for chairs and cups; see `meshes` for what a recipe is.

A chair's front is the open side of its seat. A cup's handle is at its back, so that a cup is its
own mirror image about the front, as every other toy is.
"""

from __future__ import annotations

import numpy as np
from trimesh import Trimesh

from objrec.rendering import solids

CHAIR_STYLES = ("slatted", "panelled", "armchair", "swivel", "stool")
CUP_STYLES = ("mug", "tea cup", "tankard", "goblet", "bowl")


def chair(rng: np.random.Generator, style: str) -> list[Trimesh]:
    """Build a chair of about height 1."""
    draw = rng.uniform
    if style == "armchair":
        return _armchair(rng)
    seat = draw(0.4, 0.5)
    half_depth, half_width = draw(0.2, 0.25), draw(0.19, 0.26)
    thick = draw(0.04, 0.08)
    if style in ("swivel", "stool") and draw() < 0.6:
        parts = [_disc(half_width, seat, thick)]
        half_depth = half_width
    else:
        parts = [solids.box([2 * half_depth, 2 * half_width, thick], [0, 0, seat - thick / 2])]
    if style == "swivel":
        parts += _pedestal(rng, seat - thick)
    else:
        parts += _four_legs(rng, half_depth, half_width, seat - thick / 2)
    high = seat + (draw(0.15, 0.22) if style == "stool" else draw(0.4, 0.6))
    lean = draw(0.02, 0.12)
    parts += _back(rng, style, (half_depth, half_width), (seat, high), lean)
    if style != "stool" and draw() < (0.7 if style == "swivel" else 0.3):
        parts += _arms(rng, half_depth, half_width, seat)
    return parts


def _disc(radius: float, top: float, thick: float) -> Trimesh:
    return solids.rod([0, 0, top - thick], [0, 0, top], radius)


def _four_legs(rng: np.random.Generator, depth: float, width: float, top: float) -> list[Trimesh]:
    radius, splay = rng.uniform(0.022, 0.038), rng.uniform(0.0, 0.06)
    parts = []
    for x in (depth - radius - 0.02, radius + 0.02 - depth):
        y = width - radius - 0.02
        foot = [x + np.sign(x) * splay, y + splay, 0]
        parts.append(solids.rod([x, y, top], foot, radius))
    if rng.uniform() < 0.4:
        rung = [depth - 0.05, width - 0.05, 0.4 * top], [0.05 - depth, width - 0.05, 0.4 * top]
        parts.append(solids.rod(*rung, radius * 0.8))
    return solids.both(*parts)


def _pedestal(rng: np.random.Generator, top: float) -> list[Trimesh]:
    radius, reach = rng.uniform(0.03, 0.045), rng.uniform(0.2, 0.26)
    parts = [solids.rod([0, 0, 0.05], [0, 0, top], radius)]
    if rng.uniform() < 0.5:
        return [*parts, solids.lathe([(0, 0), (reach, 0), (reach, 0.03), (0.05, 0.07), (0, 0.07)])]
    for angle in np.radians([0, 72, 144, 216, 288]):
        foot = [-reach * np.cos(angle), reach * np.sin(angle), 0.028]
        parts.append(solids.tube([[0, 0, 0.1], foot], 0.028))
    return parts


def _back(
    rng: np.random.Generator,
    style: str,
    half: tuple[float, float],
    span: tuple[float, float],
    lean: float,
) -> list[Trimesh]:
    """Make the back rest: posts with slats across or upright, or one panel."""
    (depth, width), (seat, high) = half, span
    x, width = 0.02 - depth, width * rng.uniform(0.8, 0.95)
    if style in ("panelled", "swivel", "stool"):
        gap = 0.1 if style == "swivel" else 0.0
        outline = [(x, seat + gap - 0.02), (x + 0.05, seat + gap - 0.02)]
        outline += [(x + 0.05 - lean, high), (x - lean, high)]
        top = width * rng.uniform(0.7, 1.0)
        parts = [solids.extrude(outline, [width, width, top, top])]
        return [*parts, solids.rod([x, 0, seat - 0.02], [x, 0, seat + gap], 0.035)]
    post = solids.rod([x, width, seat - 0.03], [x - lean, width, high], 0.024)
    top = solids.box([0.04, 2 * width, 0.07], [x - lean, 0, high - 0.03])
    if rng.uniform() < 0.5:
        parts = []
        for part in np.linspace(0.35, 0.68, int(rng.integers(1, 3))):
            at = [x - lean * part, 0, seat + part * (high - seat)]
            parts.append(solids.box([0.03, 2 * width, 0.06], at))
        return [*solids.both(post), top, *parts]
    bars = [
        solids.rod([x, y, seat - 0.02], [x - lean, y, high - 0.03], 0.018)
        for y in np.linspace(-width, width, int(rng.integers(4, 7)))[1:-1]
    ]
    return [*solids.both(post), top, *bars]


def _arms(rng: np.random.Generator, depth: float, width: float, seat: float) -> list[Trimesh]:
    level = seat + rng.uniform(0.16, 0.22)
    rest = solids.box([1.6 * depth, 0.05, 0.035], [-0.2 * depth, width, level])
    post = [0.4 * depth, width, seat - 0.03], [0.4 * depth, width, level]
    return solids.both(rest, solids.rod(*post, 0.02))


def _armchair(rng: np.random.Generator) -> list[Trimesh]:
    draw = rng.uniform
    depth, width, seat = draw(0.28, 0.34), draw(0.2, 0.26), draw(0.28, 0.36)
    thick, high, arm = draw(0.09, 0.13), draw(0.65, 0.85), seat + draw(0.12, 0.2)
    foot = draw(0.04, 0.1)
    base = [(-depth, foot), (depth, foot), (depth, seat), (-depth, seat - 0.02)]
    back = [(-depth, foot), (0.14 - depth, foot), (0.1 - depth, high), (-depth - 0.06, high)]
    side = [(-depth, foot), (depth - 0.02, foot), (depth - 0.02, arm - 0.02), (-depth, arm)]
    parts = [solids.extrude(base, width + 0.01)]
    parts += [solids.extrude(back, width + thick / 2, bevel=0.02)]
    arms = solids.extrude(side, thick / 2, y=width + thick / 2, bevel=0.015)
    places = 0.06 - depth, depth - 0.08
    legs = [solids.rod([x, width, 0], [x, width, foot + 0.02], 0.03) for x in places]
    return [*parts, *solids.both(arms, *legs)]


def cup(rng: np.random.Generator, style: str) -> list[Trimesh]:
    """Build a cup of about height 1, or width 1 where it is wider than high."""
    draw = rng.uniform
    height, foot, rim, swell = {
        "mug": (draw(0.75, 1.0), draw(0.34, 0.42), draw(0.36, 0.44), draw(-0.03, 0.08)),
        "tea cup": (draw(0.45, 0.6), draw(0.2, 0.28), draw(0.45, 0.55), draw(0.08, 0.14)),
        "tankard": (draw(1.1, 1.4), draw(0.38, 0.46), draw(0.3, 0.38), draw(-0.02, 0.03)),
        "goblet": (draw(0.6, 0.75), draw(0.16, 0.24), draw(0.3, 0.4), draw(0.06, 0.16)),
        "bowl": (draw(0.35, 0.45), draw(0.3, 0.4), draw(0.5, 0.6), draw(0.03, 0.08)),
    }[style]
    base = draw(0.2, 0.35) if style == "goblet" else draw(0.0, 0.06)
    part = np.linspace(0, 1, 9)
    radius = foot + (rim - foot) * part + swell * np.sin(np.pi * part)
    level = base + height * part
    parts = [_shell(radius, level, draw(0.035, 0.06))]
    if base > 0.02:
        stem = draw(0.07, 0.11) if style == "goblet" else foot * 0.8
        wide = draw(0.24, 0.3) if style == "goblet" else foot * 0.85
        profile = [(0, 0), (wide, 0), (wide, 0.03), (stem, min(0.1, base)), (stem, base + 0.03)]
        parts.append(solids.lathe([*profile, (0, base + 0.03)]))
    parts.append(_handle(rng, radius, level))
    if style == "tea cup" and draw() < 0.5:
        plate = draw(0.62, 0.75)
        under = [(0, 0), (0.6 * plate, 0), (plate, 0.07)]
        parts.append(solids.lathe([*under, (plate - 0.03, 0.1), (0.5 * plate, 0.04), (0, 0.04)]))
    return parts


def _shell(radius: np.ndarray, level: np.ndarray, wall: float) -> Trimesh:
    """Make an open vessel: up the outside, down the inside."""
    outer = list(zip(radius, level, strict=True))
    inner = [(r - wall, z) for r, z in outer[:0:-1]]
    bottom = level[0] + wall
    inner = [(r, z) for r, z in inner if z > bottom]
    return solids.lathe([(0, level[0]), *outer, *inner, (radius[0] - wall, bottom), (0, bottom)])


def _handle(rng: np.random.Generator, radius: np.ndarray, level: np.ndarray) -> Trimesh:
    """Bend a handle at the back, from the upper part of the wall to the lower."""
    height = level[-1] - level[0]
    top = level[0] + height * rng.uniform(0.78, 0.92)
    low = level[0] + height * rng.uniform(0.15, 0.3)
    reach, thick = rng.uniform(0.22, 0.36), rng.uniform(0.045, 0.065)
    square = rng.uniform(0.55, 1.0)
    angle = np.linspace(np.pi / 2, -np.pi / 2, 13)
    bend = np.abs(np.cos(angle)) ** square
    z = (top + low) / 2 + (top - low) / 2 * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** square
    wall = np.interp(z, level, radius) - 0.02
    path = np.stack([-wall - reach * bend, 0 * z, z], 1)
    return solids.tube(path, thick, round_ends=False)
