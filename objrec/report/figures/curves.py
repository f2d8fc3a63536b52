"""Curves of the report: what changed images do to each model, and whether probabilities are right.

Models are told by line style and marker as well as by colour.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from objrec.report.figures.svg import ACCENT, FAINT, LINE, QUIET, SOFT, svg

_STYLES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (8, 2)), (0, (3, 3)))
_MARKERS = "osD^vP"
_WIDTH, _HEIGHT = 3.3, 2.1
_HIGHEST = 60.0  # degrees: a pose error scale reaches at least this


def legend_figure(models: list[str]) -> str:
    """Draw which line is which model."""
    handles = [Line2D([], [], label=_short(name), **_style(i)) for i, name in enumerate(models)]
    columns = min(len(models), 3)

    def draw(figure: Figure) -> None:
        figure.legend(handles=handles, loc="center left", ncols=columns, frameon=False)

    width = 0.7 + columns * (0.5 + 0.07 * max(len(_short(name)) for name in models))
    alt = "Lines of the curves below: " + ", ".join(models)
    return svg(draw, width, 0.3 * -(-len(models) // columns), "sweep-legend", alt)


def error_curve(change: dict[str, Any], top: float) -> str:
    """Draw the error of each model over the amounts of a change, with intervals.

    Args:
        change: A row of ``sweep["changes"]``.
        top: Where the scale ends: the same for all changes.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for i, model in enumerate(change["models"]):
            _line(axes, change, i, model["error_rate"], model["error_rate_ci"])
        axes.set(ylim=(0, top), ylabel="error")
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        _across(axes, change)

    ends = [
        f"{model['model']} from {min(model['error_rate']):.0%} to {max(model['error_rate']):.0%}"
        for model in change["models"]
    ]
    return _panel(draw, change, "error", f"Error of images {change['title']}: {', '.join(ends)}.")


def azimuth_curve(change: dict[str, Any]) -> str | None:
    """Draw the median azimuth error given the true category; None if no model has one."""
    models = enumerate(change["models"])
    curves = {i: m["azimuth_error_deg"] for i, m in models if m["azimuth_error_deg"]}
    if not curves:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for i, values in curves.items():
            _line(axes, change, i, values, None)
        largest = np.nanmax(np.array(list(curves.values()), float))
        axes.set_ylim(0, max(_HIGHEST, largest * 1.05))
        axes.set_ylabel("azimuth error (°)")
        _across(axes, change)

    return _panel(draw, change, "azimuth", f"Median azimuth error of images {change['title']}.")


def response_curve(change: dict[str, Any]) -> str | None:
    """Draw how far the answered pose moves with the change; None if no model answers that axis."""
    models = {i: m for i, m in enumerate(change["models"]) if m["response"]}
    if not models:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        amounts = np.array(change["amounts"], float)
        axes.plot(amounts, amounts, color=SOFT, lw=1, zorder=1)
        note = {"xytext": (14, 0), "textcoords": "offset points", "va": "bottom"}
        axes.annotate("ideal", (amounts[0], amounts[0]), color=SOFT, **note)
        for i, model in models.items():
            _line(axes, change, i, model["response"], model["response_ci"])
        axes.set_ylabel(f"answered {change['axis'].replace('_', ' ')}")
        _across(axes, change)

    return _panel(draw, change, "response", f"Answered against true change, {change['title']}.")


def together_curve(together: dict[str, Any], names: list[str]) -> str:
    """Draw the error over the number of images of an object, a line a row, with its legend.

    Args:
        together: ``together`` of the evaluation.
        names: What the legend calls the rows.
    """
    counts, rows = together["counts"], together["rows"]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for i, row in enumerate(rows):
            _line(axes, {"amounts": counts}, i, row["error_rate"], row["error_rate_ci"])
        axes.set(xlabel="images of the object", ylabel="error", xticks=counts)
        axes.set_ylim(0, max(0.1, 1.1 * max(max(row["error_rate"]) for row in rows)))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        handles = [Line2D([], [], label=_short(name, 60), **_style(i)) for i, name in labels]
        figure.legend(handles=handles, loc="outside lower left", frameon=False)

    labels = list(enumerate(names))
    ends = [
        f"{name} from {row['error_rate'][0]:.0%} to {row['error_rate'][-1]:.0%}"
        for name, row in zip(names, rows, strict=True)
    ]
    alt = f"Error by the number of images, {counts[0]} to {counts[-1]}: {', '.join(ends)}."
    return svg(draw, 5.2, 2.6 + 0.22 * len(names), "together", alt)


def reliability_figure(calibration: dict[str, Any]) -> str:
    """Draw the accuracy of answers over their probability, and how many there are of each."""
    rows = [row for row in calibration["bins"] if row["count"]]
    x, y, counts = (np.array([r[k] for r in rows]) for k in ("confidence", "accuracy", "count"))
    lows = [row["low"] for row in rows]
    widths = [row["high"] - row["low"] for row in rows]

    def draw(figure: Figure) -> None:
        axes, below = figure.subplots(2, sharex=True, height_ratios=[4, 1])
        axes.plot([0, 1], [0, 1], color=SOFT, lw=1)
        note = {"color": SOFT, "rotation": 45, "rotation_mode": "anchor", "va": "bottom"}
        axes.text(0.04, 0.05, "right probabilities", transform_rotates_text=True, **note)
        axes.plot(x, y, "o-", color=ACCENT, lw=1.5, ms=5, clip_on=False)
        axes.set(ylim=(0, 1), xlim=(0, 1), ylabel="share right")
        below.bar(lows, counts / counts.sum(), widths, align="edge", color=QUIET, ec=FAINT)
        below.set(xlabel="probability of the answer", ylabel="images")
        for part, most in ((axes, 6), (below, 2)):
            part.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
            part.yaxis.set_major_locator(MaxNLocator(most))
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))

    alt = "Reliability diagram: " + "; ".join(
        f"probability {a:.0%}, right {b:.0%}" for a, b in zip(x, y, strict=True)
    )
    return svg(draw, 4.6, 4.2, "reliability", alt)


def _panel(draw: Any, change: dict[str, Any], kind: str, alt: str) -> str:
    return svg(draw, _WIDTH, _HEIGHT, f"sweep-{kind}-{change['name']}", alt)


def _style(index: int) -> dict[str, Any]:
    at = index % len(_STYLES)
    return {"color": LINE[at], "ls": _STYLES[at], "marker": _MARKERS[at], "ms": 3.5, "lw": 1.5}


def _line(
    axes: Axes,
    change: dict[str, Any],
    index: int,
    values: list[float | None],
    ends: list[list[float | None]] | None,
) -> None:
    amounts = np.array(change["amounts"], float)
    style = _style(index)
    if ends:
        low, high = np.array(ends, float).T
        axes.fill_between(amounts, low, high, color=style["color"], alpha=0.14, lw=0)
    axes.plot(amounts, np.array(values, float), **style, clip_on=False, zorder=2.5)


def _across(axes: Axes, change: dict[str, Any]) -> None:
    axes.axvline(change["neutral"], color=FAINT, lw=1, zorder=0)
    unit = {"deg": "degrees", "side": "share of the side"}.get(change["unit"], change["unit"])
    axes.set_xlabel(unit)
    ends = change["amounts"][0], change["amounts"][-1]
    axes.set_xlim(*ends)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.tick_params(length=2)


def _short(name: str, most: int = 32) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
