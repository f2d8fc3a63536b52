"""Measures of an answer: rates, confusion, and intervals by bootstrap over objects.

Pure functions of numpy arrays. They know no recogniser, no data set and no file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_LARGEST_DRAW = 1_000_000  # numbers drawn at once by the bootstrap: 8 MB


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made: objects are drawn again with replacement, within their category.

    Views of one object are not independent: a van taken for a truck is taken for one from most
    sides. Drawing images would therefore state far too narrow an interval.

    Attributes:
        resamples: How often the objects are drawn.
        seed: Seed of the draws; the same seed gives the same interval.
        level: Share of the draws inside the interval, 0.95 for 95 %.
    """

    resamples: int = 2000
    seed: int = 0
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.resamples < 1 or not 0 < self.level < 1:
            raise ValueError("the bootstrap needs at least 1 resample and a level between 0 and 1")

    def interval(
        self, values: np.ndarray, objects: np.ndarray, strata: np.ndarray
    ) -> tuple[float, float]:
        """Return the percentile interval of the mean of `values`.

        Args:
            values: (N,) numbers, one an image.
            objects: (N,) the object each image shows.
            strata: (N,) the category of each object: every draw keeps the number of objects of
                each category.

        Raises:
            ValueError: There are no values.
        """
        low, high = self.percentiles(self.means(values, objects, strata))
        return low, high

    def percentiles(self, drawn: np.ndarray) -> list[float]:
        """Return the interval [low, high] of a measure, from its values in the draws, (draws,)."""
        tail = (1 - self.level) / 2
        return np.quantile(drawn, [tail, 1 - tail]).tolist()

    def means(self, values: np.ndarray, objects: np.ndarray, strata: np.ndarray) -> np.ndarray:
        """Return the mean over images in every draw, (resamples,)."""
        rng = np.random.default_rng(self.seed)
        sums, counts = np.zeros(self.resamples), np.zeros(self.resamples)
        for inside, index in _by_stratum(objects, strata):
            object_sums = np.bincount(index, weights=np.asarray(values, float)[inside])
            object_counts = np.bincount(index).astype(float)
            for part, drawn in self._drawn(rng, len(object_counts)):
                sums[part] += drawn @ object_sums
                counts[part] += drawn @ object_counts
        return sums / counts

    def draws(self, objects: np.ndarray, strata: np.ndarray) -> Draws:
        """Return how often each object was drawn: the same draws as those of `means`.

        For what is no mean of images: the measure is computed anew in each draw, with these
        numbers as weights.

        Args:
            objects: (N,) as for `interval`.
            strata: (N,) likewise.

        Raises:
            ValueError: There are no images.
        """
        rng, groups = np.random.default_rng(self.seed), list(_by_stratum(objects, strata))
        sizes = [int(index.max()) + 1 for _, index in groups]
        number = np.empty(len(strata), dtype=np.int64)
        times = np.empty((self.resamples, sum(sizes)), dtype=np.uint16)
        first = 0
        for (inside, index), size in zip(groups, sizes, strict=True):
            number[inside] = first + index
            for part, drawn in self._drawn(rng, size):
                times[part, first : first + size] = drawn
            first += size
        return Draws(number, times)

    def _drawn(self, rng: np.random.Generator, objects: int) -> Iterator[tuple[slice, np.ndarray]]:
        """Draw as many objects as there are, a part of the resamples at a time."""
        even = np.full(objects, 1 / objects)
        for part in _parts(self.resamples, objects):
            yield part, rng.multinomial(objects, even, size=part.stop - part.start).astype(float)


@dataclass(frozen=True)
class Draws:
    """How often each object was drawn.

    Attributes:
        index: (N,) the number of the object that each image shows.
        times: (resamples, M) uint16: how often each of the M objects was drawn.
    """

    index: np.ndarray
    times: np.ndarray

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sum over images in every draw, (resamples, F).

        Args:
            values: (N, F) numbers, one row an image.
        """
        count, columns = self.times.shape[1], np.asarray(values, float).T
        objects = np.stack([np.bincount(self.index, column, count) for column in columns], axis=1)
        sums = np.empty((len(self.times), len(columns)))
        for part in _parts(len(self.times), count):
            sums[part] = self.times[part].astype(float) @ objects
        return sums

    def weights(self, images: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield how often each of some images was drawn, a part of the resamples at a time.

        Args:
            images: (n,) indices of images, in any order.

        Yields:
            Which draws, and (draws, n) float.
        """
        for part in _parts(len(self.times), len(images)):
            yield part, self.times[part][:, self.index[images]].astype(float)


def _by_stratum(objects: np.ndarray, strata: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield, for each stratum, which images are in it and the number of the object they show."""
    if len(strata) == 0:
        raise ValueError("there is nothing to draw from")
    for stratum in np.unique(strata):
        inside = strata == stratum
        yield inside, np.unique(objects[inside], return_inverse=True)[1]


def _parts(total: int, width: int) -> list[slice]:
    step = max(1, _LARGEST_DRAW // width)
    return [slice(start, min(start + step, total)) for start in range(0, total, step)]


def confusion(labels: np.ndarray, predicted: np.ndarray, categories: int) -> np.ndarray:
    """Count images by true category (row) and answered category (column), (K, K) int."""
    from sklearn.metrics import confusion_matrix  # takes two seconds to import

    return confusion_matrix(labels, predicted, labels=np.arange(categories))


@dataclass(frozen=True)
class Rates:
    """Errors counted by group.

    Attributes:
        errors: (G,) wrong answers.
        counts: (G,) images.
    """

    errors: np.ndarray
    counts: np.ndarray

    @property
    def rates(self) -> np.ndarray:
        """(G,) share of wrong answers; NaN where a group has no image."""
        with np.errstate(invalid="ignore"):
            return self.errors / self.counts


def error_by_group(wrong: np.ndarray, groups: np.ndarray, count: int) -> Rates:
    """Count wrong answers by group.

    Args:
        wrong: (N,) bool.
        groups: (N,) group index in [0, count); images with -1 belong to none.
        count: G, the number of groups.
    """
    inside = groups >= 0
    errors = np.bincount(groups[inside], weights=wrong[inside].astype(float), minlength=count)
    return Rates(errors.astype(int), np.bincount(groups[inside], minlength=count))
