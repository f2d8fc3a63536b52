"""Draws energies over two numbers (x, y): surfaces as bands of colour, and cuts through them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patheffects import Normal, Stroke

from objrec.report.figures.svg import FAINT, INK, LINE, svg

# Bands of one width on a logarithmic scale: one scale then serves flat surfaces and steep ones.
BANDS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
# On the surfaces, whose colours are the same in light and dark pages.
TRUTH, LOWEST = "#ffffff", "#ff6a3d"


@dataclass(frozen=True)
class Panel:
    """One system at one moment.

    Attributes:
        title: Above it.
        energies: (N, P).
        lowest: Where the answers lie: arrays (N,) of y, NaN where there is none.
    """

    title: str
    energies: np.ndarray
    lowest: Sequence[np.ndarray]


@dataclass(frozen=True)
class Plane:
    """What all panels share.

    Attributes:
        x: (N,) evenly spaced.
        y: (P,) likewise.
        truth: Curves y(x), arrays (N,).
        truth_name: What the curves are called in the legend.
        lowest_name: What the answers are called there.
    """

    x: np.ndarray
    y: np.ndarray
    truth: Sequence[np.ndarray]
    truth_name: str
    lowest_name: str = "lowest energy at each x"


def surfaces(plane: Plane, panels: Sequence[Panel], name: str, alt: str) -> str:
    """Draw the surfaces of several systems side by side, with one colour scale."""

    def draw(figure: Figure) -> None:
        rows = figure.subplots(1, len(panels), sharey=True, squeeze=False)
        for axes, panel in zip(rows[0], panels, strict=True):
            image = _surface(axes, plane, panel)
        rows[0, 0].set_ylabel("y")
        bar = figure.colorbar(image, ax=rows[0], shrink=0.9, pad=0.01, label="energy E(x, y)")
        bar.set_ticks(BANDS, labels=[f"{band:g}" for band in BANDS])
        bar.outline.set_visible(False)
        # A white line would not be seen on a light page: the key has ink in its place.
        keys = [_key(INK, "--"), _key(LOWEST, "", marker="o")]
        names = [plane.truth_name, plane.lowest_name]
        figure.legend(keys, names, loc="outside lower center", ncols=2, frameon=False)

    return svg(draw, 8.0, 2.9, name, alt)


def _surface(axes: Axes, plane: Plane, panel: Panel) -> AxesImage:
    x, y = plane.x, plane.y
    colours = matplotlib.colormaps["viridis"].resampled(len(BANDS))
    half_x, half_y = (x[1] - x[0]) / 2, (y[1] - y[0]) / 2
    image = axes.imshow(
        panel.energies.T,
        extent=(x[0] - half_x, x[-1] + half_x, y[0] - half_y, y[-1] + half_y),
        origin="lower",
        aspect="auto",
        cmap=colours,
        norm=BoundaryNorm(BANDS, len(BANDS), extend="max"),
        interpolation="nearest",
    )
    outline = [Stroke(linewidth=2.4, foreground="#00000080"), Normal()]
    for curve in plane.truth:
        axes.plot(x[::5], curve[::5], "--", color=TRUTH, linewidth=1.1, path_effects=outline)
    for answers in panel.lowest:
        axes.plot(x[::4], answers[::4], "o", color=LOWEST, markersize=2.2)
    axes.set_title(panel.title, fontsize=9)
    axes.set(xlabel="x", xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    axes.locator_params(nbins=4)
    return image


def _key(colour: str, style: str, marker: str = "") -> matplotlib.lines.Line2D:
    return matplotlib.lines.Line2D(
        [], [], color=colour, linestyle=style, marker=marker, markersize=4
    )


def pairs(x: np.ndarray, y: np.ndarray, plane: Plane, name: str, alt: str) -> str:
    """Draw the pairs (x, y) that are trained on, and the curves they come from."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.scatter(x, y, s=6, color=LINE[0], linewidths=0, label="training pair")
        for number, curve in enumerate(plane.truth):
            label = None if number else plane.truth_name
            axes.plot(plane.x, curve, "--", color=INK, linewidth=1, label=label)
        axes.set(xlabel="x", ylabel="y", ylim=(plane.y[0], plane.y[-1]))
        figure.legend(loc="outside right upper", frameon=False)

    return svg(draw, 5.4, 2.6, name, alt)


@dataclass(frozen=True)
class Cut:
    """The energy of one system over y at one x.

    Attributes:
        title: Above it.
        energies: (P,).
        marked: Indices of the minima.
    """

    title: str
    energies: np.ndarray
    marked: Sequence[int]


def cuts(y: np.ndarray, shown: Sequence[Cut], right: Sequence[float], name: str, alt: str) -> str:
    """Draw cuts side by side, each with a scale of its own.

    Args:
        y: (P,).
        shown: The systems.
        right: The right y, marked by dashed lines.
        name: Begins the ids.
        alt: What is seen.
    """

    def draw(figure: Figure) -> None:
        rows = figure.subplots(1, len(shown), squeeze=False)
        for axes, cut in zip(rows[0], shown, strict=True):
            for value in right:
                axes.axvline(value, color=INK, linestyle="--", linewidth=0.8)
            axes.plot(y, cut.energies, color=LINE[0], linewidth=1.6)
            marked = list(cut.marked)
            axes.plot(
                y[marked], cut.energies[marked], "o", color=LINE[1], markersize=5, clip_on=False
            )
            axes.set_title(cut.title, fontsize=9)
            axes.set(xlabel="y", xlim=(y[0], y[-1]), ylim=(0, None))
            axes.locator_params(nbins=4)
        rows[0, 0].set_ylabel("energy")

    return svg(draw, 8.0, 2.2, name, alt)


def histories(
    times: Sequence[int],
    values: Mapping[str, Sequence[float]],
    ylabel: str,
    name: str,
    alt: str,
) -> str:
    """Draw one positive quantity of several systems over the updates, on a logarithmic scale."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for number, (title, curve) in enumerate(values.items()):
            # Systems are told apart by dashes too, for those who do not see the colours.
            style = ("-", "--", "-.", ":")[number % 4]
            axes.plot(times, curve, style, color=LINE[number], linewidth=1.6, label=title)
        axes.set(xlabel="updates", ylabel=ylabel, yscale="log", xlim=(0, times[-1]))
        # The figures' text is plain: the usual powers of ten would show as their markup.
        axes.yaxis.set_major_formatter("{x:g}")
        axes.grid(axis="y", color=FAINT, linewidth=0.6)
        figure.legend(loc="outside right upper", frameon=False)

    return svg(draw, 7.0, 2.7, name, alt)
