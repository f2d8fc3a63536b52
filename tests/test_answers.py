"""Right, forbidden and wrong answers against a plain loop over categories and poses."""

import itertools
import math

import numpy as np
import pytest
import torch

from objrec.answers import AnswerSettings, answer_set, grid_distance
from objrec.errors import SettingsError
from objrec.pose import AXES, INDEX, PoseSpace

ROUND_AND_UP = PoseSpace(
    {"azimuth": tuple(20.0 * i for i in range(18)), "elevation": (30.0, 35.0, 40.0, 45.0)}
)
IRREGULAR = PoseSpace(
    {"azimuth": (0.0, 22.5, 45.0, 90.0, 120.0, 150.0, 200.0, 240.0, 290.0, 330.0)}
    | {"elevation": (0.0, 22.5, 45.0, 55.0, 68.0, 90.0)}
)
FRONT_ONLY = PoseSpace({"azimuth": (300.0, 320.0, 340.0, 0.0, 20.0, 40.0)})
IN_PLANE = PoseSpace(
    {"roll": (-30.0, -15.0, 0.0, 15.0, 30.0), "scale": (-0.2, 0.0, 0.1), "shift_x": (-0.1, 0.1)}
)
SPACES = {
    "round-and-up": ROUND_AND_UP,
    "irregular": IRREGULAR,
    "front-only": FRONT_ONLY,
    "in-plane": IN_PLANE,
    "no-axes": PoseSpace({}),
}
ROUNDING = 1e-4


def steps_apart(value, knots, j, period, wraps):
    """How many grid steps lie between a value and the j-th knot, the short way round."""
    knots, n = np.array(knots), len(knots)
    if wraps:
        laps = np.concatenate([knots - period, knots, knots + period])
        position = np.interp(value % period, laps, np.arange(-n, 2 * n))
        return min(abs(position - j - lap * n) for lap in (-1, 0, 1))
    if period:
        windings = [value + period * lap for lap in range(-3, 4)]
        middle = (knots[0] + knots[-1]) / 2
        value = min(windings, key=lambda v: abs(v - middle))
    return abs(np.interp(value, knots, np.arange(n)) - j)


def parts_by_loop(label, pose, space, categories, settings):
    """The part of every answer, as a (K, P) array of the letters r, f and w."""
    grid = space.grid()
    parts = np.full((categories, grid.size), "w")
    cells = itertools.product(*(range(len(v)) for v in space.values.values()))
    for p, cell in enumerate(cells):
        farthest = 0.0
        for name, j in zip(space.axes, cell, strict=True):
            value = float(pose[INDEX[name]])
            if math.isnan(value):
                continue
            period = 360.0 if name in ("azimuth", "roll") else None
            apart = steps_apart(value, space.values[name], j, period, grid.wraps(name))
            farthest = max(farthest, apart)
        if farthest <= settings.tolerance + ROUNDING:
            parts[label, p] = "r"
        elif farthest <= settings.tolerance + settings.ring + ROUNDING:
            parts[label, p] = "f"
    return parts


def parts_of(answers, i):
    parts = np.where(answers.right[i].numpy(), "r", np.where(answers.forbidden[i].numpy(), "f", ""))
    return np.where(answers.wrong[i].numpy(), "w", parts)


def random_poses(count, seed, missing=0.3):
    """Poses all over and beyond the grids, each axis unknown in some of them."""
    rng = np.random.default_rng(seed)
    low = np.array([-400, -20, -400, -0.5, -0.3, -0.3])
    high = np.array([800, 110, 400, 0.5, 0.3, 0.3])
    poses = rng.uniform(low, high, (count, len(AXES)))
    poses[rng.random(poses.shape) < missing] = np.nan
    return torch.tensor(poses, dtype=torch.float32)


def pose(**axes):
    vector = torch.full((1, len(AXES)), torch.nan)
    for name, value in axes.items():
        vector[0, INDEX[name]] = value
    return vector


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("tolerance, ring", [(0.5, 1.0), (0.8, 0.0), (1.5, 2.5)])
def test_parts_are_those_of_a_loop_over_all_answers(space, tolerance, ring):
    settings = AnswerSettings(tolerance=tolerance, ring=ring)
    poses = random_poses(12, seed=len(space.axes))
    labels = torch.arange(12) % 3
    answers = answer_set(labels, poses, space.grid(), 3, settings)
    for i in range(12):
        wanted = parts_by_loop(int(labels[i]), poses[i], space, 3, settings)
        np.testing.assert_array_equal(parts_of(answers, i), wanted)


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_every_label_has_a_right_answer_and_the_parts_are_disjoint(space):
    poses = random_poses(500, seed=7)
    labels = torch.arange(500) % 2
    answers = answer_set(labels, poses, space.grid(), 2)
    assert answers.right.flatten(1).any(dim=1).all()
    assert not (answers.right & answers.forbidden).any()
    assert not answers.right[torch.arange(500), 1 - labels].any()
    assert not answers.forbidden[torch.arange(500), 1 - labels].any()


def test_every_label_has_a_right_answer_on_any_grid():
    hypothesis = pytest.importorskip("hypothesis")
    numbers = hypothesis.strategies.floats(-500, 500, width=32)
    # Grid values a thousandth of a degree apart or more: labels are stored in float32.
    knots = hypothesis.strategies.sets(
        hypothesis.strategies.integers(0, 359_999), min_size=1, max_size=9
    )

    @hypothesis.settings(max_examples=60, deadline=None, database=None)
    @hypothesis.given(knots, knots, numbers, numbers)
    def check(azimuths, elevations, azimuth, elevation):
        space = PoseSpace(
            {
                "azimuth": tuple(a / 1000 for a in azimuths),
                "elevation": tuple(e / 1000 - 180 for e in elevations),
            }
        )
        label = pose(azimuth=azimuth, elevation=elevation)
        assert answer_set(torch.tensor([0]), label, space.grid(), 1).right.any()

    check()


def test_a_label_half_way_agrees_with_both_grid_values():
    grid = ROUND_AND_UP.grid()
    label = pose(azimuth=350.0, elevation=32.5)
    right = answer_set(torch.tensor([0]), label, grid, 1).right[0, 0].view(grid.shape)
    assert right.nonzero().tolist() == [[0, 0], [0, 1], [17, 0], [17, 1]]


@pytest.mark.parametrize("azimuth", [0.0, 359.9999, 360.0, -0.0001, 720.0])
def test_azimuth_wraps_round(azimuth):
    grid = ROUND_AND_UP.grid()
    answers = answer_set(torch.tensor([0]), pose(azimuth=azimuth), grid, 1)
    right = answers.right[0, 0].view(grid.shape).any(dim=1).nonzero()[:, 0].tolist()
    forbidden = answers.forbidden[0, 0].view(grid.shape).any(dim=1).nonzero()[:, 0].tolist()
    assert (right, forbidden) == ([0], [1, 17])


def test_a_grid_of_front_views_does_not_wrap():
    label = pose(azimuth=300.0)
    distance = grid_distance(label, FRONT_ONLY.grid())[0].tolist()
    assert distance == [0, 1, 2, 3, 4, 5]


def test_an_unobserved_axis_agrees_with_everything():
    grid = ROUND_AND_UP.grid()
    right = answer_set(torch.tensor([1]), pose(elevation=40.0), grid, 2).right[0]
    assert right[0].sum() == 0
    assert right[1].view(grid.shape).sum(dim=0).tolist() == [0, 0, 18, 0]


def test_nothing_observed_makes_the_whole_category_right():
    answers = answer_set(torch.tensor([1]), pose(), ROUND_AND_UP.grid(), 2)
    assert answers.right[0].sum(dim=1).tolist() == [0, 72]
    assert not answers.forbidden.any()


def test_axes_that_are_not_searched_are_ignored():
    labels, grid = torch.tensor([0]), FRONT_ONLY.grid()
    one = answer_set(labels, pose(azimuth=5.0, roll=90.0, elevation=70.0), grid, 2)
    other = answer_set(labels, pose(azimuth=5.0), grid, 2)
    assert torch.equal(one.right, other.right) and torch.equal(one.forbidden, other.forbidden)


def test_category_only_asks_the_coarser_question():
    answers = answer_set(torch.tensor([2, 0]), random_poses(2, 1, missing=0), IRREGULAR.grid(), 3)
    coarse = answers.category_only()
    assert coarse.right.all(dim=2).tolist() == [[False, False, True], [True, False, False]]
    assert torch.equal(coarse.wrong, ~coarse.right) and not coarse.forbidden.any()


def test_pose_only_asks_among_the_poses_of_the_right_category():
    answers = answer_set(torch.tensor([2, 0]), random_poses(2, 1, missing=0), IRREGULAR.grid(), 3)
    alone = answers.pose_only()
    assert torch.equal(alone.right, answers.right)
    own = answers.right.any(2, keepdim=True)
    assert torch.equal(alone.wrong, answers.wrong & own) and alone.wrong.any()


def test_an_empty_batch_has_empty_answers():
    empty = torch.zeros(0, dtype=torch.long)
    answers = answer_set(empty, torch.zeros(0, len(AXES)), FRONT_ONLY.grid(), 2)
    assert answers.right.shape == (0, 2, 6)


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_of_no_category_is_refused(label):
    with pytest.raises(ValueError, match=r"labels must lie in \[0, 2\)"):
        answer_set(torch.tensor([label]), pose(), FRONT_ONLY.grid(), 2)


def test_a_tolerance_that_leaves_labels_without_answers_is_refused():
    with pytest.raises(SettingsError, match=r"tolerance 0\.4 .*use 0\.5 or more"):
        AnswerSettings(tolerance=0.4)
