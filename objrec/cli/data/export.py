"""``objrec data export``: samples of a set as image files."""

from __future__ import annotations

from pathlib import Path

import click

from objrec.cli.flags import set_argument, split_option
from objrec.cli.tables import Bar, say


@click.command("export")
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
