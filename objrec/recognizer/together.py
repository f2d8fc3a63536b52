"""Several images of one object: what is known of their poses, and their joint answer.

The arithmetic is that of `energy.several`; nothing here reads an image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from objrec.energy.energies import Energies, Hypotheses
from objrec.energy.model import EnergyModel
from objrec.energy.network import Network
from objrec.energy.several import Shifted, added, added_apart, searched
from objrec.errors import SettingsError
from objrec.options import did_you_mean
from objrec.pose import AXES, Pose

RelativePose = Pose | Mapping[str, float]
"""A pose, or axis → value in the units of `Pose`; an axis that is not named is 0 (scale: 1)."""


def shifts_of(poses: Sequence[RelativePose], images: int) -> torch.Tensor:
    """Return how far the pose of each image is from that of the first, (B, A) stored units.

    Raises:
        SettingsError: There is not one pose an image, or an axis is none.
    """
    if len(poses) != images:
        raise SettingsError(
            f"together: {len(poses)} relative poses for {images} images; give one an image"
        )
    vectors = torch.stack([torch.from_numpy(_pose(pose).to_vector()) for pose in poses])
    vectors = vectors.nan_to_num(nan=0.0)
    return vectors - vectors[:1]


def _pose(given: RelativePose) -> Pose:
    if isinstance(given, Pose):
        return given
    for name in given:
        if name not in AXES:
            hint = did_you_mean(name, AXES) or f"; axes are {', '.join(AXES)}"
            raise SettingsError(f"together: unknown axis '{name}'{hint}")
    return Pose(**given)


def joint(
    network: Network,
    features: torch.Tensor,
    energies: Energies,
    shifts: torch.Tensor | None,
    count: int,
    refine: bool,
) -> tuple[Energies, Hypotheses]:
    """Return the mean energies of images of one object, and the hypotheses about them.

    Args:
        network: The model; shifts say nothing to a classifier, whose energies have no pose.
        features: (B, C, h, w).
        energies: Of the same images.
        shifts: (B, A) stored units; None where they are not known.
        count: N.
        refine: Whether the pose, that of the first image, leaves the grid.

    Raises:
        SettingsError: Planar references cannot be turned to the views that the shifts ask for.
    """
    if shifts is None or not isinstance(network, EnergyModel):
        together = added_apart(energies)
    else:
        each = Shifted(network).energies(features, energies, shifts)
        together = added(each, searched(energies.grid, shifts))
    return together, network.hypotheses(features[:1], together, count, refine)


def joined_name(sources: Sequence[str | None]) -> str | None:
    """Return one name for images, or None if none of them has one."""
    names = [source for source in sources if source is not None]
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 2 else ", ".join(names) or None
