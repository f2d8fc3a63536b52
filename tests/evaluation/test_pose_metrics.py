import math

import numpy as np
import pytest
from scipy.stats import circmean

from objrec.evaluation.metrics import Bootstrap
from objrec.evaluation.pose_metrics import (
    absolute_errors,
    aligned_errors,
    axis_figures,
    best_offset,
    histogram,
)
from objrec.pose import AXIS

AZIMUTH = AXIS["azimuth"]


def figures(name, answered, true, categories=None, bootstrap=None):
    n = len(answered)
    categories = np.zeros(n, int) if categories is None else categories
    bootstrap = bootstrap or Bootstrap(50)
    return axis_figures(
        name, np.array(answered, float), np.array(true, float), categories, np.arange(n), bootstrap
    )


@pytest.mark.parametrize(
    ("answered", "true", "error"),
    [(359, 1, 2), (1, 359, 2), (0, 180, 180), (-10, 350, 0), (725, 5, 0), (90, 300, 150)],
)
def test_azimuth_errors_go_the_short_way_round(answered, true, error):
    assert absolute_errors(AZIMUTH, np.array([answered]), np.array([true])) == pytest.approx(error)


def test_azimuth_errors_equal_the_angle_between_directions():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-720, 720, (2, 500))
    directions = [np.stack([np.cos(np.radians(x)), np.sin(np.radians(x))]) for x in (a, b)]
    angle = np.degrees(np.arccos(np.clip((directions[0] * directions[1]).sum(0), -1, 1)))
    np.testing.assert_allclose(absolute_errors(AZIMUTH, a, b), angle, atol=1e-4)


@pytest.mark.parametrize("spread", [20, 90, 400])
def test_best_offset_beats_every_offset_of_a_fine_search(spread):
    rng = np.random.default_rng(spread)
    for _ in range(20):
        differences = rng.uniform(-spread, spread, rng.integers(1, 12)) + rng.uniform(0, 360)

        def cost(offset, differences=differences):
            return np.abs(AZIMUTH.difference(differences, offset)).mean()

        offset = best_offset(differences)
        assert -180 <= offset < 180
        assert cost(offset) <= min(map(cost, np.arange(0, 360, 0.25))) + 1e-9


def test_best_offset_of_a_narrow_cloud_is_near_its_circular_mean():
    differences = 355 + np.random.default_rng(1).normal(0, 5, 400)  # across the wrap
    mean = circmean(differences, high=180, low=-180)
    assert best_offset(differences) == pytest.approx(mean, abs=1.0)


def test_best_offset_is_not_drawn_away_by_opposite_answers():
    assert best_offset(np.array([10.0] * 7 + [190.0] * 3)) == pytest.approx(10)


def test_alignment_undoes_a_constant_offset_of_each_category():
    rng = np.random.default_rng(2)
    true, categories = rng.uniform(0, 360, 60), np.repeat([0, 1, 2], 20)
    answered = (true + np.array([35.0, -120.0, 0.0])[categories]) % 360
    errors, offsets = aligned_errors(AZIMUTH, answered, true, categories)
    np.testing.assert_allclose(errors, 0, atol=1e-9)
    assert offsets == pytest.approx({0: 35.0, 1: -120.0, 2: 0.0})


def test_figures_of_an_angle_by_hand():
    found = figures("azimuth", [0, 10, 30, 200, 355], [0, 0, 0, 10, 0])
    # errors 0, 10, 30, 170, 5
    assert found["count"] == 5 and found["unit"] == "deg"
    assert found["median_error_deg"] == 10
    assert found["mean_error_deg"] == pytest.approx(43)
    assert found["acc10"] == pytest.approx(0.6)
    assert found["acc30"] == pytest.approx(0.8)
    assert found["opposite"] == pytest.approx(0.2)
    low, high = found["acc30_ci"]
    assert 0 <= low <= found["acc30"] <= high <= 1


def test_aligned_figures_state_their_offsets():
    found = figures("azimuth", [90.0, 180.0, 270.0], [0.0, 90.0, 180.0])
    assert found["acc30"] == 0 and found["aligned"]["acc30"] == 1
    assert found["aligned"]["offsets"] == {0: 90.0}


def test_elevation_is_neither_aligned_nor_opposite():
    found = figures("elevation", [30, 40], [35, 60])
    assert found["mean_error_deg"] == 12.5
    assert not {"aligned", "opposite", "histogram"} & found.keys()


def test_axes_that_are_no_angles_keep_their_unit_and_get_no_accuracy():
    found = figures("scale", [math.log(2), 0.0], [0.0, 0.0])
    assert found["unit"] == "log ratio"
    assert found["mean_error"] == pytest.approx(math.log(2) / 2)
    assert not {"acc10", "mean_error_deg"} & found.keys()


def test_unknown_poses_and_answers_are_not_counted():
    found = figures("azimuth", [0, np.nan, 20], [10, 0, np.nan])
    assert found["count"] == 1 and found["mean_error_deg"] == 10
    assert figures("azimuth", [np.nan], [1.0]) == {"count": 0}


def test_errors_of_exactly_the_limit_count_whatever_float32_made_of_them():
    answered = np.float32(0.1) + np.float32(30.0)
    assert figures("azimuth", [float(answered)], [0.1])["acc30"] == 1


def test_histogram_counts_every_error_once():
    found = histogram(np.array([0, 9.99999999, 10, 15, 179.9, 180]))
    assert len(found["counts"]) == 18 and sum(found["counts"]) == 6
    assert found["counts"][0] == 1 and found["counts"][1] == 3 and found["counts"][17] == 2
