"""`check_set`: everything that could be wrong with a set, before an hour is spent on training.

The checks themselves are in `objrec.datasets.checks`; here the set is opened, its images are read,
and the findings are put in order. Nothing is changed.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from objrec.datasets.checks import CHECKS, ERROR, GRADES, Finding
from objrec.datasets.checks.advice import advice, train_command
from objrec.datasets.checks.facts import Facts, gather
from objrec.datasets.checks.refusals import refused_labels
from objrec.datasets.images import UNREADABLE_SUFFIXES, is_image_name, is_litter
from objrec.datasets.norb import find_norb
from objrec.datasets.opening import checked_folder, open_splits
from objrec.datasets.reading import stored_files
from objrec.datasets.sample import Dataset
from objrec.errors import DataError

# Not photographs that somebody forgot to convert: drawings beside the set.
_DOCUMENTS = frozenset({".pdf", ".svg", ".eps", ".ai", ".ico"})


@dataclass(frozen=True)
class SetCheck:
    """What was found in a set.

    Attributes:
        path: The set's folder, as the user wrote it.
        facts: What was gathered; None if the labels were refused.
        findings: The errors, then the warnings, then the remarks.
        advice: What to do next, in sentences.
        command: The command that trains on it; "" if the labels were refused.
    """

    path: str
    facts: Facts | None
    findings: tuple[Finding, ...]
    advice: tuple[str, ...] = ()
    command: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """How many findings there are of each grade."""
        found = Counter(finding.grade for finding in self.findings)
        return {grade: found[grade] for grade in GRADES}

    @property
    def splits(self) -> dict[str, dict[str, int]]:
        """Split → how many ``images`` and ``objects``; empty if the labels were refused."""
        if self.facts is None:
            return {}
        counts = {}
        for number, name in enumerate(self.facts.splits):
            mask = self.facts.split == number
            objects = self.facts.units(mask & self.facts.is_object)
            counts[name] = {"images": int(mask.sum()), "objects": objects}
        return counts

    @property
    def passed(self) -> bool:
        """Whether there is no error."""
        return not self.counts[ERROR]

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the facts as values that JSON can hold."""
        facts = self.facts
        return {
            "path": self.path,
            "name": facts.name if facts else None,
            "splits": self.splits,
            "images_read": facts is not None and facts.images is not None,
            **{f"{grade}s": count for grade, count in self.counts.items()},
            "findings": [finding.to_dict() for finding in self.findings],
            "advice": list(self.advice),
            "command": self.command or None,
        }


def check_set(
    path: str | Path,
    *,
    fast: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> SetCheck:
    """Check a data set.

    Args:
        path: The set's folder.
        fast: Look at names and labels only, and read no image.
        on_progress: Called with (images read, images to read).

    Raises:
        DataError: There is no such set, or its files are wrong in a way that no check knows.
    """
    root = checked_folder(path)
    try:
        parts = list(open_splits(root))
    except DataError as error:
        finding = refused_labels(error)
        if finding is None:
            raise
        return SetCheck(str(path), None, (finding,), ("Correct the labels, and check again.",))
    facts = gather(path, parts, look=not fast, on_progress=on_progress)
    if not find_norb(root):
        strays, foreign = _unused(root, parts)
        facts = replace(facts, strays=strays, foreign=foreign)
    findings = findings_of(facts)
    return SetCheck(str(path), facts, findings, advice(facts, findings), train_command(facts))


def findings_of(facts: Facts) -> tuple[Finding, ...]:
    """Run all checks; errors come first."""
    found = [finding for check in CHECKS.values() for finding in check(facts)]
    return tuple(sorted(found, key=lambda finding: GRADES.index(finding.grade)))


def _unused(root: Path, parts: Sequence[Dataset]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """List the image files that no split takes in, and those in formats that are not read."""
    used = {_identity(file) for part in parts for file in _files_of(part)}
    strays, foreign = [], []
    for file in _walk(root):
        if is_image_name(file):
            if _identity(file) not in used:
                strays.append(str(file))
        elif file.suffix.lower() in UNREADABLE_SUFFIXES - _DOCUMENTS:
            foreign.append(str(file))
    return tuple(strays), tuple(foreign)


def _files_of(part: Dataset) -> Iterator[Path]:
    for source in part.sources:
        yield from stored_files(source, part.cameras)
    for failure in part.failures:
        # Of an incomplete sample some files are there, and are named all the same.
        yield from map(Path, {failure.source, *failure.source.split("+")})


def _identity(file: Path) -> str:
    return os.path.realpath(file)


def _walk(root: Path) -> Iterator[Path]:
    """Yield the files of a folder and its subfolders by name, without hidden ones and litter."""
    for folder, inner, names in os.walk(root):
        inner[:] = sorted(name for name in inner if not is_litter(name))
        yield from (Path(folder) / name for name in sorted(names) if not is_litter(name))
