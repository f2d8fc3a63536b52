"""Integrals and probabilities of two energies against closed forms and scipy's quadrature."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from objrec.demos import Context, Player
from objrec.demos.saturated.lesson import run
from objrec.demos.saturated.system import (
    NEAR,
    fit_height,
    partition,
    probability,
    quadratic,
    same_decisions,
    saturated,
    train,
)


@pytest.fixture(scope="module")
def training():
    return train(Context(effort=0.3))


def flat(d, s=1.0):
    return math.exp(-s * (1 - math.exp(-(d**2))))


def integral(function, low, high):
    """Quadrature in pieces of one unit: a narrow valley in a long range is easily missed."""
    edges = np.linspace(low, high, 2 + round(high - low))
    return sum(quad(function, a, b)[0] for a, b in pairwise(edges))


@pytest.mark.parametrize("reach", [1, 2, 5, 25])
def test_quadratic_integral_is_the_error_function(reach):
    wanted = math.sqrt(math.pi) * math.erf(reach)
    assert partition(quadratic, reach) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("reach", [1, 2, 5, 25])
def test_saturated_integral_is_scipy_s(reach):
    assert partition(saturated, reach) == pytest.approx(integral(flat, -reach, reach), abs=1e-4)


def test_saturated_integral_grows_as_its_series_says():
    """exp(exp(-d²)) = sum of exp(-n d²) / n!, so the integral is 2 R / e and a constant."""
    valley = sum(math.sqrt(math.pi / n) / math.factorial(n) for n in range(1, 25)) / math.e
    for reach in (4, 10, 60):
        wanted = 2 * reach / math.e + valley
        assert partition(saturated, reach) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("reach", [1, 3, 25])
def test_probabilities_are_quotients_of_integrals(reach):
    wanted = math.erf(NEAR) / math.erf(reach)
    assert probability(quadratic, reach) == pytest.approx(wanted, abs=1e-4)
    wanted = integral(flat, -NEAR, NEAR) / integral(flat, -reach, reach)
    assert probability(saturated, reach) == pytest.approx(wanted, abs=1e-4)


def test_valleys_agree_to_second_order():
    distance = torch.linspace(-0.1, 0.1, 21, dtype=torch.float64)
    difference = quadratic(distance) - saturated(distance)
    torch.testing.assert_close(difference, distance**4 / 2, rtol=0.01, atol=1e-12)


def test_training_is_least_squares(training):
    x, y = training.x.double().numpy(), training.y.double().numpy()
    proposed = np.interp(x, training.grid.numpy(), training.curves[-1].numpy())
    assert training.losses[-1] == pytest.approx(np.mean((y - proposed) ** 2), rel=0.05)
    # A polynomial of degree 7 by numpy's least squares leaves about as much.
    left = np.mean((y - np.polyval(np.polyfit(x, y, 7), x)) ** 2)
    assert training.losses[-1] < 1.5 * left < training.losses[0]


def test_decisions_are_the_same_for_every_input(training):
    same, of = same_decisions(training, 3.0)
    assert same == of == len(training.grid)


def test_best_factor_of_the_quadratic_energy_is_the_gaussian_s(training):
    wanted = 1 / (2 * float(training.residuals.square().mean()))
    for reach in (8, 64):
        assert fit_height(quadratic, training.residuals, reach) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("reach", [2, 16])
def test_best_factor_of_the_saturated_energy_is_scipy_s(training, reach):
    mean = float(np.mean(1 - np.exp(-(training.residuals.numpy() ** 2))))

    def nll(s):
        return s * mean + math.log(integral(lambda d: flat(d, s), -reach, reach))

    wanted = minimize_scalar(nll, bounds=(0.1, 30), method="bounded").x
    assert fit_height(saturated, training.residuals, reach) == pytest.approx(wanted, rel=1e-3)


@pytest.mark.slow
def test_lesson():
    lesson = run(Context(effort=0.01))
    rows = lesson.numbers["ranges"]
    assert [row["range"] for row in rows] == list(range(1, 26))
    gained = np.diff([row["integral_saturated"] for row in rows])[3:]
    np.testing.assert_allclose(gained, 2 / math.e, rtol=1e-5)
    assert lesson.numbers["same_decisions"] == lesson.numbers["inputs_compared"]
    heights = [row["saturated"] for row in lesson.numbers["heights"]]
    assert heights == sorted(heights)
    players = [f for s in lesson.sections for f in s.figures if isinstance(f, Player)]
    assert all(len(p.frames) == len(p.captions) for p in players)
    assert max(len(frame) for p in players for frame in p.frames) < 80_000
