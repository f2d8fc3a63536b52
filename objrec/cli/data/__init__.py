"""``objrec data``: look at data sets, check them, make new ones; one file a verb."""

from __future__ import annotations

import click

from objrec.cli.data.export import export
from objrec.cli.data.info import info
from objrec.cli.data.make_toys import make_toys
from objrec.cli.groups import VerbGroup


@click.group("data", cls=VerbGroup)
def data() -> None:
    """Look at data sets, make toys, export images.

    \b
    Examples:
      objrec data info photos/
      objrec data export data/toys out/samples --count 20
    """  # noqa: D301


for verb in (
    info,
    export,
    make_toys,
):
    data.add_command(verb)
