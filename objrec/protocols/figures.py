"""The rows of a protocol: every model on every kind of views of every part, or of all folds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from objrec.evaluation.metrics import Bootstrap
from objrec.protocols.measuring import Asked, Measured, difference, joined, row
from objrec.protocols.parts import Plan


def figures(
    plan: Plan,
    measured: Mapping[Asked, Measured],
    symmetric: Sequence[str],
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Return rows, and differences of all kinds of models from the first.

    Args:
        plan: What was trained on and tested on.
        measured: Every part, kind and seed, the first kind first.
        symmetric: Categories left out of pose figures.
        bootstrap: How to make intervals.
    """
    kinds = list(dict.fromkeys(asked.kind for asked in measured))
    first, *others = kinds
    groups = [_Group.of(plan, numbers, measured) for numbers in _grouped(plan)]
    shown = [(group, views) for group in groups for views in group.views]
    return {
        "rows": [
            group.row(kind, views, symmetric, bootstrap) for kind in kinds for group, views in shown
        ],
        "differences": [
            {"model": other, "minus": first, **group.facts, "views": views}
            | difference(group.runs[first], group.runs[other], group.views[views], bootstrap)
            for other in others
            for group, views in shown
        ],
        "bootstrap": {
            "resamples": bootstrap.resamples,
            "seed": bootstrap.seed,
            "level": bootstrap.level,
            "over": "objects within each category, seeds averaged",
        },
    }


def _grouped(plan: Plan) -> list[list[int]]:
    """Return the numbers of the parts that are measured together."""
    numbers = list(range(len(plan.parts)))
    return [numbers] if plan.pooled else [[number] for number in numbers]


@dataclass(frozen=True)
class _Group:
    """The answers that are measured together.

    Attributes:
        facts: What tells its rows from those of other groups.
        runs: Kind → one for each seed, over the test images of all its parts.
        views: Name → (N,) bool over the same images.
        parts: For each part (of several) its facts, and (N,) bool.
    """

    facts: Mapping[str, Any]
    runs: Mapping[str, list[Measured]]
    views: Mapping[str, np.ndarray]
    parts: Sequence[tuple[Mapping[str, Any], np.ndarray]]

    @classmethod
    def of(cls, plan: Plan, numbers: list[int], measured: Mapping[Asked, Measured]) -> _Group:
        parts = [plan.parts[number] for number in numbers]
        sizes = [len(part.test) for part in parts]
        runs: dict[str, list[Measured]] = {}
        for kind, seed in dict.fromkeys((asked.kind, asked.seed) for asked in measured):
            own = [measured[Asked(number, kind, seed)] for number in numbers]
            runs.setdefault(kind, []).append(joined(own, sizes))
        views = {name: np.concatenate([p.views[name] for p in parts]) for name in parts[0].views}
        owner = np.repeat(np.arange(len(parts)), sizes)
        return cls(
            facts=parts[0].facts if len(parts) == 1 else {},
            runs=runs,
            views={name: shown for name, shown in views.items() if shown.any()},
            parts=[(part.facts, owner == i) for i, part in enumerate(parts)]
            if len(parts) > 1
            else [],
        )

    def row(
        self, kind: str, views: str, symmetric: Sequence[str], bootstrap: Bootstrap
    ) -> dict[str, Any]:
        runs, shown = self.runs[kind], self.views[views]
        figures = {**self.facts, **row(kind, views, runs, shown, symmetric, bootstrap)}
        if self.parts:
            figures["folds"] = list(self._folds(runs, shown))
        return figures

    def _folds(self, runs: Sequence[Measured], shown: np.ndarray) -> Iterator[dict[str, Any]]:
        for facts, inside in self.parts:
            at = [np.flatnonzero((shown & inside)[run.indices]) for run in runs]
            rates = [float(r.outcomes.wrong[i].mean()) for r, i in zip(runs, at, strict=True)]
            objects = np.unique(runs[0].outcomes.objects[at[0]])
            yield {
                **facts,
                "error_rate": float(np.mean(rates)),
                "error_rates": rates,
                "images": len(at[0]),
                "objects": objects.tolist(),
            }
