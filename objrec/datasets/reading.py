"""Going through the samples of a set that is to be written elsewhere, changed or as they are.

What cannot be read is noted and the others go on. Nothing is written here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from objrec.datasets.resizing import Resizing
from objrec.datasets.sample import Dataset, Sample
from objrec.errors import DataError, Failure


@dataclass(frozen=True)
class Item:
    """One sample on its way.

    Attributes:
        index: Its position in its data set.
        row: Its row in the store that the data set was read from.
        sample: Pixels and labels as they are to be written.
        files: The image file of each camera; empty if they are part of a larger file.
        changed: Whether the pixels are no longer those that were stored.
    """

    index: int
    row: int
    sample: Sample
    files: tuple[Path, ...]
    changed: bool


class Reading:
    """Reads several data sets one after the other, and keeps count.

    Attributes:
        failures: What could not be read so far, or was found missing when the sets were opened.
        counts: How many samples of each split have been read.
    """

    def __init__(
        self,
        parts: Sequence[Dataset],
        resizing: Resizing | None = None,
        *,
        square: bool = False,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Prepare to read.

        Args:
            parts: All data sets that `items` will be asked for, each as often as it is given.
            resizing: How images are changed.
            square: Bring them to squares of the size that `resizing` names.
            on_progress: Called with (samples gone through, samples of all parts).
        """
        self.failures = list(dict.fromkeys(f for part in parts for f in part.failures))
        self.counts = Counter[str]()
        self._resizing, self._square = resizing or Resizing(), square
        self._seen, self._total = 0, sum(map(len, parts))
        self._on_progress = on_progress or (lambda done, total: None)

    def items(self, dataset: Dataset) -> Iterator[Item]:
        """Yield the samples that can be read, in order."""
        for index in range(len(dataset)):
            try:
                item = self._item(dataset, index)
            except DataError as error:
                source = dataset.sources[index]
                self.failures.append(Failure.of(source, error))
            else:
                self.counts[dataset.split] += 1
                yield item
            self._seen += 1
            self._on_progress(self._seen, self._total)

    def check_any(self, root: Path) -> None:
        """Refuse to have read nothing.

        Raises:
            DataError: Not one sample could be read.
        """
        if not self.counts:
            raise DataError(str(self.failures[0]) if self.failures else f"{root}: has no samples")

    def _item(self, dataset: Dataset, index: int) -> Item:
        sample = dataset[index]
        images, pose = self._resizing.applied(sample.images, sample.pose, square=self._square)
        return Item(
            index,
            int(dataset.rows[index]),
            replace(sample, images=images, pose=pose),
            stored_files(sample.source, len(images)),
            not np.array_equal(images, sample.images),
        )


def stored_files(source: str, cameras: int) -> tuple[Path, ...]:
    """Return the image file of each camera of a sample; empty if it is part of a larger file.

    Args:
        source: What the data set calls the sample: "left.png+right.png" for two cameras.
        cameras: V.
    """
    if cameras == 1:
        path = Path(source)
        return (path,) if path.is_file() else ()
    ends = (i for i, letter in enumerate(source) if letter == "+" and Path(source[:i]).is_file())
    for end in ends:
        if rest := stored_files(source[end + 1 :], cameras - 1):
            return (Path(source[:end]), *rest)
    return ()
