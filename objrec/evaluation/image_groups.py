"""Groups of images of one object: what is recognised together. Labels decide, no image is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from objrec.errors import DataError, SettingsError

LIGHTING = "lighting"


def checked_counts(counts: Sequence[int]) -> tuple[int, ...]:
    """Return the numbers of images in ascending order, each once.

    Raises:
        SettingsError: There are none, or one is below 1.
    """
    if not counts or min(counts) < 1:
        raise SettingsError("together: the numbers of images must be at least 1; write 1 2 3 5 8")
    return tuple(sorted(set(counts)))


def choose_groups(
    dataset: Any, size: int, groups: int, seed: int, categories: Sequence[str]
) -> np.ndarray:
    """Draw groups of different images of one object, under one lighting where that is known.

    Every object has as many groups as any other, up to one.

    Args:
        dataset: A `Dataset`.
        size: Images in a group; objects with fewer are passed over.
        groups: G.
        seed: Of the draw.
        categories: Objects of others are passed over.

    Returns:
        (G, size) positions in the set.

    Raises:
        DataError: No object has so many images.
    """
    rng = np.random.default_rng(seed)
    cells = [c for c in _cells(dataset, categories) if max(map(len, c)) >= size]
    if not cells:
        under = " under one lighting" if LIGHTING in dataset.factors else ""
        raise DataError(
            f"{dataset.root}: no object of a known category has {size} images{under}; "
            "put fewer together"
        )
    drawn = []
    while len(drawn) < groups:
        for number in rng.permutation(len(cells))[: groups - len(drawn)]:
            able = [cell for cell in cells[number] if len(cell) >= size]
            drawn.append(rng.choice(able[rng.integers(len(able))], size, replace=False))
    return np.stack(drawn)


def _cells(dataset: Any, categories: Sequence[str]) -> list[list[np.ndarray]]:
    """Return, for each object, the positions of its images, lighting by lighting."""
    known = np.isin(np.array(dataset.categories)[dataset.labels], categories)
    objects = np.asarray(dataset.objects)
    lightings = np.asarray(dataset.factors.get(LIGHTING, np.full(len(objects), "")))
    return [
        [np.flatnonzero(mine & (lightings == light)) for light in np.unique(lightings[mine])]
        for mine in (known & (objects == name) for name in np.unique(objects[known]))
    ]
