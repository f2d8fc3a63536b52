"""From images as they are stored to the float batch that a model takes.

Every image is letterboxed: padded to a square with the median colour of its border, then resized;
never squashed. The settings are saved with the model, and training, evaluation and the command
line all call the code of this page. It reads no file itself: `load_images` asks the data set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch

from objrec.errors import DataError, Failure
from objrec.options import Settings, option

_CHUNK = 256
_MOST_PIXELS, _LONGEST = 1 << 26, 1 << 12


@dataclass(frozen=True)
class Preprocessing(Settings):
    """How images are brought to the form that a model takes."""

    size: int = option(48, "side of the square images in pixels", minimum=8, maximum=2048)
    cameras: int = option(1, "images of each sample, 2 for stereo pairs", minimum=1, maximum=16)
    colour: bool = option(False, "keep colour; otherwise images become gray")
    mean: float = option(0.5, "mean of the pixel values, which are in 0 to 1", minimum=0, maximum=1)
    deviation: float = option(
        0.25, "standard deviation of the pixel values", minimum=1e-4, maximum=1
    )

    @property
    def channels(self) -> int:
        """C: 3 with colour, otherwise 1."""
        return 3 if self.colour else 1

    def images(self, images: np.ndarray | torch.Tensor) -> torch.Tensor:
        """Letterbox and resize one sample, and make it gray or colour.

        Args:
            images: uint8, (V, H, W) gray or (V, H, W, 3) RGB.

        Returns:
            uint8 (V, C, S, S).

        Raises:
            DataError: There are more or fewer images than the model's cameras.
        """
        views = np.asarray(images)
        if views.dtype != np.uint8 or views.ndim not in (3, 4) or views.shape[3:] not in ((), (3,)):
            raise ValueError(
                f"images must be uint8 (V, H, W) or (V, H, W, 3), not {views.dtype} {views.shape}"
            )
        if len(views) != self.cameras:
            raise DataError(self.wrong_cameras(len(views)))
        squares = [self._resized(_squared(self._coloured(view))) for view in views]
        stacked = np.stack(squares).reshape(self.cameras, self.size, self.size, self.channels)
        return torch.from_numpy(np.ascontiguousarray(stacked.transpose(0, 3, 1, 2)))

    def normalised(self, images: torch.Tensor) -> torch.Tensor:
        """Turn uint8 images of any shape into float32: (x / 255 - mean) / deviation."""
        return self.standardised(images.float() / 255)

    def standardised(self, images: torch.Tensor) -> torch.Tensor:
        """Subtract the mean and divide by the deviation; the images' values are in [0, 1]."""
        return (images - self.mean) / self.deviation

    def fitted(self, images: torch.Tensor) -> Preprocessing:
        """Return these settings with the mean and deviation of uint8 training images."""
        # Counting is exact and needs no float copy of the whole set.
        counts = torch.bincount(images.flatten().to(torch.int64), minlength=256).double()
        values = torch.arange(256, dtype=torch.float64) / 255
        mean = (counts * values).sum() / counts.sum()
        variance = (counts * (values - mean) ** 2).sum() / counts.sum()
        deviation = max(float(variance.sqrt()), 1e-3)
        return replace(self, mean=round(float(mean), 6), deviation=round(deviation, 6))

    def wrong_cameras(self, found: int) -> str:
        """Say that a sample has the wrong number of images, without naming it."""
        kinds = {1: "single images", 2: "stereo pairs"}
        needed = kinds.get(self.cameras, f"{self.cameras} images of each object")
        return (
            f"has {found} camera image{'s' * (found != 1)}, the model takes {needed}; "
            "name the images of all cameras, as in left.png+right.png"
        )

    def _coloured(self, view: np.ndarray) -> np.ndarray:
        if self.colour and view.ndim == 2:
            return cv2.cvtColor(view, cv2.COLOR_GRAY2RGB)
        if not self.colour and view.ndim == 3:
            return cv2.cvtColor(view, cv2.COLOR_RGB2GRAY)
        return view

    def _resized(self, square: np.ndarray) -> np.ndarray:
        side = len(square)
        if side == self.size:
            return square
        how = cv2.INTER_AREA if side > self.size else cv2.INTER_LINEAR
        return cv2.resize(square, (self.size, self.size), interpolation=how)


def _squared(view: np.ndarray) -> np.ndarray:
    view = _without_excess(view)
    h, w = view.shape[:2]
    if h == w:
        return view
    border = np.concatenate([view[0], view[-1], view[:, 0], view[:, -1]])
    colour = np.median(border, axis=0).round().reshape(-1).tolist()
    top, left = (max(h, w) - h) // 2, (max(h, w) - w) // 2
    bottom, right = max(h, w) - h - top, max(h, w) - w - left
    return cv2.copyMakeBorder(view, top, bottom, left, right, cv2.BORDER_CONSTANT, value=colour)


def _without_excess(view: np.ndarray) -> np.ndarray:
    """Shrink what would become a square of more than 64 million pixels: panoramas, long strips."""
    h, w = view.shape[:2]
    if h == w or max(h, w) ** 2 <= _MOST_PIXELS:
        return view
    factor = max(h, w) / _LONGEST
    size = max(1, round(w / factor)), max(1, round(h / factor))
    return cv2.resize(view, size, interpolation=cv2.INTER_AREA)


@dataclass(frozen=True)
class Batch:
    """Samples ready for a model.

    Attributes:
        images: (N, V, C, S, S) uint8; `Preprocessing.normalised` makes them float.
        labels: (N,) int64.
        poses: (N, 6) float32 stored units, NaN where not observed.
        index: (N,) int64, the position of each sample in its data set.
    """

    images: torch.Tensor
    labels: torch.Tensor
    poses: torch.Tensor
    index: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)


class Samples(Protocol):
    """What `load_images` needs of a data set; `objrec.datasets.Dataset` has it."""

    root: Path
    labels: np.ndarray
    poses: np.ndarray
    sources: tuple[str, ...]
    cameras: int

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any: ...


def load_images(
    dataset: Samples,
    preprocessing: Preprocessing,
    on_progress: Callable[[int, int], None] | None = None,
    workers: int = 2,
) -> tuple[Batch, tuple[Failure, ...]]:
    """Read and preprocess every sample once, into memory.

    Args:
        dataset: The samples.
        preprocessing: How; its number of cameras must be the data set's.
        on_progress: Called with (samples done, samples in all), now and then.
        workers: Threads that read and resize.

    Returns:
        The samples that could be read, in order, and a failure for each of the others.

    Raises:
        DataError: The number of cameras differs, or no sample could be read.
    """
    if dataset.cameras != preprocessing.cameras:
        raise DataError(f"{dataset.root}: {preprocessing.wrong_cameras(dataset.cameras)}")
    side, count = preprocessing.size, len(dataset)
    shape = (count, preprocessing.cameras, preprocessing.channels, side, side)
    images = torch.empty(shape, dtype=torch.uint8)
    failures: dict[int, Failure] = {}

    def load(index: int) -> None:
        try:
            images[index] = preprocessing.images(dataset[index].images)
        except DataError as error:
            source = dataset.sources[index]
            failures[index] = Failure.of(source, error)

    with ThreadPoolExecutor(max(1, workers)) as pool:
        for done in _in_chunks(pool, load, count):
            if on_progress is not None:
                on_progress(done, count)
    return _batch(dataset, images, failures), tuple(failures[i] for i in sorted(failures))


def _in_chunks(
    pool: ThreadPoolExecutor, function: Callable[[int], None], count: int
) -> Iterator[int]:
    """Call the function for 0 to count - 1; yield how many are done after each chunk."""
    indices = iter(range(count))
    done = 0
    while chunk := list(islice(indices, _CHUNK)):
        for _ in pool.map(function, chunk):
            done += 1
        yield done


def _batch(dataset: Samples, images: torch.Tensor, failures: dict[int, Failure]) -> Batch:
    if not len(dataset):
        raise DataError(f"{dataset.root}: there is no image to read; check the set and its split")
    kept = torch.tensor([i for i in range(len(dataset)) if i not in failures], dtype=torch.int64)
    if not len(kept):
        raise DataError(
            f"{dataset.root}: none of the {len(dataset)} images can be read; "
            f"the first is {failures[0]}"
        )
    return Batch(
        images=images if len(kept) == len(images) else images[kept],
        labels=torch.from_numpy(dataset.labels)[kept],
        poses=torch.from_numpy(dataset.poses).float()[kept],
        index=kept,
    )


def as_image_batch(images: Any, cameras: int = 1) -> list[np.ndarray]:
    """Bring what users pass as images to a list of samples.

    Accepted, numpy or torch, uint8 or float in [0, 1]: H x W; H x W x C with 1, 3 or 4 channels;
    for tensors also C x H x W with 1 or 3; batches of these; with several cameras, a further axis
    for them before the image's own; or a list of any of these. Transparency is shown on white.
    An array of three axes whose last (first, of a tensor) is not a number of channels is a batch
    of gray images, or the cameras of one sample if there are as many.

    Args:
        images: The images.
        cameras: V, the number of images of a sample.

    Returns:
        uint8 arrays, (V, H, W) or (V, H, W, 3), one a sample.

    Raises:
        ValueError: It is none of that.
    """
    if isinstance(images, list | tuple):
        return [sample for part in images for sample in as_image_batch(part, cameras)]
    views, has_channels = _channels_last(images)
    leading = views.ndim - (3 if has_channels else 2)
    if not views.size or not 0 <= leading <= 2:
        raise ValueError(f"cannot tell images in an array of shape {tuple(np.shape(images))}")
    views = _without_alpha(_as_bytes(views)) if has_channels else _as_bytes(views)
    if leading == 0:
        return [views[None]]
    if leading == 1:
        return [views] if len(views) == cameras > 1 else [view[None] for view in views]
    return list(views)


def _channels_last(images: Any) -> tuple[np.ndarray, bool]:
    if isinstance(images, torch.Tensor):
        array = (images.float() if images.is_floating_point() else images).detach().cpu().numpy()
        if array.ndim >= 3 and array.shape[-3] in (1, 3):
            return np.ascontiguousarray(np.moveaxis(array, -3, -1)), True
    else:
        array = np.asarray(images)
    return array, array.ndim >= 3 and array.shape[-1] in (1, 3, 4)


def _as_bytes(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind != "f":
        raise ValueError(f"images must be uint8, or float in 0 to 1, not {array.dtype}")
    if not (array.min() >= 0 and array.max() <= 1):
        raise ValueError("float images must lie in 0 to 1; divide by 255, or pass uint8")
    return (array * 255).round().astype(np.uint8)


def _without_alpha(views: np.ndarray) -> np.ndarray:
    if views.shape[-1] == 1:
        return views[..., 0]
    if views.shape[-1] == 3:
        return views
    # As `objrec.datasets.images` does with files, so that both give the same pixels.
    colour, alpha = views[..., :3].astype(np.uint16), views[..., 3:].astype(np.uint16)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
