"""Checks of the files: what cannot be read, and what is passed over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from objrec.datasets.checks.facts import Facts
from objrec.datasets.checks.finding import ERROR, WARNING, Check, Finding, counted, verb


def unreadable(facts: Facts) -> Iterator[Finding]:
    """Files that are missing, cut short, or no images."""
    if facts.failures:
        count = len(facts.failures)
        yield Finding(
            ERROR,
            "unreadable",
            f"{counted(count, 'file')} cannot be read",
            "copy them again, or remove them and their lines; training would leave them out",
            tuple(map(str, facts.failures)),
        )


def foreign_format(facts: Facts) -> Iterator[Finding]:
    """Photographs in a format that is not read."""
    if facts.foreign:
        count = len(facts.foreign)
        kinds = sorted({Path(name).suffix.lower().lstrip(".").upper() for name in facts.foreign})
        yield Finding(
            WARNING,
            "foreign-format",
            f"{counted(count, 'file')} in a format that is not read: {', '.join(kinds)}",
            f"save {verb(count, 'it', 'them')} as JPEG or PNG",
            facts.foreign,
        )


def unlisted(facts: Facts) -> Iterator[Finding]:
    """Image files that belong to no sample."""
    if facts.strays:
        count = len(facts.strays)
        yield Finding(
            WARNING,
            "unlisted",
            f"{counted(count, 'image file')} in the folder {verb(count, 'is', 'are')} not used",
            "give each a line in labels.csv, or a place in the folder of its category; "
            "or remove what is not wanted",
            facts.strays,
        )


def mixed_cameras(facts: Facts) -> Iterator[Finding]:
    """Splits that differ in their number of cameras."""
    if len(set(facts.cameras)) > 1:
        told = [f"{s} has {c}" for s, c in zip(facts.splits, facts.cameras, strict=True)]
        yield Finding(
            ERROR,
            "mixed-cameras",
            f"the splits differ in their number of cameras: {', '.join(told)}",
            "use the same cameras everywhere; a model takes as many as it was trained on",
        )


CHECKS: dict[str, Check] = {
    "unreadable": unreadable,
    "foreign-format": foreign_format,
    "unlisted": unlisted,
    "mixed-cameras": mixed_cameras,
}
