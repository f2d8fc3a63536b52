"""Histograms of the report: pose errors, and the energies of known and unknown objects."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from objrec.report.figures.svg import INK, RIGHT, SOFT, WRONG, svg

_WIDTH, _HEIGHT = 4.5, 2.9
_HATCH = "////"


def given_histogram(figures: dict[str, Any]) -> str:
    """Draw azimuth errors given the true category, as labelled and after the best offset.

    Args:
        figures: ``pose_given["azimuth"]``, with its ``histogram``.
    """
    step, shares = _shares(figures["histogram"])

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.bar(_middles(step, shares), shares, step * 0.86, color=RIGHT, label="as labelled")
        _outline(axes, figures)
        _finish(axes)

    near = shares[: round(30 / step)].sum()
    alt = f"Azimuth errors given the true category; {near:.0%} are below 30 degrees."
    return svg(draw, _WIDTH, _HEIGHT, "pose-given", alt)


def both_histogram(figures: dict[str, Any]) -> str:
    """Draw azimuth errors of the answers, those of the wrong category apart.

    Args:
        figures: ``pose["azimuth"]``, with its ``histogram`` and that of ``correct``.
    """
    step, shares = _shares(figures["histogram"])
    correct = figures["correct"]
    right = np.zeros_like(shares)
    if correct["count"]:
        right = _shares(correct["histogram"])[1] * correct["count"] / figures["count"]
    middles = _middles(step, shares)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.bar(middles, right, step * 0.86, color=RIGHT, label="right category")
        wrong = {"ec": WRONG, "hatch": _HATCH, "fill": False, "lw": 1}
        axes.bar(middles, shares - right, step * 0.86, right, **wrong, label="wrong category")
        _outline(axes, figures)
        _finish(axes)

    near = right[: round(30 / step)].sum()
    alt = f"Azimuth errors of the answers; {near:.0%} are of the right category and below 30."
    return svg(draw, _WIDTH, _HEIGHT, "pose-both", alt)


def unknown_histogram(unknown: dict[str, Any]) -> str:
    """Draw the lowest energies of images of known and unknown objects, and the threshold.

    Args:
        unknown: As in evaluation.json, with a ``histogram``.
    """
    edges = np.array(unknown["histogram"]["edges"], float)
    threshold = unknown["threshold"]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for key, style in (
            ("known", {"fill": True, "color": RIGHT, "alpha": 0.55, "lw": 0}),
            ("unknown", {"ec": WRONG, "hatch": _HATCH, "lw": 1.2}),
        ):
            counts = np.array(unknown["histogram"][key], float)
            axes.stairs(counts / max(counts.sum(), 1), edges, label=f"{key} objects", **style)
        if threshold is not None:
            axes.axvline(threshold, color=INK, ls="--", lw=1.2, label="called unknown from here")
        axes.set(xlabel="lowest energy", ylabel="share of images")
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.margins(x=0)
        _legend(axes, 3)

    alt = (
        f"Histogram of the lowest energy of {unknown['known_images']} images of known and "
        f"{unknown['unknown_images']} of unknown objects."
    )
    return svg(draw, 6.4, 2.9, "unknown-energies", alt)


def _shares(histogram: dict[str, Any]) -> tuple[float, np.ndarray]:
    counts = np.array(histogram["counts"], float)
    return float(histogram["step_deg"]), counts / max(counts.sum(), 1)


def _middles(step: float, shares: np.ndarray) -> np.ndarray:
    return (np.arange(len(shares)) + 0.5) * step


def _outline(axes: Axes, figures: dict[str, Any]) -> None:
    """Draw the errors after the best offset as an outline, where there are any."""
    aligned = figures.get("aligned")
    if not aligned or "histogram" not in aligned:
        return
    step, shares = _shares(aligned["histogram"])
    edges = np.arange(len(shares) + 1) * step
    label = f"after the best offset per {aligned['per']}"
    axes.stairs(shares, edges, color=SOFT, ls=(0, (4, 2)), lw=1.3, label=label)


def _finish(axes: Axes) -> None:
    axes.set(xlim=(0, 180), xlabel="azimuth error (degrees)", ylabel="share of images")
    axes.set_xticks(np.arange(0, 181, 30))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    _legend(axes, 1)


def _legend(axes: Axes, columns: int) -> None:
    if columns == 1:
        axes.legend(loc="upper center", frameon=False)
    else:
        axes.figure.legend(loc="outside upper right", ncols=columns, frameon=False)
