"""An even subset: objects alike, views all round, the same for the same seed."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from objrec.evaluation.sweep.subset import even_subset
from objrec.pose import AXES, INDEX


def labelled(sizes, azimuths=None):
    """A set of so many images of each object, "car/0" to so many, in shuffled order."""
    rng = np.random.default_rng(1)
    names = rng.permutation([name for name, size in sizes.items() for _ in range(size)])
    categories = tuple(dict.fromkeys(name.split("/")[0] for name in sizes))
    poses = np.full((len(names), len(AXES)), np.nan)
    for name, size in sizes.items():
        around = np.arange(size) * 360.0 / size if azimuths is None else azimuths
        poses[names == name, INDEX["azimuth"]] = rng.permutation(around)
    labels = np.array([categories.index(name.split("/")[0]) for name in names])
    return SimpleNamespace(categories=categories, labels=labels, objects=names, poses=poses)


EVEN = {f"{category}/{i}": 36 for category in ("car", "cup", "dog") for i in range(4)}


def chosen_of(dataset, count, seed=0, **options):
    found = even_subset(dataset, np.arange(len(dataset.labels)), count, seed, **options)
    assert len(np.unique(found)) == len(found) and (np.diff(found) > 0).all()
    return found


def test_every_object_gets_as_many_images():
    found = chosen_of(labelled(EVEN), 60)
    assert set(Counter(labelled(EVEN).objects[found]).values()) == {5}


@pytest.mark.parametrize("count", [61, 65, 71, 3, 7, 11])
def test_what_cannot_be_shared_out_goes_to_objects_of_all_categories(count):
    dataset = labelled(EVEN)
    found = chosen_of(dataset, count)
    by_object = Counter(dataset.objects[found])
    by_category = Counter(dataset.labels[found])
    assert len(found) == count
    assert max(by_object.values()) - min(by_object[name] for name in EVEN) == 1
    assert max(by_category.values()) - min(by_category[label] for label in range(3)) <= 1


def test_what_objects_of_few_images_lack_the_others_give():
    dataset = labelled({"car/0": 2, "car/1": 50, "cup/0": 7, "cup/1": 50})
    found = Counter(dataset.objects[chosen_of(dataset, 49)])
    assert found == {"car/0": 2, "car/1": 20, "cup/0": 7, "cup/1": 20}


def test_views_are_spread_all_round():
    dataset = labelled(EVEN)
    found = chosen_of(dataset, 72)  # 6 of each object: one in each 60 degrees
    for name in EVEN:
        mine = found[dataset.objects[found] == name]
        sectors = dataset.poses[mine, INDEX["azimuth"]] // 60
        assert sorted(sectors) == [0, 1, 2, 3, 4, 5]


def test_elevations_of_one_azimuth_all_get_their_turn():
    dataset = labelled({"car/0": 360}, azimuths=np.repeat(np.arange(4) * 90.0, 90))
    dataset.poses[:, INDEX["elevation"]] = np.random.default_rng(0).permutation(360) % 9
    found = chosen_of(dataset, 120)
    assert set(dataset.poses[found, INDEX["elevation"]]) == set(range(9))


def test_a_seed_gives_one_choice_and_another_seed_another():
    dataset = labelled(EVEN)
    assert chosen_of(dataset, 60, 3).tolist() == chosen_of(dataset, 60, 3).tolist()
    assert chosen_of(dataset, 60, 3).tolist() != chosen_of(dataset, 60, 4).tolist()


def test_unlabelled_views_are_chosen_at_random():
    dataset = labelled(EVEN)
    dataset.poses[:] = np.nan
    assert set(Counter(dataset.objects[chosen_of(dataset, 60)]).values()) == {5}


@pytest.mark.parametrize("count", [None, 432, 1000])
def test_all_candidates_where_no_fewer_are_wanted(count):
    dataset = labelled(EVEN)
    assert chosen_of(dataset, count).tolist() == list(range(432))


def test_only_candidates_are_chosen():
    dataset = labelled(EVEN)
    candidates = np.flatnonzero(dataset.labels != 1)[::-1]
    found = even_subset(dataset, candidates, 40)
    assert len(found) == 40 and set(found) <= set(candidates)


def test_background_keeps_its_share_of_the_set():
    nothing = {f"nothing/{i}": 1 for i in range(432)}  # each image an object of its own
    dataset = labelled(EVEN | nothing)
    found = chosen_of(dataset, 48, background=["nothing"])
    assert Counter(dataset.labels[found]) == {0: 8, 1: 8, 2: 8, 3: 24}
