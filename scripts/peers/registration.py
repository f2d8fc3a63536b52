"""kornia's `ImageRegistrator`, once for each (image, category, start).

What is kornia's: the loop of `register`, Adam, the number of iterations (100 at most) and the
tolerance (1e-4) by its defaults. What its interface lets a caller supply, and is supplied:

- `model_type`: a `BaseModel` whose parameters are azimuth and elevation in degrees, kept within
  the elevations that the model searches, as the grid is;
- `warper`: turns the volume that the source image is a picture of, and projects it;
- `loss_fn`: the energy's distance D;
- `lr`: 4 degrees a step; on training images 2, 4 and 8 end at mean energies that differ by less
  than 0.1, and 1 does not get far enough (as kornia's default, 0.001, which is meant for
  normalised coordinates, would not move at all).

`get_single_level_loss` is overridden, to the peer's favour: kornia also registers backwards, which
a projection cannot, and warps a map of ones for a mask, which a volume that is turned about its
middle does not need; without them an iteration warps once instead of four times. The pyramid has
one level: maps of 6 x 6 cells are the coarse level already. A loss of one pair is what the class
is made for, so nothing is batched.
"""

from __future__ import annotations

from functools import partial

import torch
from kornia.geometry.transform import BaseModel, ImageRegistrator
from kornia.geometry.transform.homography_warper import BaseWarper
from peers.answering import Answered, Peer, elevations_of, features_of, frozen

from objrec import Recognizer
from objrec.energy.model import EnergyModel
from objrec.energy.references import VolumeReferences
from objrec.pose import AXES, INDEX

RATE = 4.0  # degrees


class ViewPose(BaseModel):
    """Azimuth and elevation in degrees, as kornia drives a geometric model.

    Args:
        azimuth: Where every registration starts.
        elevation: Likewise.
        bounds: The lowest and the highest elevation.
    """

    def __init__(self, azimuth: float, elevation: float, bounds: tuple[float, float]) -> None:
        super().__init__()
        self.start, self.bounds = (azimuth, elevation), bounds
        self.azimuth = torch.nn.Parameter(torch.zeros(()))
        self.elevation = torch.nn.Parameter(torch.zeros(()))
        self.reset_model()

    @torch.no_grad()
    def reset_model(self) -> None:
        """Go back to the start."""
        self.azimuth.fill_(self.start[0])
        self.elevation.fill_(self.start[1])

    def forward(self) -> torch.Tensor:
        """Return the pose, (1, A), after bringing the elevation back within its bounds."""
        with torch.no_grad():
            self.elevation.clamp_(*self.bounds)
        values = {INDEX["azimuth"]: self.azimuth, INDEX["elevation"]: self.elevation}
        nothing = self.azimuth.new_zeros(())
        return torch.stack([values.get(i, nothing) for i in range(len(AXES))])[None]

    def forward_inverse(self) -> None:
        """Return None: an image cannot be turned back into what it is a projection of."""


class TurnAndProject(BaseWarper):
    """Turns one category's volume to a pose, and projects it.

    Args:
        references: The volumes.
        category: (1,) which one.
        height: Given by kornia; that of the projection anyhow.
        width: Likewise.
    """

    def __init__(
        self, references: VolumeReferences, category: torch.Tensor, height: int, width: int
    ) -> None:
        super().__init__(height, width)
        self.references, self.category = references, category

    def forward(self, patch_src: torch.Tensor, src_homo_dst: torch.Tensor) -> torch.Tensor:
        """Return (M, C, h, w): the category's references at the pose.

        Args:
            patch_src: The source image, whose volume it is; not looked at.
            src_homo_dst: (1, A), from `ViewPose`.
        """
        return self.references.at(self.category, src_homo_dst)[0][0]


class PoseRegistrator(ImageRegistrator):
    """An `ImageRegistrator` over the pose of one category's volume.

    Args:
        network: With weights that take no gradient.
        category: Its number.
        start: Azimuth and elevation, degrees.
        rate: Degrees a step.
        **options: As for `ImageRegistrator`: ``num_iterations``, ``tolerance``, ...
    """

    def __init__(
        self,
        network: EnergyModel,
        category: int,
        start: tuple[float, float],
        rate: float = RATE,
        **options: object,
    ) -> None:
        def loss(warped: torch.Tensor, image: torch.Tensor, reduction: str) -> torch.Tensor:
            covered = warped.new_ones(1, 1, *warped.shape[-2:]).expand(len(warped), -1, -1, -1)
            return (
                network.distance.paired(image.expand_as(warped), warped, covered).amin().clone()
            )  # kornia adds to it in place

        number = torch.tensor([category])
        super().__init__(
            ViewPose(*start, elevations_of(network)),
            loss_fn=loss,
            warper=partial(TurnAndProject, network.references, number),
            pyramid_levels=1,
            lr=rate,
            **options,
        )
        with torch.no_grad():
            self.source = network.references.at(number, self.model())[0][:, 0]

    def get_single_level_loss(
        self,
        img_src: torch.Tensor,
        img_dst: torch.Tensor,
        transform_model: torch.Tensor | None,
    ) -> torch.Tensor:
        """Return the energy of the pose; 0 for the way back, which there is not."""
        if transform_model is None:
            return img_src.new_zeros(())
        warped = self.warper(*img_dst.shape[-2:])(img_src, transform_model)
        return self.loss_fn(warped, img_dst, reduction="none")

    def registered(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the pose (A,) that it ends at, and its energy, for one feature map.

        Args:
            features: (1, C, h, w).
        """
        pose = self.register(self.source, features)
        with torch.no_grad():
            energy = self.get_single_level_loss(self.source, features, pose)
        return pose[0].detach(), energy


def registration(recognizer: Recognizer, starts: int, rate: float = RATE) -> Peer:
    """Return registration of every image with every category's volume.

    Args:
        recognizer: Whose features, volumes and distance are used.
        starts: From how many azimuths, evenly spread from the front on; the elevation starts in
            the middle. The lowest energy of all categories and starts answers.
        rate: Degrees a step.
    """
    network = frozen(recognizer.network)
    middle = sum(elevations_of(network)) / 2
    views = [(360.0 * i / starts, middle) for i in range(starts)]
    pairs = [
        (category, PoseRegistrator(network, category, view, rate))
        for category in range(len(network.categories))
        for view in views
    ]

    def answer(images: torch.Tensor) -> Answered:
        rows = [_registered(pairs, one[None]) for one in features_of(recognizer, images)]
        return Answered(*(torch.stack(part) for part in zip(*rows, strict=True)))

    name = f"kornia ImageRegistrator, {starts} start{'s' if starts > 1 else ''}"
    held = sum(weights.nbytes for weights in network.references.parameters())
    return Peer(name, answer, "slow" if starts == 1 else "slowest", batch=1, held=held)


def _registered(
    pairs: list[tuple[int, PoseRegistrator]], features: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    ends = [(category, *pair.registered(features)) for category, pair in pairs]
    category, pose, _ = min(ends, key=lambda end: float(end[2]))
    return torch.tensor(category), pose
