"""Figures of the demonstration `sequence`: strips, their trellis, and errors over training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from objrec.demos.sequence.trellis import Reading
from objrec.report.figures.svg import INK, LINE, RIGHT, SOFT, WRONG, svg

Tensor = torch.Tensor

_HIGHEST = 20.0  # energies above the best reading's are shown up to this
_ON_SURFACE = "#ffffff"
_PIXELS = {"cmap": "gray", "vmin": -0.3, "vmax": 1.1, "aspect": "auto", "interpolation": "nearest"}
_ENERGIES = {"cmap": "viridis", "aspect": "auto", "interpolation": "nearest"}


@dataclass(frozen=True)
class Snapshot:
    """One strip, its energies and how it is read, at one moment.

    Attributes:
        pixels: (8, T).
        label: (P, D) energies.
        surface: (T + 1, n + 1) energy of the best reading through each cut and count of digits.
        reading: The lowest.
        true: The word that it should be.
    """

    pixels: Tensor
    label: Tensor
    surface: Tensor
    reading: Reading
    true: tuple[int, ...]


def trellis_frame(shown: Snapshot, name: str, last: Snapshot) -> str:
    """Draw a strip, the energies of its digits and the surface with the best path.

    Args:
        shown: What to draw.
        name: Of the figure.
        last: At the end of training: it sets the scale of the digits' energies.
    """
    low, high = torch.quantile(last.label, torch.tensor([0.01, 0.9])).tolist()

    def draw(figure: Figure) -> None:
        rows = figure.subplots(3, sharex=True, height_ratios=[1.3, 2.0, 1.4])
        _strip(rows[0], shown)
        _label_energies(figure, rows[1], shown, (low, high))
        _surface(figure, rows[2], shown)
        rows[2].set_xlabel("column")

    word = _word(shown.reading.labels)
    alt = f"Strip of {_word(shown.true)} read as {word}; energies of digits; path through a valley."
    return svg(draw, 7.4, 5.0, name, alt)


def _strip(axes: Axes, shown: Snapshot) -> None:
    height, columns = shown.pixels.shape
    extent = (0, columns, height, 0)
    axes.imshow(shown.pixels.numpy(), extent=extent, **_PIXELS)
    colour = RIGHT if shown.reading.labels == shown.true else WRONG
    for start, digit in zip(shown.reading.starts, shown.reading.labels, strict=True):
        box = Rectangle((start, 0), height, height, fc="none", ec=colour, lw=2, clip_on=False)
        axes.add_patch(box)
        axes.text(start + height / 2, -0.6, f"{digit}", ha="center", color=INK, weight="bold")
    axes.set(xlim=(0, columns), ylim=(height, 0), yticks=[])
    axes.spines[:].set_visible(False)
    axes.tick_params(bottom=False, labelbottom=False)


def _label_energies(
    figure: Figure, axes: Axes, shown: Snapshot, scale: tuple[float, float]
) -> None:
    positions, digits = shown.label.shape
    extent = (0, positions, digits - 0.5, -0.5)
    low, high = scale
    image = axes.imshow(shown.label.T.numpy(), vmin=low, vmax=high, extent=extent, **_ENERGIES)
    for start, digit in zip(shown.reading.starts, shown.reading.labels, strict=True):
        axes.add_patch(Rectangle((start, digit - 0.5), 1, 1, fc="none", ec=WRONG, lw=2))
    axes.set(ylabel="digit", yticks=range(0, digits, 3))
    figure.colorbar(image, ax=axes, label="energy", pad=0.01)


def _surface(figure: Figure, axes: Axes, shown: Snapshot) -> None:
    columns, counts = shown.surface.shape
    above = (shown.surface - shown.surface.min()).clamp(max=_HIGHEST)
    extent = (-0.5, columns - 0.5, counts - 0.5, -0.5)
    image = axes.imshow(above.T.numpy(), vmin=0, vmax=_HIGHEST, extent=extent, **_ENERGIES)
    xs, ys = [0], [0]
    width = columns - len(shown.label)
    for count, start in enumerate(shown.reading.starts):
        xs += [start, start + width]
        ys += [count, count + 1]
    path = [*xs, columns - 1], [*ys, counts - 1]
    axes.plot(*path, color="#000000", lw=3.5)  # an outline, to be seen on low and high alike
    axes.plot(*path, color=_ON_SURFACE, lw=2)
    axes.set(ylabel="digits read", yticks=range(counts))
    figure.colorbar(image, ax=axes, label="above best", pad=0.01)


def strips_figure(shown: Sequence[Snapshot]) -> str:
    """Draw strips with the windows of their readings, two a row."""
    rows = -(-len(shown) // 2)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(rows, 2, squeeze=False).ravel()
        for axes in panels:
            axes.axis("off")
        for axes, one in zip(panels, shown, strict=False):
            axes.axis("on")
            _strip(axes, one)
            if one.reading.labels != one.true:
                axes.set_xlabel(f"is {_word(one.true)}", color=WRONG, loc="right")

    wrong = sum(one.reading.labels != one.true for one in shown)
    alt = f"{len(shown)} test strips with the windows that are read; {wrong} are read wrongly."
    return svg(draw, 7.4, 0.95 * rows, "strips", alt)


def posterior_figure(pixels: Tensor, chances: Tensor) -> str:
    """Draw how probably each digit begins at each column, under the strip."""

    def draw(figure: Figure) -> None:
        top, axes = figure.subplots(2, sharex=True, height_ratios=[1, 2])
        extent = (0, pixels.shape[1], len(pixels), 0)
        top.imshow(pixels.numpy(), extent=extent, **_PIXELS)
        top.set(yticks=[])
        positions, digits = chances.shape
        extent = (0, positions, digits - 0.5, -0.5)
        image = axes.imshow(chances.T.numpy(), vmin=0, vmax=1, extent=extent, **_ENERGIES)
        axes.set(xlim=(0, pixels.shape[1]), xlabel="column", ylabel="digit")
        axes.set_yticks(range(0, digits, 3))
        figure.colorbar(image, ax=axes, label="probability", pad=0.01)

    most = chances.amax(1).topk(3).indices.sort().values.tolist()
    alt = f"Probability that a digit begins at a column; highest at columns {most}."
    return svg(draw, 7.4, 2.9, "posterior", alt)


def curves_figure(
    courses: Mapping[str, tuple[list[int], list[float]]], told: Mapping[str, float]
) -> str:
    """Draw the word error over the updates, and that of classifiers at given cuts as lines."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for i, (name, (updates, found)) in enumerate(courses.items()):
            style = {"color": LINE[i], "marker": "os"[i], "ms": 4, "lw": 1.5}
            axes.plot(updates, found, label=f"words only, {name} loss", **style)
        end = max(updates[-1] for updates, _ in courses.values())
        for name, error in told.items():
            axes.axhline(error, color=SOFT, lw=1, ls="--")
            axes.text(end, error - 0.01, name, color=SOFT, ha="right", va="top")
        axes.set(ylim=(0, 1), xlabel="updates", ylabel="wrong words")
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.legend(frameon=False, loc="upper right", bbox_to_anchor=(1, 0.9))

    ends = [f"{name} {found[-1]:.0%}" for name, (_, found) in courses.items()]
    ends += [f"{name} {error:.0%}" for name, error in told.items()]
    return svg(draw, 6.4, 3.2, "errors", f"Word error over updates; at the end: {', '.join(ends)}.")


def _word(labels: Sequence[int]) -> str:
    return "".join(map(str, labels))
