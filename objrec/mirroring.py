"""What a mirror image shows: the image, and the pose that the same labels give it.

Convention: a mirror image swaps left and right, and with them the cameras; it shows azimuth
2 f - a, where f is the azimuth at which the camera faces the object's front; roll and shift_x
change sign. So it is for objects whose left and right sides are alike, and for images of others
it shows the mirrored object.
"""

from __future__ import annotations

import torch

from objrec.pose import AXIS, INDEX, PoseGrid

_TURNED = ("roll", "shift_x")  # the axes that change sign
_ROUNDING = 1e-3


def mirrored_images(images: torch.Tensor) -> torch.Tensor:
    """Return images (B, V, C, H, W) mirrored left to right, their cameras swapped."""
    return images.flip(dims=(1, 4))


def mirrored_poses(poses: torch.Tensor, front_azimuth: float) -> torch.Tensor:
    """Return the poses (B, A) that mirror images show."""
    mirrored = poses.clone()
    azimuth = 2 * front_azimuth - poses[:, INDEX["azimuth"]]
    mirrored[:, INDEX["azimuth"]] = AXIS["azimuth"].wrapped(azimuth)
    for name in _TURNED:
        mirrored[:, INDEX[name]] = AXIS[name].wrapped(-poses[:, INDEX[name]])
    return mirrored


def mirrored_places(grid: PoseGrid, front_azimuth: float) -> torch.Tensor:
    """Return where the grid holds the pose that the mirror image of each of its poses shows, (P,).

    Raises:
        ValueError: The grid does not hold them all.
    """
    wanted = mirrored_poses(grid.poses, front_azimuth)
    places = torch.zeros(grid.size, dtype=torch.long)
    for name, count in zip(grid.axes, grid.shape, strict=True):
        places = places * count + grid.nearest(name, wanted[:, INDEX[name]])
    for name in grid.axes:
        column = INDEX[name]
        off = AXIS[name].difference(grid.poses[places, column], wanted[:, column])
        if bool((off.abs() > _ROUNDING).any()):
            raise ValueError(f"the {name}s of {grid} are not their own mirror images")
    return places
