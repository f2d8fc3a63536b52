"""Folds by object: every object is left out exactly once, and no object is on both sides."""

import numpy as np
import pytest

from objrec.datasets import hold_out_objects, open_dataset
from objrec.datasets.norb import write_norb
from objrec.errors import DataError


@pytest.fixture
def dataset(tmp_path):
    """Category 0 has objects 1 to 5, category 1 has 1 to 3; four views each, shuffled."""
    pairs = [(0, i) for i in range(1, 6)] + [(1, i) for i in range(1, 4)]
    rows = np.random.default_rng(0).permutation(np.repeat(pairs, 4, axis=0))
    info = np.column_stack([rows[:, 1], *np.zeros((3, len(rows)), int)])
    write_norb(tmp_path, "x", np.zeros((len(rows), 1, 2, 2), np.uint8), rows[:, 0], info)
    return open_dataset(tmp_path)


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_each_object_is_left_out_once(dataset, folds):
    left_out = []
    for fold in range(folds):
        train, val = hold_out_objects(dataset, fold, folds)
        assert sorted([*train, *val]) == list(range(len(dataset)))
        assert not set(dataset.objects[train]) & set(dataset.objects[val])
        left_out += sorted(set(dataset.objects[val]))
    assert sorted(left_out) == sorted(set(dataset.objects))


def test_rank_decides_within_each_category(dataset):
    _, val = hold_out_objects(dataset, 1, 3)
    assert sorted(set(dataset.objects[val])) == ["animal/2", "animal/5", "human/2"]


def test_a_category_with_one_object_cannot_be_folded(dataset):
    with pytest.raises(DataError, match="has a single object; folds need at least two"):
        hold_out_objects(dataset.subset([0]), 0, 2)


def test_more_folds_than_objects_is_refused(dataset):
    with pytest.raises(DataError, match="no category has more than 5 objects; use at most 5"):
        hold_out_objects(dataset, 5, 6)


@pytest.mark.parametrize(("fold", "folds"), [(2, 2), (-1, 3), (0, 1)])
def test_folds_out_of_range_are_a_programmers_mistake(dataset, fold, folds):
    with pytest.raises(ValueError, match=f"fold {fold} of {folds}: needs 0 <= fold < folds"):
        hold_out_objects(dataset, fold, folds)
