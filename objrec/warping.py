"""Warps of reference models by pose: pose → kornia matrix → warped map and coverage.

Every warp here is kornia's `warp_affine` with ``align_corners=True`` (centre at ((w-1)/2,
(h-1)/2), exact at whole-pixel shifts) and zeros outside. A volume is turned by two planar warps,
first azimuth in its (depth, w) planes, then elevation in its (h, depth) planes; two bilinear steps
are not one trilinear step, and the same two are used in training, recognition and refinement.

A warp is linear in the map, so for a fixed grid of poses it is a constant matrix: `operators`
warps the unit basis once, and after that a warp is a matrix product.

Convention (camera frame: x right, y down, z away from the camera; directions as in `pose`):
    azimuth a     x' =  x cos a + z sin a     z' = -x sin a + z cos a
    elevation e   z' =  z cos e + y sin e     y' = -z sin e + y cos e
    roll r        x' =  x cos r + y sin r     y' = -x sin r + y cos r
    then scale, then shift by a fraction of the map's side. All three turns are the same
    counter-clockwise rotation of an image whose rows and columns are (depth, w), (h, depth)
    and (h, w).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from kornia.geometry.transform import get_rotation_matrix2d, warp_affine

from objrec.pose import AXES, INDEX, PLANE_AXES, PoseGrid, PoseSpace


def warp_maps(maps: torch.Tensor, poses: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Warp maps by the in-plane axes of a pose: roll, scale, shift_x, shift_y.

    Args:
        maps: (N, C, h, w).
        poses: (N, A) stored units.

    Returns:
        The warped maps (N, C, h, w), and their coverage (N, 1, h, w) in [0, 1]: the warp of a map
        of ones, that is, how much of each cell the warped reference reaches.
    """
    h, w = maps.shape[-2:]
    matrices = _plane_matrices(poses.to(maps), h, w)
    ones = maps.new_ones(len(maps), 1, h, w)
    warped = _warp(torch.cat([maps, ones], dim=1), matrices)
    return warped[:, :-1], warped[:, -1:]


def turn_volumes(volumes: torch.Tensor, poses: torch.Tensor) -> torch.Tensor:
    """Turn volumes as the camera moves round them: azimuth, then elevation.

    Args:
        volumes: (N, C, depth, h, w).
        poses: (N, A) stored units; other axes are ignored.

    Returns:
        (N, C, depth, h, w), in the camera's frame.
    """
    n, c, d, h, w = volumes.shape
    poses = poses.to(volumes)
    planes = volumes.transpose(2, 3).reshape(n, c * h, d, w)
    planes = _warp(planes, _rotations(poses[:, INDEX["azimuth"]], d, w))
    planes = planes.view(n, c, h, d, w).permute(0, 1, 4, 2, 3).reshape(n, c * w, h, d)
    planes = _warp(planes, _rotations(poses[:, INDEX["elevation"]], h, d))
    return planes.view(n, c, w, h, d).permute(0, 1, 4, 3, 2)


@dataclass(frozen=True)
class Operators:
    """The warps of a pose grid as constant matrices, made once by `operators`.

    P is (azimuths) x (elevations) x (in-plane poses), in the row-major order of the grid.

    Attributes:
        grid: The poses these matrices stand for.
        azimuth: (Na, depth*w, depth*w), destination cell by source cell.
        elevation: (Ne, h*depth, h*depth).
        plane: (Np, h*w, h*w).
        coverage: (Np, 1, h, w).
    """

    grid: PoseGrid
    azimuth: torch.Tensor
    elevation: torch.Tensor
    plane: torch.Tensor
    coverage: torch.Tensor

    def part(self, chosen: Mapping[str, Sequence[int]]) -> Operators:
        """Return the warps of some of each axis' grid values.

        Args:
            chosen: Axis → indices of its values; all of the axes that are not named.

        Returns:
            The warps in the order of the indices; P is the product of their numbers.
        """
        values = self.grid.space.values
        kept = {name: chosen.get(name, range(len(own))) for name, own in values.items()}
        space = PoseSpace({name: [values[name][i] for i in kept[name]] for name in values})
        plane = torch.arange(len(self.plane))
        for axis, name in enumerate(named := space.part(PLANE_AXES).axes):
            plane = plane.view([len(values[n]) for n in named]) if axis == 0 else plane
            plane = plane.index_select(axis, torch.tensor(list(kept[name])))
        plane = plane.flatten().to(self.plane.device)
        azimuth = list(kept.get("azimuth", (0,)))
        elevation = list(kept.get("elevation", (0,)))
        return Operators(
            space.grid(),
            self.azimuth[azimuth],
            self.elevation[elevation],
            self.plane[plane],
            self.coverage[plane],
        )


def operators(grid: PoseGrid, depth: int, h: int, w: int) -> Operators:
    """Make the constant matrices of all warps of a grid, for volumes (depth, h, w).

    Planar references use `plane` and `coverage` only; give them depth 1.
    """
    plane_poses = grid.space.part(PLANE_AXES).grid().poses
    planes, coverage = _plane_operators(plane_poses, h, w)
    return Operators(
        grid,
        azimuth=_turn_operators(_values(grid, "azimuth"), depth, w),
        elevation=_turn_operators(_values(grid, "elevation"), h, depth),
        plane=planes,
        coverage=coverage,
    )


def apply_turns(volumes: torch.Tensor, ops: Operators) -> torch.Tensor:
    """Turn every volume by every (azimuth, elevation) of a grid.

    Args:
        volumes: (N, C, depth, h, w).
        ops: Matrices for the same depth, h and w.

    Returns:
        (N, Na, Ne, C, depth, h, w), a view that is not contiguous; equal to `turn_volumes` at each
        pose.
    """
    n, c, d, h, w = volumes.shape
    na, ne = len(ops.azimuth), len(ops.elevation)
    rows = volumes.permute(0, 3, 1, 2, 4).reshape(n * h * c, d * w)
    turned = torch.matmul(rows, ops.azimuth.transpose(1, 2)).view(na, n, h, c, d, w)
    # Depth is left innermost, where those who stack it as channels read it from.
    rows = turned.permute(0, 1, 5, 3, 2, 4).reshape(na * n * w * c, h * d)
    turned = torch.matmul(rows, ops.elevation.flatten(0, 1).T)
    return turned.view(na, n, w, c, ne, h, d).permute(1, 0, 4, 3, 6, 5, 2)


def turn_each(
    volumes: torch.Tensor, ops: Operators, azimuth: torch.Tensor, elevation: torch.Tensor
) -> torch.Tensor:
    """Turn volumes, each by grid values of its own; equal to `apply_turns` there.

    Args:
        volumes: (U, C, depth, h, w), one for each azimuth.
        ops: Matrices for the same depth, h and w.
        azimuth: (U,) indices.
        elevation: (V, 2) the place of a turned volume among the U, and the elevation's index.

    Returns:
        (V, C, depth, h, w), a view that is not contiguous.
    """
    u, c, d, h, w = volumes.shape
    cells = volumes.permute(0, 2, 4, 3, 1).reshape(u, d * w, h * c)
    turned = torch.bmm(ops.azimuth[azimuth], cells).view(u, d, w, h, c)
    cells = turned.permute(0, 3, 1, 2, 4).reshape(u, h * d, w * c)[elevation[:, 0]]
    turned = torch.bmm(ops.elevation[elevation[:, 1]], cells)
    return turned.view(-1, h, d, w, c).permute(0, 4, 2, 1, 3)


def apply_plane(maps: torch.Tensor, ops: Operators) -> torch.Tensor:
    """Warp maps by every in-plane pose of a grid.

    Args:
        maps: (N, V, C, h, w), for example V turned views.
        ops: Matrices for the same h and w.

    Returns:
        (N, V*Np, C, h, w), the in-plane pose varying fastest.
    """
    if len(ops.plane) == 1 and not set(PLANE_AXES) & set(ops.grid.axes):
        return maps
    n, v, c, h, w = maps.shape
    rows = maps.reshape(n * v * c, h * w)
    warped = torch.matmul(rows, ops.plane.transpose(1, 2))
    warped = warped.view(len(ops.plane), n, v, c, h, w).permute(1, 2, 0, 3, 4, 5)
    return warped.reshape(n, v * len(ops.plane), c, h, w)


def _values(grid: PoseGrid, name: str) -> torch.Tensor:
    return torch.tensor(grid.space.values.get(name, (0.0,)), dtype=torch.float32)


def _turn_operators(angles: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    basis = torch.eye(rows * columns).view(1, rows * columns, rows, columns)
    matrices = _rotations(angles, rows, columns)
    warped = _warp(basis.expand(len(angles), -1, -1, -1), matrices)
    return warped.reshape(len(angles), rows * columns, rows * columns).transpose(1, 2).contiguous()


def _plane_operators(poses: torch.Tensor, h: int, w: int) -> tuple[torch.Tensor, torch.Tensor]:
    basis = torch.eye(h * w).view(1, h * w, h, w).expand(len(poses), -1, -1, -1)
    warped, coverage = warp_maps(basis, poses)
    matrices = warped.reshape(len(poses), h * w, h * w).transpose(1, 2).contiguous()
    return matrices, coverage


def _rotations(angles: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    poses = angles.new_zeros(len(angles), len(AXES))
    poses = torch.cat([poses[:, :2], angles[:, None], poses[:, 3:]], dim=1)
    return _plane_matrices(poses, rows, columns)


def _plane_matrices(poses: torch.Tensor, h: int, w: int) -> torch.Tensor:
    """Return (N, 2, 3) matrices, source to destination in pixels, of the in-plane axes."""
    centre = poses.new_tensor([(w - 1) / 2, (h - 1) / 2]).expand(len(poses), 2)
    scale = poses[:, INDEX["scale"]].exp()[:, None].expand(-1, 2)
    matrices = get_rotation_matrix2d(centre, poses[:, INDEX["roll"]], scale)
    side = poses.new_tensor([w, h])
    shift = torch.stack([poses[:, INDEX["shift_x"]], poses[:, INDEX["shift_y"]]], dim=1) * side
    return torch.cat([matrices[:, :, :2], matrices[:, :, 2:] + shift[:, :, None]], dim=2)


def _warp(maps: torch.Tensor, matrices: torch.Tensor) -> torch.Tensor:
    return warp_affine(
        maps.contiguous(),
        matrices,
        dsize=(maps.shape[-2], maps.shape[-1]),
        mode="bilinear",
        padding_mode="zeros",
        align_corners=True,
    )
