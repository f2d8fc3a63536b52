"""How well objects of a category left out of training are told from those of known ones.

Pure functions of what `gathered` returns. An object is unknown in one part and known in another:
the objects of all parts are drawn together, so that intervals of a mean over categories hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gathered import Row, load

from objrec.evaluation.comparison import two_sided_p_value
from objrec.evaluation.metrics import Bootstrap
from objrec.evaluation.novelty_scores import SCORES

ENERGY = ("lowest energy",)
CLASSIFIER = ("maximum softmax", "energy score")
NEAREST = "nearest neighbour"  # where a pool keeps the distances themselves


@dataclass(frozen=True)
class Told:
    """How unknown the images look to one model: higher for what looks unknown.

    Attributes:
        category: The one left out.
        scores: Score → ((n,) of images of known objects, (m,) of unknown ones).
        known: (n,) the object that each image shows.
        known_categories: (n,) its category.
        unknown: (m,) the object, all of the category left out.
    """

    category: str
    scores: dict[str, tuple[np.ndarray, np.ndarray]]
    known: np.ndarray
    known_categories: np.ndarray
    unknown: np.ndarray


def told_apart(row: Row) -> Told:
    """Return the scores of a training without a category."""
    arrays = load(row)
    names = ENERGY if row["kind"] == "energy" else CLASSIFIER
    sides = [arrays[f"{side}_energies"].astype(float) for side in ("test", "unknown")]
    scores = {name: (SCORES[name](sides[0]), SCORES[name](sides[1])) for name in names}
    if "test_nearest" in arrays and row["kind"] != "energy":
        scores[NEAREST] = (arrays["test_nearest"], arrays["unknown_nearest"])
    return Told(
        row["part"].rpartition("unknown:")[2],
        scores,
        arrays["test_objects"],
        np.array(row["categories"])[arrays["test_labels"]],
        arrays["unknown_objects"],
    )


def unknown_figures(
    kinds: Mapping[str, Sequence[Row]], first: str, bootstrap: Bootstrap
) -> list[dict[str, Any]]:
    """Return a row for each score of each kind of model.

    Args:
        kinds: Kind → trainings, each without a category.
        first: The kind whose first score the others are held against.
        bootstrap: Draws objects.

    Returns:
        ``model``, ``score``; ``categories``: by category left out ``auroc`` and ``auroc_ci``; and
        of their mean ``auroc``, ``auroc_ci``, and against the first score, over the categories of
        both, ``difference`` (first less this one), ``difference_ci``, ``p_value``.
    """
    told = {kind: [told_apart(row) for row in rows] for kind, rows in kinds.items()}
    places, times = _draws([one for some in told.values() for one in some], bootstrap)
    found = {
        (kind, name): _by_category(some, name, places, times)
        for kind, some in sorted(told.items(), key=lambda item: item[0] != first)
        for name in some[0].scores
    }
    base = next((areas for (kind, _), areas in found.items() if kind == first), None)
    return [
        {"model": kind, "score": name}
        | _figures(areas, bootstrap)
        | (_apart(base, areas, bootstrap) if base is not None and areas is not base else {})
        for (kind, name), areas in found.items()
    ]


def _draws(told: Sequence[Told], bootstrap: Bootstrap) -> tuple[dict[str, int], np.ndarray]:
    """Return object → number, and how often each was drawn, (resamples, objects)."""
    category: dict[str, str] = {}
    for one in told:
        category |= dict(zip(one.known.tolist(), one.known_categories.tolist(), strict=True))
        category |= dict.fromkeys(one.unknown.tolist(), one.category)
    names = sorted(category)
    draws = bootstrap.draws(np.array(names), np.array([category[name] for name in names]))
    return {name: i for i, name in enumerate(names)}, draws.times[:, draws.index].astype(float)


def _by_category(
    told: Sequence[Told], name: str, places: Mapping[str, int], times: np.ndarray
) -> dict[str, np.ndarray]:
    """Return category → AUROC, and after it that of every draw: means over seeds."""
    found: dict[str, list[np.ndarray]] = {}
    for one in told:
        found.setdefault(one.category, []).append(drawn_areas(one, name, places, times))
    return {category: np.mean(areas, axis=0) for category, areas in sorted(found.items())}


def drawn_areas(told: Told, name: str, places: Mapping[str, int], times: np.ndarray) -> np.ndarray:
    """Return the AUROC, and that of every draw of the objects, (1 + draws,).

    It is the share of pairs of a known and an unknown image that are in order; so the pairs are
    counted once for each pair of objects, and weighted by how often both were drawn.

    Args:
        told: A model's scores.
        name: Which score.
        places: Object → its column in `times`.
        times: (draws, objects) how often each was drawn.
    """
    known, unknown = told.scores[name]
    some, others = np.unique(told.known), np.unique(told.unknown)
    wins = np.array(
        [[_wins(known[told.known == k], unknown[told.unknown == u]) for u in others] for k in some]
    )
    pairs = np.outer(
        [(told.known == k).sum() for k in some], [(told.unknown == u).sum() for u in others]
    )
    whole = np.ones((1, times.shape[1]))
    times = np.concatenate([whole, times])
    left = times[:, [places[k] for k in some.tolist()]]
    right = times[:, [places[u] for u in others.tolist()]]
    return ((left @ wins) * right).sum(1) / ((left @ pairs) * right).sum(1)


def _wins(known: np.ndarray, unknown: np.ndarray) -> float:
    """Count the pairs in which the unknown image scores higher; equal ones count half."""
    ordered = np.sort(known)
    below = np.searchsorted(ordered, unknown, side="left")
    return float((below + np.searchsorted(ordered, unknown, side="right")).sum() / 2)


def _figures(areas: Mapping[str, np.ndarray], bootstrap: Bootstrap) -> dict[str, Any]:
    mean = np.mean(list(areas.values()), axis=0)
    return {
        "auroc": float(mean[0]),
        "auroc_ci": bootstrap.percentiles(mean[1:]),
        "categories": {
            name: {"auroc": float(drawn[0]), "auroc_ci": bootstrap.percentiles(drawn[1:])}
            for name, drawn in areas.items()
        },
    }


def _apart(
    base: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray], bootstrap: Bootstrap
) -> dict[str, Any]:
    shared = sorted(base.keys() & other.keys())
    if not shared:
        return {}
    drawn = np.mean([base[name] - other[name] for name in shared], axis=0)
    return {
        "difference": float(drawn[0]),
        "difference_ci": bootstrap.percentiles(drawn[1:]),
        "p_value": two_sided_p_value(drawn[1:]),
    }
