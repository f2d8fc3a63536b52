"""The training set in memory: images, labels and poses as the loop wants them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from objrec.datasets import Dataset, estimate_front_azimuth
from objrec.datasets.frame import LATENT, OBSERVED, PoseFrame
from objrec.errors import DataError, Failure, SettingsError
from objrec.pose import INDEX, PLANE_AXES, PoseSpace
from objrec.preprocessing import Preprocessing, load_images
from objrec.training.settings import Recipe

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class TrainingData:
    """A training set, decoded once.

    Attributes:
        images: (N, V, C, S, S) uint8.
        labels: (N,) int64 indices into `categories`; their number for background images, which
            no category fits.
        poses: (N, A) float32 stored units; NaN where not observed or not to be used.
        objects: (N,) object numbers, int64.
        object_names: "category/instance" by number.
        categories: Those that can be answered, without background.
        background: Names of the background categories.
        frame: How the pose labels were meant.
        preprocessing: Made from these images.
        front_azimuth: Where the camera faces an object's front; None: mirroring is off.
        failures: What could not be read.
    """

    images: torch.Tensor
    labels: torch.Tensor
    poses: torch.Tensor
    objects: torch.Tensor
    object_names: tuple[str, ...]
    categories: tuple[str, ...]
    background: tuple[str, ...]
    frame: PoseFrame
    preprocessing: Preprocessing
    front_azimuth: float | None
    failures: tuple[Failure, ...]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def device(self) -> torch.device:
        """Where training happens; the images may have stayed behind."""
        return self.labels.device

    def to(self, device: torch.device) -> TrainingData:
        """Return the set on a device; images that would not fit its memory stay where they are."""
        names = ["labels", "poses", "objects"]
        if device.type != "cuda" or 2 * self.images.nbytes < torch.cuda.mem_get_info(device)[0]:
            names.append("images")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})

    def images_at(self, index: torch.Tensor) -> torch.Tensor:
        """Return the images (B, V, C, S, S) uint8 of an index on the training device."""
        return self.images[index.to(self.images.device)].to(self.device, non_blocking=True)


def load_training_data(
    dataset: Dataset, recipe: Recipe, image_side: int, standardised: bool, on_progress: Progress
) -> TrainingData:
    """Decode a set and settle what its labels mean.

    Args:
        dataset: A training split.
        recipe: Its pose settings say how labels are meant, where the set's own notes do not.
        image_side: S.
        standardised: Whether pixel mean and deviation are taken from the set (own extractors);
            otherwise images stay in [0, 1] for a backbone that has its own.
        on_progress: Called with (images done, images in all).

    Raises:
        DataError: Fewer than two categories have a readable image.
        SettingsError: A symmetric category that the set does not have.
    """
    preprocessing = Preprocessing(
        size=image_side, cameras=dataset.cameras, colour=dataset.colour, mean=0.0, deviation=1.0
    )
    batch, failures = load_images(dataset, preprocessing, on_progress)
    categories = tuple(name for name in dataset.categories if name not in dataset.background)
    labels = answerable(batch.labels, dataset.categories, categories)
    if len(labels.unique()) < 2:
        raise DataError(
            f"{dataset.root}: fewer than two categories have readable images; add categories"
        )
    frame = recipe.pose.frame(dataset.frame)
    if standardised:
        preprocessing = preprocessing.fitted(batch.images)
    kept = batch.index.numpy()
    names, objects = np.unique(dataset.objects[kept], return_inverse=True)
    return TrainingData(
        images=batch.images,
        labels=labels,
        poses=_used_labels(batch.poses, labels, categories, frame),
        objects=torch.from_numpy(objects.astype(np.int64)),
        object_names=tuple(names.tolist()),
        categories=categories,
        background=dataset.background,
        frame=frame,
        preprocessing=preprocessing,
        front_azimuth=_front_azimuth(dataset, batch.images, kept, frame),
        failures=failures,
    )


def answerable(
    labels: torch.Tensor, all_categories: tuple[str, ...], categories: tuple[str, ...]
) -> torch.Tensor:
    """Number labels (N,) by the categories that can be answered; all others follow the last."""
    places = [categories.index(n) if n in categories else len(categories) for n in all_categories]
    return torch.tensor(places, dtype=torch.int64)[labels]


def _used_labels(
    poses: torch.Tensor, labels: torch.Tensor, categories: tuple[str, ...], frame: PoseFrame
) -> torch.Tensor:
    poses = poses.clone()
    poses[labels == len(categories)] = torch.nan
    for name in frame.axes_of(LATENT):
        poses[:, INDEX[name]] = torch.nan
    for category in frame.symmetric:
        if category not in categories:
            listed = ", ".join(categories)
            raise SettingsError(f"--symmetric: the set has no category '{category}', only {listed}")
        poses[labels == categories.index(category), INDEX["azimuth"]] = torch.nan
    return poses


def _front_azimuth(
    dataset: Dataset, images: torch.Tensor, kept: np.ndarray, frame: PoseFrame
) -> float | None:
    """Say how a mirror image changes the azimuth; None where that cannot be said."""
    poses = dataset.poses[kept]
    unlabelled = np.isnan(poses[:, INDEX["azimuth"]]).all()
    if unlabelled or frame.kind("azimuth") != OBSERVED:
        return 0.0  # any will do: no label is used, or mirror images get an offset of their own
    if frame.front_azimuth is not None:
        return frame.front_azimuth
    lighting = dataset.factors.get("lighting")
    groups = None if lighting is None else lighting[kept]
    return estimate_front_azimuth(images, poses, dataset.objects[kept], groups=groups)


def upright_plane_axes(
    poses: torch.Tensor, space: PoseSpace, latent: tuple[str, ...] = ()
) -> torch.Tensor:
    """Take the images as they are for upright, centred and of scale 1.

    Where the space searches an in-plane axis that no image of the set is labelled with, the
    images themselves define its zero; augmentation then shows the other poses. Axes that are
    latent on request stay unknown.
    """
    poses = poses.clone()
    for name in PLANE_AXES:
        searched = name in space.axes and name not in latent
        if searched and poses[:, INDEX[name]].isnan().all():
            poses[:, INDEX[name]] = 0.0
    return poses
