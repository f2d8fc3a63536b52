"""The small system of the demonstration `probabilities`: its energies, their limits, its training.

The energies are a closed form, so that everything here can be computed twice: E(y, z) = floor +
height (1 - cos(n (z - turn))), with its own constants for each category y, over twelve azimuths z.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from objrec.answers import Answers
from objrec.demos.lesson import Context
from objrec.energy.energies import Energies
from objrec.losses import LOSSES, LossSettings, part_energy
from objrec.pose import PoseSpace

Tensor = torch.Tensor

CATEGORIES = ("car", "chair", "ball")
GRID = PoseSpace({"azimuth": tuple(range(0, 360, 30))}).grid()
# floor, height, repeats in a turn, degrees at which it is lowest. A ball looks the same from
# everywhere; a chair much the same from the back.
SHAPES = ((0.0, 2.0, 1, 60.0), (0.5, 1.2, 2, 30.0), (0.6, 0.0, 1, 0.0))
IMAGES = 200
SAMPLES, UPDATES, RATE, KEPT = 4000, 800, 10.0, 20

VERSIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "E": lambda e: e,
    "E + 5": lambda e: e + 5,
    "3 E": lambda e: 3 * e,
    "E²": lambda e: e.square(),
    "1 − exp(−E)": lambda e: -torch.expm1(-e),
    "E + log Z": lambda e: e + torch.logsumexp(-e.flatten(1), 1)[:, None, None],
}


@dataclass(frozen=True)
class Training:
    """A table of energies, learned from answers that were drawn.

    Attributes:
        frequency: (K, P) share of each answer among those drawn.
        at: Updates after which the table was looked at.
        tables: For each, (K, P) energies.
        losses: For each, the mean NLL.
    """

    frequency: Tensor
    at: list[int]
    tables: list[Tensor]
    losses: list[float]


def surface(shapes: Tensor) -> Tensor:
    """Return the closed form on the grid.

    Args:
        shapes: (..., 4) floor, height, repeats, degrees.

    Returns:
        (..., P) float64, not below the floor.
    """
    floor, height, repeats, turn = shapes.double()[..., None, :].unbind(-1)
    azimuth = torch.tensor(GRID.space.values["azimuth"], dtype=torch.float64)
    return floor + height * (1 - torch.cos(torch.deg2rad(repeats * (azimuth - turn))))


def image_energies() -> Tensor:
    """Return the energies of all answers to the one image, (1, K, P)."""
    return surface(torch.tensor(SHAPES, dtype=torch.float64))[None]


def gibbs(energies: Tensor, beta: float) -> Tensor:
    """Return exp(-beta E) / Z over all answers, of the shape (B, K, P) of the energies."""
    return torch.softmax(-beta * energies.flatten(1), dim=1).view_as(energies)


def category_energy(energies: Tensor, beta: float | None) -> Tensor:
    """Return (B, K): each category's free energy over the azimuth; for None its minimum."""
    every = torch.ones(energies.shape[2], dtype=torch.bool).expand_as(energies)
    return part_energy(energies.flatten(0, 1), every.flatten(0, 1), beta).view(energies.shape[:2])


def one_right(energies: Tensor, category: int) -> Answers:
    """Return answers of which a category is right at any azimuth."""
    right = torch.zeros_like(energies, dtype=torch.bool)
    right[:, category] = True
    return Answers(right, torch.zeros_like(right))


def limit(energies: Tensor, category: int, beta: float) -> float:
    """Return NLL less perceptron loss, if a category is right at whatever azimuth."""
    answers = one_right(energies, category)
    nll = LOSSES["nll"](energies, answers, LossSettings(beta=beta))
    return float(nll - LOSSES["perceptron"](energies, answers, LossSettings(soft=False)))


def crossing(energies: Tensor) -> float:
    """Return the beta above which the free energy, too, is lowest for the category of the minimum.

    By halving between 0.1 and 100, where the two decisions differ and agree.
    """
    lowest, low, high = int(category_energy(energies, None).argmin()), 0.1, 100.0
    for _ in range(50):
        middle = math.sqrt(low * high)
        agrees = int(category_energy(energies, middle).argmin()) == lowest
        low, high = (low, middle) if agrees else (middle, high)
    return high


def compare_versions(seed: int) -> list[dict[str, Any]]:
    """Change the energies of random images so that their order stays, and compare.

    Returns:
        For each of `VERSIONS`: decisions (the library's joint minimum) that are those of E; mean
        log Z; mean probability of the decision.
    """
    generator = torch.Generator().manual_seed(seed)
    shapes = torch.rand(IMAGES, len(CATEGORIES), 4, generator=generator)
    # One repeat only: two equally low azimuths would leave the decision to rounding.
    shapes = shapes * torch.tensor([1.0, 2.0, 0.0, 360.0]) + torch.tensor([0.0, 0.0, 1.0, 0.0])
    energies = surface(shapes)
    wanted, rows = _decisions(energies), []
    for name, change in VERSIONS.items():
        changed = change(energies)
        same = (_decisions(changed) == wanted).all(dim=1)
        log_z = torch.logsumexp(-changed.flatten(1), 1)
        probability = gibbs(changed, 1.0).flatten(1).amax(1)
        rows.append(
            {
                "version": name,
                "same_decisions": int(same.sum()),
                "log_partition": float(log_z.mean()),
                "probability_of_decision": float(probability.mean()),
            }
        )
    return rows


def _decisions(energies: Tensor) -> Tensor:
    """Return (B, 2): category and azimuth of lowest energy, as the recogniser decides."""
    best = Energies(energies, CATEGORIES, GRID).best()
    return torch.stack([best.category[:, 0].double(), best.pose[:, 0, 0].double()], dim=1)


def train(context: Context, beta: float = 1.0) -> Training:
    """Draw answers from the Gibbs distribution at beta 1, and learn energies from them by NLL.

    Args:
        context: Its seed and effort.
        beta: That of the NLL; the table then has 1 / beta times the energies.
    """
    generator = torch.Generator().manual_seed(context.seed)
    chances = gibbs(image_energies(), 1.0).flatten()
    drawn = torch.multinomial(chances, SAMPLES, replacement=True, generator=generator)
    count = len(chances)
    share = torch.bincount(drawn, minlength=count).double() / SAMPLES
    right = torch.eye(count, dtype=torch.bool).view(count, len(CATEGORIES), GRID.size)
    answers, settings = Answers(right, torch.zeros_like(right)), LossSettings(beta=beta)
    table = torch.zeros(1, *right.shape[1:], dtype=torch.float64, requires_grad=True)
    updates = context.steps(UPDATES)
    looks = sorted({round((updates - 1) * (i / (KEPT - 1)) ** 2) for i in range(KEPT)})
    at, tables, losses = [], [], []
    for update in range(updates):
        loss = (share * LOSSES["nll"](table.expand(right.shape), answers, settings)).sum()
        if update in looks:
            at.append(update)
            tables.append(table.detach()[0].clone())
            losses.append(float(loss.detach()))
        (gradient,) = torch.autograd.grad(loss, table)
        with torch.no_grad():
            table -= RATE / beta * gradient
        context.on_progress(update + 1, updates)
    return Training(share.view(right.shape[1:]), at, tables, losses)
