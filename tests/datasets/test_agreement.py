"""Pose labels of several sets brought to one meaning, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from objrec.datasets.agreement import Labelled, agree
from objrec.datasets.frame import PoseFrame
from objrec.errors import DataError
from objrec.pose import AXES, INDEX


def labelled(name, note=None, axis="azimuth", values=(10.0, 350.0), symmetric=(), categories=()):
    """A set with labels of one axis."""
    said = {axis: note} if note else {}
    said |= {"symmetric": list(symmetric)} if symmetric else {}
    poses = np.full((len(values), len(AXES)), np.nan)
    poses[:, INDEX[axis]] = values
    return Labelled(name, Path(name), PoseFrame.from_json(said, "set.json"), poses, categories)


def azimuths(agreement, number, one):
    return agreement.applied(number, one.poses)[:, INDEX["azimuth"]].tolist()


def test_a_front_is_turned_to_the_first_one():
    one, two = labelled("one", {"front": 90}), labelled("two", {"front": 350})
    found = agree([one, two])
    assert azimuths(found, 0, one) == [10, 350]
    # 10 is 20 past the front of the second set; 20 past that of the first is 110.
    assert azimuths(found, 1, two) == [110, 90]
    assert found.frame.front_azimuth == 90
    assert found.remarks == (
        "two: azimuths were turned by -260 degrees, so that the front is 90 as in one",
    )


def test_radians_are_degrees_by_now():
    found = agree([labelled("one", {"unit": "rad", "front": 0}), labelled("two", {"front": 0})])
    assert found.frame.note("azimuth").unit == "deg"
    assert not found.remarks


def test_a_set_without_azimuths_needs_no_front():
    one, two = labelled("one", {"front": 5}), labelled("two", values=(np.nan,))
    found = agree([two, one])
    assert found.frame.front_azimuth == 5
    assert azimuths(found, 1, one) == [10, 350]


def test_no_front_at_all_is_said():
    (remark,) = agree([labelled("one"), labelled("two")]).remarks
    assert remark.startswith("no set says which azimuth is the front")


def test_one_front_alone_is_refused_with_two_ways_out():
    message = r'two: does not say .* as one does \(5\); write "front_azimuth": .* add --relative'
    with pytest.raises(DataError, match=message):
        agree([labelled("one", {"front": 5}), labelled("two")])


def test_relative_azimuths_among_others_are_refused_unless_all_become_relative():
    one, two = labelled("one", {"front": 5}), labelled("two", {"labels": "relative"})
    with pytest.raises(DataError, match="two: its azimuths are relative, those of one are not"):
        agree([one, two])
    found = agree([one, two], relative=True)
    assert found.frame.kind("azimuth") == "relative"
    assert found.frame.front_azimuth is None, "one set's front says nothing of the other's"
    assert azimuths(found, 0, one) == [10, 350]


def test_latent_labels_are_left_out_beside_others():
    one, two = labelled("one", {"labels": "latent"}), labelled("two", {"front": 0})
    found = agree([one, two])
    assert np.isnan(azimuths(found, 0, one)).all()
    assert found.frame.kind("azimuth") == "observed"
    assert found.remarks == ("one: its labels of azimuth are latent, and left out",)


def test_labels_latent_in_all_sets_stay_so():
    one = labelled("one", {"labels": "latent"})
    found = agree([one, labelled("two", {"labels": "latent"})])
    assert found.frame.kind("azimuth") == "latent"
    assert azimuths(found, 0, one) == [10, 350]


def test_zeros_in_other_words_are_said():
    one = labelled("one", {"zero": "horizon"}, axis="elevation", values=(10,))
    two = labelled("two", {"zero": "table"}, axis="elevation", values=(10,))
    (remark,) = agree([one, two]).remarks
    assert (
        remark == "elevation 0 means 'horizon' in one set and 'table' in another; labels were kept"
    )


def test_symmetric_categories_are_united():
    one = labelled("one", symmetric=["apple"], categories=("apple",))
    two = labelled("two", symmetric=["pear"], categories=("apple", "pear"))
    found = agree([one, two])
    assert found.frame.symmetric == ("apple", "pear")
    assert "apple: is symmetric now in all sets, though two did not say so" in found.remarks
