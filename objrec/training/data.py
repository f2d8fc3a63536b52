"""What the loop reads: the whole set in memory, as augmented batches of stem outputs.

Two sources, one contract. Extractors trained from scratch get freshly augmented images at every
step. A frozen backbone is run once over a few augmented copies of the set, and every epoch then
draws among those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from objrec.datasets import Dataset, estimate_front_azimuth
from objrec.datasets.frame import LATENT, OBSERVED, PoseFrame
from objrec.errors import DataError, Failure, SettingsError
from objrec.pose import INDEX, PLANE_AXES, PoseSpace
from objrec.preprocessing import Preprocessing, load_images
from objrec.training.augmentation import Augmentation, Augmented, Part, to_device
from objrec.training.distributed import ALONE, Processes
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


class Step(NamedTuple):
    """A process' part of a batch: stem outputs, labels, poses as augmented, and which images.

    `mirrored` says which images show the object from the other side, `batch` how many images the
    batch has in all processes together.
    """

    inputs: torch.Tensor
    labels: torch.Tensor
    poses: torch.Tensor
    index: torch.Tensor
    mirrored: torch.Tensor
    batch: int

    @property
    def share(self) -> float:
        """This process' part of the batch's images."""
        return len(self.labels) / self.batch


class ImageSource:
    """Augments images at every step, on the device that holds them."""

    def __init__(
        self,
        data: TrainingData,
        augmentation: Augmentation,
        stem: nn.Module,
        processes: Processes = ALONE,
    ) -> None:
        self.data, self.augmentation, self.stem = data, augmentation, stem
        self.processes = processes

    def epoch(self, batch_size: int, generator: torch.Generator) -> Iterator[Step]:
        """Yield the batches of one epoch, in an order drawn from the generator.

        Every process draws the same numbers, for all images, and changes its own.
        """
        order = torch.randperm(len(self.data), generator=generator).to(self.data.device)
        for batch in full_batches(order, batch_size):
            part = Part(self.processes.rows(len(batch)), len(batch))
            index = batch[part.rows]
            images, poses, mirrored = _augmented(
                self.data, index, self.augmentation, generator, part
            )
            inputs, labels = self.stem(images), self.data.labels[index]
            yield Step(inputs, labels, poses, index, mirrored, len(batch))


class FrozenSource:
    """Draws among a frozen backbone's features of a few augmented copies of the set.

    Args:
        features: (copies, N, C, h, w) half precision.
        poses: (copies, N, A), as augmented.
        mirrored: (copies, N) bool.
        labels: (N,).
        processes: Who computes which rows of a batch.
    """

    def __init__(
        self,
        features: torch.Tensor,
        poses: torch.Tensor,
        mirrored: torch.Tensor,
        labels: torch.Tensor,
        processes: Processes = ALONE,
    ) -> None:
        self.features, self.poses, self.mirrored = features, poses, mirrored
        self.labels, self.processes = labels, processes

    def epoch(self, batch_size: int, generator: torch.Generator) -> Iterator[Step]:
        """Yield the batches of one epoch; each image comes from a copy drawn at random."""
        order = torch.randperm(len(self.labels), generator=generator)
        for batch in full_batches(order, batch_size):
            drawn = torch.randint(len(self.features), batch.shape, generator=generator)
            rows = self.processes.rows(len(batch))
            copy, index = (to_device(part[rows], self.labels.device) for part in (drawn, batch))
            inputs = self.features[copy, index].float()
            poses, mirrored = self.poses[copy, index], self.mirrored[copy, index]
            yield Step(inputs, self.labels[index], poses, index, mirrored, len(batch))


def full_batches(order: torch.Tensor, batch_size: int) -> Iterator[torch.Tensor]:
    """Cut an order into batches; a last one of a single image joins the one before it.

    Batch normalisation cannot train on one image.
    """
    batches = list(order.split(batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    yield from batches


def batches_an_epoch(images: int, batch_size: int) -> int:
    """Return the number of batches that `full_batches` makes."""
    return sum(1 for _ in full_batches(torch.empty(images), batch_size))


def check_batches(images: int, batch_size: int, processes: Processes) -> None:
    """Make sure that every process has an image of every batch.

    Raises:
        SettingsError: A batch has fewer images than there are processes.
    """
    smallest = min(map(len, full_batches(torch.empty(images), batch_size)))
    if smallest < processes.count:
        raise SettingsError(
            f"settings: batch size {batch_size} leaves {smallest} of {images} images for the last "
            f"batch, too few for {processes.count} processes; use another size or fewer processes"
        )


@dataclass(frozen=True)
class FrozenCache:
    """Where augmented copies of frozen features are kept until a run is over.

    Each is written as soon as it is done, so that an interrupted run does not make it again.
    """

    folder: Path
    copies: int
    seed: int

    def path(self, copy: int) -> Path:
        """Return the file of one copy."""
        return self.folder / f"frozen-{copy}.safetensors"

    @staticmethod
    def remove(folder: Path) -> None:
        """Delete all files of a folder's cache."""
        for path in folder.glob("frozen-*.safetensors*"):
            path.unlink()


def frozen_source(
    data: TrainingData,
    augmentation: Augmentation,
    stem: nn.Module,
    cache: FrozenCache,
    on_progress: Progress,
    processes: Processes = ALONE,
) -> FrozenSource:
    """Run a frozen stem over augmented copies of the set, or read what an earlier run kept.

    Args:
        data: The set, on the device where the stem is.
        augmentation: What to do to each copy.
        stem: The frozen backbone.
        cache: How many copies, their seed, and where they are kept.
        on_progress: Called with (images done, images in all).
        processes: Among whom the copies are divided; all read all of them.
    """
    for copy in range(processes.rank, cache.copies, processes.count):
        path = cache.path(copy)
        if not path.is_file():
            generator = torch.Generator().manual_seed(cache.seed * 1_000_003 + 500_000 + copy)
            progress = _counting_from(copy * len(data), cache.copies * len(data), on_progress)
            temporary = path.with_name(path.name + ".partial")
            save_file(_frozen_copy(data, augmentation, stem, generator, progress), temporary)
            temporary.replace(path)
    processes.wait()
    copies = [load_file(cache.path(c), device=str(data.device)) for c in range(cache.copies)]
    stacked = {name: torch.stack([copy[name] for copy in copies]) for name in copies[0]}
    return FrozenSource(**stacked, labels=data.labels, processes=processes)


def _counting_from(start: int, total: int, on_progress: Progress) -> Callable[[int], None]:
    return lambda done: on_progress(start + done, total)


@torch.no_grad()
def _frozen_copy(
    data: TrainingData,
    augmentation: Augmentation,
    stem: nn.Module,
    generator: torch.Generator,
    on_progress: Callable[[int], None],
) -> dict[str, torch.Tensor]:
    parts: list[dict[str, torch.Tensor]] = []
    for index in torch.arange(len(data), device=data.device).split(64):
        images, poses, mirrored = _augmented(data, index, augmentation, generator)
        features = stem(images).half()
        parts.append({"features": features, "poses": poses, "mirrored": mirrored})
        on_progress(int(index[-1]) + 1)
    return {name: torch.cat([part[name].cpu() for part in parts]).contiguous() for name in parts[0]}


def _augmented(
    data: TrainingData,
    index: torch.Tensor,
    augmentation: Augmentation,
    generator: torch.Generator,
    part: Part | None = None,
) -> Augmented:
    images, poses = data.images_at(index).float() / 255, data.poses[index]
    changed = augmentation(images, poses, generator, part)
    return changed._replace(images=data.preprocessing.standardised(changed.images))
