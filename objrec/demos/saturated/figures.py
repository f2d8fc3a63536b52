"""Drawings of the demonstration `saturated`: two energies with one valley."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from objrec.demos.lesson import Player
from objrec.demos.saturated.system import Training
from objrec.report.figures.svg import FAINT, INK, LINE, SOFT, svg

Energy = Callable[[torch.Tensor], torch.Tensor]
# Steps of colour, not a ramp: their edges are level lines, and the pictures stay small.
COLOURS = ListedColormap(colormaps["viridis"](np.linspace(0, 0.9, 16)))
_TOP = {"quadratic": 4.0, "saturated": 1.0}
_STYLE = {
    "quadratic": {"color": LINE[0], "ls": "-"},
    "saturated": {"color": LINE[1], "ls": "--"},
}
_HIGH = 3.0  # largest answer drawn


def training_player(training: Training, energies: Mapping[str, Energy]) -> Player:
    """Return both energy surfaces over (x, y) after so many updates."""
    answers = torch.linspace(-_HIGH, _HIGH, 91)
    frames = []
    for at, curve in zip(training.at, training.curves, strict=True):

        def draw(figure: Figure, curve: torch.Tensor = curve) -> None:
            both = figure.subplots(1, 2, sharey=True)
            for axes, (name, energy) in zip(both, energies.items(), strict=True):
                surface = energy(answers[:, None] - curve[None, ::2]).numpy()
                _surface(axes, training, surface, _TOP[name])
                axes.plot(training.grid[::3].numpy(), curve[::3].numpy(), color="white", lw=1.3)
                axes.set_title(f"{name} energy", fontsize=10, loc="left")
                axes.set_xlabel("input x")
            both[0].set_ylabel("answer y")

        alt = f"Two energies over inputs and answers after {at} updates; one valley in both."
        frames.append(svg(draw, 7.6, 3.4, f"training-{at}", alt))
    return Player(frames, [f"after {at} updates" for at in training.at], "updates")


def range_player(rows: list[dict[str, Any]], energies: Mapping[str, Energy], near: float) -> Player:
    """Return, for each range, exp(-E) over it, its integral and the right answers' probability."""
    frames = []
    for count in range(1, len(rows) + 1):

        def draw(figure: Figure, count: int = count) -> None:
            upper, lower = figure.subplots(2, 2, height_ratios=[1, 1.15])
            for axes, (name, energy) in zip(upper, energies.items(), strict=True):
                _area(axes, energy, name, rows[count - 1]["range"], rows[-1]["range"])
            _against_range(lower[0], rows, "integral", count, "integral Z of exp(−E)")
            _against_range(lower[1], rows, "probability", count, f"P(|d| < {near:g})")
            lower[0].set_ylim(0)
            lower[1].set_ylim(0, 0.7)

        row = rows[count - 1]
        alt = (
            f"Range {row['range']}: the integral is {row['integral_quadratic']:.2f} for the "
            f"quadratic energy, {row['integral_saturated']:.2f} for the saturated one; the right "
            f"answers have probability {row['probability_quadratic']:.2f} and "
            f"{row['probability_saturated']:.2f}."
        )
        frames.append(svg(draw, 7.6, 4.4, f"range-{row['range']}", alt))
    return Player(frames, [f"range −{row['range']} to {row['range']}" for row in rows], "range")


def height_figure(rows: list[dict[str, Any]]) -> str:
    """Draw the factor of highest likelihood against the range."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        reach = [row["range"] for row in rows]
        for name, style in _STYLE.items():
            values = [row[name] for row in rows]
            axes.plot(reach, values, "o", ms=4, color=style["color"])
            axes.plot(reach, values, lw=1.5, **style)
            axes.text(reach[-1] * 1.08, values[-1], name, color=style["color"], va="center")
        axes.set_xscale("log", base=2)
        axes.set_xticks(reach, [str(r) for r in reach])
        axes.set(xlabel="range R of the answers allowed", ylabel="best factor s")
        axes.set_ylim(0)

    alt = "; ".join(
        f"range {row['range']}: {row['quadratic']:.2f} and {row['saturated']:.2f}" for row in rows
    )
    return svg(draw, 5.6, 2.8, "heights", f"Best factor, quadratic and saturated: {alt}.")


def _surface(axes: Axes, training: Training, surface: np.ndarray, top: float) -> None:
    ends = float(training.grid[0]), float(training.grid[-1])
    style = {"interpolation": "bilinear", "interpolation_stage": "data", "cmap": COLOURS}
    extent = (*ends, -_HIGH, _HIGH)
    image = axes.imshow(
        surface, origin="lower", extent=extent, aspect="auto", vmin=0, vmax=top, **style
    )
    bar = axes.figure.colorbar(image, ax=axes, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_ticks(np.linspace(0, top, 5))
    axes.plot(training.x.numpy(), training.y.numpy(), "o", ms=2.4, mfc="#ffcf70", mec="none")
    axes.set(xlim=ends, ylim=(-_HIGH, _HIGH))
    axes.spines[:].set_visible(False)


def _area(axes: Axes, energy: Energy, name: str, reach: float, furthest: float) -> None:
    # Fine in the valley, where the curves bend; two points do for the plain.
    near = torch.linspace(-3, 3, 61, dtype=torch.float64)
    every = torch.cat([torch.tensor([-furthest]), near, torch.tensor([furthest])]).double()
    inside = torch.cat([torch.tensor([-reach]), near, torch.tensor([reach])]).double()
    inside = inside[inside.abs() <= reach].sort().values
    colour = _STYLE[name]["color"]
    axes.fill_between(
        inside.numpy(), torch.exp(-energy(inside)).numpy(), color=colour, alpha=0.35, lw=0
    )
    axes.plot(every.numpy(), energy(every).numpy(), color=INK, lw=1.2)
    for side in (-reach, reach):
        axes.axvline(side, color=SOFT, lw=0.8)
    axes.set(xlim=(-furthest, furthest), ylim=(0, 1.6), xlabel="distance d of the answer")
    axes.set_title(f"{name}: energy, and exp(−E) filled", fontsize=9, loc="left")


def _against_range(
    axes: Axes, rows: list[dict[str, Any]], what: str, count: int, label: str
) -> None:
    reach = [row["range"] for row in rows]
    for name, style in _STYLE.items():
        values = [row[f"{what}_{name}"] for row in rows]
        axes.plot(reach, values, color=FAINT, lw=1)
        axes.plot(reach[:count], values[:count], lw=1.6, **style)
        axes.plot(reach[count - 1], values[count - 1], "o", ms=5, color=style["color"])
    axes.set(xlim=(0, reach[-1] + 1), xlabel="range R", ylabel=label)
