import numpy as np
import pytest

from objrec.evaluation.viewpoints import cell_of_images, error_by_viewpoint, worst_views


def test_viewpoint_map_agrees_with_a_loop(make, measured):
    rng = np.random.default_rng(1)
    labels, predicted = rng.integers(0, 3, 300), rng.integers(0, 3, 300)
    azimuth, elevation = rng.integers(0, 6, 300) * 60.0, rng.integers(0, 3, 300) * 20.0
    elevation[azimuth == 120] = 0  # leaves two cells without an image
    found = error_by_viewpoint(
        measured(make(labels, predicted, azimuth=azimuth, elevation=elevation))
    )
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


def test_viewpoint_map_needs_both_axes(make, measured):
    assert error_by_viewpoint(measured(make([0], [0], azimuth=[0]))) is None


def test_viewpoint_map_says_when_it_has_bins(make, measured):
    azimuth = np.arange(0, 360, 5.0)
    labels = np.zeros(72, int)
    found = error_by_viewpoint(
        measured(make(labels, labels, azimuth=azimuth, elevation=azimuth * 0))
    )
    assert len(found["azimuth_ranges"]) == 36 and "elevation_ranges" not in found


def test_worst_views_name_sector_category_and_confusion(make, measured):
    azimuth = [350, 0, 10, 5, 14, 14, 180, 180, 180, 180, 180]
    labels = [0] * 11
    predicted = [1, 1, 2, 1, 0, 0, 0, 0, 0, 0, 2]
    rows = worst_views(measured(make(labels, predicted, objects=["a/1"] * 11, azimuth=azimuth)))
    first, second = rows
    assert first["azimuth"] == [345.0, 15.0] and first["seen_as"] == "b"
    assert (first["errors"], first["count"], first["objects"]) == (4, 6, 1)
    assert second["azimuth"] == [165.0, 195.0] and second["error_rate"] == pytest.approx(0.2)


def test_sector_edges_all_belong_to_the_sector_that_follows(make, measured):
    labels = [0] * 10
    azimuth = [15, 16, 20, 30, 44, 45, 50, 60, 70, 74]
    rows = worst_views(measured(make(labels, [1] * 10, azimuth=azimuth)))
    assert sorted(tuple(r["azimuth"]) for r in rows) == [(15, 45), (45, 75)]


def test_worst_views_ignore_a_handful_of_images(make, measured):
    assert worst_views(measured(make([0] * 4, [1] * 4, azimuth=[0] * 4))) == []


def test_views_in_even_steps_are_sectors_of_their_own(make, measured):
    azimuth = np.tile(np.arange(0, 360, 20.0), 5)
    predicted = np.where(azimuth == 180, 1, 0)
    (worst,) = worst_views(measured(make([0] * 90, predicted, azimuth=azimuth)))
    assert worst["azimuth"] == [170.0, 190.0] and worst["error_rate"] == 1
    assert worst["error_rate_ci"] == [1.0, 1.0]


def test_azimuth_errors_are_medians_of_what_is_known(make, measured):
    outcomes = make([0, 0, 0, 1], [0, 0, 0, 1], azimuth=[0, 0, 0, 90], elevation=[30] * 4)
    found = error_by_viewpoint(measured(outcomes, [4, np.nan, 10, np.nan]))
    assert found["azimuth_error_deg"] == [[7.0, None]]


def test_each_image_knows_its_cell(make, measured):
    outcomes = make([0, 0, 1], [0, 0, 1], azimuth=[90, 0, np.nan], elevation=[10, 30, 10])
    assert cell_of_images(measured(outcomes)).tolist() == [[0, 1], [1, 0], [0, -1]]
    assert (cell_of_images(measured(make([0], [0]))) == -1).all()
