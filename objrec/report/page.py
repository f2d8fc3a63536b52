"""The report page: what an `Evaluation` says, in words, tables and figures of one HTML file.

Made from the evaluation alone: no model, no data set, no network. All text is escaped by the
template. Figures come from figures.py, the layout from template.html.j2 and page.css.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from objrec.errors import DataError
from objrec.evaluation.result import Evaluation
from objrec.report import words
from objrec.report.figures import azimuth_histogram, confusion_figure, viewpoint_figure
from objrec.saving import write_text

_MOST_ERRORS = 50  # misclassified images listed
_MOST_OBJECTS = 60
_MOST_FAILURES = 100
_LONG_TABLE = 24  # factor tables with more rows start folded


def write_report(evaluation: Evaluation | Mapping[str, Any], path: str | Path) -> None:
    """Write report.html: one file that needs nothing beside it.

    Args:
        evaluation: An `Evaluation`, or what evaluation.json holds.
        path: The file to make or replace; its folder is made.

    Raises:
        DataError: The evaluation is of another version or damaged, or the file cannot be written.
    """
    if not isinstance(evaluation, Evaluation):
        evaluation = Evaluation.from_dict(dict(evaluation))
    text = render(evaluation).encode("utf-8", "replace").decode("utf-8")
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror})") from error


def render(evaluation: Evaluation) -> str:
    """Return the page as HTML."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "percent": words.percent,
        "number": words.number,
        "count": words.count,
        "energy": words.energy,
        "value": words.factor_value,
    }
    template = environment.from_string(_asset("template.html.j2"))
    return template.render(
        e=evaluation,
        css=Markup(_asset("page.css")),
        title=words.title(evaluation),
        summary=words.summary(evaluation),
        tiles=words.tiles(evaluation),
        figures=_figures(evaluation),
        confusions=words.confusions(evaluation),
        views=words.worst_views(evaluation),
        cells=words.cells(evaluation),
        bar_top=words.bar_top(evaluation),
        pose_rows=words.pose_rows(evaluation),
        facts=words.facts(evaluation),
        mistakes=words.mistakes(evaluation, _MOST_ERRORS),
        mistakes_in_all=sum(row["errors"] for row in evaluation.per_category.values()),
        most_objects=_MOST_OBJECTS,
        most_failures=_MOST_FAILURES,
        long_table=_LONG_TABLE,
    )


def _asset(name: str) -> str:
    return resources.files("objrec.report").joinpath(name).read_text(encoding="utf-8")


def _figures(evaluation: Evaluation) -> dict[str, Markup]:
    """Draw the figures that this evaluation has; SVG of our own making, hence not escaped."""
    drawn = {"confusion": confusion_figure(evaluation.confusion, evaluation.categories)}
    if evaluation.viewpoint:
        drawn["viewpoint"] = viewpoint_figure(evaluation.viewpoint)
    azimuth = evaluation.pose.get("azimuth", {})
    if azimuth.get("count"):
        correct = azimuth["correct"].get("histogram")
        drawn["azimuth"] = azimuth_histogram(azimuth["histogram"], correct)
    return {name: Markup(svg) for name, svg in drawn.items()}
