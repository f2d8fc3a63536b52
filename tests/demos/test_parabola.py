"""What the parabola lesson measures, against least squares, loops and known surfaces."""

import json

import numpy as np
import pytest
import torch

from objrec.demos import Context, Player
from objrec.demos.page import render
from objrec.demos.parabola.lesson import DEMO, run
from objrec.demos.parabola.systems import (
    GRID,
    TEST_X,
    Look,
    beyond,
    draw_pairs,
    run_system,
    settled,
)
from objrec.demos.parabola.tables import _plain

EFFORT = Context(seed=1, effort=0.002)


@pytest.fixture(scope="module")
def lesson():
    return run(EFFORT)


def test_pairs_lie_round_the_parabola_and_follow_the_seed():
    x, y = draw_pairs(0)
    assert torch.equal(x, draw_pairs(0)[0])
    assert not torch.equal(x, draw_pairs(1)[0])
    assert (y - x.square()).std().item() == pytest.approx(0.05, rel=0.2)
    curvature, slope, offset = np.polyfit(x, y, 2)
    assert [curvature, slope, offset] == pytest.approx([1, 0, 0], abs=0.05)
    exact_x, exact = draw_pairs(0, noise=0.0)
    assert torch.equal(exact, exact_x.square())


def test_the_true_quadratic_energy_has_the_error_of_its_grid_and_a_known_hill():
    look = Look((GRID - TEST_X.square()[:, None]).square(), {})
    assert look.error() <= 0.0125
    # The nearest value more than 0.2 away is between 0.2 and 0.225 away.
    assert 0.2**2 - 0.0125**2 <= beyond(look) <= 0.225**2


def test_a_flat_surface_has_no_hill():
    assert beyond(Look(torch.full((101, 81), 0.3), {})) == 0


@pytest.mark.parametrize(
    ("errors", "since"),
    [
        ({0: 0.5, 10: 0.04, 20: 0.2, 30: 0.03, 40: 0.01}, 30),
        ({0: 0.01, 10: 0.02}, 0),
        ({0: 0.5, 10: 0.01, 20: 0.3}, None),
    ],
)
def test_an_error_has_settled_when_it_stays_small(errors, since):
    assert settled(errors) == since


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.000163982, "0.00016"),
        (106.1, "106"),
        (3.567, "3.6"),
        (-0.000138, "-0.00014"),
        (1e-9, "0.00000"),
    ],
)
def test_numbers_are_written_without_powers_of_ten(value, text):
    assert _plain(value) == text


def test_the_lesson_has_a_frame_for_each_moment_and_plain_numbers(lesson):
    (player,) = [f for s in lesson.sections for f in s.figures if isinstance(f, Player)]
    assert len(player.frames) == len(player.captions) <= 40
    assert max(map(len, player.frames)) < 60_000
    assert json.loads(json.dumps(lesson.numbers)) == lesson.numbers
    counts = {
        name: (
            lesson.numbers[name]["energies_searched_per_sample_and_update"],
            lesson.numbers[name]["energies_differentiated_per_sample_and_update"],
        )
        for name in ("function", "energy", "margin", "nll")
    }
    assert counts == {"function": (0, 1), "energy": (0, 1), "margin": (81, 2), "nll": (0, 81)}


def test_the_three_embeddings_begin_alike(lesson):
    before = [lesson.numbers[n]["relief_before"] for n in ("energy", "margin", "nll")]
    assert before[0] == before[1] == before[2] > 0


def test_the_page_renders(lesson):
    page = render(DEMO, lesson, {"seed": 1, "seconds": 1.0, "hardware": {}})
    assert "Four ways to learn a parabola" in page
    assert "mathdefault" not in page


def test_the_numbers_follow_the_seed(lesson):
    again = run_system("nll", draw_pairs(1), EFFORT).ends()[1]
    assert again.error() == lesson.numbers["nll"]["mean_error_of_y"]


@pytest.mark.slow
def test_the_function_is_as_good_as_a_quadratic_fit():
    pairs = draw_pairs(0)
    fitted = np.polyval(np.polyfit(pairs[0], pairs[1], 2), TEST_X)
    found = run_system("function", pairs, Context(0)).ends()[1].answers().numpy()
    assert np.abs(found - fitted).mean() < 0.04


@pytest.mark.slow
@pytest.mark.parametrize("name", ["margin", "nll"])
def test_a_loss_that_pushes_learns_the_parabola(name):
    look = run_system(name, draw_pairs(0), Context(0)).ends()[1]
    assert look.error() < 0.03
    assert beyond(look) > 0.5


@pytest.mark.slow
def test_the_energy_loss_flattens_the_embeddings():
    before, after = run_system("energy", draw_pairs(0), Context(0)).ends()
    assert (after.energies.amax(1) - after.energies.amin(1)).mean() < 0.15 * (
        before.energies.amax(1) - before.energies.amin(1)
    ).mean()
    assert after.spread["G1"] < 1e-3 * before.spread["G1"]
    assert after.spread["G2"] < 1e-2 * before.spread["G2"]
    assert beyond(after) < 0.02
