"""Some objects of a set, all but some objects, all but a category: to train on and to test on.

Pure functions of data sets: labels decide, no image is read.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from objrec.datasets import Dataset, hold_out_objects
from objrec.datasets.splits import draw_objects, fewest_objects
from objrec.errors import DataError


def few_objects(train: Dataset, count: int, seed: int) -> Dataset:
    """Return all views of so many objects of each category, drawn by the seed.

    With the same seed, more objects are the fewer ones and others. Background stays whole.

    Raises:
        DataError: A category has fewer objects.
    """
    return train.subset(draw_objects(train, count, seed))


def leave_one_out(train: Dataset, folds: int | None = None) -> list[tuple[Dataset, Dataset]]:
    """Divide a training set into folds: each leaves some objects of every category out.

    Every object is left out exactly once. Each fold leaves out one object of a category that has
    as many objects as there are folds, and in turn more of one that has more.

    Args:
        train: The training set.
        folds: How many; None: as many as the category with fewest objects has objects.

    Returns:
        For each fold, what to train on and the objects left out. The latter are without
        background.

    Raises:
        DataError: A category has a single object, or no category has an object for each fold.
    """
    count = folds or max(2, fewest_objects(train))
    pairs = [hold_out_objects(train, fold, count) for fold in range(count)]
    return [(train.subset(learned), _objects_of(train.subset(left))) for learned, left in pairs]


def without_category(
    train: Dataset, test: Dataset, left_out: str | Sequence[str]
) -> tuple[Dataset, Dataset, Dataset]:
    """Leave a category, or several, out of training.

    Args:
        train: The training set.
        test: The test set.
        left_out: The category, or a sequence of them.

    Returns:
        What to train on; the test images of the categories trained on; those of the categories left
        out. Test images are without background.

    Raises:
        DataError: A set lacks a category that is to be left out, or nothing else is left.
    """
    names = [left_out] if isinstance(left_out, str) else list(left_out)
    learned, _ = _divided(train, names)
    return learned, *_divided(_objects_of(test), names)


def _divided(dataset: Dataset, names: list[str]) -> tuple[Dataset, Dataset]:
    shown = np.array(dataset.categories, dtype=str)[dataset.labels]
    objects = set(shown[~dataset.shows_background].tolist())
    for name in names:
        if name not in objects:
            listed = ", ".join(sorted(objects))
            raise DataError(
                f"{dataset.root}: split {dataset.split} has no objects of category '{name}' to "
                f"leave out; it has {listed}"
            )
    if len(objects - set(names)) < 2:
        raise DataError(
            f"{dataset.root}: without {', '.join(names)} fewer than two categories are left; leave "
            "out fewer"
        )
    strange = np.isin(shown, names)
    return (
        dataset.subset(~strange).with_present_categories(),
        dataset.subset(strange).with_present_categories(),
    )


def _objects_of(dataset: Dataset) -> Dataset:
    return dataset.subset(~dataset.shows_background)
