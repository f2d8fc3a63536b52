"""Drawings of the demonstration `probabilities`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator, PercentFormatter

from objrec.demos.lesson import Player
from objrec.demos.probabilities.system import Training
from objrec.report.figures.svg import FAINT, INK, LINE, SOFT, svg

_STYLES = ("-", "--", ":")
_MARKERS = ("o", "s", "^")
_COLOURS = "cividis"  # bright where probable


def beta_player(
    energies: torch.Tensor,
    rows: Sequence[dict[str, Any]],
    names: Sequence[str],
    gibbs: Callable[[torch.Tensor, float], torch.Tensor],
) -> Player:
    """Return, for each beta, the probability of every answer and of every category."""
    azimuth = 30 * np.arange(energies.shape[1])
    frames = []
    for row in rows:

        def draw(figure: Figure, row: dict[str, Any] = row) -> None:
            left, right = figure.subfigures(1, 2, width_ratios=[1.5, 1])
            above, below = left.subplots(2, height_ratios=[1.5, 1], sharex=True)
            for k in range(len(names)):
                above.plot(azimuth, energies[k].numpy(), ms=3.5, **_style(k), label=names[k])
            above.set(ylabel="energy", ylim=(-0.2, 5.0))
            above.legend(frameon=False, fontsize=8, loc="upper left", ncols=3, labelcolor=INK)
            _probabilities(below, gibbs(energies[None], row["beta"])[0].numpy(), names)
            _bars(right.subplots(), row, names)

        shares = ", ".join(f"{n} {p:.0%}" for n, p in zip(names, row["probability"], strict=True))
        alt = f"β {row['beta']:g}: probabilities of the categories: {shares}."
        frames.append(svg(draw, 7.6, 3.7, f"beta-{str(row['beta']).replace('.', '-')}", alt))
    return Player(frames, [f"β = {row['beta']:g}" for row in rows], "inverse temperature β")


def free_energy_figure(
    rows: Sequence[dict[str, Any]], minima: Sequence[float], names: Sequence[str], crossing: float
) -> str:
    """Draw the free energies against beta."""
    rows = [row for row in rows if row["free_energy"]]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        betas = [row["beta"] for row in rows]
        for k, name in enumerate(names):
            values = [row["free_energy"][k] for row in rows]
            axes.plot(betas, values, ms=3.5, **_style(k), label=name)
            axes.plot(betas[-1] * 1.12, minima[k], "_", ms=10, mew=2, color=LINE[k], clip_on=False)
        axes.axvline(crossing, color=SOFT, lw=0.8)
        place = {"xytext": (4, 4), "textcoords": "offset points", "color": INK, "fontsize": 8}
        axes.annotate(f"both decide alike from β = {crossing:.2f}", (crossing, -3), **place)
        axes.set_xscale("log")
        axes.set_xticks([0.5, 1, 2, 5, 10, 20], ["0.5", "1", "2", "5", "10", "20"])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set(xlabel="inverse temperature β", ylabel="free energy F")
        axes.set(xlim=(0.5, betas[-1]), ylim=(-4.5, 0.9))
        axes.legend(loc="lower right", frameon=False, fontsize=8, labelcolor=INK)

    last = ", ".join(f"{n} {v:.2f}" for n, v in zip(names, minima, strict=True))
    alt = f"Free energies rise with β towards the minima: {last}. They cross at β {crossing:.2f}."
    return svg(draw, 6.4, 3.0, "free-energy", alt)


def limit_figure(rows: Sequence[dict[str, float]], names: Sequence[str]) -> str:
    """Draw the difference between NLL and perceptron loss against beta, with its bound."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        betas = [row["beta"] for row in rows]
        bound = [row["bound"] for row in rows]
        axes.plot(betas, bound, color=INK, lw=1.2)
        axes.text(betas[-1] * 1.1, bound[-1], "log(36) / β", va="bottom", color=INK)
        for k, name in enumerate(names):
            sizes = np.abs([row[name] for row in rows])
            seen = np.where(sizes > 1e-9, sizes, np.nan)  # below is rounding
            axes.plot(betas, seen, ms=3, **_style(k), label=name)
        axes.set(xscale="log", yscale="log", xlabel="inverse temperature β")
        axes.set(ylabel="|NLL − perceptron|", ylim=(1e-4, 60))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.legend(frameon=False, fontsize=8, labelcolor=INK, title="right category")

    alt = "The difference between NLL and perceptron loss falls with β, below log(36)/β throughout."
    return svg(draw, 6.4, 3.2, "limit", alt)


def training_player(energies: torch.Tensor, training: Training, names: Sequence[str]) -> Player:
    """Return the learned energies after so many updates beside the hidden ones, both with Z = 1."""
    azimuth, hidden = 30 * np.arange(energies.shape[1]), _levelled(energies)
    frames = []
    for at, table in zip(training.at, training.tables, strict=True):

        def draw(figure: Figure, table: torch.Tensor = table) -> None:
            panels, learned = figure.subplots(1, len(names), sharey=True), _levelled(table)
            for k, axes in enumerate(panels):
                axes.plot(azimuth, hidden[k], color=FAINT, lw=3)
                axes.plot(azimuth, learned[k], ls="none", marker=_MARKERS[k], ms=4, color=LINE[k])
                axes.set_title(names[k], fontsize=10, loc="left")
                axes.set(xlabel="azimuth (°)", xticks=[0, 90, 180, 270], ylim=(1.8, 7.4))
            panels[0].set_ylabel("energy")

        alt = f"Learned energies of three categories after {at} updates, beside the hidden ones."
        frames.append(svg(draw, 7.6, 2.9, f"table-{at}", alt))
    captions = [
        f"after {at} updates, NLL {loss:.3f}"
        for at, loss in zip(training.at, training.losses, strict=True)
    ]
    return Player(frames, captions, "updates")


def _style(index: int) -> dict[str, Any]:
    return {"color": LINE[index], "ls": _STYLES[index], "marker": _MARKERS[index], "lw": 1.5}


def _levelled(table: torch.Tensor) -> np.ndarray:
    return (table + torch.logsumexp(-table.flatten(), 0)).numpy()


def _probabilities(axes: Axes, chances: np.ndarray, names: Sequence[str]) -> None:
    axes.imshow(
        chances,
        cmap=_COLOURS,
        vmin=0,
        vmax=chances.max(),
        extent=(-15, 345, len(names) - 0.5, -0.5),
        aspect="auto",
    )
    axes.set_yticks(range(len(names)), names)
    axes.set_xticks(range(0, 360, 60))
    axes.tick_params(length=0)
    axes.set_xlabel(f"azimuth (°); largest P(y, z) = {chances.max():.1%}")
    axes.spines[:].set_visible(False)


def _bars(axes: Axes, row: dict[str, Any], names: Sequence[str]) -> None:
    places = np.arange(len(names))
    colours = LINE[: len(names)]
    axes.barh(places - 0.2, row["probability"], 0.36, color=colours)
    axes.barh(places + 0.2, row["probability_from_minima"], 0.36, fc="none", ec=colours, lw=1.4)
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="probability of the category")
    axes.set_title("filled: azimuths summed\nopen: from the lowest energy", fontsize=9, loc="left")
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.tick_params(length=0)
