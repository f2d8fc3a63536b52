"""How a result came about: the command, the time, the version."""

from __future__ import annotations

import datetime
import shlex
from typing import Any

import click

from objrec import __version__


def provenance() -> dict[str, Any]:
    """Return the running command, the time and the version, for results to keep."""
    return {
        "command": shlex.join(["objrec", *click.get_current_context().find_root().obj]),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "version": __version__,
    }
