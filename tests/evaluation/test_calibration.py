"""Figures of calibration against loops, scikit-learn, and samples whose probabilities are right."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import log_loss

from objrec.evaluation.calibration import (
    calibration_figures,
    expected_calibration_error,
    negative_log_likelihoods,
    probabilities,
    reliability,
)
from objrec.evaluation.metrics import Bootstrap


def sampled(beta, count=600, categories=4, seed=0):
    """Energies, labels drawn from their Gibbs distribution at beta, and 12 objects."""
    rng = np.random.default_rng(seed)
    energies = 5 + 3 * rng.random((count, categories)) / beta
    likely = np.exp(-beta * energies)
    likely /= likely.sum(axis=1, keepdims=True)
    labels = (likely.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
    return energies, labels, labels * 100 + rng.integers(0, 3, count)


def slow_error(confidences, right, bins):
    """Go through bins and images one by one, as Guo et al. write it."""
    total, edges = 0.0, np.linspace(0, 1, bins + 1)
    for low, high in itertools.pairwise(edges):
        inside = [i for i, c in enumerate(confidences) if low < c <= high]
        if inside:
            accuracy = sum(bool(right[i]) for i in inside) / len(inside)
            confidence = sum(confidences[i] for i in inside) / len(inside)
            total += len(inside) / len(confidences) * abs(accuracy - confidence)
    return total


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_calibration_error_agrees_with_a_loop(bins):
    rng = np.random.default_rng(1)
    confidences, right = rng.uniform(0.2, 1, 500), rng.random(500) < 0.7
    confidences[:4] = [0.2, 0.4, 1.0, 1 / 3]  # on the edges of bins
    found = expected_calibration_error(confidences, right, bins)
    assert found == pytest.approx(slow_error(confidences, right, bins), abs=1e-12)
    rows = reliability(confidences, right, bins)
    assert sum(row["count"] for row in rows) == 500
    from_rows = sum(
        row["count"] * abs(row["accuracy"] - row["confidence"]) for row in rows if row["count"]
    )
    assert found == pytest.approx(from_rows / 500, abs=1e-12)


def test_calibration_error_by_hand():
    confidences = np.array([0.95, 0.95, 0.55, 0.55])
    right = np.array([True, False, True, True])
    assert expected_calibration_error(confidences, right) == pytest.approx(0.45)
    assert expected_calibration_error(np.ones(3), np.ones(3, bool)) == 0
    with pytest.raises(ValueError, match="no answers"):
        expected_calibration_error(np.array([]), np.array([], bool))


def test_the_error_is_small_where_probabilities_are_right_and_large_where_not():
    energies, labels, _ = sampled(2.0, count=20_000)
    errors = {}
    for beta in (0.2, 2.0, 20.0):
        likely = probabilities(energies, beta)
        right = energies.argmin(axis=1) == labels
        errors[beta] = expected_calibration_error(likely.max(axis=1), right)
    assert errors[2.0] < 0.02
    assert errors[0.2] > 0.15
    assert errors[20.0] > 0.15


def test_empty_bins_say_so():
    first, *_, last = reliability(np.array([0.99]), np.array([True]))
    assert (first["count"], first["confidence"], first["accuracy"]) == (0, None, None)
    assert (last["low"], last["high"], last["accuracy"]) == (pytest.approx(14 / 15), 1.0, 1.0)


@pytest.mark.parametrize("beta", [0.3, 1.0, 4.0])
def test_likelihood_agrees_with_scikit_learn(beta):
    energies, labels, _ = sampled(1.0)
    likely = np.exp(-beta * energies)
    expected = log_loss(labels, likely / likely.sum(axis=1, keepdims=True), labels=range(4))
    assert negative_log_likelihoods(energies, labels, beta).mean() == pytest.approx(expected)


def test_likelihood_is_finite_where_probabilities_vanish():
    energies = np.array([[0.0, 4000.0], [1e5, 0.0]])
    assert negative_log_likelihoods(energies, np.array([1, 0]), 1.0).tolist() == [4000.0, 1e5]
    np.testing.assert_allclose(probabilities(energies, 1.0), [[1, 0], [0, 1]])


def test_figures_are_those_of_the_functions():
    energies, labels, objects = sampled(2.0)
    found = calibration_figures(
        energies, labels, objects, Bootstrap(200), beta=2.0, fitted_on="4 objects"
    )
    assert list(found) == [
        *("beta", "fitted", "fitted_on", "ece", "ece_ci", "nll", "nll_ci"),
        *("nll_uncalibrated", "bins"),
    ]
    assert (found["beta"], found["fitted"], found["fitted_on"]) == (2.0, True, "4 objects")
    confidences = probabilities(energies, 2.0).max(axis=1)
    right = energies.argmin(axis=1) == labels
    assert found["ece"] == expected_calibration_error(confidences, right)
    assert found["nll"] == pytest.approx(negative_log_likelihoods(energies, labels, 2.0).mean())
    assert found["nll_uncalibrated"] > found["nll"]
    assert found["nll_ci"][0] < found["nll"] < found["nll_ci"][1]
    assert len(found["bins"]) == 15


def test_interval_of_the_error_agrees_with_drawing_objects_one_by_one():
    energies, labels, objects = sampled(2.0)
    found = calibration_figures(energies, labels, objects, Bootstrap(2000), beta=1.0)["ece_ci"]
    confidences = probabilities(energies, 1.0).max(axis=1)
    right = energies.argmin(axis=1) == labels
    images = {name: np.flatnonzero(objects == name) for name in np.unique(objects)}
    rng, drawn = np.random.default_rng(5), []
    for _ in range(600):
        names = [100 * k + i for k in range(4) for i in rng.integers(0, 3, 3)]
        index = np.concatenate([images[name] for name in names])
        drawn.append(slow_error(confidences[index], right[index], 15))
    assert found == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.015)


def test_background_has_no_true_category_and_is_left_out():
    energies, labels, objects = sampled(1.0)
    more = np.concatenate([energies, np.zeros((7, 4))])
    with_background = np.concatenate([labels, np.full(7, 4)])
    names = np.concatenate([objects, np.full(7, 900)])
    bootstrap = Bootstrap(50)
    assert calibration_figures(more, with_background, names, bootstrap) == calibration_figures(
        energies, labels, objects, bootstrap
    )
    alone = calibration_figures(more[-7:], with_background[-7:], names[-7:], bootstrap)
    assert alone is None


def test_what_was_not_fitted_says_so():
    found = calibration_figures(*sampled(1.0), Bootstrap(20))
    assert (found["beta"], found["fitted"]) == (1.0, False)
    assert found["fitted_on"] == "nothing: beta is 1"
    assert found["nll_uncalibrated"] == found["nll"]
