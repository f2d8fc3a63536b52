"""The figures of the demonstration of collapse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from objrec.datasets import Dataset
from objrec.demos.collapse.training import FLAT, MERGED, Toys, Trained, smallest
from objrec.demos.lesson import Player
from objrec.report.figures.svg import ACCENT, INK, LINE, SOFT, WRONG, svg

UNRELATED = 2.0  # squared distance of unrelated maps, relative to their squared norm
# Colour and dashes say the same, for those who do not tell the colours apart.
STROKES = {
    "collapsed": {"color": WRONG, "linestyle": "-", "linewidth": 2.0},
    "stalled": {"color": LINE[4], "linestyle": (0, (4, 2)), "linewidth": 2.0},
    "learned": {"color": LINE[0], "linestyle": "-", "linewidth": 1.0},
}
MARKS = {"collapsed": "x", "stalled": "s", "learned": "o"}
AZIMUTHS = np.arange(0, 360, 10)


def objects_figure(data: Toys) -> str:
    """Show one unseen object of each category; the one that is asked about is framed."""
    unseen = data.unseen
    chosen = [int(np.flatnonzero(unseen.labels == k)[0]) for k in range(len(unseen.categories))]
    asked = unseen.categories[unseen.labels[data.asked]]
    chosen[unseen.labels[data.asked]] = data.asked

    def draw(figure: Figure) -> None:
        for axes, i in zip(figure.subplots(1, len(chosen)), chosen, strict=True):
            axes.imshow(unseen[i].images[0], cmap="gray", vmin=0, vmax=255)
            axes.set_title(unseen.categories[unseen.labels[i]], fontsize=9)
            axes.set(xticks=[], yticks=[])
            for spine in axes.spines.values():
                spine.set(visible=i == data.asked, color=ACCENT, linewidth=3)

    names = ", ".join(unseen.categories)
    alt = f"One picture of each of {len(chosen)} toys: {names}; the {asked} is framed."
    return svg(draw, 7.6, 1.5, "objects", alt)


def epochs_player(watched: Sequence[Trained], unseen: Dataset, asked: int) -> Player:
    """Show energy landscapes and distances between references, epoch after epoch."""
    highest = max(float(m.landscape.max()) for found in watched for m in found.moments)
    count = len(watched[0].moments)
    frames, captions = [], []
    for epoch in range(count):
        gaps = [smallest(found.moments[epoch].distances) for found in watched]
        said = ", ".join(f"{f.case.title} {g:.2f}" for f, g in zip(watched, gaps, strict=True))
        captions.append(f"epoch {epoch + 1} of {count}; smallest distance: {said}")
        frames.append(_epoch_frame(watched, unseen, asked, epoch, highest, captions[-1]))
    return Player(frames, captions, "epoch")


def _epoch_frame(
    watched: Sequence[Trained],
    unseen: Dataset,
    asked: int,
    epoch: int,
    highest: float,
    caption: str,
) -> str:
    right, azimuth = int(unseen.labels[asked]), float(unseen.poses[asked, 0])
    names = unseen.categories

    def draw(figure: Figure) -> None:
        above, below = figure.subplots(2, len(watched), height_ratios=(1, 1.05))
        for axes, found in zip(above, watched, strict=True):
            _landscape(axes, found.moments[epoch].landscape, right, azimuth)
            axes.set(title=found.case.title, ylim=(-0.04 * highest, 1.04 * highest))
        above[0].set_ylabel("energy")
        above[0].legend(loc=(0.05, 0.3), frameon=False, fontsize=8, handlelength=1.2)
        for axes, found in zip(below, watched, strict=True):
            image = _matrix(axes, found.moments[epoch].distances)
            axes.set_xticks(range(len(names)), names, rotation=90)
        below[0].set_yticks(range(len(names)), names)
        figure.colorbar(image, ax=below, shrink=0.9, ticks=[0, 1, 2], label="distance").outline.set(
            visible=False
        )

    alt = (
        f"Above, energy against azimuth for six categories under {len(watched)} losses; below, the "
        f"distances between their references; {caption}."
    )
    return svg(draw, 8.0, 5.0, f"epoch{epoch}", alt)


def _landscape(axes: Axes, energies: np.ndarray, right: int, azimuth: float) -> None:
    """Draw the energy of each category against azimuth; the right one on top."""
    around, closed = np.append(AZIMUTHS, 360), np.column_stack([energies, energies[:, 0]])
    for k, values in enumerate(closed):
        if k != right:
            label = "wrong categories" if k == (right + 1) % len(closed) else None
            axes.plot(around, values, color=SOFT, linewidth=0.9, label=label)
    axes.plot(around, closed[right], color=ACCENT, linewidth=2.6, label="right category")
    axes.axvline(azimuth, color=INK, linewidth=0.8, linestyle=":", label="true azimuth")
    axes.set(xticks=[0, 90, 180, 270, 360], xlim=(0, 360), xlabel="azimuth in degrees")
    axes.yaxis.get_major_locator().set_params(integer=True)


def _matrix(axes: Axes, distances: np.ndarray) -> object:
    image = axes.imshow(distances, cmap="cividis", vmin=0, vmax=UNRELATED)
    axes.set(xticks=[], yticks=[])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return image


def curves_figure(all_found: Sequence[Trained]) -> str:
    """Draw reference gap and variance of G against epochs, for every loss."""

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        _curves(left, all_found, "reference_gap")
        left.set_title("smallest distance between references", loc="left", fontsize=9)
        left.set_xlabel("epoch")
        _curves(right, all_found, "feature_variance")
        right.set_title("variance of G", loc="left", fontsize=9)
        right.set_xlabel("epoch")

    alt = "Smallest distance between references, and variance of G, against epochs: " + "; ".join(
        f"{f.case.title} ends at {f.reports[-1].reference_gap:.2g} and "
        f"{f.reports[-1].feature_variance:.2g}"
        for f in all_found
    )
    return svg(draw, 8.0, 3.6, "curves", alt)


def _curves(axes: Axes, all_found: Sequence[Trained], name: str) -> None:
    curves = {f.case.title: [getattr(r, name) for r in f.reports] for f in all_found}
    epochs = np.arange(1, 1 + max(map(len, curves.values())))
    low, high = min(map(min, curves.values())), max(map(max, curves.values()))
    last = epochs[-1]
    axes.set(yscale="log", ylim=(low / 1.5, high * 1.5), xticks=epochs, xlim=(1, 1.9 * last))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.spines["bottom"].set_bounds(1, last)
    axes.xaxis.set_label_coords(0.28, -0.09)
    for found in all_found:
        axes.plot(epochs, curves[found.case.title], **STROKES[found.verdict])
    ends = np.log([curves[f.case.title][-1] for f in all_found])
    top = np.log(high * 1.4)
    places = np.exp(spread(ends, 0.052 * (np.log(high / low) + 2 * np.log(1.5)), top))
    for found, end, at in zip(all_found, np.exp(ends), places, strict=True):
        axes.annotate(
            found.case.title,
            (last, end),
            (1.12 * last, at),
            va="center",
            fontsize=8,
            annotation_clip=False,
            color=STROKES[found.verdict]["color"],
            arrowprops=_leader(0.0),
        ).set_in_layout(False)


def _leader(side: float) -> dict[str, object]:
    """Return a thin line from the left (0) or right (1) end of a label to what it names."""
    return {
        "arrowstyle": "-",
        "color": SOFT,
        "linewidth": 0.6,
        "relpos": (side, 0.5),
        "shrinkA": 1,
        "shrinkB": 2,
    }


def spread(wanted: np.ndarray, least: float, top: float = np.inf) -> np.ndarray:
    """Return places for labels, in the order of `wanted`, at least so far from each other.

    Labels that would overlap are spread evenly about their mean, or below the top.

    Args:
        wanted: (N,) where they would stand.
        least: The distance that they need.
        top: None stands higher.
    """
    order = np.argsort(wanted, kind="stable")
    groups: list[list[float]] = []

    def lowest(group: list[float]) -> float:
        half = least * (len(group) - 1) / 2
        return min(float(np.mean(group)), top - half) - half

    for place in wanted[order]:
        groups.append([place])
        while len(groups) > 1 and lowest(groups[-1]) < lowest(groups[-2]) + least * len(groups[-2]):
            above = groups.pop()
            groups[-1] += above
    places = np.empty(len(wanted))
    places[order] = np.concatenate([lowest(g) + least * np.arange(len(g)) for g in groups])
    return places


def verdicts_figure(all_found: Sequence[Trained]) -> str:
    """Place every loss by what the rule looks at: distance of references, and contrast."""
    contrasts = np.array([found.contrast for found in all_found])
    gaps = np.array([found.reference_gap for found in all_found])
    low, high = min(contrasts.min(), FLAT) / 2, max(contrasts.max(), FLAT) * 2

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        right = 1.12 * max(gaps.max(), UNRELATED)
        axes.set(yscale="log", ylim=(low, high), xlim=(-0.12, right))
        axes.set(xlabel="smallest distance between references", ylabel="contrast of the energies")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.axvline(MERGED, color=INK, linewidth=0.8)
        axes.plot([MERGED, right], [FLAT, FLAT], color=INK, linewidth=0.8)
        quiet = {"color": SOFT, "fontsize": 9}
        axes.text(MERGED - 0.04, high / 1.35, "collapsed", ha="right", **quiet)
        axes.text(MERGED + 0.04, high / 1.35, "learned", **quiet)
        axes.text(MERGED + 0.04, low * 1.25, "stalled", **quiet)
        span = np.log(high / low)
        places = np.exp(spread(np.log(contrasts), 0.058 * span))
        for found, gap, contrast, place in zip(all_found, gaps, contrasts, places, strict=True):
            stroke = STROKES[found.verdict]["color"]
            axes.plot(gap, contrast, MARKS[found.verdict], color=stroke, markersize=6)
            left = gap > 0.6 * right
            axes.annotate(
                found.case.title,
                (gap, contrast),
                (gap + (-0.09 if left else 0.09), place),
                ha="right" if left else "left",
                va="center",
                fontsize=8,
                arrowprops=_leader(1.0 if left else 0.0),
            )

    alt = "Every loss by distance of references and contrast of energies: " + "; ".join(
        f"{f.case.title} {f.reference_gap:.2f}, {f.contrast:.2g}: {f.verdict}" for f in all_found
    )
    return svg(draw, 7.0, 3.8, "verdicts", alt)
