"""Objects and lightings of NORB files by name: lists in set.json, both ways."""

from __future__ import annotations

import json

import numpy as np
import pytest

from objrec.datasets import open_dataset
from objrec.datasets.description import read_description
from objrec.datasets.norb import write_norb
from objrec.datasets.norb.names import numbered, with_names
from objrec.errors import DataError


@pytest.fixture
def make(tmp_path):
    """A set of four samples; what set.json says is given."""

    def write(**entries):
        images = np.zeros((4, 1, 4, 4), np.uint8)
        info = np.array([[0, 0, 0, 1], [1, 0, 0, 0], [1, 0, 0, -1], [-1, 0, 0, 0]])
        write_norb(tmp_path, "x", images, np.array([0, 0, 1, 1]), info)
        entries = {"categories": ["cup", "tea/pot"], **entries}
        (tmp_path / "set.json").write_text(json.dumps(entries))
        return tmp_path

    return write


def test_listed_names_stand_for_numbers(make):
    root = make(instances={"cup": ["blue mug", "007"]}, lightings=["sun", "lamp ☕"])
    dataset = open_dataset(root)
    assert dataset.factors["instance"].tolist() == ["blue mug", "007", "1", ""]
    assert dataset.factors["lighting"].tolist() == ["lamp ☕", "sun", "", "sun"]
    assert dataset.objects.tolist()[:2] == ["cup/blue mug", "cup/007"]


def test_names_become_the_numbers_of_the_file_again(make):
    root = make(instances={"cup": ["z", "a"]}, lightings=["sun", "lamp"])
    dataset = open_dataset(root)
    description = with_names(read_description(root), [dataset])
    assert description.instances == {"cup": ("z", "a")}, "the order of the list is kept"
    plain = open_dataset(make())
    for name, column in numbered(dataset, description).factors.items():
        assert column.tolist() == plain.factors[name].tolist()


def test_new_names_are_listed_in_natural_order_and_numbers_are_not(make):
    dataset = open_dataset(make(instances={"cup": ["cup 10", "cup 2"]}))
    described = with_names(read_description(make()), [dataset])
    assert described.instances == {"cup": ("cup 2", "cup 10")}
    assert described.entries.lightings == ()
    assert numbered(dataset, described).factors["instance"].tolist() == ["1", "0", "1", ""]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"instances": {"cup": ["one"]}}, "names 1 instances, but the set has number 1; name them"),
        ({"instances": {"cap": ["one"]}}, "instances names 'cap', which is no category; did you"),
        ({"instances": {"cup": ["a", "a"]}}, "instances of 'cup' list 'a' twice"),
        (
            {"instances": {"cup": ["a", " "]}},
            "instances of 'cup' must be names, none of them empty",
        ),
        ({"instances": ["a"]}, "instances must hold a list of names for each category"),
        ({"lightings": ["a", "a"]}, "lightings list 'a' twice"),
    ],
)
def test_lists_that_cannot_be(make, entries, message):
    with pytest.raises(DataError, match=message):
        open_dataset(make(**entries))
