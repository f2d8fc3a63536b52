"""Evaluate a recogniser on a data set: run it over the images, then measure its answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from objrec.datasets.frame import RELATIVE
from objrec.errors import SettingsError
from objrec.evaluation.groups import (
    Outcomes,
    error_by_factor,
    error_by_object,
    error_by_viewpoint,
    taken_for,
    worst_views,
)
from objrec.evaluation.hardware import describe_hardware
from objrec.evaluation.metrics import Bootstrap, confusion
from objrec.evaluation.pose_metrics import axis_figures
from objrec.evaluation.result import Evaluation
from objrec.evaluation.run import Progress, Run, run
from objrec.options import did_you_mean
from objrec.pose import AXES, INDEX, Pose


def evaluate(
    recognizer: Any,
    dataset: Any,
    *,
    exclude_pose: Iterable[str] = (),
    seed: int = 0,
    resamples: int = 2000,
    batch_size: int = 64,
    on_progress: Progress | None = None,
    provenance: dict[str, Any] | None = None,
) -> Evaluation:
    """Measure a recogniser on the labelled images of a data set.

    Images that cannot be read become failures, images of a category the model does not know are
    left out with a note, and the rest goes on. Memory is bounded whatever the size of the set.

    Args:
        recognizer: A `Recognizer` of any kind; without pose axes there are no pose figures.
        dataset: A `Dataset`, as `open_dataset` returns it.
        exclude_pose: Further categories that pose figures leave out; those that set or model
            call symmetric always are. The result says which.
        seed: Seed of the bootstrap.
        resamples: How often the bootstrap draws the objects.
        batch_size: Images recognised at once.
        on_progress: Called with (images done, images in all) after every batch.
        provenance: Kept in the result as it is: the command, the time, ….

    Raises:
        DataError: No image is of a known category, the cameras differ, or no image can be read.
        SettingsError: `exclude_pose` names no category of the set, or a number is too small.
    """
    excluded = _exclusions(exclude_pose, recognizer, dataset)
    if resamples < 1 or batch_size < 1:
        raise SettingsError("evaluate: resamples and batch size must be at least 1; raise them")
    done = run(recognizer, dataset, batch_size, on_progress)
    outcomes, bootstrap = done.outcomes, Bootstrap(resamples, seed)
    named = len(np.unique(outcomes.objects)) < len(outcomes.labels)
    interval = bootstrap.interval(outcomes.wrong, outcomes.objects, outcomes.labels)
    categories = outcomes.categories
    return Evaluation(
        model=_model_facts(recognizer),
        data=_data_facts(dataset, outcomes),
        categories=list(categories),
        error_rate=float(outcomes.wrong.mean()),
        error_rate_ci=list(interval),
        chance_error=1 - 1 / len(categories),
        bootstrap={
            "resamples": resamples,
            "seed": seed,
            "level": bootstrap.level,
            "over": "objects within each category" if named else "images within each category",
        },
        per_category=_by_category(outcomes, bootstrap),
        per_object=error_by_object(outcomes) if named else [],
        confusion=confusion(outcomes.labels, outcomes.predicted, len(categories)).tolist(),
        pose=_pose(outcomes, excluded, recognizer.axes, bootstrap, _aligned_by(dataset)),
        pose_excluded=list(excluded),
        by_factor=error_by_factor(outcomes),
        viewpoint=error_by_viewpoint(outcomes),
        worst_views=worst_views(outcomes),
        unknown_rate=_unknown_rate(done, recognizer.background),
        images_per_second=done.images / max(done.seconds, 1e-9),
        images_per_second_recognition=done.images / max(done.recognition_seconds, 1e-9),
        hardware=describe_hardware(getattr(recognizer, "device", "cpu"))
        | {"batch_size": batch_size},
        provenance=dict(provenance or {}),
        notes=[*done.notes, *_notes(outcomes, named), *_frame_notes(recognizer, dataset)],
        predictions=_predictions(done),
        failures=[failure.to_dict() for failure in done.failures],
    )


def _exclusions(names: Iterable[str], recognizer: Any, dataset: Any) -> tuple[str, ...]:
    names, categories = tuple(names), tuple(dataset.categories)
    for name in names:
        if name not in categories:
            hint = did_you_mean(name, categories)
            raise SettingsError(
                f"exclude-pose: '{name}' is no category of the set ({', '.join(categories)}){hint}"
            )
    symmetric = (*dataset.frame.symmetric, *recognizer.frame.symmetric)
    return tuple(dict.fromkeys((*names, *(n for n in symmetric if n in categories))))


def _aligned_by(dataset: Any) -> str:
    return "object" if dataset.frame.kind("azimuth") == RELATIVE else "category"


def _model_facts(recognizer: Any) -> dict[str, Any]:
    facts = {"name": getattr(recognizer, "name", None), "kind": recognizer.kind}
    parameters = getattr(recognizer, "parameters", None)
    return facts | {
        "parameters": parameters if isinstance(parameters, int) else None,
        "axes": list(recognizer.axes),
    }


def _data_facts(dataset: Any, outcomes: Outcomes) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "split": dataset.split,
        "images": len(outcomes.labels),
        "objects": len(np.unique(outcomes.objects)),
        "categories": [outcomes.categories[i] for i in np.unique(outcomes.labels)],
    }


def _by_category(outcomes: Outcomes, bootstrap: Bootstrap) -> dict[str, dict[str, Any]]:
    table = {}
    for label in np.unique(outcomes.labels):
        inside = outcomes.labels == label
        wrong, objects = outcomes.wrong[inside], outcomes.objects[inside]
        table[outcomes.categories[label]] = {
            "error_rate": float(wrong.mean()),
            "error_rate_ci": list(bootstrap.interval(wrong, objects, outcomes.labels[inside])),
            "errors": int(wrong.sum()),
            "count": len(wrong),
            "objects": len(np.unique(objects)),
            "seen_as": taken_for(outcomes, inside),
        }
    return table


def _pose(
    outcomes: Outcomes,
    excluded: tuple[str, ...],
    axes: Iterable[str],
    bootstrap: Bootstrap,
    aligned_by: str,
) -> dict[str, dict[str, Any]]:
    """Measure the answered axes that the set observes, over all images and the correct ones."""
    names = np.array(outcomes.categories)
    kept = ~np.isin(names[outcomes.labels], excluded)
    table = {}
    for axis in axes:
        if not (kept & ~np.isnan(outcomes.true_poses[:, INDEX[axis]])).any():
            continue
        everything = _axis(outcomes, axis, kept, bootstrap, aligned_by)
        correct = _axis(outcomes, axis, kept & ~outcomes.wrong, bootstrap, aligned_by)
        table[axis] = {"on": "all", **everything, "correct": {"on": "correct", **correct}}
    return table


def _axis(
    outcomes: Outcomes, axis: str, kept: np.ndarray, bootstrap: Bootstrap, aligned_by: str
) -> dict[str, Any]:
    figures = axis_figures(
        axis,
        outcomes.poses[kept, INDEX[axis]],
        outcomes.true_poses[kept, INDEX[axis]],
        outcomes.labels[kept],
        outcomes.objects[kept],
        bootstrap,
        aligned_by,
    )
    if aligned_by == "category" and "aligned" in figures:
        offsets = figures["aligned"]["offsets"].items()
        figures["aligned"]["offsets"] = {outcomes.categories[i]: o for i, o in offsets}
    return figures


def _unknown_rate(done: Run, background: tuple[str, ...]) -> float | None:
    names = [done.outcomes.categories[label] for label in done.outcomes.labels]
    told = zip(done.answers, names, strict=True)
    flags = [a.unknown for a, n in told if a.unknown is not None and n not in background]
    return sum(flags) / len(flags) if flags else None


def _notes(outcomes: Outcomes, named: bool) -> list[str]:
    if not named:
        return [
            "The set names no objects, so each image counts as its own: if several show one "
            "object, the intervals are too narrow."
        ]
    _, first = np.unique(outcomes.objects, return_index=True)
    fewest = np.unique(outcomes.labels[first], return_counts=True)[1].min()
    if fewest >= 10:
        return []
    return [
        f"Some categories have only {fewest} object{'s' if fewest > 1 else ''}: drawing from so "
        "few, the bootstrap understates how uncertain the error on new objects is."
    ]


def _frame_notes(recognizer: Any, dataset: Any) -> list[str]:
    """Return what must be known of relative azimuths before their figures are read."""
    if dataset.frame.kind("azimuth") == RELATIVE:
        return [
            "The set's azimuth labels are right only up to one offset per object: read the azimuth "
            "figures after the best offset per object."
        ]
    if recognizer.frame.kind("azimuth") == RELATIVE and "azimuth" in recognizer.axes:
        return [
            "The model learned from relative azimuths, so its zero is arbitrary in each category: "
            "read the azimuth figures after the best offset per category."
        ]
    return []


def _predictions(done: Run) -> list[dict[str, Any]]:
    outcomes, rows = done.outcomes, []
    for i, answer in enumerate(done.answers):
        rows.append(
            {
                "file": done.sources[i],
                "object": str(outcomes.objects[i]),
                "category": outcomes.categories[outcomes.labels[i]],
                "predicted": outcomes.categories[outcomes.predicted[i]],
                "energy": float(answer.energy),
                "pose": _rounded(answer.pose),
                "pose_true": _rounded(Pose.from_vector(outcomes.true_poses[i])),
                "unknown": answer.unknown,
            }
        )
    return rows


def _rounded(pose: Pose) -> dict[str, float]:
    return {axis: round(float(pose.to_dict()[axis]), 4) for axis in AXES if axis in pose.to_dict()}
