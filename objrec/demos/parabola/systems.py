"""Four systems that learn y = x², trained and measured.

After section 2.2 of LeCun and Huang, "Loss Functions for Discriminative Training of Energy-Based
Models", AISTATS 2005. Networks, noise and numbers of steps are our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from objrec.demos.embeddings.systems import (
    BATCH,
    Embeddings,
    Plan,
    Update,
    frame_times,
    lowest,
    new_embeddings,
    new_function,
    relief,
    surface,
    train,
    watch,
)
from objrec.demos.lesson import Context
from objrec.losses import LossSettings

Tensor = torch.Tensor

GRID = torch.linspace(-0.5, 1.5, 81)
TEST_X = torch.linspace(-1, 1, 101)
PAIRS, NOISE = 200, 0.05
UPDATES, FRAMES = 1500, 20
# How often the error is measured, to see from when on it stays small.
EVERY, SMALL_ERROR = 10, 0.05
LOSSES = {
    "function": LossSettings("energy"),
    "energy": LossSettings("energy"),
    "margin": LossSettings("square-square", soft=False, margin=1.0),
    "nll": LossSettings("nll", soft=False),
}
ZONES = {"margin": (0.2, 0.1)}


@dataclass(frozen=True)
class Look:
    """A system at one moment.

    Attributes:
        energies: (N, P) at the test x and the grid values.
        spread: Variances of the embeddings; empty where there are none.
    """

    energies: Tensor
    spread: dict[str, float]

    def answers(self) -> Tensor:
        """Return the y of the lowest energy at each test x, (N,)."""
        return lowest(self.energies, GRID)

    def error(self) -> float:
        """Return the mean distance of the answers from the parabola."""
        return float((self.answers() - TEST_X.square()).abs().mean())


@dataclass(frozen=True)
class Run:
    """A system's training.

    Attributes:
        looks: Update → the system after it.
        last: What an update took.
    """

    looks: dict[int, Look]
    last: Update

    def ends(self) -> tuple[Look, Look]:
        """Return the first look and the last."""
        return self.looks[0], self.looks[max(self.looks)]


def draw_pairs(seed: int, noise: float = NOISE) -> tuple[Tensor, Tensor]:
    """Draw x evenly from [-1, 1] and y = x² with normal noise, (N,) each."""
    drawing = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(PAIRS, generator=drawing) - 1
    return x, x.square() + noise * torch.randn(PAIRS, generator=drawing)


def run_system(name: str, pairs: tuple[Tensor, Tensor], context: Context, done: int = 0) -> Run:
    """Train one of the systems of `LOSSES`; `done` updates of all went before."""
    build = new_function if name == "function" else new_embeddings
    system, updates = build(context.seed), context.steps(UPDATES)
    plan = Plan(LOSSES[name], updates, zones=ZONES.get(name, (0.0,)))
    times = sorted({*frame_times(updates, FRAMES), *range(0, updates, EVERY)})

    def look() -> Look:
        spread = system.spread(TEST_X, GRID) if isinstance(system, Embeddings) else {}
        return Look(surface(system, TEST_X, GRID), spread)

    training = train(system, *pairs, GRID, plan, context.seed)
    looks, last = watch(training, times, look)
    context.on_progress(done + updates, updates * (len(LOSSES) + 1))
    return Run(dict(zip(times, looks, strict=True)), last)


def settled(errors: dict[int, float], small: float = SMALL_ERROR) -> int | None:
    """Return the update from which on the error stays small; None: it does not."""
    times = sorted(errors)
    large = [i for i, time in enumerate(times) if errors[time] > small]
    if large and large[-1] == len(times) - 1:
        return None
    return times[large[-1] + 1] if large else times[0]


def beyond(look: Look, radius: float = 0.2) -> float:
    """Return the hill: the lowest energy away from the parabola, less that on it, mean over x.

    Args:
        look: A system at one moment.
        radius: What is away.
    """
    distance = (GRID - TEST_X.square()[:, None]).abs()
    away = look.energies.masked_fill(distance <= radius, torch.inf).amin(1)
    on = look.energies.gather(1, distance.argmin(1, keepdim=True))[:, 0]
    return float((away - on).mean())


def measured(run: Run) -> dict[str, Any]:
    """Return the numbers of a system, as plain values."""
    before, after = run.ends()
    update = settled({time: look.error() for time, look in run.looks.items()})
    return {
        "mean_error_of_y_before": before.error(),
        "mean_error_of_y": after.error(),
        "relief_before": relief(before.energies),
        "relief": relief(after.energies),
        "hill": beyond(after),
        "variance_of_embeddings_before": before.spread,
        "variance_of_embeddings": after.spread,
        "energies_searched_per_sample_and_update": run.last.searched,
        "energies_differentiated_per_sample_and_update": run.last.differentiated,
        "updates_until_mean_error_stays_below_0.05": update,
        "energies_searched_until_then": update and update * BATCH * run.last.searched,
        "energies_differentiated_until_then": update and update * BATCH * run.last.differentiated,
    }
