"""Batches of a frozen backbone's features, and the files that keep them until a run is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from objrec.errors import ModelError
from objrec.files import forget_unfinished, write_tensors
from objrec.training.augmentation import Augmentation, to_device
from objrec.training.data import Progress, TrainingData
from objrec.training.distributed import ALONE, Processes
from objrec.training.sources import Step, augmented, full_batches

_KEPT = {"features": (torch.float16, 4), "poses": (torch.float32, 2), "mirrored": (torch.bool, 1)}


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
        """Delete all files of a folder's cache, and what a killed process left of one."""
        for path in folder.glob("frozen-*.safetensors*"):
            path.unlink()
        for left in folder.glob(".frozen-*.safetensors.partial"):
            forget_unfinished(folder / left.name[1:].removesuffix(".partial"))


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
            write_tensors(path, _frozen_copy(data, augmentation, stem, generator, progress))
    processes.wait()
    copies = [_kept_copy(cache.path(c), data) for c in range(cache.copies)]
    stacked = {name: torch.stack([copy[name] for copy in copies]) for name in copies[0]}
    return FrozenSource(**stacked, labels=data.labels, processes=processes)


def _kept_copy(path: Path, data: TrainingData) -> dict[str, torch.Tensor]:
    """Read a copy that this run kept.

    Raises:
        ModelError: The file is damaged.
    """
    try:
        kept = load_file(path, device=str(data.device))
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: not readable as safetensors ({error}); delete it") from error
    kinds = {name: (tensor.dtype, tensor.ndim) for name, tensor in kept.items()}
    if kinds != _KEPT or any(len(tensor) != len(data) for tensor in kept.values()):
        raise ModelError(f"{path}: not the features of {len(data)} images; delete it")
    return kept


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
        images, poses, mirrored = augmented(data, index, augmentation, generator)
        features = stem(images).half()
        parts.append({"features": features, "poses": poses, "mirrored": mirrored})
        on_progress(int(index[-1]) + 1)
    return {name: torch.cat([part[name].cpu() for part in parts]).contiguous() for name in parts[0]}
