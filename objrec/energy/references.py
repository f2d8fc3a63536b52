"""Reference models R_Y in feature space, and how a pose turns them into maps.

Two families, one contract: `warp(operators)` gives the maps of every grid pose as a value that is
shared by all images of a batch, and `at(categories, poses)` gives the maps of single, continuous
poses for refinement. Both use the same kornia warps (see `warping`), so they agree on the grid.

References know no image and no energy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from objrec.energy.distance import Compare
from objrec.pose import INDEX, PLANE_AXES, VIEW_AXES, PoseGrid, PoseSpace
from objrec.warping import (
    Operators,
    apply_plane,
    apply_turns,
    operators,
    turn_each,
    turn_volumes,
    warp_maps,
)

_AT_ONCE = 2_000_000  # numbers of warped maps, where there are many

Chosen = Mapping[str, Sequence[int]]
"""Axis → which of its grid values; all of the axes that are not named."""


@dataclass(frozen=True)
class Warped:
    """Every reference at every pose of a grid: made once per training step, or once per model.

    Attributes:
        maps: (K, M, P, C, h, w).
        coverage: (P, 1, h, w) in [0, 1]: how much of each cell an in-plane warp reaches; the
            same for all references of a family.
        grid: The poses.
        compare: The comparison of features with all maps, its constants computed once; None where
            nothing was prepared for many images.
    """

    maps: torch.Tensor
    coverage: torch.Tensor
    grid: PoseGrid
    compare: Compare | None = None


class VolumeReferences(nn.Module):
    """One or several learned feature volumes a category, turned and then projected.

    The volume is turned by azimuth and elevation; its depth is stacked as channels, in the
    camera's frame, and one linear map shared by all categories projects (C_v * depth) to C
    channels along the line of sight; in-plane axes then warp the projected map.
    """

    def __init__(
        self,
        categories: int,
        models: int,
        volume_channels: int,
        depth: int,
        channels: int,
        side: int,
    ) -> None:
        super().__init__()
        self.depth, self.side = depth, side
        self.models, self.channels = models, channels
        shape = (categories, models, volume_channels, depth, side, side)
        self.volumes = nn.Parameter(0.1 * torch.randn(shape))
        self.projection = nn.Linear(volume_channels * depth, channels, bias=False)

    def operators(self, grid: PoseGrid) -> Operators:
        """Return the constant warps of a grid, on this module's device."""
        return _moved(operators(grid, self.depth, self.side, self.side), self.volumes)

    def continuous_axes(self, space: PoseSpace) -> tuple[str, ...]:
        """The axes along which `at` varies continuously: all of them."""
        return space.axes

    def warp(self, ops: Operators) -> Warped:
        """Turn and project every volume at every pose of the operators' grid."""
        volumes = self.volumes.flatten(0, 1)
        some = max(1, _AT_ONCE // (ops.grid.size * self.channels * self.side**2))
        if torch.is_grad_enabled() or len(volumes) <= some:
            maps = self.maps_of(volumes, ops)
        else:  # what leaves the processor's cache takes several times as long
            shape = (len(volumes), ops.grid.size, self.channels, self.side, self.side)
            maps = volumes.new_empty(shape)
            for part, target in zip(volumes.split(some), maps.split(some), strict=True):
                target.copy_(self.maps_of(part, ops))
        maps = maps.unflatten(0, self.volumes.shape[:2])
        return Warped(maps, _full_coverage(ops), ops.grid)

    def part(
        self, ops: Operators, categories: slice, chosen: Chosen
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what `warp` holds of some categories and poses: maps and coverage.

        Args:
            ops: Of the whole grid.
            categories: K' of them.
            chosen: P' poses.

        Returns:
            (K', M, P', C, h, w) and (P', 1, h, w).
        """
        ops, volumes = ops.part(chosen), self.volumes[categories]
        maps = self.maps_of(volumes.flatten(0, 1), ops)
        return maps.unflatten(0, volumes.shape[:2]), _full_coverage(ops)

    def cells(
        self, ops: Operators, categories: torch.Tensor, poses: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the maps of single answers on the grid, as `warp` has them.

        Answers that share a category and an azimuth, or a view, share their work: as for all
        poses round a candidate.

        Args:
            ops: Of the grid.
            categories: (N,) category indices.
            poses: (N,) positions in the grid.

        Returns:
            Maps (N, M, C, h, w) and coverage (N, 1, h, w).
        """
        na, ne, planes = len(ops.azimuth), len(ops.elevation), len(ops.plane)
        view, of_view = _shared(categories * (na * ne) + poses // planes)
        turn, of_turn = _shared(view // ne)
        volumes = self.volumes[turn // na]
        elevation = torch.stack([of_turn, view % ne], dim=1)
        turned = turn_each(volumes.flatten(1, 2), ops, turn % na, elevation)
        maps = self._projected(turned.unflatten(1, volumes.shape[1:3]))
        return _planes_of(maps[of_view], ops, poses % planes)

    def maps_of(self, volumes: torch.Tensor, ops: Operators) -> torch.Tensor:
        """Return (N, P, C, h, w): any volumes (N, C_v, depth, h, w) at every pose; linear."""
        return apply_plane(self._projected(apply_turns(volumes, ops)).flatten(1, 2), ops)

    def at(
        self, categories: torch.Tensor, poses: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the maps of single answers.

        Args:
            categories: (N,) category indices.
            poses: (N, A) stored units.

        Returns:
            Maps (N, M, C, h, w) and coverage (N, 1, h, w).
        """
        m = self.volumes.shape[1]
        volumes = self.volumes[categories].flatten(0, 1)
        repeated = poses.repeat_interleave(m, dim=0)
        maps, coverage = warp_maps(self._projected(turn_volumes(volumes, repeated)), repeated)
        return maps.unflatten(0, (-1, m)), coverage[::m]

    def _projected(self, volumes: torch.Tensor) -> torch.Tensor:
        """(..., C_v, depth, h, w) → (..., C, h, w)."""
        stacked = volumes.movedim((-4, -3), (-2, -1)).flatten(-2)
        return self.projection(stacked).movedim(-1, -3)


class PlanarReferences(nn.Module):
    """Learned feature maps, warped in the plane; discrete views stand for azimuth and elevation.

    A category has M maps (sub-types; which one is used is part of the latent pose) for each
    (azimuth, elevation) of the pose space, or simply M maps when the space searches neither.
    """

    def __init__(
        self, categories: int, models: int, space: PoseSpace, channels: int, side: int
    ) -> None:
        super().__init__()
        self.side, self.models, self.channels = side, models, channels
        self.view_grid = space.part(VIEW_AXES).grid()
        shape = (categories, models, self.view_grid.size, channels, side, side)
        self.maps = nn.Parameter(0.1 * torch.randn(shape))

    def operators(self, grid: PoseGrid) -> Operators:
        """Return the constant warps of a grid.

        Raises:
            ValueError: The grid's views are not those the maps were made for.
        """
        if grid.space.part(VIEW_AXES) != self.view_grid.space:
            raise ValueError("planar references hold other views than this grid's")
        return _moved(operators(grid, 1, self.side, self.side), self.maps)

    def continuous_axes(self, space: PoseSpace) -> tuple[str, ...]:
        """The axes along which `at` varies continuously: the in-plane ones."""
        return space.part(PLANE_AXES).axes

    def warp(self, ops: Operators) -> Warped:
        """Warp every map at every in-plane pose of the operators' grid."""
        k, m = self.maps.shape[:2]
        maps = apply_plane(self.maps.flatten(0, 1), ops)
        return Warped(maps.unflatten(0, (k, m)), _full_coverage(ops), ops.grid)

    def part(
        self, ops: Operators, categories: slice, chosen: Chosen
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what `warp` holds of some categories and poses; as for volumes."""
        shape, views = self.view_grid.shape, torch.arange(self.view_grid.size)
        for axis, name in enumerate(self.view_grid.axes):
            places = torch.tensor(list(chosen.get(name, range(shape[axis]))))
            views = (views.view(shape) if axis == 0 else views).index_select(axis, places)
        ops, maps = ops.part(chosen), self.maps[categories][:, :, views.flatten()]
        warped = apply_plane(maps.flatten(0, 1), ops)
        return warped.unflatten(0, maps.shape[:2]), _full_coverage(ops)

    def cells(
        self, ops: Operators, categories: torch.Tensor, poses: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the maps and coverage of single answers on the grid; as for volumes."""
        planes = len(ops.plane)
        return _planes_of(self.maps[categories, :, poses // planes], ops, poses % planes)

    def at(
        self, categories: torch.Tensor, poses: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return maps (N, M, C, h, w) and coverage of single answers; views are the nearest."""
        view = torch.zeros(len(poses), dtype=torch.long, device=poses.device)
        for name in self.view_grid.axes:
            nearest = self.view_grid.nearest(name, poses[:, INDEX[name]])
            view = view * len(self.view_grid.space.values[name]) + nearest
        maps = self.maps[categories, :, view]
        m = maps.shape[1]
        warped, coverage = warp_maps(maps.flatten(0, 1), poses.repeat_interleave(m, dim=0))
        return warped.unflatten(0, (-1, m)), coverage[::m]


def _full_coverage(ops: Operators) -> torch.Tensor:
    views = ops.grid.size // len(ops.coverage)
    return ops.coverage.repeat(views, 1, 1, 1)


def _shared(keys: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.unique(keys, return_inverse=True)


def _planes_of(
    maps: torch.Tensor, ops: Operators, planes: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Warp maps (N, M, C, h, w), each by an in-plane pose (N,) of its own."""
    if set(PLANE_AXES) & set(ops.grid.axes):
        flat = maps.flatten(1, 2).flatten(2)
        maps = torch.bmm(flat, ops.plane[planes].transpose(1, 2)).view(maps.shape)
    return maps, ops.coverage[planes]


def _moved(ops: Operators, like: torch.Tensor) -> Operators:
    return Operators(
        ops.grid,
        ops.azimuth.to(like),
        ops.elevation.to(like),
        ops.plane.to(like),
        ops.coverage.to(like),
    )
