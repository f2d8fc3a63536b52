"""``objrec data``: look at data sets, make toys, turn any set into a folder of images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from objrec.cli.flags import force_option, set_argument, settings_command, split_option
from objrec.cli.groups import VerbGroup
from objrec.cli.set_summary import print_summary
from objrec.cli.tables import Bar, say

if TYPE_CHECKING:
    from objrec.rendering import ToySettings


@click.group("data", cls=VerbGroup)
def data() -> None:
    """Look at data sets, make toys, export images.

    \b
    Examples:
      objrec data info photos/
      objrec data export data/toys out/samples --count 20
    """  # noqa: D301


@data.command("info")
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


@data.command("export")
@set_argument
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@split_option
@click.option(
    "--count",
    metavar="N",
    type=click.IntRange(min=1),
    help="how many samples, spread over the set  [default: all]",
)
def export(set_path: Path, folder: Path, split: str | None, count: int | None) -> None:
    """Write samples of the data set SET to the new folder DIR, as PNG files and labels.csv.

    Of a set with several splits, test is taken. Each camera of a sample becomes one file.

    \b
    Example:
      objrec data export data/toys out/samples --count 20
    """  # noqa: D301
    from objrec.datasets import open_dataset
    from objrec.datasets.export import export_folder

    dataset = open_dataset(set_path, split, purpose="test")
    with Bar("exporting") as bar:
        written, failures = export_folder(dataset, folder, count=count, on_progress=bar.tick)
    for failure in failures:
        say(f"objrec: {failure}")
    click.echo(f"{written} images: {folder}")


def _toy_settings() -> type[ToySettings]:
    from objrec.rendering import ToySettings

    return ToySettings


@settings_command("make-toys", _toy_settings)
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option(
    "--workers",
    metavar="N",
    default=1,
    type=click.IntRange(min=1),
    show_default=True,
    help="processes that render",
)
@force_option
def make_toys(out: Path, settings: ToySettings, **choices: Any) -> None:
    """Render a data set of toys with known pose into the folder OUT.

    Needs the extra 'render': pip install 'objrec[render]'. The defaults make the sample set that
    comes with objrec.

    \b
    Example:
      objrec data make-toys data/toys --workers 2
    """  # noqa: D301
    from objrec.rendering.toys import make_toys as make

    with Bar("rendering") as bar:
        make(out, settings, bar.tick, **choices)
    click.echo(f"set: {out}")


data.add_command(make_toys)
