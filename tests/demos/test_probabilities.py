"""Gibbs distributions, free energies and their limits against Bessel functions, numpy and scipy."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.special import iv, ive, logsumexp, softmax

from objrec.demos import Context, Player
from objrec.demos.probabilities.lesson import BETAS, LIMIT_BETAS, run
from objrec.demos.probabilities.system import (
    CATEGORIES,
    GRID,
    SHAPES,
    VERSIONS,
    category_energy,
    compare_versions,
    crossing,
    gibbs,
    image_energies,
    limit,
    train,
)

ANSWERS = len(CATEGORIES) * GRID.size
CAR, CHAIR, BALL = range(3)


def loops():
    """The energies by explicit loops over categories and azimuths, in plain Python."""
    return np.array(
        [
            [
                floor + height * (1 - math.cos(math.radians(repeats * (z - turn))))
                for z in range(0, 360, 30)
            ]
            for floor, height, repeats, turn in SHAPES
        ]
    )


def summed_bessel(kappa, repeats):
    """The sum of exp(kappa cos(n (z - t))) over twelve azimuths that include t.

    It is 12 (I_0 + 2 sum of I_j over multiples j of 12/n): the sum over points aliases.
    """
    every = 12 // repeats
    aliases = sum(iv(every * j, kappa) for j in range(1, 8))
    return 12 * (iv(0, kappa) + 2 * aliases)


def test_energies_equal_loops():
    np.testing.assert_allclose(image_energies()[0].numpy(), loops(), atol=1e-12)


@pytest.mark.parametrize("beta", BETAS)
def test_gibbs_distribution_is_scipy_s_softmax(beta):
    wanted = softmax(-beta * loops().flatten()).reshape(loops().shape)
    np.testing.assert_allclose(gibbs(image_energies(), beta)[0].numpy(), wanted, rtol=1e-9)


def test_beta_zero_is_uniform_and_large_beta_is_the_minimum():
    assert (gibbs(image_energies(), 0) - 1 / ANSWERS).abs().max() < 1e-15
    at_last = gibbs(image_energies(), 200.0)[0]
    assert float(at_last[CAR, 2]) == pytest.approx(1, abs=1e-12)  # 60 degrees


@pytest.mark.parametrize("beta", [0.1, 1.0, 3.0, 9.0])
def test_free_energies_are_bessel_functions(beta):
    got = category_energy(image_energies(), beta)[0].tolist()
    for value, (floor, height, repeats, _) in zip(got, SHAPES, strict=True):
        sum_of = math.log(summed_bessel(beta * height, repeats))
        assert value == pytest.approx(floor + height - sum_of / beta, rel=1e-9)
    # Twelve points of one wave are as good as the integral over the circle: 12 I_0.
    car = 2 - (math.log(12 * ive(0, 2 * beta)) + 2 * beta) / beta
    assert got[CAR] == pytest.approx(car, abs=2e-2)


@pytest.mark.parametrize("beta", [0.2, 2.0, 20.0])
def test_free_energy_lies_below_the_minimum_by_at_most_its_bound(beta):
    gap = category_energy(image_energies(), None) - category_energy(image_energies(), beta)
    assert (gap >= -1e-12).all()
    assert (gap <= math.log(12) / beta + 1e-12).all()
    assert float(gap[0, BALL]) == pytest.approx(math.log(12) / beta)


def test_minima_are_numpy_s():
    minima = category_energy(image_energies(), None)[0]
    np.testing.assert_allclose(minima.numpy(), loops().min(1), atol=1e-12)


def test_decisions_cross_where_scipy_says():
    def lead(beta):
        """The car's free energy less the ball's, by scipy."""
        free = -logsumexp(-beta * loops(), axis=1) / beta
        return free[CAR] - free[BALL]

    wanted = brentq(lead, 0.5, 20)
    found = crossing(image_energies())
    assert found == pytest.approx(wanted, rel=1e-9)
    below, above = (category_energy(image_energies(), f * found).argmin() for f in (0.9, 1.1))
    assert (int(below), int(above)) == (BALL, CAR)


@pytest.mark.parametrize("beta", LIMIT_BETAS[::4])
@pytest.mark.parametrize("category", range(3))
def test_nll_less_perceptron_by_scipy_and_within_its_bound(category, beta):
    energies = loops()
    right, every = energies[category], energies.flatten()
    nll = (logsumexp(-beta * every) - logsumexp(-beta * right)) / beta
    wanted = nll - (right.min() - every.min())
    got = limit(image_energies(), category, beta)
    assert got == pytest.approx(wanted, abs=1e-9)
    assert abs(got) <= math.log(ANSWERS) / beta


def test_nll_goes_to_the_perceptron_as_the_number_of_lowest_answers_says():
    """(log of the lowest answers of all - log of the lowest right ones) / beta."""
    for category, lowest in ((CAR, 1), (CHAIR, 2), (BALL, 12)):
        wanted = (math.log(1) - math.log(lowest)) / 1000
        assert limit(image_energies(), category, 1000.0) == pytest.approx(wanted, abs=1e-12)


def test_order_decides_not_the_partition_function():
    rows = {row["version"]: row for row in compare_versions(3)}
    assert list(rows) == list(VERSIONS)
    assert {row["same_decisions"] for row in rows.values()} == {200}
    plain = rows["E"]
    for name in ("E + 5", "E + log Z"):
        chance = rows[name]["probability_of_decision"]
        assert chance == pytest.approx(plain["probability_of_decision"])
    assert rows["E + 5"]["log_partition"] == pytest.approx(plain["log_partition"] - 5)
    assert rows["E + log Z"]["log_partition"] == pytest.approx(0, abs=1e-12)
    others = [rows[name]["probability_of_decision"] for name in ("3 E", "E²", "1 − exp(−E)")]
    assert all(abs(p - plain["probability_of_decision"]) > 0.005 for p in others)


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_training_by_likelihood_ends_at_the_frequencies(beta):
    """The closed form: beta E = -log frequency and a constant; the NLL is the entropy / beta."""
    training = train(Context(seed=1), beta)
    share = training.frequency.numpy()
    assert share.min() > 0
    table = training.tables[-1].numpy()
    np.testing.assert_allclose(softmax(-beta * table), share, atol=1e-5)
    learned = beta * (table - table.mean())
    wanted = -np.log(share) + np.log(share).mean()
    np.testing.assert_allclose(learned, wanted, atol=0.02)
    entropy = -(share * np.log(share)).sum()
    assert training.losses[0] == pytest.approx(math.log(ANSWERS) / beta)
    assert training.losses[-1] == pytest.approx(entropy / beta, abs=1e-6)


def test_answers_are_drawn_from_the_gibbs_distribution():
    share = train(Context(seed=2, effort=0.01)).frequency
    chances = gibbs(image_energies(), 1.0)[0]
    deviation = (chances * (1 - chances) / 4000).sqrt()
    assert ((share - chances) / deviation).abs().max() < 4


@pytest.mark.slow
def test_lesson():
    lesson = run(Context(effort=0.01))
    rows = lesson.numbers["betas"]
    for row in rows:
        wanted = softmax(-row["beta"] * loops().flatten()).reshape(loops().shape).sum(1)
        np.testing.assert_allclose(row["probability"], wanted, rtol=1e-9)
        assert (row["free_energy"] is None) == (row["beta"] == 0)
    players = [f for s in lesson.sections for f in s.figures if isinstance(f, Player)]
    assert all(len(p.frames) == len(p.captions) for p in players)
    assert max(len(frame) for p in players for frame in p.frames) < 40_000
    assert torch.tensor(lesson.numbers["energies"]).shape == (3, 12)
