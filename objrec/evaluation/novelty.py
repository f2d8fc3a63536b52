"""Unknown objects: how well a recogniser tells what is of none of its categories.

Known and unknown images are held apart by a score that is to be higher for the unknown. The
recognisers only answer: no threshold is fitted here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from objrec.errors import DataError, Failure
from objrec.evaluation.metrics import Bootstrap
from objrec.evaluation.novelty_scores import (
    SCORES,
    auroc,
    drawn_figures,
    fpr_at_tpr,
    lowest_energy,
)
from objrec.evaluation.run import Progress, Run, load_chunk

_BINS = 30
_CHUNK = 512  # images held in memory at once


@dataclass(frozen=True)
class Shown:
    """What a recogniser said of the images of a set.

    Attributes:
        energies: (N, K) lowest energy of each category.
        called: (N,) bool, the answer was 'unknown'; None if the recogniser never says so.
        objects: (N,) the object each image shows.
        labels: (N,) the category of each object, in the numbers of its own set.
    """

    energies: np.ndarray
    called: np.ndarray | None
    objects: np.ndarray
    labels: np.ndarray


class Novelty(NamedTuple):
    """What `novelty` returns: plain figures, sentences about them, and unreadable images."""

    figures: dict[str, Any]
    notes: list[str]
    failures: list[Failure]


def novelty(
    recognizer: Any,
    known_run: Run,
    unknown_dataset: Any,
    bootstrap: Bootstrap,
    others: Sequence[tuple[str, Any, Run]] = (),
    *,
    batch_size: int = 64,
    on_progress: Progress | None = None,
) -> Novelty:
    """Measure how well objects of no known category are told from those of known ones.

    Args:
        recognizer: What is evaluated.
        known_run: Its answers about objects of known categories; background is left out.
        unknown_dataset: Images of other things; those of a category that any of the recognisers
            knows are left out.
        bootstrap: How to make intervals: objects of both sets are drawn.
        others: Further recognisers: a name, the recogniser and its answers as `known_run`.
        batch_size: Images recognised at once.
        on_progress: Called with (images done, images in all), over all recognisers.

    Returns:
        ``data``, ``known_images``, ``unknown_images``, ``scores`` (rows of ``auroc`` and ``fpr95``
        with intervals), ``histogram`` of the lowest energies, and how the stored threshold does.

    Raises:
        DataError: Nothing in the set is unknown, nothing can be read, or the cameras differ.
    """
    models = [(recognizer.name or recognizer.kind, recognizer, known_run), *others]
    dataset, notes = _strangers(unknown_dataset, [model for _, model, _ in models])
    known = [_known(model, done) for _, model, done in models]
    unknown, failures = _all_shown([m for _, m, _ in models], dataset, batch_size, on_progress)
    scores = [
        row
        for (name, model, _), one, other in zip(models, known, unknown, strict=True)
        for row in _score_rows(name, model.kind, one, other, bootstrap)
    ]
    figures = {
        "data": _facts(dataset, unknown[0]),
        "known_images": len(known[0].labels),
        "unknown_images": len(unknown[0].labels),
        "scores": scores,
        "histogram": _histogram(known[0], unknown[0]),
        **_threshold(recognizer, known[0], unknown[0], bootstrap),
    }
    return Novelty(figures, notes, failures)


def _facts(dataset: Any, shown: Shown) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "split": dataset.split,
        "images": len(shown.labels),
        "categories": [dataset.categories[i] for i in np.unique(shown.labels)],
    }


def _strangers(dataset: Any, recognizers: Sequence[Any]) -> tuple[Any, list[str]]:
    """Return the images of categories that no recogniser knows, and a note on the others."""
    familiar = set(dataset.background)
    for recognizer in recognizers:
        if dataset.cameras != recognizer.preprocessing.cameras:
            wrong = recognizer.preprocessing.wrong_cameras(dataset.cameras)
            raise DataError(f"{dataset.root}: {wrong}")
        familiar |= {*recognizer.categories, *recognizer.background}
    known = np.array([name in familiar for name in dataset.categories], dtype=bool)[dataset.labels]
    if known.all():
        raise DataError(
            f"{dataset.root}: shows nothing unknown: the models know all of "
            f"{', '.join(dataset.categories) or 'its categories'}; name a set of other things"
        )
    if not known.any():
        return dataset, []
    names = ", ".join(dataset.categories[i] for i in np.unique(dataset.labels[known]))
    note = (
        f"{int(known.sum())} images of {dataset.name} are of categories that a model knows, or of "
        f"background, and were left out of the unknown objects: {names}."
    )
    return dataset.subset(np.flatnonzero(~known)), [note]


def _known(recognizer: Any, done: Run) -> Shown:
    outcomes = done.outcomes
    objects = outcomes.labels < len(recognizer.categories)
    if not objects.any():
        raise DataError(
            "unknown: the evaluated images show background only; evaluate images of known objects"
        )
    return Shown(
        done.energies[objects],
        _called([done.answers[i].unknown for i in np.flatnonzero(objects)]),
        outcomes.objects[objects],
        outcomes.labels[objects],
    )


def _called(answers: Sequence[bool | None]) -> np.ndarray | None:
    return None if None in answers else np.array(answers, dtype=bool)


def _all_shown(
    recognizers: Sequence[Any], dataset: Any, batch_size: int, on_progress: Progress | None
) -> tuple[list[Shown], list[Failure]]:
    shown, failures = [], {}
    for number, recognizer in enumerate(recognizers):
        done, total = number * len(dataset), len(recognizers) * len(dataset)
        one, failed = _shown(recognizer, dataset, batch_size, _shifted(on_progress, done, total))
        shown.append(one)
        failures |= {str(failure): failure for failure in failed}
    return shown, list(failures.values())


def _shown(
    recognizer: Any, dataset: Any, batch_size: int, on_progress: Progress
) -> tuple[Shown, list[Failure]]:
    """Ask a recogniser about every image of a set, in chunks of bounded memory."""
    answers: list[Any] = []
    kept: list[int] = []
    failures: list[Failure] = []
    chunk = max(batch_size, _CHUNK // batch_size * batch_size)
    for start in range(0, len(dataset), chunk):
        part = np.arange(start, min(start + chunk, len(dataset)))
        images, read, failed = load_chunk(dataset.subset(part), recognizer.preprocessing)
        kept += part[read].tolist()
        failures += failed
        for first in range(0, len(images), batch_size):
            seen = recognizer.see(images[first : first + batch_size])
            # Whether anything fits is said by the energies of the grid: no pose is refined.
            found = recognizer.recognitions(seen, refine=False, hypotheses=1)
            answers += [(list(one.energies.values()), one.unknown) for one in found]
        on_progress(start + len(part), len(dataset))
    if not kept:
        first = f"the first is {failures[0]}"
        raise DataError(f"{dataset.root}: none of {len(failures)} images could be read; {first}")
    energies, called = zip(*answers, strict=True)
    shown = Shown(
        np.array(energies, dtype=float),
        _called(called),
        np.asarray(dataset.objects)[kept],
        np.asarray(dataset.labels)[kept],
    )
    return shown, failures


def _shifted(on_progress: Progress | None, done: int, total: int) -> Progress:
    """Return a progress callback for one of several equal stages."""

    def tick(inside: int, _: int) -> None:
        if on_progress:
            on_progress(done + inside, total)

    return tick


def _score_rows(
    name: str, kind: str, known: Shown, unknown: Shown, bootstrap: Bootstrap
) -> list[dict[str, Any]]:
    # One drawing for both sets, in strata of their own: two would draw the same numbers twice.
    draws = bootstrap.draws(
        np.concatenate([known.objects, unknown.objects]),
        np.concatenate([known.labels, -1 - unknown.labels]),
    )
    rows = []
    for score in ("lowest energy",) if kind == "energy" else ("maximum softmax", "energy score"):
        one, other = SCORES[score](known.energies), SCORES[score](unknown.energies)
        areas, rates = drawn_figures(one, other, draws)
        rows.append(
            {
                "model": name,
                "kind": kind,
                "score": score,
                "auroc": auroc(one, other),
                "auroc_ci": bootstrap.percentiles(areas),
                "fpr95": fpr_at_tpr(one, other),
                "fpr95_ci": bootstrap.percentiles(rates),
            }
        )
    return rows


def _histogram(known: Shown, unknown: Shown) -> dict[str, list]:
    one, other = lowest_energy(known.energies), lowest_energy(unknown.energies)
    edges = np.histogram_bin_edges(np.concatenate([one, other]), _BINS)
    return {
        "edges": edges.tolist(),
        "known": np.histogram(one, edges)[0].tolist(),
        "unknown": np.histogram(other, edges)[0].tolist(),
    }


def _threshold(
    recognizer: Any, known: Shown, unknown: Shown, bootstrap: Bootstrap
) -> dict[str, Any]:
    """Say how the stored threshold, and background if the model knows it, tell the two apart."""
    calibration = recognizer.calibration
    told: list[str] = []
    if calibration is not None:
        told.append(
            f"{calibration.basis}, of whose images {100 * calibration.false_alarm_rate:.1f} % lie "
            "above it"
        )
    if recognizer.background:
        told.append(f"the energy of background ({', '.join(recognizer.background)})")
    return {
        "threshold": calibration.threshold if calibration else None,
        "threshold_from": "; ".join(told) or "not calibrated: nothing is called unknown",
        **_share("false_alarm_rate", known, bootstrap),
        **_share("detection_rate", unknown, bootstrap),
    }


def _share(name: str, shown: Shown, bootstrap: Bootstrap) -> dict[str, Any]:
    if shown.called is None:
        return {name: None, f"{name}_ci": None}
    drawn = bootstrap.interval(shown.called, shown.objects, shown.labels)
    return {name: float(shown.called.mean()), f"{name}_ci": list(drawn)}
