"""Turning objects of a category to one another, where azimuths are right only within an object.

Two objects of a category look most alike when they show the same side. So for every pair of objects
the resemblance of their views is averaged as a function of the difference of their azimuth labels,
and one offset an object is sought at which all pairs resemble each other most. It needs nothing but
the images; training then goes on from there (see `objrec.training.relative`).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from objrec.datasets.front import outlines, viewing_cells
from objrec.pose import INDEX

_BINS = 72
_BIN = 360.0 / _BINS
_KERNEL = 15.0  # degrees: half the base of the triangle by which resemblance is smoothed
_SIDE = 12  # of the gray images that are compared beside outlines
_MOST_VIEWS = 200
_MOST_ANCHORS = 24


def align_objects(images: Any, poses: Any, objects: Any) -> dict[Any, float]:
    """Find the azimuth offsets at which the objects of one category resemble each other most.

    Args:
        images: (N, V, C, S, S) uint8, array or tensor, of one category.
        poses: (N, 6) stored units; images without azimuth are left out.
        objects: (N,) what tells objects apart, sortable.

    Returns:
        Object → degrees to add to its azimuths, the first object's being 0; only objects with
        azimuth labels.
    """
    images, poses, objects = np.asarray(images), np.asarray(poses), np.asarray(objects)
    known = np.flatnonzero(~np.isnan(poses[:, INDEX["azimuth"]]))
    names = np.unique(objects[known])
    cells = viewing_cells(poses)
    views = [_spread(known[objects[known] == name]) for name in names]
    looks = [_looks(images[mine]) for mine in views]
    azimuths = [poses[mine, INDEX["azimuth"]] for mine in views]
    places = [cells[mine] for mine in views]

    def resemblance(i: int, j: int) -> np.ndarray:
        same = places[i][:, None] == places[j][None]
        apart = azimuths[i][:, None] - azimuths[j][None]
        return _curve((looks[i] @ looks[j].T)[same], apart[same])

    offsets = _joint(len(names), resemblance)
    turned = (offsets - offsets[0]) % 360 if len(offsets) else offsets
    return dict(zip(names.tolist(), turned.tolist(), strict=True))


def _spread(views: np.ndarray) -> np.ndarray:
    """Keep at most so many views, in an order that does not follow the labels' own."""
    if len(views) <= _MOST_VIEWS:
        return views
    return np.random.default_rng(len(views)).permutation(views)[:_MOST_VIEWS]


def _looks(images: np.ndarray) -> np.ndarray:
    """Describe each image by its outlines and its shading, (n, D) of length 1."""
    gray = images.mean(axis=2).astype(np.float32)
    small = [
        [cv2.resize(view, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for view in sample]
        for sample in gray
    ]
    shading = np.reshape(small, (len(images), -1))
    shading = shading - shading.mean(axis=1, keepdims=True)
    shading /= np.linalg.norm(shading, axis=1, keepdims=True) + 1e-6
    return np.concatenate([outlines(images).reshape(len(images), -1), shading], 1) / np.sqrt(2)


def _curve(likeness: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """Average likeness as a smooth function of the difference of azimuth labels, (bins,).

    Returns:
        At bin b: for labels that are b x 5 degrees apart; less the mean, 0 where nothing is known.
    """
    bins = np.round(apart / _BIN).astype(int) % _BINS
    sums = np.bincount(bins, likeness, _BINS)
    counts = np.bincount(bins, minlength=_BINS).astype(float)
    reach = np.minimum(np.arange(_BINS), _BINS - np.arange(_BINS)) * _BIN
    kernel = np.fft.rfft(np.maximum(0, 1 - reach / _KERNEL))
    sums, counts = (np.fft.irfft(np.fft.rfft(x) * kernel, _BINS) for x in (sums, counts))
    filled = counts > 1e-6
    if not filled.any():
        return np.zeros(_BINS)
    curve = np.where(filled, sums / np.maximum(counts, 1e-6), 0.0)
    return np.where(filled, curve - curve[filled].mean(), 0.0)


def _joint(count: int, resemblance: Any) -> np.ndarray:
    """Maximise the sum of all pairs' resemblance over one offset an object.

    Coordinate ascent over the first objects, from each of them as the one that the others are
    first turned to; every further object is then turned to those.

    Returns:
        (count,) degrees.
    """
    anchors = min(count, _MOST_ANCHORS)
    curves = {(i, j): resemblance(i, j) for i in range(anchors) for j in range(i)}
    # curve(i, j)[b] is the resemblance at label i - label j = b: best at offset j - offset i = b.
    curves |= {(j, i): np.roll(curve[::-1], 1) for (i, j), curve in curves.items()}
    found = [_ascended(start, anchors, curves) for start in range(anchors)]
    best = max(found, key=lambda one: one[1])[0] if found else np.zeros(0, int)
    offsets = list(best)
    for i in range(anchors, count):
        offsets.append(int(_support({j: resemblance(i, j) for j in range(anchors)}, best).argmax()))
    return np.array(offsets, dtype=float) * _BIN


def _ascended(
    start: int, count: int, curves: dict[tuple[int, int], np.ndarray]
) -> tuple[np.ndarray, float]:
    """Return the offsets in bins that ascent from one object ends at, and their resemblance."""
    offsets = np.zeros(count, int)
    others = [i for i in range(count) if i != start]
    for i in others:
        offsets[i] = int(_support({start: curves[i, start]}, offsets).argmax())
    for _ in range(20):
        before = offsets.copy()
        for i in others:
            mine = {j: curves[i, j] for j in range(count) if j != i}
            offsets[i] = int(_support(mine, offsets).argmax())
        if (offsets == before).all():
            break
    total = sum(c[(offsets[j] - offsets[i]) % _BINS] for (i, j), c in curves.items())
    return offsets, float(total)


def _support(curves: dict[int, np.ndarray], offsets: np.ndarray) -> np.ndarray:
    """Return, for each offset of one object, its resemblance to the others at theirs, (bins,)."""
    own = np.arange(_BINS)
    return sum(curve[(offsets[j] - own) % _BINS] for j, curve in curves.items())
