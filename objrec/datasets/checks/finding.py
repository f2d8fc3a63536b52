"""What a check says: one `Finding`, its grade, and the words for counts and lists."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from objrec.datasets.checks.facts import Facts

# Errors must be mended; warnings are most likely mistakes; remarks say what follows from the set.
ERROR, WARNING, REMARK = GRADES = ("error", "warning", "remark")
_NAMED = 4


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        grade: One of `GRADES`.
        code: Stays the same from version to version.
        message: What is so, in one sentence without full stop.
        advice: What to do, or what follows, in one sentence without full stop.
        where: The files, lines or objects concerned; empty if it concerns the whole set.
    """

    grade: str
    code: str
    message: str
    advice: str
    where: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return everything as values that JSON can hold."""
        return dataclasses.asdict(self)


Check = Callable[["Facts"], Iterable[Finding]]


def counted(count: int, thing: str) -> str:
    """Return "1 image", "2 images", "3 categories"."""
    if count != 1:
        thing = f"{thing[:-1]}ies" if thing.endswith("y") else f"{thing}s"
    return f"{count:,} {thing}"


def named(names: Sequence[str], most: int = _NAMED) -> str:
    """Return "a, b, c and 5 more"; the last one is named too if it is the only one left."""
    shown = list(names) if len(names) <= most + 1 else list(names[:most])
    rest = len(names) - len(shown)
    if rest:
        return f"{', '.join(shown)} and {rest:,} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def verb(count: int, one: str, many: str) -> str:
    """Return the form of a verb that fits a count."""
    return one if count == 1 else many
