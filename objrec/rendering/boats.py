"""The recipe for boats; see `meshes` for what a recipe is."""

from __future__ import annotations

import numpy as np
from trimesh import Trimesh

from objrec.rendering import solids

STYLES = ("motor boat", "sailing boat", "steamer", "rowing boat", "trawler")


def boat(rng: np.random.Generator, style: str) -> list[Trimesh]:
    """Build a boat of length 1, lying on its keel."""
    draw = rng.uniform
    slim = {"rowing boat": (0.15, 0.19), "sailing boat": (0.13, 0.17)}.get(style, (0.15, 0.2))
    beam, depth = draw(*slim), draw(0.13, 0.2)
    open_hull = style == "rowing boat"
    floor = 0.35 * depth if open_hull else depth * draw(0.75, 0.85)
    parts = [_hull(rng, beam, depth, floor)]
    builders = {
        "motor boat": _motor_boat,
        "sailing boat": _rig,
        "steamer": _steamer,
        "rowing boat": _benches,
        "trawler": _trawler,
    }
    return parts + builders[style](rng, beam, depth, floor)


def _hull(rng: np.random.Generator, beam: float, depth: float, floor: float) -> Trimesh:
    """Loft a hull with a pointed bow at x = 0.5 and a transom at x = -0.5."""
    stern, full = rng.uniform(0.6, 0.9), rng.uniform(2.0, 3.0)
    lift, flare = rng.uniform(0.25, 0.6) * depth, rng.uniform(0.55, 0.75)
    rings = []
    for x in (-0.5, -0.47, -0.3, -0.1, 0.1, 0.22, 0.32, 0.4, 0.46, 0.49, 0.5):
        fore = max(0.0, (x + 0.05) / 0.55)
        half = beam * (1 - fore**full) * (1 if x > -0.1 else 1 - (1 - stern) * (-0.1 - x) / 0.4)
        half = max(half, 0.008)
        top = depth + lift * fore**2
        keel = 0.6 * depth * fore**4
        inner = top - 0.002 if x in (-0.5, 0.46, 0.49, 0.5) else floor + lift * fore**2
        wall = min(0.025, 0.3 * half)
        bilge = keel + 0.25 * (top - keel)
        side = [(half, top), (half * (1 + flare) / 2, bilge + 0.3 * (top - bilge))]
        side += [(half * flare, keel + 0.05 * (top - keel)), (0, keel)]
        inside = [(half - wall, inner), (half - wall, top)]
        outer = side + [(-y, z) for y, z in side[-2::-1]]
        section = outer + [(-y, z) for y, z in inside[::-1]] + inside
        rings.append([(x, y, z) for y, z in section])
    return solids.loft(np.array(rings))


def _house(back: float, front: float, low: float, high: float, half: float) -> Trimesh:
    """Make a deck-house with a raked front."""
    rake = 0.35 * (high - low)
    outline = [(back, low), (front, low), (front - rake, high), (back + 0.3 * rake, high)]
    return solids.extrude(outline, [half, half, half * 0.85, half * 0.85], bevel=0.012)


def _motor_boat(rng: np.random.Generator, beam: float, depth: float, floor: float) -> list[Trimesh]:
    draw = rng.uniform
    front, height = draw(0.12, 0.22), draw(0.1, 0.16)
    parts = [_house(front - draw(0.3, 0.4), front, floor, depth + height, beam * 0.75)]
    if draw() < 0.6:
        parts += [_house(front - 0.24, front - 0.1, depth, depth + height + 0.1, beam * 0.5)]
    motor = solids.box([0.08, 0.09, 0.16], [-0.5, 0, depth * 0.95])
    return [*parts, motor]


def _rig(rng: np.random.Generator, beam: float, depth: float, floor: float) -> list[Trimesh]:
    draw = rng.uniform
    mast, top = draw(0.02, 0.14), draw(0.75, 1.0)
    boom = depth + draw(0.08, 0.14)
    main = [(mast - 0.01, boom), (mast - 0.01, top - 0.04), (draw(-0.45, -0.3), boom)]
    parts = [solids.rod([mast, 0, floor * 0.5], [mast, 0, top], 0.016)]
    parts += [solids.extrude(main, 0.012)]
    if draw() < 0.7:
        jib = [(mast + 0.03, boom), (0.47, depth + 0.12), (mast + 0.03, top * draw(0.7, 0.95))]
        parts += [solids.extrude(jib, 0.01)]
    high = depth + draw(0.03, 0.06)
    return [*parts, _house(mast - draw(0.25, 0.32), mast + 0.05, floor, high, beam * 0.55)]


def _steamer(rng: np.random.Generator, beam: float, depth: float, floor: float) -> list[Trimesh]:
    draw = rng.uniform
    front, deck = draw(0.12, 0.2), depth + draw(0.06, 0.1)
    parts = [_house(-draw(0.3, 0.38), front, floor, deck, beam * 0.75)]
    bridge = deck + draw(0.06, 0.1)
    parts += [_house(front - 0.16, front - 0.02, deck - 0.02, bridge, beam * 0.7)]
    count, radius, height = int(rng.integers(1, 4)), draw(0.035, 0.05), draw(0.14, 0.22)
    for x in np.linspace(-0.2, front - 0.22, count + 2)[1:-1]:
        parts += [solids.rod([x, 0, deck - 0.03], [x - 0.03, 0, deck + height], radius)]
    return parts


def _benches(rng: np.random.Generator, beam: float, depth: float, floor: float) -> list[Trimesh]:
    level = 0.8 * depth
    places = np.linspace(-0.33, 0.2, int(rng.integers(2, 4)))
    parts = [solids.box([0.07, 1.7 * beam, 0.025], [x, 0, level]) for x in places]
    if rng.uniform() < 0.6:
        x, reach = places[-1] - 0.12, beam + rng.uniform(0.15, 0.22)
        oar = solids.tube([[x, 0.6 * beam, depth + 0.03], [x - 0.08, reach, depth * 0.6]], 0.014)
        parts += solids.both(oar)
    return parts


def _trawler(rng: np.random.Generator, beam: float, depth: float, floor: float) -> list[Trimesh]:
    """Put the wheel-house aft or forward, with a mast and a boom over the open deck."""
    draw = rng.uniform
    aft = draw() < 0.5
    x = draw(-0.36, -0.28) if aft else draw(0.08, 0.14)
    high = depth + draw(0.18, 0.26)
    parts = [_house(x, x + draw(0.18, 0.24), floor, high, beam * 0.6)]
    foot = draw(0.08, 0.16) if aft else draw(-0.2, -0.1)
    top = high + draw(0.1, 0.2)
    parts += [solids.rod([foot, 0, floor * 0.5], [foot, 0, top], 0.016)]
    tip = foot - 0.28 if aft else foot - 0.25
    parts += [solids.rod([foot, 0, depth + 0.1], [tip, 0, top - 0.08], 0.013)]
    return [*parts, solids.box([0.12, beam, 0.06], [foot - 0.12, 0, floor + 0.03])]
