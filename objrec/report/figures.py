"""The figures of the report, as SVG that takes its colours from the page.

matplotlib draws with placeholder colours; they are replaced by CSS variables of page.css, so that
one figure suits light and dark pages and paper. Text stays text.
"""

from __future__ import annotations

import io
import itertools
import re
import warnings
from collections.abc import Callable
from html import escape
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

LEVELS = 9  # steps of the error scale: --heat-0 to --heat-8 of page.css
_STRONG = 6  # from this step on, text on a cell changes sides
# Placeholder → CSS variable. Any colours do that nothing else in the SVG uses.
_HEAT = [f"#0a00{i:02x}" for i in range(LEVELS)]
_INK, _FAINT, _ON_STRONG, _RIGHT, _WRONG, _PAPER = (f"#0b00{i:02x}" for i in range(6))
_VARIABLES = {colour: f"var(--heat-{i})" for i, colour in enumerate(_HEAT)} | {
    _INK: "var(--ink)",
    _FAINT: "var(--rule)",
    _ON_STRONG: "var(--on-strong)",
    _RIGHT: "var(--right)",
    _WRONG: "var(--wrong)",
    _PAPER: "var(--quiet)",
}
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "objrec",
    "text.parse_math": False,
    "font.size": 9.0,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _FAINT,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_MOST_NUMBERS = 24  # a map with more columns than this has no room for numbers in its cells
_MOST_NAMES = 60
_PIXELS_PER_POINT = 4 / 3


def confusion_figure(counts: list[list[int]], categories: list[str]) -> str:
    """Draw the confusion matrix: mistakes coloured by their share of the row, numbers are images.

    Args:
        counts: (K, K), row = true, column = answered.
        categories: K names.
    """
    table = np.asarray(counts, float)
    k = len(categories)
    with np.errstate(invalid="ignore"):
        shares = table / table.sum(axis=1, keepdims=True)
    np.fill_diagonal(shares, np.nan)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        _heat_map(axes, shares)
        for i in range(k):
            axes.add_patch(Rectangle((i - 0.5, i - 0.5), 1, 1, color=_PAPER, lw=0))
        if k <= _MOST_NUMBERS:
            numbers = [[f"{int(n)}" if n else "" for n in row] for row in table]
            _write_numbers(axes, numbers, shares)
        axes.invert_yaxis()
        _label(axes, "x", categories, "answered")
        _label(axes, "y", categories, "true category")
        slanted = max(map(len, categories)) * k > 40
        axes.tick_params("x", rotation=40 if slanted else 0)
        for label in axes.get_xticklabels():
            label.set_ha("right" if slanted else "center")

    side = min(max(0.62 * k, 2.2), 7.5)
    alt = f"Confusion matrix of {k} categories; the largest confusions are listed beside it."
    return _svg(draw, side + 2.6, side * 0.8 + 1.0, "confusion", alt)


def viewpoint_figure(viewpoint: dict[str, Any]) -> str:
    """Draw the error in percent over azimuth (across) and elevation (up)."""
    rates = np.array(viewpoint["error_rate"], float)
    rows, columns = rates.shape

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        _heat_map(axes, rates)
        if columns <= _MOST_NUMBERS:
            numbers = [["" if np.isnan(r) else f"{100 * r:.0f}" for r in row] for row in rates]
            _write_numbers(axes, numbers, rates)
        _label(axes, "x", [f"{a:g}" for a in viewpoint["azimuth"]], "azimuth (degrees)")
        _label(axes, "y", [f"{e:g}" for e in viewpoint["elevation"]], "elevation (degrees)")
        if columns > _MOST_NUMBERS:
            axes.tick_params("x", rotation=90)

    alt = (
        f"Error over {columns} azimuths and {rows} elevations, from "
        f"{100 * np.nanmin(rates):.0f} to {100 * np.nanmax(rates):.0f} percent."
    )
    return _svg(draw, min(max(0.36 * columns + 2, 4.5), 9), 0.3 * rows + 1.2, "viewpoint", alt)


def azimuth_histogram(everything: dict[str, Any], correct: dict[str, Any] | None) -> str:
    """Draw how many images have which azimuth error, those of the wrong category apart.

    Args:
        everything: ``step_deg`` and ``counts`` over all images.
        correct: Likewise over those of the right category; None if there are none.
    """
    counts = np.asarray(everything["counts"])
    right = np.zeros_like(counts) if correct is None else np.asarray(correct["counts"])
    step = everything["step_deg"]
    middles = (np.arange(len(counts)) + 0.5) * step

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.bar(middles, right, step * 0.86, color=_RIGHT, label="right category")
        axes.bar(middles, counts - right, step * 0.86, right, color=_WRONG, label="wrong category")
        axes.set_xticks(np.arange(0, 181, 30))
        axes.set_xlim(0, 180)
        axes.set_xlabel("azimuth error (degrees)")
        axes.set_ylabel("images")
        figure.legend(loc="outside upper right", ncols=2, frameon=False)

    share = counts[: round(30 / step)].sum() / max(counts.sum(), 1)
    alt = f"Histogram of azimuth errors from 0 to 180 degrees; {share:.0%} are below 30."
    return _svg(draw, 6.4, 2.7, "azimuth-error", alt)


def scale_top(rates: np.ndarray) -> float:
    """Return the rate at which the colour scale ends: a round one at or above the largest."""
    largest = 0.0 if np.isnan(rates).all() else float(np.nanmax(rates))
    return next(top for top in (0.1, 0.2, 0.3, 0.5, 1.0) if largest <= top + 1e-9)


def _heat_map(axes: Axes, rates: np.ndarray) -> None:
    top = scale_top(rates)
    norm = BoundaryNorm(np.linspace(0, top, LEVELS + 1), LEVELS, clip=True)
    rows, columns = rates.shape
    mesh = axes.pcolormesh(
        np.arange(columns + 1) - 0.5,
        np.arange(rows + 1) - 0.5,
        np.ma.masked_invalid(rates),
        cmap=ListedColormap(_HEAT),
        norm=norm,
        edgecolors="none",
    )
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    bar = axes.figure.colorbar(mesh, ax=axes, ticks=[0, top / 2, top], pad=0.02, aspect=14)
    bar.ax.set_yticklabels([f"{100 * t:g} %" for t in (0, top / 2, top)])
    bar.ax.tick_params(which="both", length=0)
    bar.outline.set_visible(False)


def _write_numbers(axes: Axes, numbers: list[list[str]], rates: np.ndarray) -> None:
    strong = _STRONG * scale_top(rates) / LEVELS
    for row, column in itertools.product(*map(range, rates.shape)):
        colour = _ON_STRONG if rates[row, column] >= strong else _INK
        axes.text(column, row, numbers[row][column], ha="center", va="center", color=colour)


def _label(axes: Axes, which: str, names: list[str], title: str) -> None:
    if len(names) <= _MOST_NAMES:
        ticks = axes.set_xticks if which == "x" else axes.set_yticks
        ticks(range(len(names)), [_short(name) for name in names])
    (axes.set_xlabel if which == "x" else axes.set_ylabel)(title)


def _short(name: str) -> str:
    """Shorten a name, without the half characters of broken file names: no font has them."""
    name = name.encode("utf-8", "replace").decode("utf-8")
    return name if len(name) <= 18 else name[:17] + "…"


def _svg(draw: Callable[[Figure], None], width: float, height: float, name: str, alt: str) -> str:
    """Draw a figure of a size in inches and return it as an SVG element for the page."""
    stream = io.StringIO()
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # The page's own font draws the text; what matplotlib's lacks does not matter.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    # The page has its own styles; a <style> in here would reach all of it.
    text = re.sub(r"<(metadata|style).*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r" font-family: [^;\"]*;", "", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    # Ids must differ between the figures of one page.
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="|url\()#', rf"\g<1>#{name}-", text)
    view_box = re.search(r'viewBox="[^"]*"', text).group()
    opening = (
        f'<svg {view_box} role="img" aria-label="{escape(alt)}" '
        f'style="--width:{round(72 * width * _PIXELS_PER_POINT)}px">'
    )
    return re.sub(r"<svg[^>]*>", lambda _: opening, text, count=1).strip()
