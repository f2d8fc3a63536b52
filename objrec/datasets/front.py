"""Where is the objects' front? Found from the images, by what a mirror does to them.

A mirror image of a view at azimuth a shows a left-right symmetric object from azimuth 2f - a, if f
is the azimuth at which the camera faces its front. So two views of one object at azimuths a and b
that resemble each other after mirroring speak for f = (a + b) / 2, or that plus 180.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from objrec.pose import INDEX

_BIN = 5.0
_BINS = int(180 / _BIN)
_FEWEST_BINS = 4
_SIDE = 24
_MOST_OBJECTS = 100
_MOST_VIEWS = 300
_ELEVATION_STEP = 5.0
# On render5 and eth80 the true front has 0.61 to 0.76 of the median distance and wins all
# resamplings; shuffled labels, one unknown offset per object, or noise stay above 0.9 or win
# less than three quarters of them.
_CLEARLY_NEARER = 0.88
_CLEARLY_STABLE = 0.9
_RESAMPLES = 200
# Views that are all alike (a ball, an empty image) differ by rounding only: they have no front.
_ALIKE = 0.01


def estimate_front_azimuth(
    dataset_images: Any, poses: Any, objects: Any, groups: Any = None
) -> float | None:
    """Estimate the azimuth at which the camera faces the objects' front.

    For every object, pairs of its views at about the same elevation are compared, one of them
    mirrored (and the cameras swapped), and their distance is counted for the middle of their two
    azimuths. Outlines are compared rather than gray values, since the light does not turn round
    with the mirror.

    Args:
        dataset_images: (N, V, C, S, S) uint8, array or tensor; 24 pixels a side are enough.
        poses: (N, 6) stored units; samples without azimuth are left out.
        objects: (N,) text that tells objects apart.
        groups: (N,) text; only views of the same group (such as lighting) are compared.

    Returns:
        Degrees in [0, 180): a front at f and one at f + 180 mirror alike. None unless one value
        is clearly better than the median and stays so when the objects are resampled.
    """
    images, poses = np.asarray(dataset_images), np.asarray(poses)
    numbers = np.unique(objects, return_inverse=True)[1].ravel()
    cells = viewing_cells(poses, groups)
    known = ~np.isnan(poses[:, INDEX["azimuth"]])
    rng = np.random.default_rng(0)
    tables = []
    for number in rng.permutation(np.unique(numbers[known]))[:_MOST_OBJECTS]:
        views = _some_views(np.flatnonzero(known & (numbers == number)), cells, rng)
        tables.append(_table(outlines(images[views]), poses[views, INDEX["azimuth"]], cells[views]))
    return _best(np.array(tables), rng) if tables else None


def viewing_cells(poses: np.ndarray, groups: Any = None) -> np.ndarray:
    """Number the samples by elevation (in steps of 5 degrees) and group, (N,) int."""
    elevation = np.nan_to_num(poses[:, INDEX["elevation"]] / _ELEVATION_STEP, nan=1000).round()
    group = np.zeros(len(poses)) if groups is None else np.unique(groups, return_inverse=True)[1]
    both = np.stack([elevation, group.ravel()], axis=1)
    return np.unique(both, axis=0, return_inverse=True)[1].ravel()


def _some_views(views: np.ndarray, cells: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Keep whole cells, in random order, until there are enough views."""
    present, counts = np.unique(cells[views], return_counts=True)
    order = rng.permutation(len(present))
    needed = 1 + np.searchsorted(np.cumsum(counts[order]), _MOST_VIEWS)
    return views[np.isin(cells[views], present[order[:needed]])]


def outlines(images: np.ndarray) -> np.ndarray:
    """Return the gradient magnitudes, (n, V, S, S), of mean 0 and length 1 for each sample."""
    gray = images.mean(axis=2)
    if gray.shape[-1] > _SIDE:
        small = [cv2.resize(g, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for g in _flat(gray)]
        gray = np.reshape(small, (*gray.shape[:2], _SIDE, _SIDE))
    edged = np.pad(gray, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    across = edged[..., 1:-1, 2:] - edged[..., 1:-1, :-2]
    down = edged[..., 2:, 1:-1] - edged[..., :-2, 1:-1]
    edges = np.abs(across) + np.abs(down)
    edges -= edges.mean(axis=(1, 2, 3), keepdims=True)
    length = np.sqrt((edges**2).sum(axis=(1, 2, 3), keepdims=True))
    return (edges / (length + 1e-6)).astype(np.float32)


def _flat(maps: np.ndarray) -> np.ndarray:
    return maps.reshape(-1, *maps.shape[-2:])


def _table(edges: np.ndarray, azimuths: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Sum the distances of an object's pairs by the middle of their azimuths.

    Returns:
        (2, bins): the sum of 1 - correlation, and the number of pairs.
    """
    mirrored = edges[:, ::-1, :, ::-1]
    table = np.zeros((2, _BINS))
    for cell in np.unique(cells):
        own = np.flatnonzero(cells == cell)
        distances = 1 - mirrored[own].reshape(len(own), -1) @ edges[own].reshape(len(own), -1).T
        i, j = np.triu_indices(len(own), k=1)
        middle = (azimuths[own][i] + azimuths[own][j]) / 2 % 180
        bins = np.round(middle / _BIN).astype(int) % _BINS
        table[0] += np.bincount(bins, distances[i, j], minlength=_BINS)
        table[1] += np.bincount(bins, minlength=_BINS)
    return table


def _best(tables: np.ndarray, rng: np.random.Generator) -> float | None:
    """Choose the bin of least mean distance, (objects, 2, bins) → degrees, if it is clear."""
    totals = tables[:, 1].sum(axis=0)
    filled = totals > 0
    if filled.sum() < _FEWEST_BINS:
        return None
    # Azimuths off the regular grid fill some bins with a few pairs only: too few to trust.
    usable = filled & (totals >= np.median(totals[filled]) / 4)
    if usable.sum() < _FEWEST_BINS:
        return None
    means = _means(tables.sum(axis=0)[None], usable)[0]
    best, usual = int(means.argmin()), np.median(means[usable])
    if usual < _ALIKE or means[best] > _CLEARLY_NEARER * usual:
        return None
    chance = np.full(len(tables), 1 / len(tables))
    weights = rng.multinomial(len(tables), chance, size=_RESAMPLES)
    resampled = _means(np.einsum("ro,otb->rtb", weights, tables), usable).argmin(axis=1)
    apart = np.abs((resampled - best + _BINS // 2) % _BINS - _BINS // 2) * _BIN
    return best * _BIN if (apart <= 2 * _BIN).mean() >= _CLEARLY_STABLE else None


def _means(tables: np.ndarray, usable: np.ndarray) -> np.ndarray:
    sums, counts = tables[:, 0], tables[:, 1]
    return np.where(usable & (counts > 0), sums / np.maximum(counts, 1), np.inf)
