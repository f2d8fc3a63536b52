"""The errors a user can cause, and the value that stands for one failed input.

Every message is one line: place, what is wrong, what to do. ``cli/main.py`` turns an
`ObjrecError` into that line and an exit code; any other exception is a bug and keeps its
traceback. This module never prints and never exits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

# Line ends, escape sequences of terminals, what turns the direction of writing, and half characters
# (a file name that is no UTF-8): names may hold all of them, messages none.
_UNSHOWN = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(text: str) -> str:
    r"""Return a text as messages and tables show it: what is no visible character as an escape.

    Example:
        >>> one_line("tea\ncup")
        'tea\\ncup'
    """
    return _UNSHOWN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters, and a mark where more was cut off."""
    return text if len(text) <= most else f"{text[:most]}…"


class ObjrecError(Exception):
    """Base of every error whose cause is the user's input, settings or files; always one line."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class DataError(ObjrecError):
    """An image or a data set cannot be read, or contradicts itself."""


class SettingsError(ObjrecError):
    """A setting is unknown, of the wrong type, or out of range."""


class ModelError(ObjrecError):
    """A model folder is missing, incomplete, or written by another version."""


@dataclass(frozen=True)
class Failure:
    """One input that could not be processed while the others went on.

    Attributes:
        source: The file (or file and index) that failed.
        message: What is wrong with it and what to do, in one line, without the source.
    """

    source: str
    message: str

    @classmethod
    def of(cls, source: str | Path, error: Exception) -> Self:
        """Make the failure of an input from the error it raised, which may name the input too."""
        return cls(str(source), str(error).removeprefix(one_line(f"{source}: ")))

    def to_dict(self) -> dict[str, str]:
        """Return ``{"file": source, "error": message}``, as ``classify --json`` prints it."""
        return {"file": self.source, "error": self.message}

    def __str__(self) -> str:
        return one_line(f"{self.source}: {self.message}")
