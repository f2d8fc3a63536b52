"""Render and compare: gradient descent over the pose from many starts, all in one batch.

The poses of all (image, category, start) are one tensor, and Adam moves it by the gradient of
their energies; its step shrinks evenly to zero, the lowest energy on each way is kept, and the
elevation stays within what the model searches. The step at the beginning, 4 degrees, is that of
2, 4, 8 and 16 with the lowest mean energy on training images after ten steps; after fifty they
hardly differ. With `keep`, the starts are first compared with the image, each turned once when the
peer is made (as NeMo does with its rendered views), and only the best few go on.
"""

from __future__ import annotations

import time

import torch
from peers.answering import Answered, Peer, elevations_of, features_of, frozen

from objrec import Recognizer
from objrec.energy.model import EnergyModel
from objrec.pose import INDEX, VIEW_AXES, PoseGrid, PoseSpace

RATE = 4.0  # degrees


def starts_of(network: EnergyModel, azimuths: int, elevations: int) -> PoseGrid:
    """Return poses spread evenly: azimuths from the front on, elevations amid equal parts."""
    low, high = elevations_of(network)
    parts = [(i + 0.5) / elevations for i in range(elevations)]
    turns = [360.0 * i / azimuths for i in range(azimuths)]
    heights = [low + (high - low) * part for part in parts]
    return PoseSpace({"azimuth": turns, "elevation": heights}).grid()


def descend(
    network: EnergyModel,
    features: torch.Tensor,
    category: torch.Tensor,
    start: torch.Tensor,
    steps: int,
    rate: float = RATE,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the lowest energies (Q,) on the ways down from Q starts, and their poses (Q, A).

    Args:
        network: With weights that take no gradient.
        features: (Q, C, h, w).
        category: (Q,).
        start: (Q, A) stored units; azimuth and elevation move.
        steps: Steps of Adam.
        rate: Degrees of the first step; the last one is the smallest, rate / steps.
    """
    low, high = elevations_of(network)
    moved = [INDEX[name] for name in VIEW_AXES]
    free = start[:, moved].clone().requires_grad_()
    others = start.clone()
    others[:, moved] = 0
    adam = torch.optim.Adam([free], lr=rate)
    lowest, where = torch.full((len(start),), torch.inf), start[:, moved].clone()
    for step in range(steps + 1):
        energy = network.energy_at(features, category, _placed(others, free, moved))
        better = energy.detach() < lowest
        lowest = torch.where(better, energy.detach(), lowest)
        where = torch.where(better[:, None], free.detach(), where)
        if step == steps:
            break
        (free.grad,) = torch.autograd.grad(energy.sum(), free)
        adam.param_groups[0]["lr"] = rate * (1 - step / steps)
        adam.step()
        with torch.no_grad():
            free[:, 1].clamp_(low, high)
    return lowest, _placed(others, where, moved)


def descent(
    recognizer: Recognizer,
    azimuths: int = 12,
    elevations: int = 3,
    steps: int = 50,
    keep: int | None = None,
    rate: float = RATE,
) -> Peer:
    """Return gradient descent over the pose of every category from many starts.

    Args:
        recognizer: Whose features, volumes and distance are used.
        azimuths: Of the starts, for each category.
        elevations: Likewise.
        steps: Steps from each start.
        keep: How many of all (category, start) go on, the best; None: all of them.
        rate: Degrees of the first step.
    """
    network = frozen(recognizer.network)
    began = time.process_time()
    grid = starts_of(network, azimuths, elevations)
    warped = network.warp(network.operators(grid)) if keep else None
    setup = time.process_time() - began
    answers = len(network.categories) * grid.size
    count = keep or answers

    def begun(features: torch.Tensor) -> torch.Tensor:
        """Return (B, N): which of (category, start) each image begins at."""
        if warped is None:
            return torch.arange(answers).expand(len(features), -1)
        values = network.energies(features, warped).values
        return values.flatten(1).topk(count, largest=False).indices

    def answer(images: torch.Tensor) -> Answered:
        features = features_of(recognizer, images)
        places = begun(features).flatten()
        category, start = places // grid.size, grid.poses[places % grid.size]
        repeated = features.repeat_interleave(count, dim=0)
        energy, pose = descend(network, repeated, category, start, steps, rate)
        best = energy.view(len(images), count).argmin(dim=1) + count * torch.arange(len(images))
        return Answered(category[best], pose[best])

    of = f"best {keep} of {answers} starts" if keep else f"{answers} starts"
    held = sum(weights.nbytes for weights in network.references.parameters())
    held += 0 if warped is None else warped.maps.nbytes
    batch = 64 if keep else 16
    return Peer(f"descent, {of}, {steps} steps", answer, "slow", batch, held, setup)


def _placed(others: torch.Tensor, free: torch.Tensor, moved: list[int]) -> torch.Tensor:
    pose = others.clone()
    pose[:, moved] = free
    return pose
