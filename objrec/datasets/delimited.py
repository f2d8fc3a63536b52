"""Delimited text, as spreadsheets and scripts of every country write it: a table of text cells.

Read are UTF-8, with or without byte order mark, and UTF-16 with one (Excel's "Unicode text");
cells separated by commas, semicolons or tabs; any line ends; quoted cells, which may hold
separators and line ends. Blank lines do not count, nor do spaces round a cell. No cell is turned
into anything but text here.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from objrec.errors import DataError, shortened
from objrec.options import did_you_mean

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_SHOWN = 60
# In characters. A column takes as much memory for every row as for its longest cell.
LONGEST = 1000
LONGEST_PATH = 4096
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class Delimited:
    """A table of text.

    Attributes:
        path: The file.
        separator: What stands between its cells.
        columns: Names of the columns, in small letters.
        rows: (line, column → cell) of each row; the line is that on which the row begins.
    """

    path: Path
    separator: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]


def read_delimited(path: Path, required: tuple[str, ...]) -> Delimited:
    """Read a delimited file whose first line names its columns.

    Args:
        path: The file.
        required: Columns it must have, with a cell filled in on every row.

    Raises:
        DataError: It cannot be read, or a line of it is wrong; the message names the line.
    """
    text = _decoded(path)
    separator = max(SEPARATORS, key=lambda mark: _fit(path, text, mark, required))
    records = _records(path, text, separator)
    columns = _checked_columns(next(records, (1, []))[1], required, path)
    rows = (
        (line, _row(cells, columns, required, f"{path}:{line}", SEPARATORS[separator]))
        for line, cells in records
    )
    return Delimited(path, separator, columns, tuple(rows))


def shown(text: str) -> str:
    """Return a cell as messages quote it: on one line, and not too long."""
    return shortened(" ".join(text.split()), _SHOWN)


def number(text: str, separator: str) -> float:
    """Return a cell as the number that it is.

    Args:
        text: The cell; a minus sign may be a typographic one.
        separator: That of its table: where commas do not separate cells, they are how half of
            Europe writes 12.5.

    Raises:
        ValueError: It is no number; "1_000" is none either.
    """
    plain = text.replace("\N{MINUS SIGN}", "-")
    if separator != "," and "." not in plain:
        plain = plain.replace(",", ".", 1)
    return float("" if "_" in plain else plain)


def _decoded(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the file") from error
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    advice = "is not UTF-8 text; save it as 'CSV UTF-8'"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = len((data[: error.start] + b".").splitlines())
        raise DataError(f"{path}:{line}: {advice}") from error
    # UTF-16 without its mark, or no text at all: every second byte is zero.
    if "\0" in text:
        raise DataError(f"{path}: {advice}")
    return text


def _fit(path: Path, text: str, separator: str, required: tuple[str, ...]) -> tuple[int, int]:
    """Say how well a separator explains the first line: required columns found, then columns."""
    try:
        columns = _names(next(_records(path, text, separator), (1, []))[1])
    except DataError:
        return 0, 0
    return sum(name in columns for name in required), len(columns)


def _records(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (first line, stripped cells) of each record that is not blank."""
    # newline="" leaves line ends inside quotes as they are, and still counts lines of every kind.
    file = io.StringIO(text, newline="")
    lines = csv.reader(file, delimiter=separator, strict=True, skipinitialspace=True)
    first = 1
    try:
        for record in lines:
            cells = [cell.strip() for cell in record]
            if any(cells):
                yield first, cells
            first = lines.line_num + 1
    except csv.Error as error:
        what = "a quote is opened and never closed"
        if "expected after" in str(error):
            what = "text follows a closing quote"
        elif "field limit" in str(error):
            what = f"a cell has more than {csv.field_size_limit():,} characters"
        raise DataError(f"{path}:{first}: {what}; correct the quotes") from error


def _names(header: list[str]) -> tuple[str, ...]:
    names = [" ".join(name.lower().split()) for name in header]
    # A spreadsheet keeps columns that were emptied: separators without a name at the end.
    while names and not names[-1]:
        names.pop()
    return tuple(names)


def _checked_columns(header: list[str], required: tuple[str, ...], path: Path) -> tuple[str, ...]:
    columns = _names(header)
    if len(columns) == 1:
        raise DataError(
            f"{path}: has a single column, '{shown(columns[0])}'; "
            "separate columns by commas, semicolons or tabs"
        )
    for name in required:
        if name not in columns:
            hint = did_you_mean(name, columns).replace("did you mean", "is it")
            raise DataError(f"{path}: has no column '{name}'{hint or '; add it to the first line'}")
    for position, name in enumerate(columns, start=1):
        if not name:
            raise DataError(f"{path}: column {position} has no name; name it in the first line")
        if len(name) > LONGEST:
            raise DataError(f"{path}: column {position}: {_too_long(name, LONGEST)}")
        if columns.count(name) > 1:
            raise DataError(f"{path}: has two columns '{name}'; remove or rename one")
    return columns


def _row(
    cells: list[str], columns: tuple[str, ...], required: tuple[str, ...], place: str, marks: str
) -> dict[str, str]:
    if len(cells) < len(columns) or any(cells[len(columns) :]):
        raise DataError(
            f"{place}: has {len(cells)} cells, the first line {len(columns)}; "
            f"leave unknown cells empty, quote cells that hold {marks}"
        )
    row = dict(zip(columns, cells, strict=False))
    if sum(map(len, cells)) > LONGEST:
        for name, cell in row.items():
            if len(cell) > (most := LONGEST_PATH if name == "file" else LONGEST):
                raise DataError(f"{place}: {shown(name)}: {_too_long(cell, most)}")
    for name in required:
        if not row[name]:
            raise DataError(f"{place}: {name} is empty; fill it in or remove the line")
    return row


def _too_long(text: str, most: int) -> str:
    return f"'{shown(text)}' has {len(text):,} characters; shorten it to at most {most:,}"
