"""Categories left out of training: how well each model tells their objects as unknown.

The scores are those of `objrec.evaluation.novelty`, and for classifiers also the distance to the
nearest training view in their own features. All are higher for what looks unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from objrec.datasets import Dataset
from objrec.errors import DataError
from objrec.evaluation.comparison import two_sided_p_value
from objrec.evaluation.metrics import Bootstrap, Draws
from objrec.evaluation.novelty_scores import SCORES, auroc, drawn_figures, fpr_at_tpr
from objrec.evaluation.run import load_chunk
from objrec.protocols.measuring import Asked, Progress
from objrec.protocols.parts import Part
from objrec.recognizer import Recognizer

NEAREST = "nearest neighbour"
_BATCH, _CHUNK = 64, 512
_VIEWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Told:
    """How unknown the images of known and of unknown objects look to one model.

    Attributes:
        scores: Name of the score → ((n,) of known images, (m,) of unknown ones).
        known: (n,) the object that each known image shows.
        unknown: (m,) likewise.
    """

    scores: dict[str, tuple[np.ndarray, np.ndarray]]
    known: np.ndarray
    unknown: np.ndarray


def tell_apart(
    folder: Path,
    learned: Dataset,
    known: Dataset,
    unknown: Dataset,
    device: str,
    on_progress: Progress,
) -> Told:
    """Ask a model how unknown images look.

    Args:
        folder: The model.
        learned: What it was trained on: classifiers compare with its views.
        known: Test images of known categories.
        unknown: Test images of others.
        device: Where to recognise.
        on_progress: Called with (images done, images in all).

    Raises:
        DataError: None of some images can be read.
    """
    recognizer = Recognizer.load(folder, device)
    classifier = recognizer.kind != "energy"
    sets = (known, unknown, *((learned,) if classifier else ()))
    total, seen = sum(map(len, sets)), []
    for dataset in sets:
        done = sum(len(one) for one in sets[: len(seen)])
        seen.append(_looked_at(recognizer, dataset, classifier, done, total, on_progress))
    names = ("maximum softmax", "energy score") if classifier else ("lowest energy",)
    one, other, *views = seen
    scores = {name: (SCORES[name](one.energies), SCORES[name](other.energies)) for name in names}
    if views:
        scores[NEAREST] = tuple(distances(s.features, views[0].features) for s in (one, other))
    return Told(scores, known.objects[one.indices], unknown.objects[other.indices])


def distances(queries: torch.Tensor, views: torch.Tensor) -> np.ndarray:
    """Return 1 less the cosine to the nearest view, (B,).

    Args:
        queries: (B, D), of length 1.
        views: (N, D), likewise, compared in parts.
    """
    parts = [(queries @ part.T).amax(dim=1) for part in views.split(_VIEWS_AT_ONCE)]
    return 1 - torch.stack(parts).amax(dim=0).numpy().astype(float)


@dataclass(frozen=True)
class _Seen:
    """(n, K) lowest energy of each category, (n, D) features, (n,) positions in the set."""

    energies: np.ndarray
    features: torch.Tensor
    indices: np.ndarray


def _looked_at(
    recognizer: Recognizer,
    dataset: Dataset,
    wanted: bool,
    done: int,
    total: int,
    on_progress: Progress,
) -> _Seen:
    """Look at every image that can be read; features are kept where they are wanted."""
    energies, features, indices = [], [torch.empty(0)], []
    for start in range(0, len(dataset), _CHUNK):
        part = np.arange(start, min(start + _CHUNK, len(dataset)))
        images, read, _ = load_chunk(dataset.subset(part), recognizer.preprocessing)
        for batch in images.split(_BATCH) if len(images) else ():
            seen = recognizer.see(batch)
            energies.append(seen.energies.per_category().float().cpu().numpy().astype(float))
            if wanted:
                flat = seen.features.flatten(1).float().cpu()
                features.append(torch.nn.functional.normalize(flat, dim=1))
        indices.append(part[read])
        on_progress(done + len(part) + start, total)
    if not energies:
        raise DataError(f"{dataset.root}: no image of split {dataset.split} can be read")
    kept = torch.cat(features[1:]) if wanted else features[0]
    return _Seen(np.concatenate(energies), kept, np.concatenate(indices))


def score_figures(
    parts: Sequence[Part], told: Mapping[Asked, Told], bootstrap: Bootstrap
) -> dict[str, Any]:
    """Return how well every score of every model tells known from unknown.

    Args:
        parts: Of the plan.
        told: Every part, kind and seed.
        bootstrap: Draws objects of all categories, the same ones for all models and parts: an
            object is known in one part and unknown in another.

    Returns:
        ``scores``: a row a model, score and part, its figures means over seeds; and
        ``mean_scores``: means of these over all parts, compared with the first score of the first
        model, in pairs of the same draws.
    """
    strata = _strata(parts)
    names = list(strata)
    number = {name: i for i, name in enumerate(names)}
    times = bootstrap.draws(np.array(names), np.array(list(strata.values()))).times
    found: dict[tuple[str, str], list[_Drawn]] = {}
    for kind, name in dict.fromkeys((a.kind, s) for a, t in told.items() for s in t.scores):
        for place in range(len(parts)):
            own = [one for asked, one in told.items() if asked[:2] == (place, kind)]
            drawn = [_drawn(one, name, number, times) for one in own]
            found.setdefault((kind, name), []).append(_Drawn.mean(drawn))
    seeds = list(dict.fromkeys(asked.seed for asked in told))
    rows = [
        {"model": kind, "score": name, **part.facts}
        | {**drawn.figures(bootstrap), "aurocs": drawn.each, "seeds": seeds}
        | _counts(told[Asked(place, kind, seeds[0])])
        for (kind, name), own in found.items()
        for place, (part, drawn) in enumerate(zip(parts, own, strict=True))
    ]
    return {"scores": rows, "mean_scores": _means(found, bootstrap)}


@dataclass(frozen=True)
class _Drawn:
    """AUROC and FPR at 95 % TPR: on the test images, and in every draw, (resamples,)."""

    auroc: float
    fpr: float
    aurocs: np.ndarray
    fprs: np.ndarray
    each: list[float]

    @classmethod
    def mean(cls, several: Sequence[_Drawn]) -> _Drawn:
        return cls(
            auroc=float(np.mean([one.auroc for one in several])),
            fpr=float(np.mean([one.fpr for one in several])),
            aurocs=np.mean([one.aurocs for one in several], axis=0),
            fprs=np.mean([one.fprs for one in several], axis=0),
            each=[one.auroc for one in several],
        )

    def figures(self, bootstrap: Bootstrap) -> dict[str, Any]:
        return {
            "auroc": self.auroc,
            "auroc_ci": bootstrap.percentiles(self.aurocs),
            "fpr95": self.fpr,
            "fpr95_ci": bootstrap.percentiles(self.fprs),
        }


def _drawn(told: Told, name: str, number: Mapping[str, int], times: np.ndarray) -> _Drawn:
    known, unknown = told.scores[name]
    index = np.array([number[shown] for shown in (*told.known, *told.unknown)])
    areas, rates = drawn_figures(known, unknown, Draws(index, times))
    area = auroc(known, unknown)
    return _Drawn(area, fpr_at_tpr(known, unknown), areas, rates, [area])


def _means(found: Mapping[tuple[str, str], list[_Drawn]], bootstrap: Bootstrap) -> list[dict]:
    means = {key: _Drawn.mean(parts) for key, parts in found.items()}
    first, rows = next(iter(means.values())), []
    for (kind, name), mean in means.items():
        row = {"model": kind, "score": name, **mean.figures(bootstrap)}
        if mean is not first:
            apart = mean.aurocs - first.aurocs
            row["difference"] = mean.auroc - first.auroc
            row["difference_ci"] = bootstrap.percentiles(apart)
            row["p_value"] = two_sided_p_value(apart)
        rows.append(row)
    return rows


def _counts(told: Told) -> dict[str, int]:
    return {
        "known_images": len(told.known),
        "unknown_images": len(told.unknown),
        "known_objects": len(np.unique(told.known)),
        "unknown_objects": len(np.unique(told.unknown)),
    }


def _strata(parts: Sequence[Part]) -> dict[str, str]:
    """Return object → category, of all objects that are tested on."""
    found: dict[str, str] = {}
    for dataset in (d for part in parts for d in (part.test, part.unknown)):
        names = np.array(dataset.categories, dtype=str)[dataset.labels]
        found |= dict(zip(dataset.objects.tolist(), names.tolist(), strict=True))
    return dict(sorted(found.items()))
