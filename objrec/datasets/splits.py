"""Dividing the objects of a set for leave-one-object-out folds."""

from __future__ import annotations

import numpy as np

from objrec.datasets.sample import Dataset
from objrec.errors import DataError


def hold_out_objects(dataset: Dataset, fold: int, folds: int) -> tuple[np.ndarray, np.ndarray]:
    """Leave out, in every category, each object whose rank (by name) is `fold` modulo `folds`.

    Views of one object never fall on both sides. With as many folds as a category has objects,
    each fold leaves out exactly one of them.

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
    for label in np.unique(dataset.labels):
        of_category = dataset.labels == label
        names = np.unique(dataset.objects[of_category])
        if len(names) < 2:
            raise DataError(
                f"{dataset.root}: category '{dataset.categories[label]}' has a single object; "
                "folds need at least two objects in each category"
            )
        left_out |= of_category & np.isin(dataset.objects, names[fold::folds])
    if not left_out.any():
        raise DataError(
            f"{dataset.root}: no category has more than {fold} objects; use at most {fold} folds"
        )
    return np.flatnonzero(~left_out), np.flatnonzero(left_out)
