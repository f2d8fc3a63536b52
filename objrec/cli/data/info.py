"""``objrec data info``: what a data set holds."""

from __future__ import annotations

from pathlib import Path

import click

from objrec.cli.flags import force_option, set_argument
from objrec.cli.set_summary import print_summary
from objrec.cli.tables import Bar, print_json, say


@click.command("info")
@set_argument
@click.option("--check", is_flag=True, help="read every image, to find all that cannot be read")
@click.option(
    "--picture",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="draw a sheet of views, a row a category: FILE.png, .jpg, .pdf or .svg",
)
@click.option("--json", "as_json", is_flag=True, help="everything as one JSON object")
@force_option
def info(set_path: Path, check: bool, picture: Path | None, as_json: bool, force: bool) -> None:
    """Print what the data set SET holds: categories, objects, views, poses, sizes.

    \b
    Examples:
      objrec data info photos/
      objrec data info photos/ --picture sheet.png
    """  # noqa: D301
    from objrec.datasets import open_splits, summarise
    from objrec.datasets.pictures import check_picture_path
    from objrec.datasets.view_sheet import view_sheet

    if picture is not None:
        check_picture_path(picture, force=force)
    with Bar("reading") as bar:
        summary = summarise(set_path, check=check, on_progress=bar.tick)
    if as_json:
        print_json(summary.to_dict(), indent=2)
    else:
        print_summary(summary)
    if picture is not None:
        view_sheet(list(open_splits(set_path)), picture)
        say(f"picture: {picture}")
