"""``objrec data``: look at data sets, check them, make new ones; one file a verb."""

from __future__ import annotations

import click

from objrec.cli.data.check import check
from objrec.cli.data.convert import convert
from objrec.cli.data.from_turntable import from_turntable
from objrec.cli.data.info import info
from objrec.cli.data.make_toys import make_toys
from objrec.cli.data.merge import merge
from objrec.cli.data.split import split
from objrec.cli.groups import VerbGroup


@click.group("data", cls=VerbGroup)
def data() -> None:
    """Look at data sets, check and convert them, make new ones.

    \b
    Examples:
      objrec data info photos/
      objrec data split photos/ out/split --test 0.2
    """  # noqa: D301


for verb in (
    info,
    check,
    convert,
    split,
    merge,
    from_turntable,
    make_toys,
):
    data.add_command(verb)
