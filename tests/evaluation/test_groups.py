import numpy as np
import pytest

from objrec.evaluation.groups import (
    Outcomes,
    binned,
    error_by_factor,
    error_by_object,
    error_by_viewpoint,
    taken_for,
    worst_views,
)
from objrec.pose import AXES, INDEX


@pytest.fixture
def make():
    """Make outcomes of categories a, b, c from short lists."""

    def build(labels, predicted, objects=None, factors=None, **axes):
        n = len(labels)
        true = np.full((n, len(AXES)), np.nan)
        for name, values in axes.items():
            true[:, INDEX[name]] = values
        names = [f"{'abc'[k]}/{i}" for i, k in enumerate(labels)] if objects is None else objects
        return Outcomes(
            categories=("a", "b", "c"),
            labels=np.array(labels),
            predicted=np.array(predicted),
            poses=np.full_like(true, np.nan),
            true_poses=true,
            objects=np.array(names),
            factors={k: np.array(v) for k, v in (factors or {}).items()},
        )

    return build


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


def test_factors_are_counted_by_value(make):
    outcomes = make(
        [0, 0, 1, 1],
        [0, 1, 1, 1],
        objects=["a/1", "a/1", "b/1", "b/1"],
        factors={"lighting": ["10", "2", "10", ""], "camera": ["left", "left", "right", "right"]},
        azimuth=[0, 90, 0, np.nan],
    )
    table = error_by_factor(outcomes)
    assert list(table) == ["azimuth", "lighting", "camera", "instance"]
    assert [(r["value"], r["errors"], r["count"]) for r in table["lighting"]] == [
        (2.0, 1, 1),
        (10.0, 0, 2),
    ]
    assert [(r["value"], r["error_rate"]) for r in table["azimuth"]] == [(0.0, 0.0), (90.0, 1.0)]
    assert [(r["value"], r["error_rate"]) for r in table["camera"]] == [("left", 0.5), ("right", 0)]
    assert [r["value"] for r in table["instance"]] == ["a/1", "b/1"]


def test_azimuths_are_given_in_their_stated_range_and_scale_as_a_ratio(make):
    table = error_by_factor(make([0, 1], [0, 1], azimuth=[-30, 330], scale=[0.0, np.log(2)]))
    assert [(r["value"], r["count"]) for r in table["azimuth"]] == [(330.0, 2)]
    assert [r["value"] for r in table["scale"]] == pytest.approx([1.0, 2.0])


def test_a_factor_whose_every_image_has_its_own_value_is_left_out(make):
    table = error_by_factor(make([0, 0, 1], [0, 0, 1], factors={"time": ["x", "y", "z"]}))
    assert table == {}


def test_a_factor_of_words_that_float_reads_stays_text(make):
    table = error_by_factor(make([0, 0, 1], [0, 0, 1], factors={"state": ["nan", "inf", "nan"]}))
    assert [r["value"] for r in table["state"]] == ["inf", "nan"]


def test_viewpoint_map_agrees_with_a_loop(make):
    rng = np.random.default_rng(1)
    labels, predicted = rng.integers(0, 3, 300), rng.integers(0, 3, 300)
    azimuth, elevation = rng.integers(0, 6, 300) * 60.0, rng.integers(0, 3, 300) * 20.0
    elevation[azimuth == 120] = 0  # leaves two cells without an image
    found = error_by_viewpoint(make(labels, predicted, azimuth=azimuth, elevation=elevation))
    assert found["azimuth"] == [0, 60, 120, 180, 240, 300] and found["elevation"] == [0, 20, 40]
    for row, e in enumerate(found["elevation"]):
        for column, a in enumerate(found["azimuth"]):
            inside = (azimuth == a) & (elevation == e)
            assert found["count"][row][column] == inside.sum()
            rate = found["error_rate"][row][column]
            if inside.any():
                assert rate == pytest.approx((labels != predicted)[inside].mean())
            else:
                assert rate is None


def test_viewpoint_map_needs_both_axes(make):
    assert error_by_viewpoint(make([0], [0], azimuth=[0])) is None


def test_viewpoint_map_says_when_it_has_bins(make):
    azimuth = np.arange(0, 360, 5.0)
    labels = np.zeros(72, int)
    found = error_by_viewpoint(make(labels, labels, azimuth=azimuth, elevation=azimuth * 0))
    assert len(found["azimuth_ranges"]) == 36 and "elevation_ranges" not in found


def test_worst_views_name_sector_category_and_confusion(make):
    azimuth = [350, 0, 10, 5, 14, 14, 180, 180, 180, 180, 180]
    labels = [0] * 11
    predicted = [1, 1, 2, 1, 0, 0, 0, 0, 0, 0, 2]
    rows = worst_views(make(labels, predicted, objects=["a/1"] * 11, azimuth=azimuth))
    first, second = rows
    assert first["azimuth"] == [345.0, 15.0] and first["seen_as"] == "b"
    assert (first["errors"], first["count"], first["objects"]) == (4, 6, 1)
    assert second["azimuth"] == [165.0, 195.0] and second["error_rate"] == pytest.approx(0.2)


def test_sector_edges_all_belong_to_the_sector_that_follows(make):
    labels = [0] * 10
    azimuth = [15, 16, 20, 30, 44, 45, 50, 60, 70, 74]
    rows = worst_views(make(labels, [1] * 10, azimuth=azimuth))
    assert sorted(tuple(r["azimuth"]) for r in rows) == [(15, 45), (45, 75)]


def test_worst_views_ignore_a_handful_of_images(make):
    assert worst_views(make([0] * 4, [1] * 4, azimuth=[0] * 4)) == []


def test_taken_for_takes_the_commonest_wrong_answer(make):
    outcomes = make([0, 0, 0, 0, 0], [0, 0, 1, 2, 2])
    assert taken_for(outcomes, np.ones(5, bool)) == "c"
    assert taken_for(outcomes, np.array([0, 1])) is None


def test_error_by_object_is_worst_first(make):
    outcomes = make([0, 1, 0, 1], [0, 2, 0, 1], objects=["a/1", "b/1", "a/1", "b/1"])
    worst, best = error_by_object(outcomes)
    assert worst == {
        "object": "b/1",
        "category": "b",
        "errors": 1,
        "count": 2,
        "error_rate": 0.5,
        "seen_as": "c",
    }
    assert best["object"] == "a/1" and best["seen_as"] is None
