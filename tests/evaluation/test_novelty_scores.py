"""Scores of strangeness and their figures against scikit-learn, scipy and loops."""

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp, softmax
from sklearn.metrics import roc_auc_score, roc_curve

from objrec.evaluation.metrics import Bootstrap
from objrec.evaluation.novelty_scores import (
    SCORES,
    auroc,
    drawn_figures,
    energy_score,
    fpr_at_tpr,
    lowest_energy,
    softmax_surprise,
)


def scored(known=200, unknown=120, seed=0):
    """Scores of known and unknown images, rounded so that some are equal."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, known).round(1), rng.normal(1, 1, unknown).round(1)


def test_scores_are_those_of_the_logits():
    logits = np.random.default_rng(0).normal(0, 5, (50, 4))
    np.testing.assert_allclose(lowest_energy(-logits), -logits.max(axis=1))
    np.testing.assert_allclose(softmax_surprise(-logits), -log_softmax(logits, 1).max(axis=1))
    np.testing.assert_allclose(energy_score(-logits), -logsumexp(logits, axis=1))
    assert set(SCORES) == {"lowest energy", "maximum softmax", "energy score"}


def test_softmax_surprise_orders_what_rounds_to_certainty():
    energies = np.array([[0.0, 60.0], [0.0, 50.0], [0.0, 2.0]])
    assert softmax(-energies, axis=1).max(axis=1)[:2].tolist() == [1.0, 1.0]
    assert (np.diff(softmax_surprise(energies)) > 0).all()


def test_auroc_counts_pairs():
    known, unknown = scored(40, 30)
    pairs = [(u > k) + 0.5 * (u == k) for k in known for u in unknown]
    assert auroc(known, unknown) == pytest.approx(np.mean(pairs))
    assert auroc(np.zeros(3), np.ones(2)) == 1.0
    assert auroc(np.zeros(3), np.zeros(2)) == 0.5


def test_fpr_is_the_first_point_of_the_curve_that_accepts_enough():
    known, unknown = scored()
    truth = np.repeat([1, 0], [len(known), len(unknown)])
    scores = -np.concatenate([known, unknown])  # of being known
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    assert fpr_at_tpr(known, unknown) == pytest.approx(false[np.argmax(true >= 0.95)])


def test_fpr_by_hand():
    known = np.arange(20.0)  # 19 of 20 are accepted at a threshold of 18
    assert fpr_at_tpr(known, np.array([17.0, 18.0, 18.5, 30.0])) == 0.5
    assert fpr_at_tpr(known, np.array([17.0, 18.0, 18.5, 30.0]), accepted=1.0) == 0.75
    assert fpr_at_tpr(np.zeros(5), np.ones(5)) == 0.0


def test_figures_of_the_draws_agree_with_scikit_learn_and_with_repeated_images(monkeypatch):
    known, unknown = scored(60, 40)
    rng = np.random.default_rng(3)
    objects = np.concatenate([rng.integers(0, 6, 60), rng.integers(0, 5, 40)])
    strata = np.repeat([0, -1], [60, 40])
    monkeypatch.setattr("objrec.evaluation.metrics._LARGEST_DRAW", 700)
    draws = Bootstrap(30).draws(objects, strata)
    areas, rates = drawn_figures(known, unknown, draws)
    truth, scores = strata == -1, np.concatenate([known, unknown])
    for draw in range(30):
        weights = draws.times[draw, draws.index].astype(int)
        expected = roc_auc_score(truth, scores, sample_weight=weights)
        assert areas[draw] == pytest.approx(expected)
        repeated = np.repeat(known, weights[:60]), np.repeat(unknown, weights[60:])
        assert rates[draw] == pytest.approx(fpr_at_tpr(*repeated))


def test_figures_of_a_draw_of_everything_once_are_those_of_the_images():
    known, unknown = scored()
    # One object a category leaves nothing to draw.
    draws = Bootstrap(3).draws(np.zeros(320), np.repeat([0, -1], [200, 120]))
    areas, rates = drawn_figures(known, unknown, draws)
    np.testing.assert_allclose(areas, auroc(known, unknown))
    np.testing.assert_allclose(rates, fpr_at_tpr(known, unknown))
