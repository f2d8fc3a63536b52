import numpy as np
import pytest

from objrec.evaluation.groups import (
    binned,
    error_by_factor,
    error_by_object,
    taken_for,
)


def test_few_numbers_keep_their_values():
    bins = binned(np.array([20.0, 0.0, np.nan, 20.0]), degrees=True)
    assert bins.values == [0.0, 20.0] and bins.ranges is None
    assert bins.index.tolist() == [1, 0, -1, 1]


@pytest.mark.parametrize("degrees", [True, False])
def test_many_numbers_fall_into_bins_that_contain_them(degrees):
    numbers = np.random.default_rng(0).uniform(0, 360, 500)
    bins = binned(numbers, degrees=degrees)
    assert len(bins.values) <= 36
    for number, index in zip(numbers, bins.index, strict=True):
        low, high = bins.ranges[index]
        assert low <= number < high or number == pytest.approx(high)
    assert set(bins.index.tolist()) == set(range(len(bins.values)))


def test_azimuth_bins_are_ten_degrees_wide():
    bins = binned(np.arange(0, 360, 2.5), degrees=True)
    assert bins.ranges[0] == (0.0, 10.0) and bins.ranges[-1] == (350.0, 360.0)
    assert np.bincount(bins.index).tolist() == [4] * 36


def test_factors_are_counted_by_value(make, measured):
    outcomes = make(
        [0, 0, 1, 1],
        [0, 1, 1, 1],
        objects=["a/1", "a/1", "b/1", "b/1"],
        factors={"lighting": ["10", "2", "10", ""], "camera": ["left", "left", "right", "right"]},
        azimuth=[0, 90, 0, np.nan],
    )
    table = error_by_factor(measured(outcomes))
    assert list(table) == ["azimuth", "lighting", "camera", "instance"]
    assert [(r["value"], r["errors"], r["count"]) for r in table["lighting"]] == [
        (2.0, 1, 1),
        (10.0, 0, 2),
    ]
    assert [(r["value"], r["error_rate"]) for r in table["azimuth"]] == [(0.0, 0.0), (90.0, 1.0)]
    assert [(r["value"], r["error_rate"]) for r in table["camera"]] == [("left", 0.5), ("right", 0)]
    assert [r["value"] for r in table["instance"]] == ["a/1", "b/1"]


def test_azimuths_are_given_in_their_stated_range_and_scale_as_a_ratio(make, measured):
    table = error_by_factor(
        measured(make([0, 1], [0, 1], azimuth=[-30, 330], scale=[0.0, np.log(2)]))
    )
    assert [(r["value"], r["count"]) for r in table["azimuth"]] == [(330.0, 2)]
    assert [r["value"] for r in table["scale"]] == pytest.approx([1.0, 2.0])


def test_a_factor_whose_every_image_has_its_own_value_is_left_out(make, measured):
    table = error_by_factor(measured(make([0, 0, 1], [0, 0, 1], factors={"time": ["x", "y", "z"]})))
    assert table == {}


def test_a_factor_of_words_that_float_reads_stays_text(make, measured):
    table = error_by_factor(
        measured(make([0, 0, 1], [0, 0, 1], factors={"state": ["nan", "inf", "nan"]}))
    )
    assert [r["value"] for r in table["state"]] == ["inf", "nan"]


def test_taken_for_takes_the_commonest_wrong_answer(make):
    outcomes = make([0, 0, 0, 0, 0], [0, 0, 1, 2, 2])
    assert taken_for(outcomes, np.ones(5, bool)) == "c"
    assert taken_for(outcomes, np.array([0, 1])) is None


def test_error_by_object_is_worst_first(make, measured):
    outcomes = make([0, 1, 0, 1], [0, 2, 0, 1], objects=["a/1", "b/1", "a/1", "b/1"])
    worst, best = error_by_object(measured(outcomes, [1, 4, np.nan, 6]))
    assert worst == {
        "object": "b/1",
        "category": "b",
        "errors": 1,
        "count": 2,
        "error_rate": 0.5,
        "azimuth_error_deg": 5.0,
        "seen_as": "c",
    }
    assert best["object"] == "a/1" and best["seen_as"] is None
