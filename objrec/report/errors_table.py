"""errors.csv: every wrong answer of an evaluation as a row of a table, for other programs."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from objrec.evaluation.result import Evaluation
from objrec.files import write_text
from objrec.report.gallery import excess, wrong_rows
from objrec.report.rows import axes_of

_COLUMNS = ("file", "object", "category", "predicted", "probability", "energy", "energy_true")


def write_errors(evaluation: Evaluation, path: str | Path) -> None:
    """Write errors.csv: every wrong answer, most wrong first, then what could not be read.

    Args:
        evaluation: The evaluation.
        path: The file to make or replace; its folder is made.

    Raises:
        DataError: It cannot be written.
    """
    path = Path(path)
    axes = axes_of(evaluation)
    poses = [f"{kind}_{axis}" for kind in ("true", "answered") for axis in axes]
    stream = io.StringIO()
    columns = [*_COLUMNS, "excess", *poses, "unknown", "problem"]
    table = csv.DictWriter(stream, columns, lineterminator="\n")
    table.writeheader()
    for index in wrong_rows(evaluation):
        table.writerow(_cells(evaluation.predictions[index], axes))
    for row in evaluation.failures:
        table.writerow({"file": row["file"], "problem": row["error"]})
    write_text(path, stream.getvalue().encode("utf-8", "replace").decode("utf-8"))


def _cells(row: dict[str, Any], axes: list[str]) -> dict[str, Any]:
    above = excess(row)
    return {
        **{name: row[name] for name in (*_COLUMNS, "unknown")},
        "excess": None if above is None else round(above, 6),
        **{f"true_{axis}": row["pose_true"].get(axis) for axis in axes},
        **{f"answered_{axis}": row["pose"].get(axis) for axis in axes},
    }
