"""What an evaluation measures on request: a sweep, unknown objects, other models, mistakes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from objrec.datasets.frame import RELATIVE
from objrec.errors import SettingsError
from objrec.evaluation.baselines import run_baselines
from objrec.evaluation.calibration import calibration_figures
from objrec.evaluation.comparison import candidate, compare
from objrec.evaluation.landscapes import landscape_axes, mistake_details
from objrec.evaluation.metrics import Bootstrap
from objrec.evaluation.novelty import novelty
from objrec.evaluation.predictions import wrong_first
from objrec.evaluation.run import Progress, Run, run
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
        mistakes: For how many wrong answers, the worst ones, to keep landscapes and references.
    """

    sweep: int | None = 0
    unknown: Any = None
    compare: tuple[Any, ...] = ()
    baselines: tuple[str, ...] = ()
    training_set: Any = None
    mistakes: int = 0

    def __post_init__(self) -> None:
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
class _Evaluated:
    """What is being evaluated, how, and beside which other recognisers."""

    extras: Extras
    recognizer: Any
    dataset: Any
    done: Run
    others: Sequence[tuple[str, Any, Run]]
    excluded: tuple[str, ...]
    bootstrap: Bootstrap
    batch_size: int
    stages: Stages

    @property
    def name(self) -> str:
        return self.recognizer.name or self.recognizer.kind


def measure_extras(
    extras: Extras,
    recognizer: Any,
    dataset: Any,
    done: Run,
    bootstrap: Bootstrap,
    excluded: tuple[str, ...],
    batch_size: int,
    stages: Stages,
) -> tuple[dict[str, Any], list[str]]:
    """Measure what is asked for beside the plain figures.

    Args:
        extras: What.
        recognizer: What is evaluated.
        dataset: What it was run on.
        done: Its answers.
        bootstrap: How to make intervals.
        excluded: Categories without a meaningful azimuth.
        batch_size: Images recognised at once.
        stages: Whom to tell.

    Returns:
        Fields of `Evaluation`, and notes.
    """
    others = [
        (name, other, run(other, dataset, batch_size, stages.named(f"evaluating {name}")))
        for name, other in _named(recognizer, extras.compare)
    ]
    work = _Evaluated(
        extras, recognizer, dataset, done, others, excluded, bootstrap, batch_size, stages
    )
    comparison, notes = _comparison(work)
    unknown, further = _unknown(work)
    fields = {
        "calibration": _calibration(work),
        "comparison": comparison,
        "sweep": _sweep(work),
        "unknown": unknown,
        "mistakes": _mistakes(work),
        "landscape_axes": landscape_axes(recognizer) if extras.mistakes else None,
    }
    return fields, [*notes, *further]


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


def _comparison(work: _Evaluated) -> tuple[list[dict[str, Any]], list[str]]:
    extras = work.extras
    if not (work.others or extras.baselines):
        return [], []
    main = candidate(work.recognizer, work.done, azimuths=_absolute(work.recognizer, work.dataset))
    candidates = [
        replace(candidate(other, done, azimuths=_absolute(other, work.dataset)), model=name)
        for name, other, done in work.others
    ]
    if extras.baselines:
        candidates += run_baselines(
            work.recognizer,
            extras.training_set,
            work.dataset,
            extras.baselines,
            seed=work.bootstrap.seed,
            on_progress=work.stages.named("baselines"),
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


def _calibration(work: _Evaluated) -> dict[str, Any] | None:
    outcomes, fitted = work.done.outcomes, work.recognizer.calibration
    return calibration_figures(
        work.done.energies,
        outcomes.labels,
        outcomes.objects,
        work.bootstrap,
        beta=fitted.beta if fitted else 1.0,
        fitted_on=fitted.basis if fitted else None,
    )


def _unknown(work: _Evaluated) -> tuple[dict[str, Any] | None, list[str]]:
    if work.extras.unknown is None:
        return None, []
    found = novelty(
        work.recognizer,
        work.done,
        work.extras.unknown,
        work.bootstrap,
        work.others,
        batch_size=work.batch_size,
        on_progress=work.stages.named("unknown objects"),
    )
    unread = [f"{failure}; not among the unknown objects" for failure in found.failures]
    return found.figures, [*found.notes, *unread]


def _sweep(work: _Evaluated) -> dict[str, Any] | None:
    if work.extras.sweep == 0:
        return None
    recognizers = [(work.name, work.recognizer), *((name, other) for name, other, _ in work.others)]
    return sweep(
        recognizers,
        work.dataset,
        images=work.extras.sweep,
        bootstrap=work.bootstrap,
        seed=work.bootstrap.seed,
        batch_size=work.batch_size,
        on_progress=work.stages.named("sweep"),
    )


def _mistakes(work: _Evaluated) -> list[dict[str, Any]]:
    worst = wrong_first(work.done)[: work.extras.mistakes]
    if not len(worst):
        return []
    return mistake_details(
        work.recognizer,
        work.dataset,
        [(int(work.done.indices[row]), int(row)) for row in worst],
        work.extras.mistakes,
        work.batch_size,
        work.stages.named("mistakes"),
    )
