"""What an evaluation measures on request: a sweep, unknown objects, other models, mistakes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from objrec.datasets.frame import RELATIVE
from objrec.errors import DataError, SettingsError
from objrec.evaluation.baselines import run_baselines
from objrec.evaluation.calibration import calibration_figures
from objrec.evaluation.comparison import candidate, compare
from objrec.evaluation.image_groups import checked_counts
from objrec.evaluation.landscapes import landscape_axes, mistake_details
from objrec.evaluation.metrics import Bootstrap
from objrec.evaluation.novelty import novelty
from objrec.evaluation.predictions import wrong_first
from objrec.evaluation.run import Progress, Run, run
from objrec.evaluation.several import several
from objrec.evaluation.sweep import sweep


@dataclass(frozen=True)
class Extras:
    """What else to measure.

    Attributes:
        sweep: How many images to change step by step; None for all, 0 for no sweep.
        unknown: Images of objects of no trained category.
        compare: Recognisers to hold against this one, on the same images and in every part.
        baselines: Keys of `baselines.BASELINES`: fitted to the training split.
        training_set: The training split, for baselines.
        together: How many images of an object to recognise at once; none for no such part.
        mistakes: For how many wrong answers, the worst ones, to keep landscapes and references.
    """

    sweep: int | None = 0
    unknown: Any = None
    compare: tuple[Any, ...] = ()
    baselines: tuple[str, ...] = ()
    training_set: Any = None
    together: tuple[int, ...] = ()
    mistakes: int = 0

    def __post_init__(self) -> None:
        if self.together:
            checked_counts(self.together)
        if self.baselines and self.training_set is None:
            raise SettingsError("--baselines: the set has no training split to fit them to")


@dataclass(frozen=True)
class Stages:
    """Whom to tell what is done now, and how far it is."""

    on_stage: Callable[[str], None] | None = None
    on_progress: Progress | None = None

    def named(self, title: str) -> Progress:
        """Return a progress callback that announces the stage before its first call."""
        announced = False

        def progress(done: int, total: int) -> None:
            nonlocal announced
            if not announced and self.on_stage:
                self.on_stage(title)
            announced = True
            if self.on_progress:
                self.on_progress(done, total)

        return progress


@dataclass(frozen=True)
class Evaluated:
    """A recogniser's run over a set, and how it is measured.

    Attributes:
        recognizer: What is evaluated.
        dataset: What it was run on.
        done: Its answers.
        excluded: Categories without a meaningful azimuth.
        bootstrap: How to make intervals.
        batch_size: Images recognised at once.
    """

    recognizer: Any
    dataset: Any
    done: Run
    excluded: tuple[str, ...]
    bootstrap: Bootstrap
    batch_size: int

    @property
    def name(self) -> str:
        """What tables call the recogniser."""
        return self.recognizer.name or self.recognizer.kind


Other = tuple[str, Any, Run]  # another recogniser: its name in tables, itself, its answers


def measure_extras(
    extras: Extras, work: Evaluated, stages: Stages
) -> tuple[dict[str, Any], list[str]]:
    """Measure what is asked for beside the plain figures.

    Args:
        extras: What.
        work: What is evaluated.
        stages: Whom to tell.

    Returns:
        Fields of `Evaluation`, and notes.
    """
    others = [
        (name, other, run(other, work.dataset, work.batch_size, stages.named(f"evaluating {name}")))
        for name, other in _named(work.recognizer, extras.compare)
    ]
    comparison, notes = _comparison(extras, work, others, stages)
    unknown, further = _unknown(extras, work, others, stages)
    together, unable = _together(extras, work, others, stages)
    fields = {
        "calibration": _calibration(work),
        "comparison": comparison,
        "sweep": _sweep(extras, work, others, stages),
        "unknown": unknown,
        "together": together,
        "mistakes": _mistakes(extras, work, stages),
        "landscape_axes": landscape_axes(work.recognizer) if extras.mistakes else None,
    }
    return fields, [*notes, *further, *unable]


def _named(recognizer: Any, others: Sequence[Any]) -> list[tuple[str, Any]]:
    """Give each recogniser a name of its own, as tables and curves need."""
    taken, named = {recognizer.name or recognizer.kind}, []
    for other in others:
        name = base = other.name or other.kind
        number = 2
        while name in taken:
            name, number = f"{base} ({number})", number + 1
        taken.add(name)
        named.append((name, other))
    return named


def _comparison(
    extras: Extras, work: Evaluated, others: Sequence[Other], stages: Stages
) -> tuple[list[dict[str, Any]], list[str]]:
    if not (others or extras.baselines):
        return [], []
    main = candidate(work.recognizer, work.done, azimuths=_absolute(work.recognizer, work.dataset))
    candidates = [
        replace(candidate(other, done, azimuths=_absolute(other, work.dataset)), model=name)
        for name, other, done in others
    ]
    if extras.baselines:
        candidates += run_baselines(
            work.recognizer,
            extras.training_set,
            work.dataset,
            extras.baselines,
            seed=work.bootstrap.seed,
            on_progress=stages.named("baselines"),
        )
    found = compare(
        main,
        candidates,
        work.bootstrap,
        exclude_pose=work.excluded,
    )
    return found.rows, found.notes


def _absolute(recognizer: Any, dataset: Any) -> bool:
    """Whether azimuths can be held against the labels as they are."""
    return RELATIVE not in (dataset.frame.kind("azimuth"), recognizer.frame.kind("azimuth"))


def _calibration(work: Evaluated) -> dict[str, Any] | None:
    outcomes, fitted = work.done.outcomes, work.recognizer.calibration
    return calibration_figures(
        work.done.energies,
        outcomes.labels,
        outcomes.objects,
        work.bootstrap,
        beta=fitted.beta if fitted else 1.0,
        fitted_on=fitted.basis if fitted else None,
    )


def _unknown(
    extras: Extras, work: Evaluated, others: Sequence[Other], stages: Stages
) -> tuple[dict[str, Any] | None, list[str]]:
    if extras.unknown is None:
        return None, []
    found = novelty(
        work.recognizer,
        work.done,
        extras.unknown,
        work.bootstrap,
        others,
        batch_size=work.batch_size,
        on_progress=stages.named("unknown objects"),
    )
    unread = [f"{failure}; not among the unknown objects" for failure in found.failures]
    return found.figures, [*found.notes, *unread]


def _sweep(
    extras: Extras, work: Evaluated, others: Sequence[Other], stages: Stages
) -> dict[str, Any] | None:
    if extras.sweep == 0:
        return None
    recognizers = [(work.name, work.recognizer), *((name, other) for name, other, _ in others)]
    return sweep(
        recognizers,
        work.dataset,
        images=extras.sweep,
        bootstrap=work.bootstrap,
        seed=work.bootstrap.seed,
        batch_size=work.batch_size,
        on_progress=stages.named("sweep"),
        exclude_pose=work.excluded,
    )


def _together(
    extras: Extras, work: Evaluated, others: Sequence[Other], stages: Stages
) -> tuple[dict[str, Any] | None, list[str]]:
    if not extras.together:
        return None, []
    try:
        figures = several(
            [(work.name, work.recognizer), *((name, other) for name, other, _ in others)],
            work.dataset,
            extras.together,
            bootstrap=work.bootstrap,
            seed=work.bootstrap.seed,
            on_progress=stages.named("several images together"),
        )
    except DataError as error:  # the set is too small for it, which must not cost all the rest
        return None, [f"Several images together were not measured: {error}."]
    return figures, []


def _mistakes(extras: Extras, work: Evaluated, stages: Stages) -> list[dict[str, Any]]:
    worst = wrong_first(work.done)[: extras.mistakes]
    if not len(worst):
        return []
    return mistake_details(
        work.recognizer,
        work.dataset,
        [(int(work.done.indices[row]), int(row)) for row in worst],
        extras.mistakes,
        work.batch_size,
        stages.named("mistakes"),
    )
