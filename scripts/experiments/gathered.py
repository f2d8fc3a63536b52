"""Read pools of results: which trainings there are, and their answers, image by image.

A pool is a folder that pool.py filled. Nothing here computes a figure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from objrec.evaluation.pose_metrics import absolute_errors, aligned_errors, within
from objrec.pose import AXIS, INDEX

COVERED = ("hidden50", "hidden70", "clutter")
POSES = {
    "grid": "test_given",
    "refined": "test_refined",
    "mirrored": "test_mirrored_given",
    "fine": "test_fine",  # refined, from a grid finer than the views trained on
}
OPPOSITE = 150.0  # degrees off, and more: front and back are confused
ROUNDING = 1e-4  # of float32: an azimuth of exactly 150 degrees off is opposite
_AZIMUTH, _ELEVATION = INDEX["azimuth"], INDEX["elevation"]

Row = dict[str, Any]


class Question(NamedTuple):
    """What trainings are put together by."""

    set: str
    question: str
    variant: str


class Trainings(NamedTuple):
    """The rows of a pool, and what went wrong in it."""

    rows: list[Row]
    failed: list[str]


def read_pools(folders: Iterable[Path]) -> Trainings:
    """Return one row a training; of trainings with the same key, that of the last folder.

    Args:
        folders: Each with rows.jsonl and arrays/KEY.npz.

    Returns:
        The rows, each with ``arrays``, the path of its answers; and the keys that failed only.
    """
    rows: dict[str, Row] = {}
    failed: dict[str, None] = {}
    for folder in folders:
        for line in (folder / "rows.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if "failed" in row:
                failed[row["key"]] = None
            else:
                rows[row["key"]] = {**row, "arrays": folder / "arrays" / f"{row['key']}.npz"}
    return Trainings(list(rows.values()), [key for key in failed if key not in rows])


def question_of(part: str) -> str:
    """Return the question that a part of a set belongs to.

    Folds are one question, as are the categories left out in turn: 'fold:2/unknown:cow' is of
    'folds/unknown', 'objects:3' of itself.
    """
    first, _, rest = part.partition("/")
    name = first.partition(":")[0]
    if name == "fold":
        return f"folds/{question_of(rest)}" if rest else "folds"
    return name if name == "unknown" else first


def grouped(rows: Sequence[Row]) -> dict[Question, dict[str, list[Row]]]:
    """Return question → kind → its trainings, by part and seed."""
    found: dict[Question, dict[str, list[Row]]] = {}
    for row in sorted(rows, key=lambda row: (row["part"], row["seed"])):
        key = Question(row["set"], question_of(row["part"]), row["variant"])
        found.setdefault(key, {}).setdefault(row["kind"], []).append(row)
    return found


def load(row: Row) -> dict[str, np.ndarray]:
    """Return the arrays of a training."""
    with np.load(row["arrays"], allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@dataclass(frozen=True)
class Images:
    """The answers of several trainings, one after the other: N rows, one an image and training.

    Attributes:
        training: (N,) which training.
        keys: (N,) which image: its object, and its number among the object's images.
        objects: (N,) the object shown.
        categories: (N,) its category.
        answered: (N,) the category answered.
        columns: Name → (N,) what was measured, NaN where it was not.
    """

    training: np.ndarray
    keys: np.ndarray
    objects: np.ndarray
    categories: np.ndarray
    answered: np.ndarray
    columns: dict[str, np.ndarray]

    def only(self, chosen: np.ndarray) -> Images:
        """Return some rows, chosen by a (N,) bool."""
        columns = {name: values[chosen] for name, values in self.columns.items()}
        texts = (self.keys, self.objects, self.categories, self.answered)
        return Images(self.training[chosen], *(text[chosen] for text in texts), columns)


def images_of(rows: Sequence[Row], symmetric: Sequence[str]) -> Images:
    """Put the answers of trainings together.

    Args:
        rows: Of one kind of model.
        symmetric: Categories without a meaningful azimuth: their poses are left out.
    """
    parts = [_images(number, row, load(row), symmetric) for number, row in enumerate(rows)]
    names = dict.fromkeys(name for part in parts for name in part.columns)
    columns = {
        name: np.concatenate([p.columns.get(name, np.full(len(p.keys), np.nan)) for p in parts])
        for name in names
    }
    texts = ("training", "keys", "objects", "categories", "answered")
    return Images(*(np.concatenate([getattr(p, t) for p in parts]) for t in texts), columns)


def _images(
    number: int, row: Row, arrays: Mapping[str, np.ndarray], symmetric: Sequence[str]
) -> Images:
    names = np.array(row["categories"])
    labels, objects = arrays["test_labels"], arrays["test_objects"]
    categories = names[labels]
    keys = np.char.add(np.char.add(objects, "#"), occurrences(objects).astype(str))
    answered = names[arrays["test_energies"].argmin(axis=1)]
    columns = _errors(arrays) | _poses(arrays, categories, symmetric)
    training = np.full(len(labels), number)
    return Images(training, keys, objects, categories, answered, columns)


def occurrences(names: np.ndarray) -> np.ndarray:
    """Return how often each name came before, (N,)."""
    order = np.argsort(names, kind="stable")
    _, first, counts = np.unique(names[order], return_index=True, return_counts=True)
    before = np.empty(len(names), dtype=int)
    before[order] = np.arange(len(names)) - np.repeat(first, counts)
    return before


def _errors(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return which images are wrong: as they are, with their mirror images, covered."""
    labels = arrays["test_labels"]
    asked = {"error": "test_energies", "mirrored": "test_mirrored_energies"}
    asked |= {name: f"{name}_energies" for name in COVERED}
    wrong = {
        name: (arrays[key].argmin(axis=1) != labels).astype(float)
        for name, key in asked.items()
        if key in arrays
    }
    return _by_views(wrong, arrays.get("test_novel"))


def _by_views(columns: dict[str, np.ndarray], novel: np.ndarray | None) -> dict[str, np.ndarray]:
    """Add columns over familiar views alone, and over novel ones."""
    if novel is None:
        return columns
    views = {"familiar": ~novel, "novel": novel}
    return columns | {
        f"{name} {view}": np.where(shown, values, np.nan)
        for name, values in columns.items()
        for view, shown in views.items()
    }


def _poses(
    arrays: Mapping[str, np.ndarray], categories: np.ndarray, symmetric: Sequence[str]
) -> dict[str, np.ndarray]:
    """Return how far azimuth and elevation are off, given the category, and what follows."""
    columns: dict[str, np.ndarray] = {}
    true, left_out = arrays["test_true_poses"].astype(float), np.isin(categories, symmetric)
    for how, key in POSES.items():
        if key not in arrays:
            continue
        given = np.where(left_out[:, None], np.nan, arrays[key].astype(float))
        for name, at in (("azimuth", _AZIMUTH), ("elevation", _ELEVATION)):
            off = absolute_errors(AXIS[name], given[:, at], true[:, at])
            if not np.isnan(off).all():
                columns[f"{name} {how}"] = off
        if f"azimuth {how}" in columns:
            columns |= _azimuths(how, given[:, _AZIMUTH], true[:, _AZIMUTH], categories)
    return _by_views(columns, arrays.get("test_novel"))


def _azimuths(
    how: str, given: np.ndarray, true: np.ndarray, categories: np.ndarray
) -> dict[str, np.ndarray]:
    axis = AXIS["azimuth"]
    off, aligned = absolute_errors(axis, given, true), np.full(len(given), np.nan)
    known = ~np.isnan(off)
    aligned[known], _ = aligned_errors(axis, given[known], true[known], categories[known])
    return {
        f"within30 {how}": np.where(known, within(off, 30), np.nan),
        f"opposite {how}": np.where(known, off >= OPPOSITE - ROUNDING, np.nan),
        f"aligned30 {how}": np.where(known, within(aligned, 30), np.nan),
    }
