"""Names where NORB files have numbers: objects and lightings, listed in set.json.

Without a list there the numbers are the names. Nothing is read or written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from objrec.datasets.description import FILE_NAME, SetDescription
from objrec.datasets.grouping import natural
from objrec.datasets.sample import Dataset
from objrec.errors import DataError

_MOST = np.iinfo(np.int32).max


def named(
    factors: Mapping[str, np.ndarray],
    labels: np.ndarray,
    categories: Sequence[str],
    description: SetDescription,
    root: Path,
) -> dict[str, np.ndarray]:
    """Replace numbers by the names that set.json lists.

    Args:
        factors: Name → (N,) text, as the info files have them.
        labels: (N,) indices into `categories`.
        categories: The names of the categories.
        description: What set.json says.
        root: The set's folder, for messages.

    Raises:
        DataError: A number is beyond the list.
    """
    result = dict(factors)
    for name, members, names in _lists(factors, labels, categories, description):
        result[name] = result[name].astype(object)
        for number in np.unique(factors[name][members]).tolist():
            if number and int(number) >= len(names):
                raise DataError(
                    f"{root / FILE_NAME}: names {len(names)} {name}s, but the set has number "
                    f"{number}; name them all, from number 0"
                )
            if number:
                result[name][members & (factors[name] == number)] = names[int(number)]
        result[name] = result[name].astype(str)
    return result


def numbered(dataset: Dataset, description: SetDescription) -> Dataset:
    """Replace names by the numbers that the lists of a description give them."""
    factors = dict(dataset.factors)
    for name, members, names in _lists(factors, dataset.labels, dataset.categories, description):
        number = {text: str(i) for i, text in enumerate(names)} | {"": ""}
        column = factors[name].astype(object)
        column[members] = [number[text] for text in factors[name][members].tolist()]
        factors[name] = column.astype(str)
    return replace(dataset, factors=factors)


def with_names(description: SetDescription, parts: Sequence[Dataset]) -> SetDescription:
    """Return a description that lists the names of all objects and lightings that need it.

    A list that it has already is kept if it has all the names, and nothing is listed where the
    names are numbers already.
    """
    instances = {}
    for label, category in enumerate(parts[0].categories):
        found = {text for part in parts for text in _texts(part, "instance", part.labels == label)}
        names = _list_for(found, description.instances.get(category, ()))
        if names:
            instances[category] = names
    found = {text for part in parts for text in _texts(part, "lighting", slice(None))}
    lightings = _list_for(found, description.entries.lightings)
    entries = replace(description.entries, lightings=lightings)
    return replace(description, entries=entries, instances=instances)


def _lists(
    factors: Mapping[str, np.ndarray],
    labels: np.ndarray,
    categories: Sequence[str],
    description: SetDescription,
) -> Iterable[tuple[str, np.ndarray, tuple[str, ...]]]:
    """Yield factor, (N,) bool, and the names that number 0, 1, … has among these samples."""
    for category, names in description.instances.items():
        yield "instance", labels == list(categories).index(category), names
    if description.entries.lightings and "lighting" in factors:
        yield "lighting", np.ones(len(labels), dtype=bool), description.entries.lightings


def _texts(part: Dataset, factor: str, members: np.ndarray | slice) -> list[str]:
    return np.unique(part.factors[factor][members]).tolist() if factor in part.factors else []


def _list_for(found: set[str], listed: tuple[str, ...]) -> tuple[str, ...]:
    found = found - {""}
    if found <= set(listed):
        return listed
    if all(map(is_number, found)):
        return ()
    return tuple(sorted(found, key=lambda text: (natural(text), text)))


def is_number(text: str) -> bool:
    """Whether a text is what a NORB file's number is read as: '7', not '007'."""
    decimal = text.isascii() and text.isdecimal() and len(text) <= len(str(_MOST))
    return decimal and str(int(text)) == text and int(text) <= _MOST
