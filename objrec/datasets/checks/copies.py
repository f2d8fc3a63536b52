"""Checks for copies: the same picture twice, exactly or saved again.

Views of one object within one split may resemble each other as they like, as the frames of a video
do; what counts is the same picture in training and test, or as two objects.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from objrec.datasets.checks.facts import Facts
from objrec.datasets.checks.finding import (
    ERROR,
    REMARK,
    WARNING,
    Check,
    Finding,
    counted,
    verb,
)
from objrec.datasets.duplicates import BLANK, same_digest

_LEAK = "a picture that was trained on tests nothing"


def copies_across_splits(facts: Facts) -> Iterator[Finding]:
    """The same pixels in two splits."""
    pairs = _across(facts, _exact(facts))
    if len(pairs):
        count = len(pairs)
        yield Finding(
            ERROR,
            "copies-across-splits",
            f"{counted(count, 'image')} of {_later(facts, pairs)} {verb(count, 'is', 'are')} also "
            f"in an earlier split, pixel for pixel",
            f"remove {verb(count, 'it', 'them')} from one of the splits: {_LEAK}",
            _told(facts, pairs, "="),
        )


def near_copies_across_splits(facts: Facts) -> Iterator[Finding]:
    """The same picture in two splits, saved again, resized or brightened."""
    pairs = _across(facts, _near(facts))
    if len(pairs):
        count = len(pairs)
        yield Finding(
            ERROR,
            "near-copies-across-splits",
            f"{counted(count, 'image')} of {_later(facts, pairs)} "
            f"{verb(count, 'looks', 'look')} the same as one of an earlier split",
            f"look at them, and keep views of one object in one split: {_LEAK}",
            _told(facts, pairs, "~"),
        )


def copies_of_two_categories(facts: Facts) -> Iterator[Finding]:
    """The same picture under two categories: one of the labels is wrong."""
    exact, near = _exact(facts), _near(facts)
    pairs = np.concatenate([exact, near])
    pairs = pairs[facts.labels[pairs[:, 0]] != facts.labels[pairs[:, 1]]]
    if len(pairs):
        yield Finding(
            ERROR,
            "copies-of-two-categories",
            f"{counted(len(pairs), 'picture')} {verb(len(pairs), 'is', 'are')} labelled as two "
            "categories",
            "keep the right one of each pair",
            _told(facts, pairs, "="),
        )


def copies(facts: Facts) -> Iterator[Finding]:
    """The same pixels as two objects of one split."""
    pairs = _other_objects(facts, _exact(facts))
    if len(pairs):
        yield _as_two_objects(facts, pairs, "copies", "an exact copy of", "exact copies of")


def near_copies(facts: Facts) -> Iterator[Finding]:
    """The same picture as two objects of one split, saved again, resized or brightened."""
    pairs = _other_objects(facts, _near(facts))
    if len(pairs):
        yield _as_two_objects(facts, pairs, "near-copies", "nearly the same as", "nearly as")


def copies_of_an_object(facts: Facts) -> Iterator[Finding]:
    """The same pixels twice among the views of one object."""
    pairs = _exact(facts)
    same = facts.objects[pairs[:, 0]] == facts.objects[pairs[:, 1]]
    pairs = _each_once(pairs[same & facts.named[pairs[:, 0]] & _one_split(facts, pairs)])
    if len(pairs):
        yield Finding(
            REMARK,
            "copies-of-an-object",
            f"{counted(len(pairs), 'image')} {verb(len(pairs), 'repeats', 'repeat')} another view "
            "of the same object, pixel for pixel",
            "harmless, but they teach nothing, and different pose labels would contradict each "
            "other",
            _told(facts, pairs, "="),
        )


def _as_two_objects(facts: Facts, pairs: np.ndarray, code: str, one: str, many: str) -> Finding:
    count = len(pairs)
    advice = "remove the copies, or give them the same instance if they show one object"
    if not facts.named[pairs].any():
        advice = (
            "remove the copies; if they are views of one object, put them into a subfolder of "
            "their own, or fill in 'instance'"
        )
    described = verb(count, f"is {one}", f"are {many}")
    message = f"{counted(count, 'image')} {described} another object's, in the same split"
    return Finding(WARNING, code, message, advice, _told(facts, pairs, "=~"[code != "copies"]))


def _exact(facts: Facts) -> np.ndarray:
    """Return (M, 2) pairs of equal pixels: each image with the first of its kind in each split."""
    if facts.images is None:
        return np.zeros((0, 2), np.int64)
    usable = facts.images.read & (facts.images.spreads >= BLANK) & facts.is_object
    rows = np.flatnonzero(usable)
    pairs = []
    for group in same_digest(facts.images.digests[rows]):
        members = rows[group]
        keys = np.stack([facts.split[members], facts.labels[members]])
        firsts = members[np.unique(keys, axis=1, return_index=True)[1]]
        pairs += [(first, row) for row in members for first in firsts if first < row]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _near(facts: Facts) -> np.ndarray:
    """Return (M, 2) pairs that look the same without being so, pixel for pixel."""
    pairs = facts.near
    if not len(pairs):
        return pairs
    different = facts.images.digests[pairs[:, 0]] != facts.images.digests[pairs[:, 1]]
    return pairs[different & facts.is_object[pairs].all(axis=1)]


def _one_split(facts: Facts, pairs: np.ndarray) -> np.ndarray:
    return facts.split[pairs[:, 0]] == facts.split[pairs[:, 1]]


def _across(facts: Facts, pairs: np.ndarray) -> np.ndarray:
    return _each_once(pairs[~_one_split(facts, pairs)])


def _other_objects(facts: Facts, pairs: np.ndarray) -> np.ndarray:
    """Keep pairs of one split and category that count as two objects."""
    a, b = pairs.T
    apart = (facts.objects[a] != facts.objects[b]) & (facts.labels[a] == facts.labels[b])
    return _each_once(pairs[apart & _one_split(facts, pairs)])


def _each_once(pairs: np.ndarray) -> np.ndarray:
    """Keep one partner of every image: the first."""
    return pairs[np.unique(pairs[:, 1], return_index=True)[1]]


def _later(facts: Facts, pairs: np.ndarray) -> str:
    return " and ".join(facts.splits[i] for i in np.unique(facts.split[pairs[:, 1]]))


def _told(facts: Facts, pairs: np.ndarray, sign: str) -> tuple[str, ...]:
    return tuple(f"{facts.sources[b]} {sign} {facts.sources[a]}" for a, b in pairs)


CHECKS: dict[str, Check] = {
    "copies-across-splits": copies_across_splits,
    "near-copies-across-splits": near_copies_across_splits,
    "copies-of-two-categories": copies_of_two_categories,
    "copies": copies,
    "near-copies": near_copies,
    "copies-of-an-object": copies_of_an_object,
}
