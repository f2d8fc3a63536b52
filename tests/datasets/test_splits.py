"""Divisions by object: no object on two sides, every category gives its share, seeds decide."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from objrec.datasets import hold_out_objects, open_dataset
from objrec.datasets.norb.reading import write_norb
from objrec.datasets.splits import Division, deal_folds, divide, units_of
from objrec.errors import DataError, SettingsError


def made(counts, folder, views=2, seed=0):
    """A NORB set whose category k has counts[k] objects, its rows shuffled."""
    pairs = [(k, i) for k, count in enumerate(counts) for i in range(count)]
    rows = np.random.default_rng(seed).permutation(np.repeat(pairs, views, axis=0))
    info = np.column_stack([rows[:, 1], *np.zeros((3, len(rows)), int)])
    write_norb(folder, "x", np.zeros((len(rows), 1, 2, 2), np.uint8), rows[:, 0], info)
    return open_dataset(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("norb")


@pytest.fixture
def dataset(tmp_path):
    """Category 0 has five objects, category 1 has three; four views each, shuffled."""
    return made([5, 3], tmp_path, views=4)


def with_instances(dataset, names):
    return replace(dataset, factors={"instance": np.array(names, dtype=str)})


# Folds of training.


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
    assert sorted(set(dataset.objects[val])) == ["animal/1", "animal/4", "human/1"]


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


@pytest.mark.parametrize("instance", ["", "0"])
def test_images_of_a_background_are_left_out_one_by_one(dataset, instance):
    human = dataset.labels == 1
    names = np.where(human, instance, dataset.factors["instance"])
    blank = replace(with_instances(dataset, names), background=("human",))
    left_out = [
        set(hold_out_objects(blank, fold, 3)[1]) & set(np.flatnonzero(human)) for fold in range(3)
    ]
    assert [len(part) for part in left_out] == [4, 4, 4]
    assert set.union(*left_out) == set(np.flatnonzero(human))


def test_a_background_of_one_image_stays_in_training(dataset):
    lone = np.flatnonzero(dataset.labels == 1)[:1]
    small = dataset.subset([*np.flatnonzero(dataset.labels == 0), *lone])
    small = replace(small, background=("human",))
    assert all(len(small) - 1 in hold_out_objects(small, fold, 5)[0] for fold in range(5))


# What must stay together.


def test_scenes_of_a_background_stay_together(dataset):
    units = units_of(replace(dataset, background=("human",)))
    assert len(set(units[dataset.labels == 1])) == 3


def test_an_image_without_instance_is_on_its_own_whatever_its_file_is_called(dataset):
    nameless = with_instances(dataset, [""] * len(dataset))
    nameless = replace(nameless, sources=("views/001.png",) * len(dataset))
    assert len(set(units_of(nameless))) == len(dataset)


# Shares.

counts_strategy = st.lists(st.integers(1, 9), min_size=1, max_size=5)
few = settings(max_examples=30, deadline=None, database=None)


@few
@given(
    counts=counts_strategy,
    test=st.sampled_from([0.05, 0.2, 0.5, 0.9]),
    val=st.sampled_from([0.0, 0.05]),
    seed=st.integers(0, 3),
)
def test_every_category_gives_its_share_of_whole_objects(folder, counts, test, val, seed):
    dataset = made(counts, folder)
    division = Division(test=test, val=val, seed=seed)
    if max(counts) == 1:
        with pytest.raises(DataError, match="every category has a single object"):
            divide(dataset, division)
        return
    splits, remarks = divide(dataset, division)
    found = defaultdict(set)
    for split, unit in zip(splits, dataset.objects, strict=True):
        found[split, unit.split("/")[0]].add(unit)
    for name, count in zip(dataset.categories, counts, strict=False):
        train, tested, valid = (len(found[split, name]) for split in ("train", "test", "val"))
        assert train + tested + valid == count, "an object is on two sides, or on none"
        assert train >= 1
        assert (tested >= 1) == (count >= 2)
        assert (valid >= 1) == (count >= 3 and val > 0 and count - 1 > tested)
        if 1 < tested < count - 1:
            assert abs(tested - test * count) <= 0.5
    singles = [name for name, n in zip(dataset.categories, counts, strict=False) if n == 1]
    assert [r.split(":")[0] for r in remarks if "single object" in r] == singles


def test_the_seed_decides_and_nothing_else(tmp_path, folder):
    dataset = made([9, 9], folder)
    splits, _ = divide(dataset, Division(seed=4))
    again = made([9, 9], tmp_path, seed=1)  # the same objects, in another order
    assert set(dataset.objects[splits == "test"]) == set(
        again.objects[divide(again, Division(seed=4))[0] == "test"]
    )
    others = [
        set(dataset.objects[divide(dataset, Division(seed=s))[0] == "test"]) for s in range(9)
    ]
    assert len(set(map(frozenset, others))) > 5


def test_another_category_changes_nothing_for_the_first(tmp_path, folder):
    one, two = made([9], tmp_path), made([9, 5], folder)
    chosen = [
        {unit for unit in set(d.objects[divide(d, Division())[0] == "test"]) if "animal" in unit}
        for d in (one, two)
    ]
    assert chosen[0] == chosen[1]


def test_what_a_small_category_cannot_give_is_said(folder):
    _, remarks = divide(made([5, 2, 1], folder), Division(val=0.1))
    assert remarks == (
        "human: has 2 objects, none of them for validation",
        "airplane: has a single object, which stays in training",
    )


def test_unnamed_images_are_said_to_come_apart(dataset):
    _, remarks = divide(with_instances(dataset, [""] * len(dataset)), Division())
    assert len(remarks) == 2
    assert "so views of one object may come apart" in remarks[0]


# Folds as sets.


@few
@given(counts=counts_strategy, folds=st.integers(2, 6), seed=st.integers(0, 3))
def test_every_object_is_tested_on_in_one_fold(folder, counts, folds, seed):
    dataset = made(counts, folder)
    division = Division(folds=folds, seed=seed)
    objects = sum(count for count in counts if count > 1)
    if objects < folds:
        with pytest.raises(DataError, match=f"has {objects} objects to test on, too few"):
            deal_folds(dataset, division)
        return
    numbers, _ = deal_folds(dataset, division)
    by_object = {unit: set(numbers[dataset.objects == unit]) for unit in set(dataset.objects)}
    assert all(len(values) == 1 for values in by_object.values())
    assert set(numbers) - {-1} == set(range(folds))
    for name, count in zip(dataset.categories, counts, strict=False):
        dealt = [by_object[f"{name}/{i}"].copy().pop() for i in range(count)]
        if count == 1:
            assert dealt == [-1]
        else:
            sizes = [dealt.count(fold) for fold in range(folds)]
            assert max(sizes) - min(sizes) <= 1


def test_the_seed_decides_the_folds(folder):
    dataset = made([9], folder)
    dealt = [deal_folds(dataset, Division(folds=3, seed=seed))[0].tolist() for seed in range(5)]
    assert len({tuple(one) for one in dealt}) > 2


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"folds": 3, "test": 0.5}, "--folds: decides what is tested on; leave out --test"),
        ({"folds": 3, "val": 0.1}, "--folds: decides what is tested on"),
        ({"test": 0.6, "val": 0.4}, "leave nothing for training"),
        ({"folds": 1}, "folds must be at least 2"),
        ({"test": 1.0}, "test must be at most 0.99"),
    ],
)
def test_shares_that_contradict_each_other(settings, sentence):
    with pytest.raises(SettingsError, match=sentence):
        Division(**settings)
