"""``objrec data make-toys``: render a set of toys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from objrec.cli.flags import force_option, settings_command, workers_option
from objrec.cli.tables import Bar

if TYPE_CHECKING:
    from objrec.rendering import ToySettings


def _toy_settings() -> type[ToySettings]:
    from objrec.rendering import ToySettings

    return ToySettings


@settings_command("make-toys", _toy_settings)
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@workers_option
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
