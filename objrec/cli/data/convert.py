"""``objrec data convert``: a set as a labelled folder or as NORB files, smaller or as it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from objrec.cli.data.outcome import tell
from objrec.cli.flags import force_option, set_argument, settings_command, split_option
from objrec.cli.tables import Bar

if TYPE_CHECKING:
    from objrec.datasets.converting import Conversion


def conversion_settings() -> type[Conversion]:
    """Load the settings of a conversion."""
    from objrec.datasets.converting import Conversion

    return Conversion


@settings_command("convert", conversion_settings)
@set_argument
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "layout",
    type=click.Choice(["folder", "norb"]),
    required=True,
    help="a labelled folder of image files, or NORB files",
)
@split_option
@click.option(
    "--count",
    metavar="N",
    type=click.IntRange(min=1),
    help="how many samples, spread over the set  [default: all]",
)
@force_option
def convert(set_path: Path, out: Path, settings: Conversion, **choices: Any) -> int:
    """Write the data set SET anew into the folder OUT, in another layout, smaller, or in part.

    All splits are written, unless one is named. A folder holds everything; image files whose
    pixels do not change are copied byte for byte, others become PNG, one for each camera. NORB
    files hold gray images of one size, and what they cannot hold is refused unless an option
    accepts the loss. With --size their images are padded to squares. Nothing is ever enlarged.

    \b
    Examples:
      objrec data convert data/toys out/samples --to folder --split test --count 20
      objrec data convert photos out/small --to folder --size 256 --crop object
      objrec data convert photos out/norb --to norb --size 96 --gray
    """  # noqa: D301
    from objrec.datasets.converting import convert as write

    with Bar("writing") as bar:
        made = write(set_path, out, conversion=settings, on_progress=bar.tick, **choices)
    return tell(out, made.failures, made.remarks, f"{made.images} images")
