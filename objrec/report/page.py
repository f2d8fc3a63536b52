"""The report page: what an `Evaluation` says, in words, tables, figures and pictures of one file.

Made from the evaluation and the pictures that it names: no model, no data set, no network. All text
is escaped by the template. The layout is that of template.html.j2 and the parts it includes.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, UndefinedError
from markupsafe import Markup

from objrec.errors import DataError
from objrec.evaluation.result import Evaluation
from objrec.files import write_text
from objrec.report import gallery, headline, tables, words
from objrec.report.drawing import draw_all
from objrec.report.pictures import Pictures, read_pictures, scale_image
from objrec.report.rows import folder_of, script_rows
from objrec.report.templates import asset, environment, policy

LARGEST = 15_000_000  # bytes of the page
_MOST_PICTURES = 10_000_000  # characters of them in it
_WORDS = 50_000  # likewise
_MOST_OBJECTS = 60
_MOST_FAILURES = 100
_LONG_TABLE = 24  # factor tables with more rows start folded
_MOST_WORDS = 200  # characters of what is wrong with a damaged evaluation
_DAMAGED = (LookupError, ArithmeticError, TypeError, ValueError, AttributeError, UndefinedError)


def write_report(
    evaluation: Evaluation | Mapping[str, Any],
    path: str | Path,
    images: str | Path | None = None,
    place: str = "evaluation",
) -> None:
    """Write report.html: one file that needs nothing beside it.

    Args:
        evaluation: An `Evaluation`, or what evaluation.json holds.
        path: The file to make or replace; its folder is made.
        images: The folder that the pictures of the evaluation are relative to; None: that of
            `path`. Pictures that are not there are left out, and the page says so.
        place: What messages call the evaluation: its file.

    Raises:
        DataError: The evaluation is of another version or damaged, or the file cannot be written.
    """
    if not isinstance(evaluation, Evaluation):
        evaluation = Evaluation.from_dict(dict(evaluation), place)
    path = Path(path)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of figures without a number, or of missing letters
            text = render(evaluation, path.parent if images is None else Path(images))
    except _DAMAGED as error:
        what = f"{type(error).__name__}: {error}"[:_MOST_WORDS]
        raise DataError(f"{place}: a value is damaged ({what}); evaluate again") from error
    write_text(path, text.encode("utf-8", "replace").decode("utf-8"))


def render(evaluation: Evaluation, images: Path = Path()) -> str:
    """Return the page as HTML, of at most `LARGEST` bytes: pictures are left out if need be."""
    pictures = read_pictures(evaluation.images, images, _MOST_PICTURES)
    text = _render(evaluation, pictures)
    beyond = len(text.encode("utf-8", "replace")) - LARGEST
    if beyond > 0 and pictures.css:
        # Words stand in for the pictures left out, which takes a little room too.
        most = max(len(pictures.css) - beyond - _WORDS, 0)
        text = _render(evaluation, read_pictures(evaluation.images, images, most))
    return text


def _render(evaluation: Evaluation, pictures: Pictures) -> str:
    script, css = asset("page.js"), asset("page.css") + asset("report.css")
    rows = script_rows(evaluation, pictures)
    failures = gallery.gallery(evaluation, pictures)
    wrong = sum(row["errors"] for row in evaluation.per_category.values())
    return (
        _environment()
        .get_template("template.html.j2")
        .render(
            e=evaluation,
            policy=policy([css, pictures.css], [script]),
            css=Markup(css),
            sheets=Markup(pictures.css),
            script=Markup(script),
            rows=Markup(rows),
            title=headline.title(evaluation),
            summary=headline.summary(evaluation),
            tiles=headline.tiles(evaluation),
            cells=headline.cells(evaluation),
            device=headline.device(evaluation),
            notes=[*evaluation.notes, *filter(None, [pictures.note])],
            figures=draw_all(evaluation),
            tables=tables,
            bar_top=tables.bar_top(evaluation),
            failures=failures[: gallery.FIRST],
            failure_pages=gallery.pages(failures),
            failures_shown=len(failures),
            folder=folder_of(evaluation),
            wrong=wrong,
            scale=scale_image(),
            most_objects=_MOST_OBJECTS,
            most_failures=_MOST_FAILURES,
            long_table=_LONG_TABLE,
        )
    )


def _environment() -> Environment:
    filled = environment()
    filled.filters |= {
        "percent": words.percent,
        "number": words.number,
        "count": words.count,
        "energy": words.energy,
        "value": words.factor_value,
        "axis": words.axis_name,
        "interval": words.interval,
        "points": words.points,
        "p_value": words.p_value,
    }
    filled.globals["kinds"] = words.KINDS
    return filled
