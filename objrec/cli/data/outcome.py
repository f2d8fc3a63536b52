"""What verbs that make a set say in the end: remarks and failures on stderr, the set on stdout."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from objrec.cli.tables import say
from objrec.errors import Failure


def tell(out: Path, failures: Iterable[Failure], remarks: Iterable[str], text: str = "") -> int:
    """Print where the set is, and what its owner should know; returns the exit code.

    Args:
        out: The set's folder.
        failures: What is not in it.
        remarks: Sentences.
        text: What to say of the set before its folder.
    """
    for remark in remarks:
        say(f"note: {remark}")
    failed = list(failures)
    for failure in failed:
        say(f"objrec: {failure}")
    click.echo(f"{text or 'set'}: {out}")
    return 1 if failed else 0
