"""Figures of the demonstration `factors`: a factor graph with its beliefs, and errors of loops."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi, sin

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from matplotlib.ticker import PercentFormatter

from objrec.demos.factors.messages import Propagation
from objrec.demos.factors.system import Point
from objrec.report.figures.svg import ACCENT, FAINT, INK, LINE, PAPER, QUIET, SOFT, WRONG, svg

Tensor = torch.Tensor

_MOVED = 1e-9  # a message that changes by less has not changed
# Centres of the scene's variables, and of its factors in order; a box is _BOX wide and high.
_PLACES = ((0.0, 0.0), (2.3, 0.0), (4.6, 0.0), (6.9, 0.85), (6.9, -0.85))
_SQUARES = ((0.0, 1.0), (1.15, 0.0), (3.45, 0.0), (5.75, 0.43), (5.75, -0.43), (6.9, -1.85))
_BOX = (1.7, 1.15)


def scene_frames(
    soft: Propagation, exact: list[Tensor], names: Sequence[str], states: Sequence[Sequence[str]]
) -> tuple[list[str], list[str]]:
    """Draw the tree after each step, and say what each frame shows."""
    frames, captions = [], []
    for at in range(soft.iterations + 1):

        def draw(figure: Figure, at: int = at) -> None:
            axes = figure.subplots()
            axes.set(xlim=(-0.95, 7.9), ylim=(-2.05, 1.55), aspect="equal")
            axes.axis("off")
            _edges(axes, soft, at)
            for v, belief in enumerate(soft.marginals(at)):
                _variable(axes, _PLACES[v], names[v], states[v], belief, exact[v])

        top = [s[int(b.argmax())] for s, b in zip(states, soft.marginals(at), strict=True)]
        alt = f"Factor graph after {at} steps; most probable states: {', '.join(top)}."
        frames.append(svg(draw, 7.6, 3.1, f"scene-{at}", alt))
        captions.append("before any message" if not at else f"after {at} step{'s' * (at > 1)}")
    return frames, captions


def _edges(axes: Axes, soft: Propagation, at: int) -> None:
    for f, v in soft.graph.edges:
        start, end = np.array(_SQUARES[f]), np.array(_PLACES[v])
        axes.plot(*zip(start, end, strict=True), color=SOFT, lw=1, zorder=1)
        if at and _changed(soft, at, (f, v)):
            tip = _edge_of_box(start, end)
            style = {"arrowstyle": "-|>", "color": WRONG, "lw": 2, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", tip, start, arrowprops=style, zorder=2)
    for x, y in _SQUARES:
        axes.add_patch(Rectangle((x - 0.1, y - 0.1), 0.2, 0.2, fc=INK, ec="none", zorder=3))


def _changed(soft: Propagation, at: int, edge: tuple[int, int]) -> bool:
    change = soft.history[at][edge] - soft.history[at - 1][edge]
    return float(change.abs().max()) > _MOVED


def _edge_of_box(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return where the way to a box's centre enters the box."""
    way = start - end
    with np.errstate(divide="ignore"):
        share = np.min(np.array(_BOX) / 2 / np.abs(way))
    return end + way * share


def _variable(
    axes: Axes,
    place: tuple[float, float],
    name: str,
    states: Sequence[str],
    belief: Tensor,
    exact: Tensor,
) -> None:
    (width, height), (x, y) = _BOX, place
    left, top = x - width / 2, y + height / 2
    axes.add_patch(Rectangle((left, y - height / 2), width, height, fc=PAPER, ec=SOFT, zorder=4))
    axes.text(left + 0.06, top - 0.14, name, weight="bold", va="center", zorder=6)
    pitch = (height - 0.3) / len(states)
    for i, state in enumerate(states):
        middle = top - 0.27 - (i + 0.5) * pitch
        start, full = left + 0.85, width - 0.95
        bar = (start, middle - 0.3 * pitch)
        axes.add_patch(Rectangle(bar, full, 0.6 * pitch, fc=QUIET, ec="none", zorder=5))
        share = full * float(belief[i])
        axes.add_patch(Rectangle(bar, share, 0.6 * pitch, fc=ACCENT, ec="none", zorder=5))
        mark = start + full * float(exact[i])
        axes.plot([mark] * 2, [middle - 0.42 * pitch, middle + 0.42 * pitch], color=INK, zorder=6)
        axes.text(left + 0.06, middle, state, va="center", size=8, zorder=6)


def assignments_figure(energies: Tensor, axis: int, names: Sequence[str]) -> str:
    """Draw the energy of every assignment as a dot, in one column a state of one variable."""
    columns = energies.movedim(axis, 0).flatten(1)
    free = -torch.logsumexp(-columns, 1)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for i, column in enumerate(columns.numpy()):
            # Dots of a column are spread by rank, so that none hides another.
            spread = 0.3 * np.sin(np.arange(len(column)) * 2.4)
            axes.scatter(i + spread, column, s=14, color=LINE[i], alpha=0.75, lw=0)
            axes.hlines(column.min(), i - 0.4, i + 0.4, color=INK, lw=1.5)
            axes.plot(i, float(free[i]), "D", color=INK, ms=6)
        axes.set_xticks(range(len(names)), names)
        axes.set(ylabel="energy", xlim=(-0.6, len(names) - 0.4))

    ends = [f"{n}: {c.min():.1f} and {f:.1f}" for n, c, f in zip(names, columns, free, strict=True)]
    alt = f"Dots of all energies; minimum and free energy of each column: {'; '.join(ends)}."
    return svg(draw, 5.2, 3.0, "assignments", alt)


def patch_frames(
    ring: Propagation, exact: list[Tensor], steps: Sequence[int]
) -> tuple[list[str], list[str]]:
    """Draw the ring's beliefs after some of the steps, and say what each frame shows."""
    true = [float(p[1]) for p in exact]
    found = [[float(p[1]) for p in ring.marginals(at)] for at in range(ring.iterations + 1)]
    errors = np.abs(np.array(found) - np.array(true)).max(axis=1)
    frames, captions = [], []
    for at in steps:

        def draw(figure: Figure, at: int = at) -> None:
            left, middle, right = figure.subplots(1, 3, width_ratios=[1.1, 1.2, 1.2])
            _ring(left, found[at])
            _bars(middle, found[at], true)
            right.plot(errors, color=FAINT, lw=1.5)
            right.plot(errors[: at + 1], color=WRONG, lw=1.5)
            right.plot(at, errors[at], "o", color=WRONG, clip_on=False)
            right.set(xlabel="steps", ylabel="largest error", ylim=(0, None))
            right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))

        alt = f"Ring of six patches after {at} steps; the largest error is {errors[at]:.0%}."
        frames.append(svg(draw, 7.6, 2.5, f"ring-{at}", alt))
        captions.append(f"after {at} step{'s' * (at != 1)}")
    return frames, captions


def _ring(axes: Axes, found: list[float]) -> None:
    turns = [2 * pi * i / len(found) for i in range(len(found))]
    places = [(sin(turn), cos(turn)) for turn in turns]
    axes.plot(*zip(*places, places[0], strict=True), color=SOFT, lw=2, zorder=1)
    for (x, y), chance in zip(places, found, strict=True):
        fill = colormaps["cividis"](chance)
        axes.add_patch(Circle((x, y), 0.32, fc=fill, ec=SOFT, zorder=2))
        ink = "#ffffff" if chance < 0.5 else "#000000"
        axes.text(x, y, f"{chance:.0%}", color=ink, ha="center", va="center", size=8, zorder=3)
    axes.set(xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), aspect="equal")
    axes.axis("off")
    for i, (x, y) in enumerate(places, 1):
        axes.text(0.52 * x, 0.52 * y, f"{i}", color=SOFT, ha="center", va="center", size=8)


def _bars(axes: Axes, found: list[float], true: list[float]) -> None:
    numbers = np.arange(1, len(found) + 1)
    axes.bar(numbers, found, 0.7, color=ACCENT, label="messages")
    axes.hlines(true, numbers - 0.42, numbers + 0.42, color=INK, lw=2, label="exact")
    axes.set(ylim=(0, 1), xlabel="patch", ylabel="probability of object")
    axes.set_xticks(numbers)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def curves_figure(points: dict[str, list[Point]]) -> str:
    """Draw the largest error over the coupling, one line a graph."""
    kinds = {
        "ring": ("ring", 0, "o", "-"),
        "everyone": ("all with all", 1, "s", "-"),
        "everyone damped": ("all with all, damped", 2, "^", "--"),
    }

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for name, (label, colour, marker, style) in kinds.items():
            x, y = ([getattr(p, key) for p in points[name]] for key in ("coupling", "error"))
            axes.plot(x, y, style, color=LINE[colour], lw=1.5, label=label)
            for point in points[name]:
                fill = LINE[colour] if point.settled else PAPER
                spot = (point.coupling, point.error)
                axes.plot(*spot, marker, mfc=fill, mec=LINE[colour], ms=5, clip_on=False)
        axes.set(ylim=(0, 1), xlabel="coupling J: cost of a disagreement", ylabel="largest error")
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.legend(frameon=False, loc="upper right")

    ends = [f"{k[0]} {points[n][-1].error:.0%}" for n, k in kinds.items()]
    alt = f"Error of the probabilities over the coupling; at the strongest: {', '.join(ends)}."
    return svg(draw, 6.4, 3.2, "curves", alt)
