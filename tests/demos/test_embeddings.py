"""Energies over two numbers, against least squares, loops and losses on all answers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from objrec.demos.embeddings.systems import (
    Embeddings,
    Function,
    Plan,
    Update,
    answers_on,
    frame_times,
    lowest,
    new_embeddings,
    new_function,
    offer,
    relief,
    surface,
    train,
    watch,
)
from objrec.losses import LossSettings, total_loss

GRID = torch.linspace(-0.5, 1.5, 81)


def pairs(seed=0, count=200):
    drawing = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(count, generator=drawing) - 1
    return x, x.square() + 0.05 * torch.randn(count, generator=drawing)


def settings(name, **others):
    return LossSettings(name, soft=False, margin=1.0, category_weight=0.0, **others)


def weights(system):
    return torch.cat([p.detach().flatten() for p in system.parameters()])


@pytest.mark.slow
def test_a_straight_function_learns_the_closed_form_least_squares_line():
    x, y = pairs()
    y = y + 0.5 * x
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        system = Function(torch.nn.Linear(1, 1))
    for _ in train(system, x, y, GRID, Plan(settings("energy"), 2000, 0.02, 0.0), 0):
        pass
    nearest = GRID[(GRID - y[:, None]).abs().argmin(1)]
    slope, offset = np.polyfit(x.double(), nearest.double(), 1)
    found = torch.cat([system.network.weight[0], system.network.bias]).tolist()
    assert found == pytest.approx([slope, offset], abs=0.02)


def test_the_embeddings_energy_is_a_rounded_distance():
    system, x, y = new_embeddings(1), torch.tensor([0.3, -0.8]), torch.tensor([[0.1, 0.5, 1.2]])
    energies = system(x, y)
    for i in range(2):
        for j in range(3):
            a, b = system.of_x(x[i, None]), system.of_y(y[0, j, None])
            distance = (a - b).norm().item()
            assert energies[i, j].item() == pytest.approx((distance**2 + 1e-4) ** 0.5 - 0.01)


def test_the_energy_has_a_finite_gradient_at_a_perfect_match():
    layer = torch.nn.Linear(1, 4)
    energies = Embeddings(layer, layer)(torch.tensor([0.7]), torch.tensor([[0.7]]))
    energies.sum().backward()
    assert energies.item() == 0
    assert torch.isfinite(layer.weight.grad).all()


def test_a_collapsed_surface_has_no_relief_and_no_spread():
    constant = torch.nn.Linear(1, 4)
    torch.nn.init.zeros_(constant.weight)
    system, x = Embeddings(constant, constant), torch.linspace(-1, 1, 11)
    assert relief(surface(system, x, GRID)) == 0
    assert system.spread(x, GRID) == {"G1": 0.0, "G2": 0.0}


def test_relief_and_spread_of_a_known_surface():
    double = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(double.weight, 2.0)
    system, x = Embeddings(double, double), torch.tensor([0.0, 1.0])
    # |2x - 2y| over y in [-0.5, 1.5]: 0 to 3 at x = 0, 0 to 3 at x = 1, less the rounding.
    assert relief(surface(system, x, GRID)) == pytest.approx(3, abs=0.011)
    assert system.spread(x, GRID)["G1"] == pytest.approx(np.var([0.0, 2.0], ddof=1))
    assert system.spread(x, GRID)["G2"] == pytest.approx(np.var(2 * GRID.numpy(), ddof=1), rel=1e-4)


@pytest.mark.parametrize("zone", [0.0, 0.1, 0.2])
def test_answers_on_a_grid_as_a_loop_divides_them(zone):
    y = torch.tensor([-0.5, 0.013, 0.49, 1.5, 2.0])
    answers = answers_on(GRID, y, zone)
    for b, value in enumerate(y.tolist()):
        right = min(range(81), key=lambda p: abs(GRID[p].item() - value))
        for p in range(81):
            near = abs(p - right) * 0.025 <= zone + 1e-6
            assert answers.right[b, 0, p] == (p == right)
            assert answers.forbidden[b, 0, p] == (near and p != right)


@pytest.mark.parametrize("name", ["energy", "square-square", "nll"])
def test_what_is_offered_has_the_loss_and_gradient_of_all_answers(name):
    x, y = pairs(count=16)
    chosen, system = settings(name), new_embeddings(2)
    answers = answers_on(GRID, y, 0.2 if name == "square-square" else 0.0)
    offered = offer(system, x, GRID, answers, name)
    few = total_loss(offered.energies, offered.answers, chosen)
    every = total_loss(system(x, GRID[None])[:, None], answers, chosen)
    torch.testing.assert_close(few, every)
    parameters = list(system.parameters())
    for a, b in zip(
        torch.autograd.grad(few.sum(), parameters),
        torch.autograd.grad(every.sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


class Counting(torch.nn.Module):
    """Counts the energies that it is asked for, with gradient and without."""

    def __init__(self):
        super().__init__()
        self.inner, self.counts = new_embeddings(0), {True: 0, False: 0}

    def forward(self, x, y):
        energies = self.inner(x, y)
        self.counts[torch.is_grad_enabled()] += energies.numel()
        return energies


@pytest.mark.parametrize(
    ("name", "searched", "differentiated"),
    [("energy", 0, 1), ("square-square", 81, 2), ("nll", 0, 81)],
)
def test_an_update_reports_the_energies_that_it_evaluated(name, searched, differentiated):
    system = Counting()
    (update,) = train(system, *pairs(), GRID, Plan(settings(name), 1), 0)
    assert (update.searched, update.differentiated) == (searched, differentiated)
    assert system.counts == {False: 32 * searched, True: 32 * differentiated}


@pytest.mark.parametrize("build", [new_function, new_embeddings])
def test_training_is_the_same_for_the_same_seed(build):
    def trained(seed):
        system, before = build(seed), torch.get_rng_state()
        losses = [u.loss for u in train(system, *pairs(), GRID, Plan(settings("nll"), 5), seed)]
        assert torch.equal(before, torch.get_rng_state())
        return losses, weights(system)

    (losses, first), (again, second), (_, other) = trained(4), trained(4), trained(5)
    assert losses == again
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_zones_follow_one_another_in_equal_parts():
    plan = replace(Plan(settings("nll"), 10), zones=(0.2, 0.1))
    assert [plan.zone(n) for n in range(10)] == [0.2] * 5 + [0.1] * 5


def test_the_lowest_energy_is_the_first_minimum_of_a_loop():
    energies = torch.rand(7, 81, generator=torch.Generator().manual_seed(0))
    looped = [GRID[min(range(81), key=row.tolist().__getitem__)] for row in energies]
    assert lowest(energies, GRID).tolist() == [value.item() for value in looped]


def test_a_training_is_watched_when_asked():
    training = (Update(n, 0.0, 0, 1) for n in range(1, 11))
    ticks, state = [], iter("abcdefgh")
    seen, last = watch(training, [0, 3, 10], lambda: next(state), lambda: ticks.append(1))
    assert (seen, last.number, len(ticks)) == (["a", "b", "c"], 10, 10)


@pytest.mark.parametrize(("updates", "frames"), [(2, 24), (30, 24), (1500, 20)])
def test_frames_begin_at_nought_and_end_with_the_training(updates, frames):
    times = frame_times(updates, frames)
    assert (times[0], times[-1]) == (0, updates)
    assert times == sorted(set(times))
    assert len(times) <= frames
