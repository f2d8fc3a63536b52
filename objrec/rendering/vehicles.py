"""Recipes for airplanes and cars; see `meshes` for what a recipe is."""

from __future__ import annotations

import numpy as np
from trimesh import Trimesh

from objrec.rendering import solids

CAR_STYLES = ("saloon", "van", "pickup", "sports", "hatchback")
AIRPLANE_STYLES = ("airliner", "propeller", "fighter", "transport", "biplane")


def car(rng: np.random.Generator, style: str) -> list[Trimesh]:
    """Build a car of length 1."""
    draw = rng.uniform
    low, tall = style == "sports", style == "van"
    width = draw(0.19, 0.23)
    radius = draw(0.085, 0.12)
    floor = radius * draw(0.7, 0.95)
    belt = floor + (draw(0.14, 0.17) if low else draw(0.18, 0.24))
    nose = belt - draw(0.02, 0.07)
    screen = {"van": draw(0.36, 0.42), "sports": draw(0.02, 0.1)}.get(style, draw(0.14, 0.24))
    boot = {"van": -0.49, "hatchback": -0.47, "pickup": draw(-0.16, -0.08)}.get(
        style, draw(-0.36, -0.24)
    )
    body = [(-0.5, floor + 0.03), (-0.46, floor), (0.46, floor), (0.5, floor + 0.03)]
    body += [(0.49, nose - 0.02), (screen, belt), (boot, belt), (-0.49, belt - draw(0.0, 0.03))]
    parts = [solids.extrude(body, width, bevel=0.02)]
    parts += [_cabin(rng, style, (boot, screen), belt, belt + _roof(rng, style), width)]
    for x in (draw(0.26, 0.34), draw(-0.34, -0.26)):
        parts += solids.both(solids.wheel((x, width - 0.015, radius), radius, draw(0.09, 0.11)))
    if style == "pickup":
        parts += _bed(boot, belt, draw(0.05, 0.09), width)
    if low:
        height = belt + draw(0.06, 0.1)
        parts += [solids.box([0.09, 2 * width, 0.02], [-0.45, 0, height])]
        post = [-0.45, 0.6 * width, belt - 0.03], [-0.45, 0.6 * width, height]
        parts += solids.both(solids.rod(*post, 0.015))
    if tall and draw() < 0.5:
        parts += solids.both(solids.rod([-0.4, 0.1, belt + 0.3], [0.2, 0.1, belt + 0.3], 0.015))
    parts += solids.both(solids.ellipsoid([0.02, 0.035, 0.03], [0.49, width * 0.7, nose - 0.05]))
    return parts


def _roof(rng: np.random.Generator, style: str) -> float:
    low, high = {"van": (0.22, 0.32), "sports": (0.1, 0.13)}.get(style, (0.14, 0.2))
    return rng.uniform(low, high)


def _cabin(
    rng: np.random.Generator,
    style: str,
    span: tuple[float, float],
    belt: float,
    roof: float,
    width: float,
) -> Trimesh:
    back, front = span
    height = roof - belt
    rake = rng.uniform(0.4, 0.7) if style == "van" else rng.uniform(0.7, 1.1)
    slope = {"van": 0.05, "pickup": 0.1, "hatchback": rng.uniform(0.3, 0.6)}.get(
        style, rng.uniform(0.8, 1.3)
    )
    outline = [(back, belt - 0.03), (front, belt - 0.03), (front, belt)]
    outline += [(front - rake * height, roof), (back + slope * height, roof), (back, belt)]
    top = width * (rng.uniform(0.85, 0.93) if style == "van" else rng.uniform(0.68, 0.8))
    low = width * 0.95
    return solids.extrude(outline, [low, low, low, top, top, low], bevel=0.012)


def _bed(boot: float, belt: float, height: float, width: float) -> list[Trimesh]:
    """Make the side walls and the tailgate of a pickup."""
    middle, length = (boot - 0.49) / 2, boot + 0.49
    wall = solids.box([length, 0.03, height], [middle, width - 0.015, belt + height / 2])
    gate = solids.box([0.03, 2 * width, height], [-0.475, 0, belt + height / 2])
    return [*solids.both(wall), gate]


def airplane(rng: np.random.Generator, style: str) -> list[Trimesh]:
    """Build an airplane of about length 1, standing on its wheels."""
    draw = rng.uniform
    wide = {"fighter": (0.045, 0.06), "transport": (0.075, 0.09)}.get(style, (0.055, 0.07))
    radius = draw(*wide)
    z = radius + draw(0.07, 0.1)
    parts = [_fuselage(rng, style, radius, z)]
    root, span, sweep, tip = _wing_plan(rng, style)
    lead = draw(0.06, 0.14) if style != "propeller" else draw(0.16, 0.22)
    high = style == "transport" or (style == "propeller" and draw() < 0.5)
    level = z + (0.75 if high else -0.5) * radius
    rise = 0.0 if high else draw(0.02, 0.06)
    thick = draw(0.022, 0.03)
    ends = (lead, 0, level, root, thick), (lead - sweep, span, level + rise, tip, thick * 0.7)
    parts += solids.both(solids.blade(*ends))
    if style == "biplane":
        top = level + draw(0.17, 0.22)
        upper = (lead + 0.04, 0, top, root, thick), (lead + 0.04 - sweep, span, top, tip, thick)
        x = lead - 0.4 * root
        strut = solids.rod([x, 0.65 * span, level], [x, 0.65 * span, top], 0.011)
        inner = solids.rod([x, 0.04, z], [x, 0.09, top], 0.011)
        parts += solids.both(solids.blade(*upper), strut, inner)
    parts += _tail(rng, style, radius, z)
    parts += _engines(rng, style, (lead, sweep, span, level), radius, z)
    parts += solids.both(solids.tube([[lead - 0.1, 0.06, z], [lead - 0.12, 0.1, 0.03]], 0.013))
    parts += solids.both(solids.wheel([lead - 0.12, 0.1, 0.035], 0.035, 0.03))
    return parts


def _fuselage(rng: np.random.Generator, style: str, radius: float, z: float) -> Trimesh:
    nose = rng.uniform(0.3, 0.5) if style in ("propeller", "biplane") else rng.uniform(0.1, 0.3)
    end = rng.uniform(0.15, 0.3)
    up = radius * rng.uniform(0.4, 0.8)
    stations = [
        (-0.5, z + up, radius * end, radius * end),
        (-0.25, z + 0.3 * up, radius * 0.8, radius * 0.8),
        (-0.05, z, radius, radius),
        (0.3, z, radius, radius),
        (0.42, z, radius * 0.8, radius * 0.75),
        (0.48, z - 0.1 * radius, radius * (nose + 0.25), radius * (nose + 0.2)),
        (0.5, z - 0.1 * radius, radius * nose, radius * nose),
    ]
    return solids.hulls(stations, power=2.2)


def _wing_plan(rng: np.random.Generator, style: str) -> tuple[float, float, float, float]:
    """Draw root chord, half span, sweep (how far back the tip begins) and tip chord."""
    draw = rng.uniform
    if style == "fighter":
        return draw(0.4, 0.5), draw(0.26, 0.34), draw(0.3, 0.4), draw(0.04, 0.1)
    if style in ("propeller", "biplane"):
        root = draw(0.15, 0.2)
        return root, draw(0.42, 0.52), draw(0.0, 0.04), root * draw(0.7, 1.0)
    root = draw(0.18, 0.24)
    return root, draw(0.42, 0.52), draw(0.14, 0.26), root * draw(0.35, 0.5)


def _tail(rng: np.random.Generator, style: str, radius: float, z: float) -> list[Trimesh]:
    draw = rng.uniform
    height, chord, sweep = draw(0.15, 0.22), draw(0.13, 0.18), draw(0.06, 0.14)
    base = z + 0.6 * radius
    top = (-0.35 - sweep, 0, base + height, chord * 0.6, 0.02)
    parts = [solids.blade((-0.35, 0, base, chord, 0.03), top, upright=True)]
    if style == "transport" or (style == "airliner" and draw() < 0.5):
        level, lead = base + height, -0.35 - sweep
    else:
        level, lead = z + 0.4 * radius, -0.38
    half, back = draw(0.14, 0.2), draw(0.02, 0.08)
    ends = (lead, 0, level, chord * 0.8, 0.02), (lead - back, half, level, chord * 0.5, 0.015)
    return parts + solids.both(solids.blade(*ends))


def _engines(
    rng: np.random.Generator,
    style: str,
    wing: tuple[float, float, float, float],
    radius: float,
    z: float,
) -> list[Trimesh]:
    lead, sweep, span, level = wing
    draw = rng.uniform
    if style in ("propeller", "biplane"):
        disc = solids.rod([0.5, 0, z], [0.515, 0, z], draw(0.1, 0.13))
        return [disc, solids.ellipsoid([0.05, 0.03, 0.03], [0.51, 0, z])]
    if style == "fighter":
        canopy = solids.ellipsoid([0.13, radius * 0.6, radius * 0.7], [0.2, 0, z + radius * 0.8])
        level = z - 0.3 * radius
        intake = solids.hulls([(-0.4, level, 0.025, 0.025), (0.1, level, 0.03, 0.035)], power=4)
        intake.apply_translation([0, radius, 0])
        return [canopy, *solids.both(intake)]
    parts = []
    size, length = draw(0.03, 0.042), draw(0.12, 0.16)
    for part in (0.34, 0.64) if style == "transport" or draw() < 0.3 else (0.36,):
        x, drop = lead - part * sweep, level - size * 0.9
        engine = [(x - length * 0.6, drop, size * 0.6, size * 0.6), (x, drop, size, size)]
        engine += [(x + length * 0.5, drop, size * 0.9, size * 0.9)]
        parts.append(solids.hulls(engine))
        parts[-1].apply_translation([0, part * span, 0])
    return solids.both(*parts)
