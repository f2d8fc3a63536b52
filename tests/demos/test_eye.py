"""What the eye lesson measures, against a search by loops and the mean of the lids."""

import json
import math

import numpy as np
import pytest
import torch

from objrec.demos import Context, Player
from objrec.demos.eye.lesson import DEMO, run
from objrec.demos.eye.systems import (
    GRID,
    TESTED,
    X,
    draw_pairs,
    lids,
    measured,
    on_both,
    run_system,
    valleys,
)
from objrec.demos.page import render

EFFORT = Context(seed=1, effort=0.002)


@pytest.fixture(scope="module")
def lesson():
    return run(EFFORT)


def looped_minima(column):
    """Every value that no neighbour is below, lowest first: (energy, y)."""
    padded = [math.inf, *column, math.inf]
    found = [
        (padded[p], GRID[p - 1].item())
        for p in range(1, len(padded) - 1)
        if padded[p] <= min(padded[p - 1], padded[p + 1])
    ]
    return sorted(found)


def test_valleys_are_those_of_a_loop():
    drawing = torch.Generator().manual_seed(0)
    waves = torch.cos(torch.rand(9, 1, generator=drawing) * 8 * GRID + 1) + 0.1 * GRID
    energies = torch.cat([waves, torch.rand(9, len(GRID), generator=drawing)])
    found = valleys(energies, GRID)
    for row, count, two in zip(energies.tolist(), found.count, found.two, strict=True):
        minima = looped_minima(row)
        assert count == len(minima)
        if len(minima) > 1:
            assert two.tolist() == sorted(y for _, y in minima[:2])
        else:
            assert two.isnan().all()


def test_one_minimum_is_not_two():
    found = valleys(GRID.square()[None], GRID)
    assert found.count.tolist() == [1]
    assert not on_both(found.two, torch.zeros(2, 1)).any()


def test_both_minima_must_be_near_and_each_to_its_own_branch():
    two = torch.tensor([[-0.5, 0.5], [-0.5, 0.7], [0.45, 0.5]])
    branches = torch.tensor([[-0.45] * 3, [0.55] * 3])
    assert on_both(two, branches).tolist() == [True, False, False]


def test_pairs_come_from_both_lids_in_equal_parts():
    x, y = draw_pairs(0)
    off = (y - lids(x)).abs()
    assert off.amin(0).max() < 6 * 0.03
    inside = x.abs() < 0.8
    assert (y[inside] > 0).float().mean().item() == pytest.approx(0.5, abs=0.06)
    assert torch.equal(y, draw_pairs(0)[1])


def test_the_distance_to_the_eye_is_measured_right():
    lower, upper = lids(X)
    energies = torch.minimum((GRID - lower[:, None]).square(), (GRID - upper[:, None]).square())
    found = measured(energies)
    assert found["share_of_x_with_its_two_minima_on_the_two_lids"] == 1
    assert found["mean_distance_of_answer_to_nearest_lid"] <= 0.0125
    between = measured((GRID**2).expand(len(X), -1))
    assert between["share_of_x_with_exactly_two_minima"] == 0
    assert between["mean_distance_of_answer_to_mean_of_lids"] == pytest.approx(0, abs=1e-6)
    mean = 0.75 * (1 - X[TESTED].double().square()).mean().item()
    assert between["mean_distance_of_answer_to_nearest_lid"] == pytest.approx(mean, abs=1e-5)


def test_the_lesson_has_frames_and_plain_numbers_and_follows_the_seed(lesson):
    (player,) = [f for s in lesson.sections for f in s.figures if isinstance(f, Player)]
    assert len(player.frames) == len(player.captions) <= 40
    assert max(map(len, player.frames)) < 60_000
    assert json.loads(json.dumps(lesson.numbers)) == lesson.numbers
    again = run_system("embeddings", draw_pairs(1), EFFORT)
    assert measured(again[EFFORT.steps(1500)]) == lesson.numbers["embeddings"]


def test_the_page_renders(lesson):
    page = render(DEMO, lesson, {"seed": 1, "seconds": 1.0, "hardware": {}})
    assert "Two right answers to one question" in page


@pytest.mark.slow
def test_the_energy_has_a_valley_on_each_lid():
    energies = run_system("embeddings", draw_pairs(0), Context(0))[1500]
    hits = []
    for x, column in zip(X.tolist(), energies.tolist(), strict=True):
        if abs(x) <= 0.9 + 1e-6:
            y, lid = sorted(y for _, y in looped_minima(column)[:2]), 0.75 * (1 - x * x)
            hits.append(len(y) == 2 and abs(y[0] + lid) <= 0.1 and abs(y[1] - lid) <= 0.1)
    share = measured(energies)["share_of_x_with_its_two_minima_on_the_two_lids"]
    assert share == pytest.approx(np.mean(hits), abs=1e-6)
    assert share > 0.95


@pytest.mark.slow
def test_the_function_learns_the_mean_of_the_lids():
    pairs = draw_pairs(0)
    answers = GRID[run_system("function", pairs, Context(0))[1500].argmin(1)].numpy()
    fitted = np.polyval(np.polyfit(pairs[0], pairs[1], 3), X)
    tested = TESTED.numpy()
    assert np.abs(answers[tested]).mean() < 0.08
    assert np.abs(answers - fitted)[tested].mean() < 0.08
