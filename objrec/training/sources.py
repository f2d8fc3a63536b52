"""What the loop draws from: augmented batches of stem outputs.

Two sources, one contract. Extractors trained from scratch get freshly augmented images at every
step. A frozen backbone is run once over a few augmented copies of the set (`frozen.py`), and every
epoch then draws among those.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import nn

from objrec.errors import SettingsError
from objrec.training.augmentation import Augmentation, Augmented, Part
from objrec.training.data import TrainingData
from objrec.training.distributed import ALONE, Processes


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
            images, poses, mirrored = augmented(
                self.data, index, self.augmentation, generator, part
            )
            inputs, labels = self.stem(images), self.data.labels[index]
            yield Step(inputs, labels, poses, index, mirrored, len(batch))


def augmented(
    data: TrainingData,
    index: torch.Tensor,
    augmentation: Augmentation,
    generator: torch.Generator,
    part: Part | None = None,
) -> Augmented:
    """Return images as they are trained on, changed and standardised, and their poses.

    Args:
        data: The set.
        index: (B,) which images.
        augmentation: What to do to them.
        generator: Of its random numbers.
        part: Which of the images this process changes; None: all.
    """
    images, poses = data.images_at(index).float() / 255, data.poses[index]
    changed = augmentation(images, poses, generator, part)
    return changed._replace(images=data.preprocessing.standardised(changed.images))


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
