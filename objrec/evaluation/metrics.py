"""Measures of an answer: rates, confusion, and intervals by bootstrap over objects.

Pure functions of numpy arrays. They know no recogniser, no data set and no file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import confusion_matrix

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
        means = self.means(values, objects, strata)
        tail = (1 - self.level) / 2
        low, high = np.quantile(means, [tail, 1 - tail])
        return float(low), float(high)

    def means(self, values: np.ndarray, objects: np.ndarray, strata: np.ndarray) -> np.ndarray:
        """Return the mean over images in every draw, (resamples,)."""
        if len(values) == 0:
            raise ValueError("there is nothing to draw from")
        rng = np.random.default_rng(self.seed)
        sums, counts = np.zeros(self.resamples), np.zeros(self.resamples)
        for stratum in np.unique(strata):
            inside = strata == stratum
            _, index = np.unique(objects[inside], return_inverse=True)
            object_sums = np.bincount(index, weights=np.asarray(values, float)[inside])
            object_counts = np.bincount(index).astype(float)
            for part in _parts(self.resamples, len(object_counts)):
                drawn = _times_drawn(rng, part.stop - part.start, len(object_counts))
                sums[part] += drawn @ object_sums
                counts[part] += drawn @ object_counts
        return sums / counts


def _parts(total: int, width: int) -> list[slice]:
    step = max(1, _LARGEST_DRAW // width)
    return [slice(start, min(start + step, total)) for start in range(0, total, step)]


def _times_drawn(rng: np.random.Generator, draws: int, objects: int) -> np.ndarray:
    """Say how often each object comes up when as many as there are get drawn, (draws, objects)."""
    return rng.multinomial(objects, np.full(objects, 1 / objects), size=draws).astype(float)


def confusion(labels: np.ndarray, predicted: np.ndarray, categories: int) -> np.ndarray:
    """Count images by true category (row) and answered category (column), (K, K) int."""
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
