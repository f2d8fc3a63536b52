"""Which files of a folder are NORB files, and which of them belong together.

    PREFIX-training-dat.mat     PREFIX-training-cat.mat     PREFIX-training-info.mat

Each may have ".gz" at the end. "training", "validation" and "testing" in the name make the splits;
files with none of them are a set of one split. A split may come in parts with numbers,
PREFIX-training-01-dat.mat and so on. This page looks at names only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from objrec.errors import DataError

_FILE = re.compile(r"(?P<prefix>[^.].*)-(?P<kind>dat|cat|info)\.mat(\.gz)?")
_NUMBERED = re.compile(r"(?P<base>.+)-(?P<number>[0-9]{1,9})")
_SPLIT_WORD = re.compile(r"(?<![a-z])(train|val|test)(ing|id|idation)?(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class NorbPart:
    """The three files of a split, or of one of its parts.

    Attributes:
        folder: Where they are.
        prefix: What their names begin with.
    """

    folder: Path
    prefix: str

    def path(self, kind: str) -> Path:
        """Return the path of the "dat", "cat" or "info" file.

        Raises:
            DataError: There is no such file.
        """
        plain = self.folder / f"{self.prefix}-{kind}.mat"
        zipped = plain.with_name(plain.name + ".gz")
        for path in (plain, zipped):
            if path.is_file():
                return path
        raise DataError(
            f"{plain}: no such file, with or without .gz; copy it beside the other files of the set"
        )


def find_norb(folder: Path) -> dict[str, tuple[NorbPart, ...]]:
    """Return split → parts of the NORB files in a folder; empty if there are none.

    A part that is missing between two others is listed: reading it says which file to add.

    Raises:
        DataError: Two sets of files belong to the same split.
    """
    kinds: dict[str, set[str]] = {}
    for path in sorted(folder.iterdir()):
        match = _FILE.fullmatch(path.name)
        if match:
            kinds.setdefault(match["prefix"], set()).add(match["kind"])
    bases = {_base(prefix) for prefix, found in kinds.items() if "dat" in found}
    found: dict[str, list[str]] = {}
    for prefix in kinds:
        if _base(prefix) in bases:
            found.setdefault(_split_of(prefix), []).append(prefix)
    splits = {split: _ordered(folder, split, names) for split, names in found.items()}
    if "all" in splits and len(splits) > 1:
        raise DataError(
            f"{folder}: {splits['all'][0].prefix} is neither training nor testing, as other files "
            "are; keep it in a folder of its own"
        )
    return {split: splits[split] for split in ("train", "val", "test", "all") if split in splits}


def _base(prefix: str) -> str:
    match = _NUMBERED.fullmatch(prefix)
    return match["base"] if match else prefix


def _split_of(prefix: str) -> str:
    word = _SPLIT_WORD.search(prefix)
    return word[1].lower() if word else "all"


def _ordered(folder: Path, split: str, prefixes: list[str]) -> tuple[NorbPart, ...]:
    """Return the parts of a split by number, with those that are missing in between."""
    numbers = {prefix: _number(prefix) for prefix in prefixes}
    ordered = sorted(prefixes, key=lambda prefix: (_base(prefix), numbers[prefix]))
    for one, other in pairwise(ordered):
        if _base(one) != _base(other) or numbers[one] in (-1, numbers[other]):
            raise DataError(
                f"{folder}: {one} and {other} are both the {split} split; "
                "keep one of them in the folder"
            )
    parts = []
    for prefix in ordered:
        if parts and numbers[prefix] != numbers[parts[-1]] + 1:
            before = parts[-1]
            width = len(before) - len(_base(before)) - 1
            parts.append(f"{_base(prefix)}-{numbers[before] + 1:0{width}d}")
            numbers[parts[-1]] = numbers[before] + 1
        parts.append(prefix)
    return tuple(NorbPart(folder, prefix) for prefix in parts)


def _number(prefix: str) -> int:
    match = _NUMBERED.fullmatch(prefix)
    return int(match["number"]) if match else -1
