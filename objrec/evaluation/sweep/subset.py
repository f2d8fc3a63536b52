"""An even part of a data set: when measuring every image would take too long, which to measure.

Works on labels alone; reads no image.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from objrec.pose import INDEX


def even_subset(
    dataset: Any,
    candidates: np.ndarray,
    count: int | None,
    seed: int = 0,
    background: Iterable[str] = (),
) -> np.ndarray:
    """Choose images evenly over objects, and of each object evenly over its views.

    Every object gets as many images as any other, or all that it has; what cannot be shared out
    goes to random objects, evenly over categories. The images of an object are put in the order
    of their azimuths, then elevations, cut into as many stretches as are wanted, and one is
    drawn from each. Images of background show no object: they keep their share of the set.

    Args:
        dataset: A `Dataset`.
        candidates: Positions in the set to choose from.
        count: How many to choose; None for all.
        seed: Of the random choices.
        background: Categories that are no objects.

    Returns:
        `count` positions, or all candidates if there are no more, ascending.
    """
    candidates = np.sort(candidates)
    if count is None or count >= len(candidates):
        return candidates
    rng = np.random.default_rng(seed)
    names = np.array(dataset.categories)[dataset.labels[candidates]]
    nothing = np.isin(names, list(background))
    share = round(count * float(nothing.mean()))
    of_nothing = rng.choice(candidates[nothing], share, replace=False)
    return np.sort([*_over_objects(dataset, candidates[~nothing], count - share, rng), *of_nothing])


def _over_objects(
    dataset: Any, pool: np.ndarray, count: int, rng: np.random.Generator
) -> list[int]:
    _, first, index, sizes = np.unique(
        np.asarray(dataset.objects)[pool], True, return_inverse=True, return_counts=True
    )
    quotas = _quotas(sizes, dataset.labels[pool[first]], count, rng)
    groups = np.split(pool[np.argsort(index, kind="stable")], np.cumsum(sizes)[:-1])
    chosen: list[int] = []
    for mine, quota in zip(groups, quotas, strict=True):
        if quota:
            chosen += _over_views(dataset, mine, int(quota), rng)
    return chosen


def _quotas(
    sizes: np.ndarray, categories: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Share `count` images out among objects of these sizes and categories, (objects,) int."""
    quotas = np.zeros_like(sizes)
    while left := count - int(quotas.sum()):
        able = np.flatnonzero(quotas < sizes)
        if left < len(able):
            quotas[_over_categories(able, categories, left, rng)] += 1
        else:
            quotas[able] += min(left // len(able), int((sizes - quotas)[able].min()))
    return quotas


def _over_categories(
    objects: np.ndarray, categories: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Choose so many of the objects: one of every category, then a second, and so on."""
    shuffled = rng.permutation(objects)
    rank, seen = np.zeros(len(shuffled), dtype=int), dict[int, int]()
    for i, category in enumerate(categories[shuffled].tolist()):
        rank[i] = seen[category] = seen.get(category, -1) + 1
    return shuffled[np.argsort(rank, kind="stable")[:count]]


def _over_views(dataset: Any, mine: np.ndarray, count: int, rng: np.random.Generator) -> list[int]:
    azimuth, elevation = (dataset.poses[mine, INDEX[name]] for name in ("azimuth", "elevation"))
    ordered = mine[np.lexsort((rng.random(len(mine)), elevation, azimuth))]
    edges = np.arange(count + 1) * len(mine) // count
    return ordered[rng.integers(edges[:-1], edges[1:])].tolist()
