"""Dividing the objects of a set: for leave-one-object-out folds, and into train, val and test.

Views of one object never fall on two sides. What counts as one object is said by `units_of`. No
file is read or written here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from objrec.datasets.sample import Dataset
from objrec.errors import DataError, SettingsError
from objrec.options import Settings, option

TRAIN, VAL, TEST = "train", "val", "test"
_DEFAULT_TEST = 0.2
_NEVER = -1


@dataclass(frozen=True)
class Division(Settings):
    """How objects are divided."""

    test: float | None = option(
        None,
        "share of each category's objects for testing; auto: 0.2, or what --folds says",
        minimum=0.001,
        maximum=0.99,
    )
    val: float = option(
        0.0, "share of each category's objects for validation", minimum=0.0, maximum=0.99
    )
    folds: int | None = option(
        None, "make this many sets instead, each testing on other objects", minimum=2
    )
    seed: int = option(0, "which objects are chosen", minimum=0)

    def check(self) -> None:
        """Refuse shares that leave nothing to train on, and folds together with shares.

        Raises:
            SettingsError: It is so.
        """
        if self.folds is not None and (self.test is not None or self.val):
            raise SettingsError("--folds: decides what is tested on; leave out --test and --val")
        if self.test_share + self.val >= 1:
            raise SettingsError("--test, --val: leave nothing for training; choose smaller shares")

    @property
    def test_share(self) -> float:
        """The share for testing, with its default filled in."""
        return _DEFAULT_TEST if self.test is None else self.test


def divide(dataset: Dataset, division: Division) -> tuple[np.ndarray, tuple[str, ...]]:
    """Say for each sample whether it is for training, validation or testing.

    Every category gives about its share of objects, at least one to testing (and to validation, if
    that is wanted) while one remains for training. Which ones depends on the seed and on the
    names of the category and its objects alone.

    Args:
        dataset: All samples.
        division: The shares, and the seed.

    Returns:
        (N,) text: "train", "val" or "test"; and remarks on categories that are too small.

    Raises:
        DataError: No category has two objects.
    """
    splits = np.full(len(dataset), TRAIN, dtype="<U5")
    remarks = _unnamed(dataset)
    for category, members, units in _categories(dataset):
        names = _shuffled(category, units[members], division.seed)
        test = _taken(len(names), division.test_share, len(names) - 1)
        val = _taken(len(names), division.val, len(names) - 1 - test)
        for split, chosen in ((TEST, names[:test]), (VAL, names[test : test + val])):
            splits[members & np.isin(units, chosen)] = split
        remarks += _too_few(category, len(names), test, val, division)
    if not (splits == TEST).any():
        raise DataError(f"{dataset.root}: every category has a single object; nothing can be split")
    return splits, tuple(remarks)


def deal_folds(dataset: Dataset, division: Division) -> tuple[np.ndarray, tuple[str, ...]]:
    """Say for each sample in which fold it is tested on; in the others it is for training.

    The objects of a category are spread evenly over the folds. A category of a single object is
    never tested on.

    Args:
        dataset: All samples.
        division: The number of folds, and the seed.

    Returns:
        (N,) int64, 0 to folds - 1, or -1 for never; and remarks.

    Raises:
        DataError: A fold would have nothing to test on.
    """
    if division.folds is None:
        raise ValueError("the division has no folds")
    numbers = np.full(len(dataset), _NEVER)
    remarks, dealt = _unnamed(dataset), 0
    for category, members, units in _categories(dataset):
        names = _shuffled(category, units[members], division.seed)
        if len(names) < 2:
            remarks.append(_single(category))
            continue
        order = np.argsort(names)
        ranks = order[np.searchsorted(names[order], units[members])]
        # Dealing goes on where the category before stopped, so that small ones spread too.
        numbers[members] = (dealt + ranks) % division.folds
        dealt += len(names)
    if dealt < division.folds:
        raise DataError(
            f"{dataset.root}: has {dealt} objects to test on, too few for {division.folds} folds; "
            "use fewer"
        )
    return numbers, tuple(remarks)


def hold_out_objects(dataset: Dataset, fold: int, folds: int) -> tuple[np.ndarray, np.ndarray]:
    """Leave out, in every category, each object whose rank (by name) is `fold` modulo `folds`.

    With as many folds as a category has objects, each fold leaves out exactly one of them. A
    background category is no object: its images are left out one by one where it has no several
    named instances, and a single one stays.

    Args:
        dataset: The training set.
        fold: Which part to leave out, from 0.
        folds: The number of parts, at least 2.

    Returns:
        The indices (int64, ascending) to train on, and those left out.

    Raises:
        DataError: A category has a single object (it would have nothing to train on), or no
            category has so many that this fold leaves one out.
    """
    if folds < 2 or not 0 <= fold < folds:
        raise ValueError(f"fold {fold} of {folds}: needs 0 <= fold < folds, and at least 2 folds")
    left_out = np.zeros(len(dataset), dtype=bool)
    for category, members, units in _categories(dataset):
        names = np.unique(units[members])
        if len(names) > 1:
            left_out |= members & np.isin(units, names[fold::folds])
        elif category not in dataset.background:
            raise DataError(
                f"{dataset.root}: category '{category}' has a single object; "
                "folds need at least two objects in each category"
            )
    if not left_out.any():
        raise DataError(
            f"{dataset.root}: no category has more than {fold} objects; use at most {fold} folds"
        )
    return np.flatnonzero(~left_out), np.flatnonzero(left_out)


def draw_objects(dataset: Dataset, count: int, seed: int) -> np.ndarray:
    """Choose some objects of every category.

    Those chosen are the first `count` of a row that the seed and the names of the category and its
    objects decide: with the same seed, more objects are the fewer ones and others. Background is
    kept whole.

    Args:
        dataset: The training set.
        count: How many objects a category.
        seed: Decides which.

    Returns:
        The indices of their samples, int64, ascending.

    Raises:
        DataError: A category has fewer objects.
    """
    if count < 1:
        raise ValueError(f"{count} objects: at least 1 is needed")
    chosen = dataset.shows_background.copy()
    for category, members, units in _categories(dataset):
        if category in dataset.background:
            continue
        names = _shuffled(category, units[members], seed)
        if len(names) < count:
            raise DataError(
                f"{dataset.root}: category '{category}' has {_counted(len(names))}, fewer than "
                f"{count}; ask for fewer objects"
            )
        chosen |= members & np.isin(units, names[:count])
    return np.flatnonzero(chosen)


def fewest_objects(dataset: Dataset) -> int:
    """Return the number of objects of the category that has fewest; background is none."""
    return min(
        (
            len(np.unique(units[members]))
            for category, members, units in _categories(dataset)
            if category not in dataset.background
        ),
        default=0,
    )


def units_of(dataset: Dataset) -> np.ndarray:
    """Return (N,) text: equal for samples that must stay together.

    These are the views of one named object. A sample whose instance is not named is on its own;
    so is each image of a background category, unless that has several named instances (scenes).
    """
    named = dataset.factors["instance"] != ""
    for name in dataset.background:
        members = dataset.labels == dataset.categories.index(name)
        if len(np.unique(dataset.factors["instance"][members & named])) < 2:
            named &= ~members
    alone = [f"{unit}\0{row:09d}" for row, unit in enumerate(dataset.objects)]
    return np.where(named, dataset.objects, np.array(alone, dtype=str))


def _categories(dataset: Dataset) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield each category that occurs: its name, which samples are of it, and the units of all."""
    units = units_of(dataset)
    for label in np.unique(dataset.labels):
        yield dataset.categories[label], dataset.labels == label, units


def _shuffled(category: str, units: np.ndarray, seed: int) -> np.ndarray:
    # Seeded by category, so that another category more or less changes nothing for this one.
    generator = np.random.default_rng([seed, zlib.crc32(category.encode())])
    return generator.permutation(np.unique(units))


def _taken(count: int, share: float, most: int) -> int:
    return min(max(1, int(count * share + 0.5)), most) if share and most > 0 else 0


def _unnamed(dataset: Dataset) -> list[str]:
    remarks = []
    for label in np.unique(dataset.labels[dataset.factors["instance"] == ""]):
        category = dataset.categories[label]
        if category not in dataset.background:
            remarks.append(
                f"{category}: has images without an instance; each counts as an object of its own, "
                "so views of one object may come apart"
            )
    return remarks


def _counted(objects: int) -> str:
    return "a single object" if objects == 1 else f"{objects} objects"


def _single(category: str) -> str:
    return f"{category}: has a single object, which stays in training"


def _too_few(category: str, count: int, test: int, val: int, division: Division) -> list[str]:
    if not test:
        return [_single(category)]
    if division.val and not val:
        return [f"{category}: has {count} objects, none of them for validation"]
    return []
