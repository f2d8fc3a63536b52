"""The volume whose warps come nearest to given maps, in least squares.

A warp is linear in the volume, so this is a linear problem: conjugate gradients on its normal
equations, with the warps of the model itself and their adjoint by automatic differentiation.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from objrec.energy.references import VolumeReferences
from objrec.warping import Operators

STEPS = 60
RIDGE = 1e-3
"""Weight of the volume's squared norm, in units of the largest gain that the maps meet."""


def fitted_volume(
    references: VolumeReferences, operators: Operators, maps: torch.Tensor, steps: int = STEPS
) -> torch.Tensor:
    """Return the volume (C_v, depth, h, w) whose warps come nearest to the maps.

    Args:
        references: Those of the model; their projection is used, their volumes are not.
        operators: The warps of P poses.
        maps: (P, C, h, w).
        steps: Of conjugate gradients, at most.
    """
    shape = references.volumes.shape[2:]

    @torch.no_grad()
    def warped(volume: torch.Tensor) -> torch.Tensor:
        return references.maps_of(volume[None], operators)[0]

    @torch.enable_grad()
    def adjoint(of: torch.Tensor) -> torch.Tensor:
        volume = of.new_zeros(shape).requires_grad_()
        return torch.autograd.grad(references.maps_of(volume[None], operators)[0], volume, of)[0]

    right = adjoint(maps)
    gain = warped(right).square().sum() / right.square().sum().clamp(min=1e-20)
    return conjugate_gradients(lambda v: adjoint(warped(v)) + RIDGE * gain * v, right, steps)


def conjugate_gradients(
    product: Callable[[torch.Tensor], torch.Tensor], right: torch.Tensor, steps: int
) -> torch.Tensor:
    """Solve ``product(x) = right`` for a symmetric positive definite product, from zero.

    Hestenes and Stiefel (1952); ends early where the residual has shrunk a thousandfold.
    """
    found, residual = torch.zeros_like(right), right
    direction, size = right, right.square().sum()
    enough = 1e-6 * size
    for _ in range(steps):
        if size <= enough:
            break
        moved = product(direction)
        step = size / (direction * moved).sum()
        found, residual = found + step * direction, residual - step * moved
        shrunk = residual.square().sum()
        direction, size = residual + shrunk / size * direction, shrunk
    return found
