"""Heat maps of the report: error and pose error over the viewing sphere, and who is taken for whom.

Cells are links (see `svg.Links`): those of views have keys "row,column", those of confusions
"true,answered". Nothing is measured here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MultipleLocator

from objrec.report.figures.svg import HEAT, INK, LEVELS, ON_STRONG, PAPER, QUIET, Links, svg
from objrec.report.words import category_name, degrees, percent

_STRONG = 6  # from this step on, text on a cell changes sides
_MOST_NUMBERS = 24  # a map with more columns than this has no room for numbers in its cells
_MOST_NAMES = 60
_MOST_LINKS = 2000
_WIDEST = 30.0  # degrees of azimuth that a cell reaches at most
_GAP = 1.2  # points between cells
_SHARES = (0.1, 0.2, 0.3, 0.5, 1.0)
_ANGLES = (10.0, 20.0, 30.0, 45.0, 90.0, 180.0)


def confusion_figure(counts: list[list[int]], categories: list[str], target: str) -> str:
    """Draw the confusion matrix: mistakes coloured by their share of the row, numbers are images.

    Args:
        counts: (K, K), row = true, column = answered.
        categories: K names.
        target: Id of the element that cells with images lead to.
    """
    table = np.asarray(counts, float)
    k = len(categories)
    with np.errstate(invalid="ignore"):
        shares = table / table.sum(axis=1, keepdims=True)
    np.fill_diagonal(shares, np.nan)
    labels = {} if (table > 0).sum() > _MOST_LINKS else _confusion_labels(table, categories)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        scale = _scale(scale_top(shares))
        for i, j in np.argwhere(table > 0) if k > _MOST_NUMBERS else np.ndindex(k, k):
            if table[i].any():
                box = (j - 0.5, i - 0.5, 1, 1)
                colour = QUIET if i == j else _colour(scale, shares[i, j])
                text = f"{int(table[i, j])}" if table[i, j] and k <= _MOST_NUMBERS else ""
                link = f"{i},{j}" if f"{i},{j}" in labels else None
                _cell(axes, box, colour, text, link, strong=_is_strong(scale, shares[i, j]))
        axes.set(xlim=(-0.5, k - 0.5), ylim=(k - 0.5, -0.5))
        _name(axes, categories)
        _bar(axes, scale, "{:.0%}", "share of the row")

    side = min(max(0.62 * k, 2.2), 7.5)
    alt = f"Confusion matrix of {k} categories; the largest confusions are listed below it."
    links = Links(target, labels) if labels else None
    return svg(draw, side + 2.8, side * 0.8 + 1.0, "confusion", alt, links)


def _confusion_labels(table: np.ndarray, categories: list[str]) -> dict[str, str]:
    labels = {}
    for i, j in np.argwhere(table > 0):
        share = f"{int(table[i, j])} of {int(table[i].sum())} images"
        seen = "recognised" if i == j else f"taken for {category_name(categories[j])}"
        labels[f"{i},{j}"] = f"{category_name(categories[i])} {seen}: {share}"
    return labels


def viewpoint_figure(viewpoint: dict[str, Any], target: str) -> str:
    """Draw the error in percent over azimuth (across) and elevation (up).

    Args:
        viewpoint: As in evaluation.json.
        target: Id of the element that the cells lead to.
    """
    rates = np.array(viewpoint["error_rate"], float)
    texts = [["" if np.isnan(r) else f"{100 * r:.0f}" for r in row] for row in rates]
    alt = (
        f"Error over {rates.shape[1]} azimuths and {rates.shape[0]} elevations, from "
        f"{100 * np.nanmin(rates):.0f} to {100 * np.nanmax(rates):.0f} percent."
    )
    return _sphere(viewpoint, "error_rate", texts, target, alt)


def pose_map_figure(viewpoint: dict[str, Any], target: str) -> str | None:
    """Draw the median azimuth error given the true category, likewise; None without any."""
    errors = np.array(viewpoint["azimuth_error_deg"], float)
    if np.isnan(errors).all():
        return None
    texts = [["" if np.isnan(e) else f"{e:.0f}" for e in row] for row in errors]
    alt = (
        f"Median azimuth error over {errors.shape[1]} azimuths and {errors.shape[0]} elevations, "
        f"from {np.nanmin(errors):.0f} to {np.nanmax(errors):.0f} degrees."
    )
    return _sphere(viewpoint, "azimuth_error_deg", texts, target, alt)


def _sphere(view: dict[str, Any], key: str, texts: list[list[str]], target: str, alt: str) -> str:
    values = np.array(view[key], float)
    rows, columns = values.shape
    shares = key == "error_rate"
    scale = _scale(scale_top(values, _SHARES if shares else _ANGLES))
    labels = _view_labels(view)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for e in range(rows):
            shown = np.flatnonzero(np.array(view["count"][e]))
            ends = cell_ends(np.array(view["azimuth"], float)[shown])
            for a, (low, high) in zip(shown, ends, strict=True):
                text = texts[e][a] if len(shown) <= _MOST_NUMBERS else ""
                colour, strong = _colour(scale, values[e, a]), _is_strong(scale, values[e, a])
                box = (low, e - 0.5, high - low, 1)
                _cell(axes, box, colour, text, f"{e},{a}", strong=strong)
        axes.autoscale_view()
        axes.margins(0)
        axes.xaxis.set_major_locator(MultipleLocator(30 if np.ptp(axes.get_xlim()) > 90 else 10))
        axes.set_yticks(range(rows), [f"{value:g}" for value in view["elevation"]])
        axes.set(xlabel="azimuth (degrees)", ylabel="elevation (degrees)")
        axes.tick_params(length=0)
        title = "error" if shares else "median azimuth error"
        _bar(axes, scale, "{:.0%}" if shares else "{:.0f}°", title)

    width = min(max(0.36 * min(columns, 18) + 2, 4.5), 8.6)
    name = "viewpoint" if shares else "viewpoint-pose"
    return svg(draw, width, max(0.32 * rows + 1.0, 1.7), name, alt, Links(target, labels))


def cell_ends(azimuths: np.ndarray) -> list[tuple[float, float]]:
    """Return the edges of cells around azimuths on a circle, half way to their neighbours.

    Args:
        azimuths: (n,) ascending degrees in [0, 360), the images of one elevation.
    """
    gaps = np.diff(azimuths, append=azimuths[:1] + 360) if len(azimuths) else azimuths
    half = np.minimum(gaps, _WIDEST) / 2
    # The cell before the first ends where the last one does.
    return list(zip(azimuths - np.roll(half, 1), azimuths + half, strict=True))


def _view_labels(view: dict[str, Any]) -> dict[str, str]:
    labels = {}
    for e, a in np.argwhere(np.array(view["count"])):
        text = f"azimuth {_place(view, 'azimuth', a)}, elevation {_place(view, 'elevation', e)}: "
        text += f"{percent(view['error_rate'][e][a])} of {view['count'][e][a]} images wrong"
        pose = view["azimuth_error_deg"][e][a]
        labels[f"{e},{a}"] = text + ("" if pose is None else f", azimuth off by {degrees(pose)}")
    return labels


def _place(view: dict[str, Any], axis: str, index: int) -> str:
    if f"{axis}_ranges" in view:
        low, high = view[f"{axis}_ranges"][index]
        return f"{low:g}° to {high:g}°"
    return f"{view[axis][index]:g}°"


def scale_top(values: np.ndarray, tops: tuple[float, ...] = _SHARES) -> float:
    """Return where the colour scale ends: a round number at or above the largest value."""
    largest = 0.0 if np.isnan(values).all() else float(np.nanmax(values))
    return next((top for top in tops if largest <= top + 1e-9), tops[-1])


def _scale(top: float) -> BoundaryNorm:
    return BoundaryNorm(np.linspace(0, top, LEVELS + 1), LEVELS, clip=True)


def _colour(scale: BoundaryNorm, value: float) -> str:
    return QUIET if np.isnan(value) else HEAT[int(scale(value))]


def _is_strong(scale: BoundaryNorm, value: float) -> bool:
    return not np.isnan(value) and int(scale(value)) >= _STRONG


def _cell(
    axes: Axes,
    box: tuple[float, float, float, float],
    colour: str,
    text: str,
    link: str | None,
    *,
    strong: bool,
) -> None:
    """Draw a cell of (left, bottom, width, height), as a link if it leads somewhere."""
    left, bottom, width, height = box
    # A line of the page's colour between cells leaves room for the mark of a chosen one.
    cell = Rectangle((left, bottom), width, height, facecolor=colour, ec=PAPER, lw=_GAP)
    axes.add_patch(cell).set_clip_on(False)
    if link is not None:
        cell.set_url(f"#{link}")
    if text:
        place = {"ha": "center", "va": "center", "clip_on": True}
        ink = ON_STRONG if strong else INK
        axes.text(left + width / 2, bottom + height / 2, text, color=ink, **place)


def _name(axes: Axes, categories: list[str]) -> None:
    """Write the categories beside a confusion matrix."""
    k, longest = len(categories), max(map(len, categories))
    axes.set(xlabel="answered", ylabel="true category")
    axes.tick_params(length=0)
    if k > _MOST_NAMES:
        axes.set(xticks=[], yticks=[])
        return
    names = [category_name(name) for name in categories]
    axes.set_yticks(range(k), names)
    slanted = longest * k > 40
    axes.set_xticks(range(k), names, rotation=40 if slanted else 0)
    for label in axes.get_xticklabels():
        label.set_ha("right" if slanted else "center")


def _bar(axes: Axes, scale: BoundaryNorm, form: str, title: str) -> None:
    axes.spines[:].set_visible(False)
    top = scale.boundaries[-1]
    ticks = [0, top / 2, top]
    mappable = ScalarMappable(scale, ListedColormap(HEAT))
    bar = axes.figure.colorbar(mappable, ax=axes, ticks=ticks, pad=0.02, aspect=14, label=title)
    bar.ax.set_yticklabels([form.format(tick) for tick in ticks])
    bar.ax.tick_params(which="both", length=0)
    bar.outline.set_visible(False)
