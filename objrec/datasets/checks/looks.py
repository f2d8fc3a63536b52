"""Checks of the images themselves: their sizes and kinds, and whether anything is on them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator

import numpy as np

from objrec.datasets.checks.facts import Facts
from objrec.datasets.checks.finding import REMARK, WARNING, Check, Finding, counted, named, verb
from objrec.datasets.duplicates import BLANK

_TINY = 32
_LARGE = 4_000_000
_SAME_SHAPE = 0.05


def blank(facts: Facts) -> Iterator[Finding]:
    """Images of one gray value."""
    if facts.images is None:
        return
    empty = facts.images.read & (facts.images.spreads < BLANK) & facts.is_object
    if empty.any():
        count = int(empty.sum())
        yield Finding(
            WARNING,
            "blank",
            f"{counted(count, 'image')} {verb(count, 'is', 'are')} the same all over",
            f"look at {verb(count, 'it', 'them')}: nothing can be seen there",
            tuple(facts.sources[i] for i in np.flatnonzero(empty)),
        )


def tiny(facts: Facts) -> Iterator[Finding]:
    """Images of fewer pixels than a network looks at."""
    small = _read(facts, lambda sizes: sizes.min(axis=1) < _TINY)
    if small.any():
        count = int(small.sum())
        yield Finding(
            WARNING,
            "tiny",
            f"{counted(count, 'image')} {verb(count, 'is', 'are')} less than {_TINY} pixels high "
            "or wide",
            "use the originals, if these were shrunk",
            tuple(facts.sources[i] for i in np.flatnonzero(small)),
        )


def large(facts: Facts) -> Iterator[Finding]:
    """Images so large that reading them takes longer than training."""
    big = _read(facts, lambda sizes: sizes.astype(np.int64).prod(axis=1) > _LARGE)
    if big.any():
        count = int(big.sum())
        yield Finding(
            REMARK,
            "large",
            f"{counted(count, 'image')} {verb(count, 'has', 'have')} more than "
            f"{_LARGE // 1_000_000} million pixels",
            f"reading takes long; 'objrec data convert {shlex.quote(facts.path)} OUT --to folder "
            "--size 512' shrinks once and for all",
        )


def mixed_shapes(facts: Facts) -> Iterator[Finding]:
    """Images of different aspect; worse if the category can be told by it."""
    if facts.images is None or not facts.images.read.any():
        return
    sizes = facts.images.sizes[facts.images.read]
    shapes = (np.log(sizes[:, 0] / sizes[:, 1]) / _SAME_SHAPE).round()
    if len(np.unique(shapes)) > 1:
        told, names = _tells(facts, facts.images.read, shapes)
        yield Finding(
            WARNING if told else REMARK,
            "mixed-shapes",
            f"images of different shapes, {_size(sizes, 0)} to {_size(sizes, -1)}"
            + (f": {named(names)} can be told by that" if told else ""),
            "they are padded to a square, never squashed"
            + (", and the padding gives the category away; crop all of them alike" if told else ""),
        )


def mixed_colour(facts: Facts) -> Iterator[Finding]:
    """Gray images among those in colour; worse if the category can be told by it."""
    if facts.images is None:
        return
    read, colour = facts.images.read, facts.images.colour
    gray = read & ~colour
    if gray.any() and (read & colour).any():
        told, names = _tells(facts, read, colour[read].astype(float))
        yield Finding(
            WARNING if told else REMARK,
            "mixed-colour",
            f"{counted(int(gray.sum()), 'image')} of {int(read.sum()):,} "
            f"{verb(int(gray.sum()), 'is', 'are')} gray, the others in colour"
            + (f": {named(names)} can be told by that" if told else ""),
            "use one kind, and the same for all categories"
            if told
            else "the gray ones are taken as colour images without colour",
        )


def _read(facts: Facts, chosen: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return (N,) bool: images that were read and whose (N, 2) sizes are chosen."""
    if facts.images is None:
        return np.zeros(len(facts), bool)
    return facts.images.read & chosen(facts.images.sizes)


def _size(sizes: np.ndarray, rank: int) -> str:
    """Return the size of the narrowest (0) or widest (-1) image."""
    width, height = sizes[np.argsort(sizes[:, 0] / sizes[:, 1], kind="stable")[rank]]
    return f"{width} x {height}"


def _tells(facts: Facts, mask: np.ndarray, kinds: np.ndarray) -> tuple[bool, list[str]]:
    """Find categories that have a kind of image to themselves: all theirs, and nobody else's."""
    labels = facts.labels[mask]
    own = []
    for label in np.unique(labels):
        mine, others = set(kinds[labels == label]), set(kinds[labels != label])
        if others and not mine & others:
            own.append(facts.categories[label])
    return bool(own), own


CHECKS: dict[str, Check] = {
    "blank": blank,
    "tiny": tiny,
    "large": large,
    "mixed-shapes": mixed_shapes,
    "mixed-colour": mixed_colour,
}
