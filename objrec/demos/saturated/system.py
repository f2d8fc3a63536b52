"""The small system of the demonstration `saturated`: a network, two energies on it, integrals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from objrec.answers import Answers
from objrec.demos.lesson import Context
from objrec.losses import LOSSES, LossSettings, part_energy

POINTS, NOISE = 60, 0.4
UPDATES, KEPT, RATE = 400, 16, 0.02
STEP = 0.02  # of the answers that are compared and summed over
NEAR = 0.5  # how far from G(x) an answer still counts as right

Tensor = torch.Tensor


def quadratic(distance: Tensor) -> Tensor:
    """Return d²: walls that rise without end."""
    return distance.square()


def saturated(distance: Tensor) -> Tensor:
    """Return 1 - exp(-d²): the same valley, and walls that level off at 1."""
    return -torch.expm1(-distance.square())


ENERGIES: dict[str, Callable[[Tensor], Tensor]] = {
    "quadratic": quadratic,
    "saturated": saturated,
}


@dataclass(frozen=True)
class Training:
    """How G came about.

    Attributes:
        x, y: (n,) what it was shown.
        at: Updates after which it was looked at.
        grid: (m,) values of x.
        curves: For each of `at` (m,) G over `grid`.
        residuals: (n,) y - G(x) in the end.
        losses: The mean loss at each of `at`.
    """

    x: Tensor
    y: Tensor
    at: list[int]
    grid: Tensor
    curves: list[Tensor]
    residuals: Tensor
    losses: list[float]


def distances(reach: float) -> Tensor:
    """Return how far answers lie from the best one: middles of cells over [-reach, reach].

    Sums over them are integrals by the midpoint rule; (2 reach / `STEP`,) float64.
    """
    half = round(reach / STEP)
    return STEP * (torch.arange(-half, half, dtype=torch.float64) + 0.5)


def partition(energy: Callable[[Tensor], Tensor], reach: float) -> float:
    """Return the integral of exp(-E) over [-reach, reach], from the library's free energy."""
    energies = energy(distances(reach))[None]
    free = part_energy(energies, torch.ones_like(energies, dtype=torch.bool), beta=1.0)
    return STEP * float(torch.exp(-free))


def probability(energy: Callable[[Tensor], Tensor], reach: float) -> float:
    """Return the probability of the answers within `NEAR` of the best: exp(-NLL)."""
    distance = distances(reach)[None, None]
    right = distance.abs() < NEAR
    answers = Answers(right, torch.zeros_like(right))
    nll = LOSSES["nll"](energy(distance), answers, LossSettings(soft=True))
    return float(torch.exp(-nll))


def train(context: Context) -> Training:
    """Train G by the energy loss: pull down the energy of each right answer.

    Nothing has to push: (y - G(x))² cannot be low for all y at once.
    """
    generator = torch.Generator().manual_seed(context.seed)
    x = 4 * torch.rand(POINTS, generator=generator) - 2
    y = 1.5 * torch.sin(2 * x) + NOISE * torch.randn(POINTS, generator=generator)
    network = _network(generator)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    updates = context.steps(UPDATES)
    looks = sorted({round((updates - 1) * (i / (KEPT - 1)) ** 2) for i in range(KEPT)})
    grid, curves, losses, at = torch.linspace(-2, 2, 121), [], [], []
    for update in range(updates):
        loss = _energy_loss(quadratic(y - network(x[:, None])[:, 0]))
        if update in looks:
            at.append(update)
            losses.append(float(loss.detach()))
            curves.append(network(grid[:, None])[:, 0].detach())
        if update < updates - 1:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        context.on_progress(update + 1, updates)
    residuals = (y - network(x[:, None])[:, 0]).detach().double()
    return Training(x, y, at, grid, curves, residuals, losses)


def _network(generator: torch.Generator) -> nn.Sequential:
    network = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 1))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(1.2 * torch.randn(parameter.shape, generator=generator))
        network[2].weight.mul_(0.2)
    return network


def _energy_loss(energies: Tensor) -> Tensor:
    """Return the library's energy loss of (n,) energies of right answers, meaned."""
    right = torch.ones(len(energies), 1, 1, dtype=torch.bool)
    answers = Answers(right, torch.zeros_like(right))
    return LOSSES["energy"](energies[:, None, None], answers, LossSettings(soft=False)).mean()


def same_decisions(training: Training, reach: float) -> tuple[int, int]:
    """Count for how many x of the grid both energies have their minimum at the same answer.

    Returns:
        The count, and how many x there are.
    """
    distance = distances(reach)[None, :] - training.curves[-1][:, None].double()
    first, second = (energy(distance).argmin(dim=1) for energy in ENERGIES.values())
    return int((first == second).sum()), len(first)


def fit_height(energy: Callable[[Tensor], Tensor], residuals: Tensor, reach: float) -> float:
    """Return the factor s for which exp(-s E) / Z makes the residuals most likely.

    The NLL per point is s mean(E) + log Z(s); its slope, the mean energy of the data less that of
    all answers under exp(-s E) / Z, rises with s: its zero is found by halving.

    Args:
        energy: Of a distance.
        residuals: (n,) y - G(x).
        reach: The range of answers.
    """
    every, wanted = energy(distances(reach)), energy(residuals).mean()
    low, high = 0.0, 1000.0
    for _ in range(60):
        middle = (low + high) / 2
        expected = (torch.softmax(-middle * every, dim=0) * every).sum()
        low, high = (middle, high) if expected > wanted else (low, middle)
    return (low + high) / 2
