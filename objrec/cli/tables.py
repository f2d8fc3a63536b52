"""How results and progress are shown: tables on stdout, bars and remarks on stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Self

import click

from objrec.errors import one_line

_NO_LIMIT = 10_000
_NUMBER = re.compile(r"[+-]?[\d.]+ ?[%°]?")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table on stdout; columns that hold numbers are set flush right.

    Args:
        columns: The headings.
        rows: One cell a column; None is an empty cell. Text is printed as it is, without markup.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [["" if cell is None else one_line(str(cell)) for cell in row] for row in rows]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column, values in zip(columns, zip(*cells, strict=True) if cells else (), strict=False):
        side = "right" if _numeric(values) else "left"
        table.add_column(column, justify=side, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    console = Console()
    if console.is_terminal:
        console.print(table)
        return
    # A file or a pipe has no width: nothing is cut or wrapped there, and no line ends in blanks.
    console.width = _NO_LIMIT
    with console.capture() as captured:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def print_json(value: Any, *, indent: int | None = None) -> None:
    """Print a value as JSON on stdout, as plain ASCII where stdout cannot take all of Unicode."""
    whole = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    click.echo(json.dumps(value, ensure_ascii=not whole, indent=indent))


def _numeric(values: Sequence[str]) -> bool:
    filled = [value for value in values if value]
    return bool(filled) and all(map(_NUMBER.fullmatch, filled))


def say(text: str) -> None:
    """Print a remark on stderr."""
    click.echo(one_line(text), err=True)


class Bar:
    """A progress bar on stderr while a block runs; nothing at all if stderr is no terminal.

    Example:
        ``with Bar("evaluating") as bar: evaluate(…, on_progress=bar.tick)``
    """

    def __init__(self, title: str, *, shown: bool = True) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeRemainingColumn as Remaining

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
        self._progress = Progress(
            *columns,
            console=Console(file=sys.stderr),
            transient=True,
            redirect_stdout=False,  # results on stdout stay there, whatever stderr shows
            disable=not (shown and sys.stderr.isatty()),
        )
        self._task = self._progress.add_task(title, total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def tick(self, done: int, total: int) -> None:
        """Show that `done` of `total` steps are done."""
        self._progress.update(self._task, completed=done, total=total)

    def retitle(self, title: str) -> None:
        """Say that something else is done now, from its beginning."""
        self._progress.reset(self._task, description=title, total=None)

    def say(self, text: str) -> None:
        """Print a remark on stderr, above the bar."""
        if self._progress.disable:
            say(text)
        else:
            self._progress.console.print(one_line(text), markup=False, highlight=False)
