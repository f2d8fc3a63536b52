import dataclasses

import numpy as np
import pytest

from objrec.datasets import open_dataset
from objrec.errors import DataError
from objrec.protocols import few_objects, leave_one_out, without_category


@pytest.fixture
def train(shapes):
    return open_dataset(shapes, "train")


def of(dataset):
    """Return category → its objects, from the names of the files."""
    found = {}
    for source in dataset.sources:
        category, instance, _ = source.rsplit("/", 1)[1].split("-")
        found.setdefault(category, set()).add(instance)
    return found


@pytest.mark.parametrize("count", [1, 2])
def test_few_objects_are_so_many_of_every_category_in_all_their_views(train, count):
    for seed in range(5):
        found = few_objects(train, count, seed)
        assert {name: len(objects) for name, objects in of(found).items()} == dict.fromkeys(
            ("box", "cross", "disc"), count
        )
        assert len(found) == 3 * count * 8


def test_seeds_draw_different_objects_and_more_of_them_are_the_fewer_and_others(train):
    drawn = [of(few_objects(train, 1, seed)) for seed in range(20)]
    assert len({str(sorted(map(str, one.items()))) for one in drawn}) > 5
    for category, objects in of(train).items():
        assert set.union(*(one[category] for one in drawn)) == objects
    for seed, fewer in enumerate(drawn):
        more = of(few_objects(train, 2, seed))
        assert all(fewer[category] < more[category] for category in more)
        assert of(few_objects(train, 1, seed)) == fewer


def test_a_category_with_fewer_objects_is_named(train):
    with pytest.raises(DataError, match="'disc' has 2 objects, fewer than 3; ask for fewer"):
        few_objects(train, 3, 0)


def test_background_is_no_object(train):
    nothing = dataclasses.replace(train, background=("cross",))
    assert of(few_objects(nothing, 1, 0))["cross"] == {"0", "1", "2"}
    for _, left in leave_one_out(nothing):
        assert "cross" not in of(left)


def test_every_object_is_left_out_exactly_once(train):
    folds = leave_one_out(train)
    assert len(folds) == 2  # there are two discs
    times = {}
    for learned, left in folds:
        assert set(learned.sources) | set(left.sources) == set(train.sources)
        assert not set(learned.objects) & set(left.objects)
        assert of(learned).keys() == of(left).keys() == of(train).keys()
        for name in set(left.objects):
            times[name] = times.get(name, 0) + 1
    assert times == dict.fromkeys(set(train.objects), 1)


def test_with_as_many_objects_as_folds_one_a_category_is_left_out(photos):
    folds = leave_one_out(open_dataset(photos, "train"))
    assert [of(left) for _, left in folds] == [{"box": {i}, "cross": {i}} for i in "012"]


def test_folds_that_leave_nothing_to_train_on_are_refused(train):
    single = train.subset(train.objects != "disc/1")
    with pytest.raises(DataError, match="'disc' has a single object; folds need at least two"):
        leave_one_out(single)
    with pytest.raises(DataError, match="use at most 3 folds"):
        leave_one_out(train, folds=4)


def test_a_category_left_out_is_neither_trained_on_nor_known(train, shapes):
    test = open_dataset(shapes, "test")
    learned, known, unknown = without_category(train, test, "cross")
    assert learned.categories == known.categories == ("box", "disc")
    assert unknown.categories == ("cross",) and np.all(unknown.labels == 0)
    assert (len(learned), len(known), len(unknown)) == (40, 16, 8)
    assert set(known.sources) | set(unknown.sources) == set(test.sources)
    names = [source.rsplit("/", 1)[1].split("-")[0] for source in learned.sources]
    assert [learned.categories[i] for i in learned.labels] == names


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        ("tree", "no objects of category 'tree' to leave out; it has box, cross, disc"),
        (("box", "disc"), "without box, disc fewer than two categories are left"),
    ],
)
def test_what_cannot_be_left_out_is_said(train, shapes, left_out, message):
    with pytest.raises(DataError, match=message):
        without_category(train, open_dataset(shapes, "test"), left_out)
