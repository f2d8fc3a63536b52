"""``objrec data check``: what could be wrong with a set, before an hour is spent on training."""

from __future__ import annotations

from pathlib import Path

import click

from objrec.cli.flags import force_option, set_argument
from objrec.cli.set_summary import print_check
from objrec.cli.tables import Bar, print_json, say


@click.command("check")
@set_argument
@click.option(
    "--picture",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="draw from where the objects were seen: FILE.png, .jpg, .pdf or .svg",
)
@click.option("--fast", is_flag=True, help="look at names and labels only, read no image")
@click.option("--json", "as_json", is_flag=True, help="everything as one JSON object, for programs")
@force_option
def check(set_path: Path, picture: Path | None, fast: bool, as_json: bool, force: bool) -> int:
    """Look for mistakes in the data set SET before training on it.

    Every image is read once. Found are unreadable and unused files, copies, objects in two splits,
    categories with too little, labels that look wrong, and sides that no picture shows. Errors must
    be mended, and make the exit code 1; warnings are most likely mistakes; remarks say what follows
    from the set as it is. Nothing is changed.

    \b
    Examples:
      objrec data check photos/
      objrec data check photos/ --picture views.png
    """  # noqa: D301
    from objrec.datasets.checking import check_set
    from objrec.datasets.checks.sphere import viewing_sphere
    from objrec.datasets.pictures import check_picture_path

    if picture is not None:
        check_picture_path(picture, force=force)
    with Bar("reading") as bar:
        found = check_set(set_path, fast=fast, on_progress=bar.tick)
    drawn = picture and found.facts and viewing_sphere(found.facts, picture)
    if as_json:
        print_json(found.to_dict(), indent=2)
    else:
        print_check(found)
    if drawn:
        say(f"picture: {picture}")
    elif picture:
        say("no picture: there are no azimuth labels to draw")
    return 0 if found.passed else 1
