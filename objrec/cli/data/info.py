"""``objrec data info``: what a data set holds."""

from __future__ import annotations

import json
from pathlib import Path

import click

from objrec.cli.flags import set_argument
from objrec.cli.set_summary import print_summary
from objrec.cli.tables import Bar


@click.command("info")
@set_argument
@click.option("--check", is_flag=True, help="read every image, to find all that cannot be read")
@click.option("--json", "as_json", is_flag=True, help="everything as one JSON object")
def info(set_path: Path, check: bool, as_json: bool) -> None:
    """Print what the data set SET holds: categories, objects, views, poses, sizes.

    \b
    Example:
      objrec data info photos/ --check
    """  # noqa: D301
    from objrec.datasets import summarise

    with Bar("reading") as bar:
        summary = summarise(set_path, check=check, on_progress=bar.tick)
    if as_json:
        click.echo(json.dumps(summary.to_dict(), ensure_ascii=False, indent=2))
    else:
        print_summary(summary)
