"""The plane of two energies against the library's table, closed forms and a scan of half planes."""

import math

import pytest
import torch

from objrec.demos import Context, Player
from objrec.demos.conditions.lesson import GAP, LARGER_BOX, OTHER_MARGIN, measure_all, run
from objrec.demos.conditions.planes import (
    BOX,
    MARGIN,
    RATE,
    STARTS,
    descend,
    gradient_of,
    plane_of,
)
from objrec.losses import LOSSES, LossSettings


@pytest.fixture(scope="module")
def found():
    return measure_all(Context(effort=0.1))[2]


CLOSED = {
    "energy": lambda c, i: c,
    "perceptron": lambda c, i: max(0.0, c - i),
    "hinge": lambda c, i: max(0.0, MARGIN + c - i),
    "log": lambda c, i: math.log(1 + math.exp(c - i)),
    "lvq2": lambda c, i: min(1.0, max(0.0, (c - i) / i)) if i else float(c > 0),
    "mce": lambda c, i: 1 / (1 + math.exp(i - c)),
    "square-square": lambda c, i: c**2 + max(0.0, MARGIN - i) ** 2,
    "square-exp": lambda c, i: c**2 + math.exp(-i),
    "nll": lambda c, i: -math.log(math.exp(-c) / (math.exp(-c) + math.exp(-i))),
    "mee": lambda c, i: 1 - math.exp(-c) / (math.exp(-c) + math.exp(-i)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_surface_is_the_loss_in_closed_form(name):
    plane = plane_of(name)
    for row in range(0, len(plane.axis), 9):
        for column in range(0, len(plane.axis), 7):
            right, wrong = float(plane.axis[column]), float(plane.axis[row])
            wanted = CLOSED[name](right, wrong)
            assert float(plane.loss[row, column]) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_arrows_are_differences_of_the_closed_form(name):
    """At points off every kink."""
    for right, wrong in ((1.03, 2.47), (3.3, 2.1), (0.7, 4.9), (4.1, 1.57)):
        point = torch.tensor([[right, wrong]], dtype=torch.float64)
        settings = LossSettings(soft=False, margin=MARGIN)
        got = gradient_of(name, point, settings)[0].tolist()
        step, loss = 1e-6, CLOSED[name]
        wanted = [
            (loss(right + step, wrong) - loss(right - step, wrong)) / (2 * step),
            (loss(right, wrong + step) - loss(right, wrong - step)) / (2 * step),
        ]
        assert got == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_measured_margin_is_the_supremum_of_gaps_that_satisfy_the_condition(name):
    """Compare the two half planes directly, for every gap of the grid."""
    plane = plane_of(name)
    gap = torch.arange(len(plane.axis))[:, None] - torch.arange(len(plane.axis))
    fails = next(
        steps
        for steps in range(len(plane.axis))
        if not (gap > steps).any()
        or plane.loss[gap > steps].min() >= plane.loss[gap <= steps].min() - 1e-12
    )
    assert plane.margin() == pytest.approx(float(plane.axis[fails]))


def test_measured_table_is_the_library_s(found):
    rows = found["losses"]
    assert list(rows) == list(LOSSES)
    assert found["agrees_with_table"]
    for name, row in rows.items():
        assert row["margin_text"] == LOSSES[name].margin == row["table_margin"]
        assert row["condition_holds"] is LOSSES[name].sufficient
        assert row["condition_holds"] == (row["margin"] > 0)


def test_margins_have_their_known_values(found):
    margins = {
        name: (row["margin"], row["margin_in_larger_box"], row["margin_when_3_is_asked_for"])
        for name, row in found["losses"].items()
    }
    asked, endless = (MARGIN, MARGIN, OTHER_MARGIN), (BOX, LARGER_BOX, BOX)
    assert margins == {
        **dict.fromkeys(("energy", "perceptron", "lvq2"), (0, 0, 0)),
        **dict.fromkeys(("hinge", "square-square"), asked),
        **dict.fromkeys(("log", "mce", "square-exp", "nll", "mee"), endless),
    }


def test_losses_that_need_energies_above_zero_are_found(found):
    rows = found["losses"]
    both = {name for name, row in rows.items() if row["reads"] == "both energies"}
    assert both == {"lvq2", "square-square", "square-exp"}
    assert both == {name for name, row in rows.items() if row["pull_at_minus_1_minus_2"] == 0}
    assert [name for name, row in rows.items() if row["reads"] == "E_C alone"] == ["energy"]


def test_descent_under_the_hinge_moves_both_alike_until_the_margin():
    path = descend("hinge", 600)
    for start, end in zip(STARTS, path[-1].tolist(), strict=True):
        assert sum(end) == pytest.approx(sum(start))  # (-1, +1) is its only direction
        assert MARGIN - 1e-9 <= end[1] - end[0] <= MARGIN + 2 * RATE


def test_descent_under_square_square_is_a_geometric_series():
    """E_C and the missing margin shrink by 1 - 2 RATE a step."""
    path = descend("square-square", 50)
    left = (1 - 2 * RATE) ** 50
    for (right, wrong), end in zip(STARTS, path[-1].tolist(), strict=True):
        wanted = wrong if wrong >= MARGIN else MARGIN - (MARGIN - wrong) * left
        assert end == pytest.approx([right * left, wanted])


def test_descent_under_the_log_loss_follows_its_flow():
    """With d = E_C - E_I the flow d' = -2 / (1 + exp(-d)) has d - exp(-d) = d0 - exp(-d0) - 2 t."""
    path, (right, wrong) = descend("log", 100), STARTS[0]
    d = float(path[-1, 0, 0] - path[-1, 0, 1])
    begun = right - wrong
    wanted = begun - math.exp(-begun) - 2 * RATE * 100
    assert d - math.exp(-d) == pytest.approx(wanted, rel=0.02)


def test_where_descent_ends():
    def gaps(name):
        end = descend(name, 600)[-1]
        return end[:, 1] - end[:, 0]

    assert gaps("perceptron").max() < GAP  # never beyond where they first cross the tie
    assert (gaps("perceptron") >= 0).all()
    tie = STARTS.index((3.0, 3.0))
    assert gaps("perceptron")[tie] == 0
    assert 0 <= gaps("lvq2")[tie] < GAP  # PyTorch chooses a slope at the kink, not always the same
    far = STARTS.index((5.0, 1.0))
    assert gaps("lvq2")[far] == -4  # beyond its window nothing moves
    assert -4 < gaps("mce")[far] < 0  # slow, but on its way
    for name in ("hinge", "log", "square-square", "square-exp", "nll"):
        assert (gaps(name) > GAP).all()
    held = descend("energy", 600)[-1]
    assert held[:, 0].tolist() == [0.0] * len(STARTS)
    assert held[:, 1].tolist() == [wrong for _, wrong in STARTS]


@pytest.mark.slow
def test_lesson_shows_every_loss():
    lesson = run(Context(effort=0.1))
    players = [f for s in lesson.sections for f in s.figures if isinstance(f, Player)]
    assert [len(p.frames) == len(p.captions) for p in players] == [True, True]
    assert [c.split(":")[0] for c in players[0].captions] == list(LOSSES)
    largest = max(len(frame) for p in players for frame in p.frames)
    assert largest < 80_000
