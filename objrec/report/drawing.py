"""Which figures a report has: every one that its `Evaluation` has the numbers for."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from objrec.evaluation.result import Evaluation
from objrec.report.figures import curves, distributions, heat_maps
from objrec.report.tables import together_rows


def draw_all(evaluation: Evaluation) -> dict[str, Any]:
    """Draw the figures, name → SVG; ``errors``, ``azimuths`` and ``responses`` are lists of pairs.

    Each pair is a change of the sweep and its figure. The SVG is of our own making, hence not
    escaped.
    """
    drawn: dict[str, Any] = {
        "confusion": heat_maps.confusion_figure(
            evaluation.confusion, evaluation.categories, "confusion-images"
        )
    }
    view, azimuth = evaluation.viewpoint, evaluation.pose.get("azimuth", {})
    if view:
        drawn["viewpoint"] = heat_maps.viewpoint_figure(view, "view-images")
        drawn["viewpoint_pose"] = heat_maps.pose_map_figure(view, "view-images")
    given = evaluation.pose_given.get("azimuth", {})
    if given.get("count"):
        drawn["pose_given"] = distributions.given_histogram(given)
    if azimuth.get("count"):
        drawn["pose_both"] = distributions.both_histogram(azimuth)
    if evaluation.unknown and evaluation.unknown["histogram"]:
        drawn["unknown"] = distributions.unknown_histogram(evaluation.unknown)
    if evaluation.together and len(evaluation.together["counts"]) > 1:
        names = [f"{row['model']}, {row['how']}" for row in together_rows(evaluation)]
        drawn["together"] = curves.together_curve(evaluation.together, names)
    if evaluation.calibration and any(row["count"] for row in evaluation.calibration["bins"]):
        drawn["reliability"] = curves.reliability_figure(evaluation.calibration)
    drawn = {name: Markup(svg) for name, svg in drawn.items() if svg}
    return drawn | _sweep(evaluation)


def _sweep(evaluation: Evaluation) -> dict[str, Any]:
    changes = evaluation.sweep["changes"] if evaluation.sweep else []
    if not changes:
        return {"errors": [], "azimuths": [], "responses": []}
    rates = [e for c in changes for m in c["models"] for e in m["error_rate"]]
    top = next(top for top in (0.1, 0.2, 0.3, 0.5, 0.75, 1.0) if max(rates) <= top)
    figures = {
        "errors": [(c["title"], curves.error_curve(c, top)) for c in changes],
        "azimuths": [(c["title"], curves.azimuth_curve(c)) for c in changes],
        "responses": [(c["title"], curves.response_curve(c)) for c in changes],
    }
    kept = {
        name: [(title, Markup(svg)) for title, svg in pairs if svg]
        for name, pairs in figures.items()
    }
    legend = curves.legend_figure([model["model"] for model in changes[0]["models"]])
    return kept | {"legend": Markup(legend)}
