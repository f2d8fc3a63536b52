"""Two systems that learn an eye-shaped curve, trained and measured.

After the slides of LeCun and Huang on "Loss Functions for Energy-Based Models, with Applications
to Object Recognition". The curve, the networks and the numbers of steps are our own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from objrec.demos.embeddings.systems import (
    Plan,
    frame_times,
    lowest,
    new_embeddings,
    new_function,
    surface,
    train,
    watch,
)
from objrec.demos.lesson import Context
from objrec.energy.minima import local_minima
from objrec.losses import LossSettings

Tensor = torch.Tensor

GRID = torch.linspace(-1, 1, 81)
X = torch.linspace(-1, 1, 101)
# The whole eye is drawn, and tested where its lids are further apart than the tolerance could
# bridge: towards the corners the two minima become one, as they should.
TESTED = X.abs() <= 0.9 + 1e-6
OPENING, TOLERANCE = 0.75, 0.1
PAIRS, NOISE = 1000, 0.03
UPDATES, FRAMES = 1500, 24
RATE, FINAL = 1e-2, 0.01
LOSSES = {
    "embeddings": LossSettings("nll", soft=False),
    "function": LossSettings("energy"),
}


def lids(x: Tensor) -> Tensor:
    """Return the two right y at each x (N,): (2, N), the lower lid first."""
    upper = OPENING * (1 - x.square())
    return torch.stack([-upper, upper])


def draw_pairs(seed: int) -> tuple[Tensor, Tensor]:
    """Draw x evenly from [-1, 1] and y from one lid or the other, with normal noise, (N,) each."""
    drawing = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(PAIRS, generator=drawing) - 1
    lid = torch.randint(2, (PAIRS,), generator=drawing)
    y = lids(x)[lid, torch.arange(PAIRS)]
    return x, y + NOISE * torch.randn(PAIRS, generator=drawing)


def run_system(
    name: str, pairs: tuple[Tensor, Tensor], context: Context, done: int = 0
) -> dict[int, Tensor]:
    """Train one of the systems of `LOSSES`; `done` updates of all went before.

    Returns:
        The energies (N, P) at `X` and `GRID`, by the number of updates.
    """
    system = (new_function if name == "function" else new_embeddings)(context.seed)
    updates = context.steps(UPDATES)
    plan = Plan(LOSSES[name], updates, RATE, FINAL)
    training = train(system, *pairs, GRID, plan, context.seed)
    times = frame_times(updates, FRAMES)
    looks, _ = watch(training, times, lambda: surface(system, X, GRID))
    context.on_progress(done + updates, updates * len(LOSSES))
    return dict(zip(times, looks, strict=True))


@dataclass(frozen=True)
class Valleys:
    """The local minima of energies over y at N values of x.

    Attributes:
        count: (N,) how many.
        two: (N, 2) the y of the two lowest, ascending; NaN, both, where there is only one.
    """

    count: Tensor
    two: Tensor


def valleys(energies: Tensor, y: Tensor) -> Valleys:
    """Find the local minima of energies (N, P) over y (P,)."""
    marked = local_minima(energies[:, None], wraps=[False])[:, 0]
    depths, where = energies.masked_fill(~marked, torch.inf).topk(2, dim=1, largest=False)
    two = y[where].sort(dim=1).values
    return Valleys(marked.sum(1), two.masked_fill(depths[:, 1:].isinf(), torch.nan))


def on_both(two: Tensor, branches: Tensor, tolerance: float = TOLERANCE) -> Tensor:
    """Say at which x the two minima lie on the two branches.

    Args:
        two: (N, 2) ascending.
        branches: (2, N), the lower first.
        tolerance: How far off either minimum may be.

    Returns:
        (N,) bool; False where there are not two.
    """
    return ((two - branches.T).abs() <= tolerance).all(1)


def measured(energies: Tensor) -> dict[str, float]:
    """Return the numbers of a system from its energies (N, P) at `X` and `GRID`."""
    found, branches = valleys(energies[TESTED], GRID), lids(X[TESTED])
    answer = lowest(energies[TESTED], GRID)
    return {
        "share_of_x_with_its_two_minima_on_the_two_lids": _mean(on_both(found.two, branches)),
        "share_of_x_with_exactly_two_minima": _mean(found.count == 2),
        "mean_distance_of_answer_to_nearest_lid": _mean((answer - branches).abs().amin(0)),
        "mean_distance_of_answer_to_mean_of_lids": _mean((answer - branches.mean(0)).abs()),
    }


def _mean(values: Tensor) -> float:
    return float(values.float().mean())
