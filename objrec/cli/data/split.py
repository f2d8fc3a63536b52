"""``objrec data split``: divide a set by object into training and test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from objrec.cli.data.outcome import tell
from objrec.cli.flags import force_option, set_argument, settings_command
from objrec.cli.tables import Bar, print_table

if TYPE_CHECKING:
    from objrec.datasets.splits import Division


def _division() -> type[Division]:
    from objrec.datasets.splits import Division

    return Division


@settings_command("split", _division)
@set_argument
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--link", is_flag=True, help="second names for image files (hard links), no copies")
@force_option
def split(set_path: Path, out: Path, settings: Division, **choices: Any) -> int:
    """Divide the data set SET by object: the new set OUT trains on some and tests on others.

    Views of one object never come apart, every category gives its share, and the same seed
    always chooses the same objects. Splits that SET has are put together first. With --folds, OUT
    holds so many sets, fold-1 and so on, and every object is tested on in one of them.

    \b
    Examples:
      objrec data split photos out/split --test 0.2 --val 0.1
      objrec data split photos out/folds --folds 5
    """  # noqa: D301
    from objrec.datasets.dividing import split_set

    with Bar("writing") as bar:
        divided = split_set(set_path, out, settings, on_progress=bar.tick, **choices)
    columns = list(next(iter(divided.objects.values())))
    tested = " (tested on)" if settings.folds else ""
    print_table(
        [f"objects{tested}", *columns],
        [[name, *counts.values()] for name, counts in divided.objects.items()],
    )
    return tell(out, divided.failures, divided.remarks, "sets" if settings.folds else "set")
