"""Which objects carry the error. Pure functions of what `gathered` returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from gathered import Images
from image_figures import Averaged, averaged

WORST = 8


def worst_objects(
    kinds: Mapping[str, Images], first: str, count: int = WORST
) -> dict[str, Any] | None:
    """Return the objects that are mistaken most often, by the mean over the kinds of models.

    Returns:
        ``objects``: rows ``object``, ``category``, ``images``, ``errors`` by kind, and ``called``:
        what the first kind takes it for most often, with the share of its images; ``carried`` by
        kind: the share of all errors that these objects make; ``of``, how many objects there are.
    """
    tables = {kind: averaged(images, "error") for kind, images in kinds.items()}
    errors = {kind: _by_object(table) for kind, table in tables.items()}
    names = sorted(set.intersection(*(set(found) for found in errors.values())))
    if first not in kinds or not names:
        return None

    def error(name: str) -> float:
        return float(np.mean([found[name].mean() for found in errors.values()]))

    chosen = sorted(names, key=lambda name: (-error(name), name))[:count]
    rows = [
        {
            "object": name,
            "images": len(errors[first][name]),
            "errors": {kind: float(found[name].mean()) for kind, found in errors.items()},
            **_called(kinds[first], name),
        }
        for name in chosen
    ]
    return {"objects": rows, "of": len(names), "carried": _carried(errors, chosen)}


def _by_object(table: Averaged) -> dict[str, np.ndarray]:
    return {name: table.values[table.objects == name] for name in np.unique(table.objects).tolist()}


def _carried(errors: Mapping[str, dict[str, np.ndarray]], chosen: Iterable[str]) -> dict[str, Any]:
    totals = {kind: sum(v.sum() for v in found.values()) for kind, found in errors.items()}
    return {
        kind: float(sum(errors[kind][name].sum() for name in chosen) / total) if total else None
        for kind, total in totals.items()
    }


def _called(images: Images, name: str) -> dict[str, Any]:
    own = images.objects == name
    category = images.categories[own][0].item()
    answers, counts = np.unique(images.answered[own], return_counts=True)
    shares = dict(zip(answers.tolist(), (counts / own.sum()).tolist(), strict=True))
    wrong = {answer: share for answer, share in shares.items() if answer != category}
    called = max(wrong, key=wrong.__getitem__) if wrong else None
    return {"category": category, "called": called, "called_share": wrong.get(called, 0.0)}
