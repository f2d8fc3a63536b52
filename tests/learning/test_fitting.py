"""The fitted volume against a dense solution, and conjugate gradients against a direct solver."""

from __future__ import annotations

import torch

from objrec.energy.references import VolumeReferences
from objrec.learning import fitting
from objrec.learning.fitting import conjugate_gradients, fitted_volume
from objrec.pose import PoseSpace

GRID = PoseSpace({"azimuth": (0, 60, 120, 180, 240, 300), "elevation": (0, 40)}).grid()


def references() -> VolumeReferences:
    torch.manual_seed(0)
    return VolumeReferences(2, 1, volume_channels=2, depth=3, channels=4, side=3).double()


def test_volume_is_the_ridge_solution():
    known = references()
    operators = known.operators(GRID)
    maps = torch.randn(GRID.size, 4, 3, 3, dtype=torch.float64)
    shape = known.volumes.shape[2:]
    size = shape.numel()
    basis = torch.eye(size, dtype=torch.float64).view(size, *shape)
    design = known.maps_of(basis, operators).detach().flatten(1).T  # (maps, cells)
    right = design.T @ maps.flatten()
    gain = (design @ right).square().sum() / right.square().sum()
    ridge = fitting.RIDGE * gain * torch.eye(size, dtype=torch.float64)
    wanted = torch.linalg.solve(design.T @ design + ridge, right)
    found = fitted_volume(known, operators, maps, steps=500)
    residual = design.T @ (maps.flatten() - design @ found.flatten()) - ridge @ found.flatten()
    assert residual.norm() < 2e-3 * right.norm()
    torch.testing.assert_close(
        design @ found.flatten(), design @ wanted, atol=0.05 * float(maps.std()), rtol=0
    )


def test_maps_of_a_volume_are_found_again():
    known = references()
    operators = known.operators(GRID)
    maps = known.maps_of(known.volumes[0], operators)[0].detach()
    volume = fitted_volume(known, operators, maps, steps=500)
    again = known.maps_of(volume[None], operators)[0]
    cosine = torch.nn.functional.cosine_similarity(again.flatten(1), maps.flatten(1))
    assert cosine.min() > 0.99


def test_conjugate_gradients_solve():
    torch.manual_seed(1)
    half = torch.randn(6, 6, dtype=torch.float64)
    matrix, right = half @ half.T + torch.eye(6), torch.randn(6, dtype=torch.float64)
    found = conjugate_gradients(lambda v: matrix @ v, right, steps=20)
    torch.testing.assert_close(found, torch.linalg.solve(matrix, right), atol=5e-3, rtol=5e-3)
