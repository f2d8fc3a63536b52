"""Energies over two numbers (x, y), trained by the library's losses: what two lessons share.

Two architectures, after LeCun and Huang, "Loss Functions for Discriminative Training of
Energy-Based Models", AISTATS 2005:

    Function     E(x, y) = (y - G(x))²           one network; a parabola of y at every x
    Embeddings   E(x, y) = ‖G₁(x) - G₂(y)‖       two networks; any shape

The answers y are the values of a grid: one category, and a "pose" for each value, so that losses
and answer masks are those of the images. Nothing here draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import nn

from objrec.answers import Answers
from objrec.losses import LossSettings, total_loss

Tensor = torch.Tensor
Seen = TypeVar("Seen")

# Rounds the tip of the norm: sqrt has no gradient at 0, where a perfect answer lies.
SMOOTHING = 0.01
BATCH = 32
# An answer that lies on the rim of the forbidden zone is forbidden, whatever rounding says.
_ROUNDING = 1e-4


def network(outputs: int, hidden: int = 32) -> nn.Sequential:
    """Return a network of one number with one hidden layer of tanh units."""
    return nn.Sequential(nn.Linear(1, hidden), nn.Tanh(), nn.Linear(hidden, outputs))


class Function(nn.Module):
    """E(x, y) = (y - G(x))²: the network answers, the energy only measures how far off it is.

    Args:
        network: G, from (..., 1) to (..., 1).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the energies (B, Q).

        Args:
            x: (B,).
            y: (B, Q), or (1, Q) for the same answers to every x.
        """
        return (y - self.network(x[:, None])).square()


class Embeddings(nn.Module):
    """E(x, y) = ‖G₁(x) - G₂(y)‖, its tip rounded: sqrt(‖·‖² + ε²) - ε.

    Args:
        of_x: G₁, from (..., 1) to (..., D).
        of_y: G₂, likewise.
    """

    def __init__(self, of_x: nn.Module, of_y: nn.Module) -> None:
        super().__init__()
        self.of_x, self.of_y = of_x, of_y

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the energies (B, Q), for x (B,) and y (B, Q) or (1, Q)."""
        difference = self.of_x(x[:, None, None]) - self.of_y(y[:, :, None])
        squared = difference.square().sum(2)
        return (squared + SMOOTHING**2).sqrt() - SMOOTHING

    def spread(self, x: Tensor, y: Tensor) -> dict[str, float]:
        """Return the variances of G₁ over x (N,) and of G₂ over y (P,), summed over D."""
        with torch.no_grad():
            of_x, of_y = self.of_x(x[:, None]), self.of_y(y[:, None])
        return {"G1": float(of_x.var(0).sum()), "G2": float(of_y.var(0).sum())}


def new_function(seed: int) -> Function:
    """Return an untrained `Function`, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Function(network(1))


def new_embeddings(seed: int, dimensions: int = 8) -> Embeddings:
    """Return untrained `Embeddings`, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Embeddings(network(dimensions), network(dimensions))


@dataclass(frozen=True)
class Plan:
    """How a system is trained.

    Attributes:
        loss: A loss of the library and its constants.
        updates: In all.
        rate: Of Adam.
        final: Share of the rate at the end, to which it falls in a line: small steps lessen the
            jitter that the draw of the batches causes.
        zones: Radius of the forbidden zone round the right y, in equal parts of the training.
    """

    loss: LossSettings
    updates: int
    rate: float = 3e-3
    final: float = 1.0
    zones: tuple[float, ...] = (0.0,)

    def zone(self, update: int) -> float:
        """Return the radius at an update, counted from 0."""
        return self.zones[update * len(self.zones) // self.updates]


@dataclass(frozen=True)
class Offer:
    """The energies that a loss looks at.

    Attributes:
        energies: (B, 1, Q), with gradient.
        answers: Their parts.
        searched: Energies for each sample that were evaluated without gradient to find them.
    """

    energies: Tensor
    answers: Answers
    searched: int


@dataclass(frozen=True)
class Update:
    """What an update of the weights took.

    Attributes:
        number: Counted from 1.
        loss: Mean over the batch.
        searched: Energies for each sample evaluated without gradient.
        differentiated: Energies for each sample evaluated with gradient.
    """

    number: int
    loss: float
    searched: int
    differentiated: int


def answers_on(grid: Tensor, y: Tensor, zone: float) -> Answers:
    """Divide the grid values into right, forbidden and wrong answers.

    Args:
        grid: (P,) ascending.
        y: (B,) what was observed; the nearest grid value is right.
        zone: Radius round the right value within which answers are forbidden: neither pulled
            nor pushed.

    Returns:
        Masks (B, 1, P).
    """
    nearest = (grid - y[:, None]).abs().argmin(1)
    right = nn.functional.one_hot(nearest, len(grid)).bool()
    near = (grid - grid[nearest, None]).abs() <= zone + _ROUNDING
    return Answers(right[:, None], (near & ~right)[:, None])


def offer(system: nn.Module, x: Tensor, grid: Tensor, answers: Answers, loss: str) -> Offer:
    """Evaluate what a loss needs, and no more.

    The energy loss needs the right answer alone. A loss of pairs also needs the most offending
    wrong answer: all are searched without gradient, and one is differentiated. A likelihood needs
    all of them, with gradient.

    Args:
        system: An architecture.
        x: (B,).
        grid: (P,).
        answers: (B, 1, P), one right answer a sample.
        loss: "energy", "square-square" or "nll".
    """
    if loss == "nll":
        return Offer(system(x, grid[None])[:, None], answers, 0)
    chosen, searched = answers.right[:, 0].long().argmax(1)[:, None], 0
    if loss != "energy":
        with torch.no_grad():
            energies = system(x, grid[None])
        offending = energies.masked_fill(~answers.wrong[:, 0], torch.inf).argmin(1)
        chosen, searched = torch.cat([chosen, offending[:, None]], 1), len(grid)
    energies = system(x, grid[chosen])[:, None]
    right = torch.zeros_like(energies, dtype=torch.bool)
    right[:, :, 0] = True
    return Offer(energies, Answers(right, torch.zeros_like(right)), searched)


def train(
    system: nn.Module, x: Tensor, y: Tensor, grid: Tensor, plan: Plan, seed: int
) -> Iterator[Update]:
    """Train a system in place, on batches drawn with replacement, and say after each update.

    Args:
        system: An architecture.
        x: (N,) observed values.
        y: (N,) the answer to each.
        grid: (P,) the answers there are.
        plan: The loss and how long.
        seed: Of the batches.
    """
    optimiser = torch.optim.Adam(system.parameters(), lr=plan.rate)
    rate = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, plan.final, plan.updates)
    drawing = torch.Generator().manual_seed(seed)
    # One category only: the same loss over categories would have no wrong answer.
    settings = replace(plan.loss, category_weight=0.0, pose_weight=0.0)
    for number in range(plan.updates):
        chosen = torch.randint(len(x), (BATCH,), generator=drawing)
        answers = answers_on(grid, y[chosen], plan.zone(number))
        offered = offer(system, x[chosen], grid, answers, settings.loss)
        loss = total_loss(offered.energies, offered.answers, settings).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rate.step()
        yield Update(number + 1, loss.item(), offered.searched, offered.energies.shape[2])


def surface(system: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Return the energies (N, P) at all x (N,) and y (P,), without gradient."""
    with torch.no_grad():
        return system(x, y[None])


def lowest(energies: Tensor, y: Tensor) -> Tensor:
    """Return inference: (N,) the y (P,) of the lowest energy (N, P) at each x."""
    return y[energies.argmin(1)]


def relief(energies: Tensor) -> float:
    """Return how much the energy (N, P) changes with y: highest less lowest, mean over x.

    It is 0 for a collapsed surface, on which every answer is as good as any other.
    """
    return float((energies.amax(1) - energies.amin(1)).mean())


def frame_times(updates: int, frames: int) -> list[int]:
    """Return after which updates to look: dense at first, when most happens, 0 and the last too."""
    return sorted({round(updates * (i / (frames - 1)) ** 2) for i in range(frames)})


def watch(
    training: Iterable[Update],
    times: Sequence[int],
    look: Callable[[], Seen],
    on_update: Callable[[], None] = lambda: None,
) -> tuple[list[Seen], Update]:
    """Run a training to its end, and look at the system on the way.

    Args:
        training: At least one update.
        times: After which updates to look; 0 is before the first.
        look: What is kept.
        on_update: Called after each.

    Returns:
        What was seen, in the order of the times, and the last update.
    """
    wanted, seen = set(times), [look()] if 0 in times else []
    for update in training:
        if update.number in wanted:
            seen.append(look())
        on_update()
    return seen, update
