"""``objrec data merge``: several sets as one, by the names of their categories."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from objrec.cli.data.convert import conversion_settings
from objrec.cli.data.outcome import tell
from objrec.cli.flags import force_option, settings_command
from objrec.cli.tables import Bar

if TYPE_CHECKING:
    from objrec.datasets.converting import Conversion


@settings_command("merge", conversion_settings)
@click.argument("sets", metavar="SET…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", metavar="DIR", required=True, type=click.Path(path_type=Path), help="the new set"
)
@click.option(
    "--to",
    "layout",
    type=click.Choice(["folder", "norb"]),
    help="how to write it  [default: norb if all sets are, otherwise folder]",
)
@click.option(
    "--same-objects", is_flag=True, help="one name means one object, whatever set it is in"
)
@click.option("--relative", is_flag=True, help="take azimuths as right up to one offset per object")
@force_option
def merge(sets: tuple[Path, ...], out: Path, settings: Conversion, **choices: Any) -> int:
    """Merge several data sets SET… into one, by the names of their categories.

    Train goes with train, test with test. Objects of one name in two sets are taken for different
    ones, and get the name of their set in front. Azimuths are turned so that the front is where
    the first set has it, which needs set.json to say where it is.

    \b
    Example:
      objrec data merge photos more-photos --out out/all
    """  # noqa: D301
    from objrec.datasets.merging import merge_sets

    with Bar("writing") as bar:
        made = merge_sets(sets, out, conversion=settings, on_progress=bar.tick, **choices)
    return tell(out, made.failures, made.remarks, f"{made.images} images")
