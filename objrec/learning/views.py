"""The views of a new category as the model sees them: features of each and of changed copies.

Copies (mirrored, shifted, lit otherwise, …) show of what a view says how much is about the object.
Their pose labels move with them, as in training.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from objrec.datasets.frame import PoseFrame
from objrec.energy.model import EnergyModel
from objrec.mirroring import mirrored_images, mirrored_poses
from objrec.pose import INDEX, PoseGrid
from objrec.preprocessing import Preprocessing
from objrec.training.augmentation import Augmentation
from objrec.training.settings import AugmentationSettings

COPIES = 8
_BATCH = 64


@dataclass(frozen=True)
class Views:
    """What is known of a category's views.

    Attributes:
        features: (N, C, h, w) = G(X), of the views and their copies.
        poses: (N, A) stored units; NaN where not known.
    """

    features: torch.Tensor
    poses: torch.Tensor

    def allowed(self, grid: PoseGrid) -> torch.Tensor:
        """Return (N, P) bool: the grid poses nearest to each view on all axes that are known."""
        allowed = torch.ones(len(self.poses), grid.size, dtype=torch.bool)
        for name in grid.axes:
            values = self.poses[:, INDEX[name]].cpu()
            here = grid.nearest(name, grid.poses[:, INDEX[name]])
            wanted = grid.nearest(name, values.nan_to_num())
            allowed &= values.isnan()[:, None] | (here[None] == wanted[:, None])
        return allowed.to(self.features.device)


@torch.inference_mode()
def seen_views(
    network: EnergyModel,
    preprocessing: Preprocessing,
    frame: PoseFrame,
    images: torch.Tensor,
    poses: torch.Tensor,
    seed: int = 0,
) -> Views:
    """Return the features of views, of their mirror images and of `COPIES` changed copies.

    Args:
        network: Of the model, in evaluation mode.
        preprocessing: Likewise.
        frame: Likewise: it says where the front is, which mirror images need.
        images: (N, V, C, S, S) uint8.
        poses: (N, A) stored units; NaN where not known.
        seed: Of the changes.
    """
    images = images.float() / 255
    poses = _upright(poses, network)
    front = frame.front_azimuth
    if front is None and poses[:, INDEX["azimuth"]].isnan().all():
        front = 0.0  # any will do: there is no label to move
    parts = [(images, poses)]
    if front is not None:
        parts.append((mirrored_images(images), mirrored_poses(poses, front)))
    settings = AugmentationSettings()
    augmentation = Augmentation(settings, network.axes, front)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(COPIES):
        changed = augmentation(images, poses, generator)
        parts.append((changed.images, changed.poses))
    device = next(network.parameters()).device
    features = [
        network.extractor(preprocessing.standardised(batch.to(device)))
        for part, _ in parts
        for batch in part.split(_BATCH)
    ]
    return Views(torch.cat(features), torch.cat([moved for _, moved in parts]).to(device))


def _upright(poses: torch.Tensor, network: EnergyModel) -> torch.Tensor:
    """Take a view whose in-plane pose is not given as upright, centred and of scale 1."""
    poses = poses.clone()
    for name in network.space.part(("roll", "scale", "shift_x", "shift_y")).axes:
        column = poses[:, INDEX[name]]
        poses[:, INDEX[name]] = column.nan_to_num(0.0)
    return poses
