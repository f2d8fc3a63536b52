"""`Facts`: all that the checks know of a set, gathered by reading every image once.

Of an image only its size, its kind and its fingerprint are kept, about 400 bytes, so that sets of
hundreds of thousands fit. Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from objrec.datasets.duplicates import COLOUR_LENGTH, PRINT_LENGTH, fingerprint, near_pairs
from objrec.datasets.frame import PoseFrame
from objrec.datasets.sample import Dataset
from objrec.errors import DataError, Failure
from objrec.pose import INDEX

_THREADS = 4
_AT_ONCE = 64
TRAIN, TEST = "train", "test"


@dataclass(frozen=True)
class ImageFacts:
    """What was seen of N samples; zeros where one could not be read.

    Attributes:
        read: (N,) bool, whether the images could be read.
        sizes: (N, 2) int32, width and height.
        colour: (N,) bool, whether colours are to be seen.
        digests: (N,) uint64, equal for equal pixels.
        prints: (N, 143) float16, see `objrec.datasets.duplicates`.
        chroma: (N, 32) int8, likewise.
        spreads: (N,) float32, standard deviation of the gray values.
    """

    read: np.ndarray
    sizes: np.ndarray
    colour: np.ndarray
    digests: np.ndarray
    prints: np.ndarray
    chroma: np.ndarray
    spreads: np.ndarray

    @classmethod
    def empty(cls, count: int) -> ImageFacts:
        """Return room for the facts of so many samples."""
        return cls(
            np.zeros(count, bool),
            np.zeros((count, 2), np.int32),
            np.zeros(count, bool),
            np.zeros(count, np.uint64),
            np.zeros((count, PRINT_LENGTH), np.float16),
            np.zeros((count, COLOUR_LENGTH), np.int8),
            np.zeros(count, np.float32),
        )

    def note(self, row: int, images: np.ndarray) -> None:
        """Enter what there is to say of a sample's images, uint8 (V, H, W) or (V, H, W, 3)."""
        seen = fingerprint(images)
        self.read[row] = True
        self.sizes[row] = images.shape[2], images.shape[1]
        self.colour[row] = seen.coloured
        self.digests[row] = seen.digest
        self.prints[row], self.chroma[row] = seen.print, seen.colour
        self.spreads[row] = seen.spread


@dataclass(frozen=True)
class Facts:
    """All samples of all splits in one table, and what is known of the set.

    Attributes:
        path: The set's folder, as the user wrote it.
        name: What the set is called.
        categories: All of them, in label order.
        background: Those that are no objects.
        frame: How the pose labels are meant.
        splits: Their names, the training split first.
        cameras: The number of cameras of each split.
        split: (N,) indices into `splits`.
        labels: (N,) indices into `categories`.
        poses: (N, 6) in stored units, NaN where not observed.
        objects: (N,) "category/instance".
        named: (N,) bool, whether the sample says which object it shows.
        sources: N files, or file#index.
        failures: The files that are missing or could not be read.
        strays: Image files in the folder that no split takes in.
        foreign: Files in formats that cannot be read, such as HEIC.
        images: What was seen of the images; None if they were not to be read.
    """

    path: str
    name: str
    categories: tuple[str, ...]
    background: tuple[str, ...]
    frame: PoseFrame
    splits: tuple[str, ...]
    cameras: tuple[int, ...]
    split: np.ndarray
    labels: np.ndarray
    poses: np.ndarray
    objects: np.ndarray
    named: np.ndarray
    sources: tuple[str, ...]
    failures: tuple[Failure, ...] = ()
    strays: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    images: ImageFacts | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def near(self) -> np.ndarray:
        """(M, 2) pairs of samples that look the same; none if the images were not read."""
        if self.images is None:
            return np.zeros((0, 2), np.int64)
        return near_pairs(self.images.prints, self.images.chroma)

    @cached_property
    def is_object(self) -> np.ndarray:
        """(N,) bool, whether the sample shows an object, and not background."""
        background = [i for i, name in enumerate(self.categories) if name in self.background]
        return ~np.isin(self.labels, background)

    @property
    def training(self) -> np.ndarray:
        """(N,) bool, whether the sample is of the split that is trained on: the first."""
        return self.split == 0

    def axis(self, name: str) -> np.ndarray:
        """Return (N,) labels of a pose axis in the units people use: scale as a ratio."""
        stored = self.poses[:, INDEX[name]]
        return np.exp(stored) if name == "scale" else stored

    def members(self, mask: np.ndarray | None = None) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the categories of objects that occur (within a mask), each with its samples."""
        chosen = self.is_object if mask is None else self.is_object & mask
        for label in np.unique(self.labels[chosen]):
            yield self.categories[label], chosen & (self.labels == label)

    def units(self, mask: np.ndarray) -> int:
        """Count the objects of some samples; one that names none is an object of its own."""
        return len(np.unique(self.objects[mask & self.named])) + int((mask & ~self.named).sum())


def gather(
    path: str | Path,
    parts: Sequence[Dataset],
    *,
    look: bool = True,
    on_progress: Callable[[int, int], None] | None = None,
) -> Facts:
    """Gather the facts of a set.

    Args:
        path: The set's folder, as the user wrote it.
        parts: Its splits, the training split first.
        look: Read the images.
        on_progress: Called with (images read, images to read).
    """
    first = parts[0]
    images = _seen(parts, on_progress) if look else None
    return Facts(
        path=str(path),
        name=first.name,
        categories=first.categories,
        background=first.background,
        frame=first.frame,
        splits=tuple(part.split for part in parts),
        cameras=tuple(part.cameras for part in parts),
        split=np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        poses=np.concatenate([part.poses for part in parts]),
        objects=np.concatenate([part.objects for part in parts]),
        named=np.concatenate([part.factors["instance"] != "" for part in parts]),
        sources=tuple(source for part in parts for source in part.sources),
        failures=tuple(failure for part in parts for failure in part.failures),
        images=images,
    )


def _seen(parts: Sequence[Dataset], on_progress: Callable[[int, int], None] | None) -> ImageFacts:
    """Read all images with a few threads, in order and only so many at once."""
    rows = [(part, index) for part in parts for index in range(len(part))]
    facts = ImageFacts.empty(len(rows))

    def note(row: int) -> None:
        part, index = rows[row]
        try:
            images = part[index].images
        except DataError:  # the data set remembers it
            return
        facts.note(row, images)

    pool = ThreadPoolExecutor(_THREADS)
    try:
        for start in range(0, len(rows), _AT_ONCE):
            stop = min(start + _AT_ONCE, len(rows))
            for _ in pool.map(note, range(start, stop)):
                pass
            if on_progress is not None:
                on_progress(stop, len(rows))
    finally:  # when interrupted, nothing more is begun
        pool.shutdown(cancel_futures=True)
    return facts
