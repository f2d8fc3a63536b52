"""``objrec report``: draw the page of an evaluation again, without the model."""

from __future__ import annotations

from pathlib import Path

import click

from objrec.cli.flags import force_option
from objrec.errors import DataError

_FILE = click.Path(path_type=Path)


@click.command("report")
@click.argument("evaluation", metavar="EVALUATION.json", type=_FILE)
@click.option("--out", metavar="FILE", type=_FILE, help="page to write  [default: beside it]")
@force_option
def report(evaluation: Path, out: Path | None, force: bool) -> None:
    """Draw the page of an evaluation again, without its model.

    It is made from EVALUATION.json and the pictures beside it alone.

    \b
    Example:
      objrec report out/report/evaluation.json --out page.html
    """  # noqa: D301
    page = out or evaluation.with_name("report.html")
    if page.exists() and not force:
        raise DataError(f"{page}: exists; add --force to overwrite it")
    from objrec.evaluation.result import Evaluation
    from objrec.report import write_report

    write_report(Evaluation.load(evaluation), page, evaluation.parent, str(evaluation))
    click.echo(f"report: {page}")
