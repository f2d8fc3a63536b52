"""Evaluate a recogniser on a data set: run it over the images, then measure its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from objrec.datasets.frame import RELATIVE
from objrec.errors import SettingsError
from objrec.evaluation.extras import Evaluated, Extras, Stages, measure_extras
from objrec.evaluation.groups import (
    Measures,
    Outcomes,
    error_by_factor,
    error_by_object,
    taken_for,
)
from objrec.evaluation.hardware import describe_hardware
from objrec.evaluation.metrics import Bootstrap, confusion
from objrec.evaluation.pose_tables import PoseTables
from objrec.evaluation.predictions import prediction_rows, write_pictures
from objrec.evaluation.result import Evaluation
from objrec.evaluation.run import Progress, Run, run
from objrec.evaluation.viewpoints import cell_of_images, error_by_viewpoint, worst_views
from objrec.options import did_you_mean


def evaluate(
    recognizer: Any,
    dataset: Any,
    *,
    extras: Extras | None = None,
    pictures: Path | None = None,
    exclude_pose: Iterable[str] = (),
    seed: int = 0,
    resamples: int = 2000,
    batch_size: int = 64,
    on_progress: Progress | None = None,
    on_stage: Callable[[str], None] | None = None,
    provenance: dict[str, Any] | None = None,
) -> Evaluation:
    """Measure a recogniser on the labelled images of a data set.

    Images that cannot be read become failures, images of a category the model does not know are
    left out with a note, and the rest goes on. Memory is bounded whatever the size of the set.

    Args:
        recognizer: A `Recognizer` of any kind; without pose axes there are no pose figures.
        dataset: A `Dataset`, as `open_dataset` returns it.
        extras: What else to measure: a sweep, unknown objects, other models, ….
        pictures: The folder of evaluation.json: small pictures of the images are written there, in
            images/, for the report.
        exclude_pose: Further categories that pose figures leave out; those that set or model
            call symmetric always are. The result says which.
        seed: Seed of the bootstrap, and of whatever is drawn.
        resamples: How often the bootstrap draws the objects.
        batch_size: Images recognised at once.
        on_progress: Called with (images done, images in all) after every batch, anew a stage.
        on_stage: Told in words what is measured next.
        provenance: Kept in the result as it is: the command, the time, ….

    Raises:
        DataError: No image is of a known category, the cameras differ, or no image can be read.
        SettingsError: `exclude_pose` names no category of the set, or a number is too small.
    """
    excluded = _exclusions(exclude_pose, recognizer, dataset)
    if resamples < 1 or batch_size < 1:
        raise SettingsError("evaluate: resamples and batch size must be at least 1; raise them")
    stages = Stages(on_stage, on_progress)
    done = run(recognizer, dataset, batch_size, stages.named("evaluating"))
    outcomes, bootstrap = done.outcomes, Bootstrap(resamples, seed)
    named = len(np.unique(outcomes.objects)) < len(outcomes.labels)
    categories = outcomes.categories
    poses = PoseTables(outcomes, excluded, tuple(recognizer.axes), bootstrap, _aligned_by(dataset))
    arbitrary = bool(_frame_notes(recognizer, dataset))
    measures = Measures(outcomes, poses.azimuth_errors(aligned=arbitrary), bootstrap)
    tiles, images = write_pictures(done, dataset, pictures, seed, stages.named("pictures"))
    work = Evaluated(recognizer, dataset, done, excluded, bootstrap, batch_size)
    further, notes = measure_extras(extras or Extras(), work, stages)
    return Evaluation(
        model=_model_facts(recognizer),
        data=_data_facts(dataset, outcomes),
        categories=list(categories),
        error_rate=float(outcomes.wrong.mean()),
        error_rate_ci=list(bootstrap.interval(outcomes.wrong, outcomes.objects, outcomes.labels)),
        chance_error=1 - 1 / len(categories),
        bootstrap={
            "resamples": resamples,
            "seed": seed,
            "level": bootstrap.level,
            "over": "objects within each category" if named else "images within each category",
        },
        per_category=_by_category(outcomes, bootstrap),
        per_object=error_by_object(measures) if named else [],
        confusion=confusion(outcomes.labels, outcomes.predicted, len(categories)).tolist(),
        pose=poses.answered(),
        pose_excluded=list(excluded),
        pose_given=poses.given(),
        both_right=poses.both_right(),
        by_factor=error_by_factor(measures),
        viewpoint=error_by_viewpoint(measures),
        worst_views=worst_views(measures),
        unknown_rate=_unknown_rate(done, recognizer.background),
        images_per_second=done.images / max(done.seconds, 1e-9),
        images_per_second_recognition=done.images / max(done.recognition_seconds, 1e-9),
        hardware=describe_hardware(getattr(recognizer, "device", "cpu"))
        | {"batch_size": batch_size},
        provenance=dict(provenance or {}),
        notes=[
            *done.notes,
            *_notes(outcomes, named),
            *_frame_notes(recognizer, dataset),
            *notes,
        ],
        predictions=prediction_rows(done, cell_of_images(measures), tiles),
        failures=[failure.to_dict() for failure in done.failures],
        images=images,
        **further,
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
