"""Augmentation on tensors: random changes of images that carry the pose labels along.

All cameras of a sample are changed alike. One kornia warp does everything geometric; every random
number comes from the generator that is handed in, so that an epoch can be repeated exactly.

Convention: a mirror image swaps the cameras and maps azimuth a to 2 f - a, where f is the azimuth
at which the camera faces the object's front; roll and shift_x change sign. (Relative azimuths are
handled by `relative`, which is told which images were mirrored.) A roll, scale or shift
is added to the labels of axes that the pose space searches; on the other axes it is a nuisance
that the features must ignore.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from kornia.filters import gaussian_blur2d
from kornia.geometry.transform import get_rotation_matrix2d, remap, warp_affine
from torch.nn.functional import interpolate

from objrec.mirroring import mirrored_images, mirrored_poses
from objrec.pose import AXIS, INDEX
from objrec.training.settings import AugmentationSettings

_KNOTS = 4  # displacements are drawn on so many points a side, and smooth between


class Augmented(NamedTuple):
    """Changed images (B, V, C, H, W), their poses (B, A), and which were mirrored, (B,) bool."""

    images: torch.Tensor
    poses: torch.Tensor
    mirrored: torch.Tensor


class Part(NamedTuple):
    """Some rows of a batch, and how many images the whole batch has."""

    rows: slice
    batch: int


class Augmentation:
    """Random changes of batches.

    Args:
        settings: Kinds and strengths.
        searched: Axes of the pose space: their labels move with the image.
        front_azimuth: f in degrees; None where it is not known and azimuth labels are in use,
            and then nothing is mirrored.
    """

    def __init__(
        self, settings: AugmentationSettings, searched: tuple[str, ...], front_azimuth: float | None
    ) -> None:
        self.settings, self.searched, self.front_azimuth = settings, searched, front_azimuth

    def __call__(
        self,
        images: torch.Tensor,
        poses: torch.Tensor,
        generator: torch.Generator,
        part: Part | None = None,
    ) -> Augmented:
        """Return changed images and poses.

        Args:
            images: (B, V, C, H, W) float in [0, 1].
            poses: (B, A) stored units.
            generator: A CPU generator; the same state gives the same changes.
            part: Of which batch these are some rows; they change as they do among the others.
        """
        part = part or Part(slice(0, len(images)), len(images))
        draw = _Draw(part, generator, images.device)
        images, poses, mirrored = self._mirrored(images, poses, draw)
        images, poses = self._moved(images, poses, draw)
        images = self._bent(images, draw)
        images = self._lit(images, draw)
        images = self._blurred(images, draw)
        images = self._erased(images, draw)
        if self.settings.augment_noise:
            deviation = draw.uniform(0.0, self.settings.augment_noise).view(-1, 1, 1, 1, 1)
            images = images + deviation * draw.normal_like(images)
        return Augmented(images.clamp(0, 1), poses, mirrored)

    def _mirrored(self, images: torch.Tensor, poses: torch.Tensor, draw: _Draw) -> Augmented:
        if not self.settings.mirror or self.front_azimuth is None:
            return Augmented(images, poses, torch.zeros_like(poses[:, 0], dtype=torch.bool))
        chosen = draw.chance(0.5)
        images = torch.where(chosen.view(-1, 1, 1, 1, 1), mirrored_images(images), images)
        moved = mirrored_poses(poses, self.front_azimuth)
        return Augmented(images, torch.where(chosen[:, None], moved, poses), chosen)

    def _moved(
        self, images: torch.Tensor, poses: torch.Tensor, draw: _Draw
    ) -> tuple[torch.Tensor, torch.Tensor]:
        s = self.settings
        b, v, c, h, w = images.shape
        change = {
            "roll": draw.uniform(-s.augment_roll, s.augment_roll),
            "scale": draw.uniform(-s.augment_scale, s.augment_scale),
            "shift_x": draw.uniform(-s.augment_shift, s.augment_shift),
            "shift_y": draw.uniform(-s.augment_shift, s.augment_shift),
        }
        # Filled on the device, here and below: a list would be copied there, and the copy waits.
        middle = [images.new_full((b,), (side - 1) / 2) for side in (w, h)]
        centre = torch.stack(middle, dim=1)
        zoom = change["scale"].exp()[:, None].expand(-1, 2)
        if s.augment_aspect:
            half = draw.uniform(-s.augment_aspect, s.augment_aspect) / 2
            zoom = zoom * torch.stack([half, -half], dim=1).exp()
        matrix = get_rotation_matrix2d(centre, change["roll"], zoom)
        matrix[:, 0, 2] += change["shift_x"] * w
        matrix[:, 1, 2] += change["shift_y"] * h
        moved = warp_affine(
            images.reshape(b, v * c, h, w),
            matrix,
            (h, w),
            padding_mode="border",
            align_corners=True,
        ).view_as(images)
        return moved, moved_poses(poses, change, self.searched)

    def _bent(self, images: torch.Tensor, draw: _Draw) -> torch.Tensor:
        """Displace pixels smoothly: shapes between those of the training objects."""
        strength = self.settings.augment_elastic
        if not strength:
            return images
        b, v, c, h, w = images.shape
        knots = strength * draw.normal(2, _KNOTS, _KNOTS).clamp(-2, 2)
        moved = interpolate(knots, size=(h, w), mode="bicubic", align_corners=True)
        rows = torch.arange(h, device=images.device, dtype=images.dtype)[:, None]
        columns = torch.arange(w, device=images.device, dtype=images.dtype)[None, :]
        return remap(
            images.reshape(b, v * c, h, w),
            _normalised(columns + w * moved[:, 0], w),
            _normalised(rows + h * moved[:, 1], h),
            padding_mode="border",
            align_corners=True,
            normalized_coordinates=True,
        ).view_as(images)

    def _lit(self, images: torch.Tensor, draw: _Draw) -> torch.Tensor:
        light, brightness = self.settings.augment_light, self.settings.augment_brightness
        gamma = draw.uniform(-light, light).exp().view(-1, 1, 1, 1, 1)
        contrast = draw.uniform(-light, light).exp().view(-1, 1, 1, 1, 1)
        added = draw.uniform(-brightness, brightness).view(-1, 1, 1, 1, 1)
        images = images.clamp(1e-4, 1).pow(gamma)
        middle = images.mean(dim=(1, 2, 3, 4), keepdim=True)
        return ((images - middle) * contrast + middle + added).clamp(0, 1)

    def _blurred(self, images: torch.Tensor, draw: _Draw) -> torch.Tensor:
        if not self.settings.augment_blur:
            return images
        sigma = draw.uniform(0.1, max(0.1, self.settings.augment_blur))
        chosen = draw.chance(1 / 3).view(-1, 1, 1, 1, 1)
        flat = images.flatten(1, 2)
        blurred = gaussian_blur2d(flat, (5, 5), sigma[:, None].expand(-1, 2))
        return torch.where(chosen, blurred.view_as(images), images)

    def _erased(self, images: torch.Tensor, draw: _Draw) -> torch.Tensor:
        """Paint a rectangle of 2 to 25 % of the image in one random grey."""
        if not self.settings.augment_erase:
            return images
        b, _, _, h, w = images.shape
        chosen = draw.chance(self.settings.augment_erase)
        area, ratio = draw.uniform(0.02, 0.25), draw.uniform(-0.7, 0.7).exp()
        height, width = (area * ratio).sqrt() * h, (area / ratio).sqrt() * w
        top, left = draw.uniform(0, 1) * (h - height), draw.uniform(0, 1) * (w - width)
        rows = torch.arange(h, device=images.device)[None, :]
        columns = torch.arange(w, device=images.device)[None, :]
        in_rows = (rows >= top[:, None]) & (rows < (top + height)[:, None])
        in_columns = (columns >= left[:, None]) & (columns < (left + width)[:, None])
        inside = in_rows[:, :, None] & in_columns[:, None, :] & chosen[:, None, None]
        grey = draw.uniform(0, 1).view(b, 1, 1, 1, 1)
        return torch.where(inside[:, None, None], grey, images)


def moved_poses(
    poses: torch.Tensor, change: dict[str, torch.Tensor], searched: tuple[str, ...]
) -> torch.Tensor:
    """Return the poses (B, A) that images show after a further roll, scale and shift.

    Rolling and scaling about the middle of the image carry an earlier shift along; an unknown one
    is taken for none.

    Args:
        poses: (B, A) stored units.
        change: In-plane axis → (B,) what is added, all four axes.
        searched: The axes whose labels move; others stay as they are.
    """
    turn, zoom = torch.deg2rad(change["roll"]), change["scale"].exp()
    x, y = poses[:, INDEX["shift_x"]], poses[:, INDEX["shift_y"]]
    carried = {
        "shift_x": zoom * (x * turn.cos() + y.nan_to_num() * turn.sin()),
        "shift_y": zoom * (y * turn.cos() - x.nan_to_num() * turn.sin()),
    }
    moved = poses.clone()
    for name in searched:
        if name in change:
            before = carried.get(name, poses[:, INDEX[name]])
            moved[:, INDEX[name]] = AXIS[name].wrapped(before + change[name])
    return moved


def _normalised(pixels: torch.Tensor, side: int) -> torch.Tensor:
    """Map pixels 0 to side - 1 to -1 to 1, as `remap` does by itself with a copy that waits."""
    return 2.0 / max(side - 1.0, 1.0) * pixels + (-1.0 if side > 1 else 0.0)


class _Draw:
    """Random numbers for a batch, drawn on the CPU; those of its part go to the images' device."""

    def __init__(self, part: Part, generator: torch.Generator, device: torch.device) -> None:
        self.part, self.generator, self.device = part, generator, device

    def uniform(self, low: float, high: float) -> torch.Tensor:
        values = torch.rand(self.part.batch, generator=self.generator) * (high - low) + low
        return self._moved(values)

    def chance(self, probability: float) -> torch.Tensor:
        return self._moved(torch.rand(self.part.batch, generator=self.generator) < probability)

    def normal(self, *shape: int) -> torch.Tensor:
        values = torch.randn(self.part.batch, *shape, generator=self.generator)
        return self._moved(values)

    def normal_like(self, images: torch.Tensor) -> torch.Tensor:
        shape = (self.part.batch, *images.shape[1:])
        if images.device.type == "cpu":
            return torch.randn(shape, generator=self.generator)[self.part.rows]
        seed = int(torch.randint(2**62, (1,), generator=self.generator))
        on_device = torch.Generator(images.device).manual_seed(seed)
        return torch.randn(shape, generator=on_device, device=images.device)[self.part.rows]

    def _moved(self, values: torch.Tensor) -> torch.Tensor:
        return to_device(values[self.part.rows], self.device)


def to_device(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy a tensor from the CPU to a device without waiting for what the device still does."""
    pinned = values.pin_memory() if device.type == "cuda" else values
    return pinned.to(device, non_blocking=True)
