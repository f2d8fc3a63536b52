"""Run a protocol: train every model once a seed, measure it, and write protocol.json."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from objrec.datasets import Dataset
from objrec.evaluation.hardware import describe_hardware
from objrec.evaluation.metrics import Bootstrap
from objrec.files import locked, write_text
from objrec.pose import AXIS, PoseSpace
from objrec.protocols.experiment import Experiment, Watch
from objrec.protocols.figures import figures
from objrec.protocols.parts import Plan
from objrec.protocols.session import RESULT, Session, Stages
from objrec.protocols.strangers import score_figures
from objrec.recognizer import choose_device
from objrec.training.space import choose_space

FORMAT_VERSION = 1


def run_protocol(
    plan: Plan,
    whole: Dataset,
    out: Path,
    experiment: Experiment | None = None,
    *,
    device: str = "auto",
    resume: bool = False,
    force: bool = False,
    provenance: dict[str, Any] | None = None,
    watch: Watch | None = None,
) -> dict[str, Any]:
    """Train, measure and write DIR/protocol.json.

    Args:
        plan: What to train on and what to test on.
        whole: The whole training split: its labels say which poses recognition searches.
        out: DIR.
        experiment: Settings.
        device: 'auto', 'cpu', 'cuda', ….
        resume: Go on with a run of the same settings.
        force: Start anew, whatever DIR holds of an earlier run.
        provenance: Kept in the result as it is.
        watch: Whom to tell of progress.

    Returns:
        What protocol.json holds (docs/report.md lists its keys).

    Raises:
        DataError: The set cannot be trained on or measured, or DIR not be written; or another
            process writes into it.
        SettingsError: DIR holds something else, or a run with other settings.
    """
    experiment = experiment or Experiment()
    session = Session(
        plan=plan,
        experiment=experiment,
        whole=whole,
        space=_widened(plan, whole, experiment),
        out=out,
        device=str(choose_device(device)),
        watch=watch or Watch(),
    )
    with locked(out):
        session.claim(resume=resume, force=force)
        session.train()
        result = _result(session, dict(provenance or {}))
        write_text(out / RESULT, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return result


def _result(session: Session, provenance: dict[str, Any]) -> dict[str, Any]:
    """Measure the trained models; return what protocol.json holds."""
    plan = session.plan
    stages = session.matched() if plan.matched else {}
    return {
        "format_version": FORMAT_VERSION,
        "protocol": plan.protocol,
        "says": plan.says,
        **_figures(session, stages),
        "rows_after_full_training": _figures(session, {})["rows"] if stages else [],
        **_scores(session),
        **_drawn(session),
        "notes": _notes(session),
        "settings": session.experiment.to_json(),
        "hardware": describe_hardware(session.device),
        "provenance": provenance,
    }


def _figures(session: Session, stages: Stages) -> dict[str, Any]:
    symmetric = (*session.whole.frame.symmetric, *session.experiment.pose.symmetric)
    return figures(session.plan, session.measured(stages), symmetric, Bootstrap())


def _scores(session: Session) -> dict[str, Any]:
    told = session.told_apart()
    return score_figures(session.plan.parts, told, Bootstrap()) if told else {}


def _drawn(session: Session) -> dict[str, Any]:
    """Say which objects each seed drew to train on."""
    if not session.plan.drawn:
        return {}
    rows = []
    for part in session.plan.parts:
        for seed in session.settings.seeds:
            learned = part.trained_on(seed)
            objects = np.unique(learned.objects[~learned.shows_background]).tolist()
            rows.append({**part.facts, "seed": seed, "trained_on": objects})
    return {"drawn": rows}


def _notes(session: Session) -> list[str]:
    """Return sentences that a reader of the figures must know."""
    found = []
    if session.plan.matched:
        found.append(
            "rows: each model is stopped where its error on the familiar views of the test "
            "objects equals that of the others, seed by seed; novel views chose nothing."
        )
    if session.space is not None:
        found.append(
            "The energy model searches the poses of all views of the set; its answer sets in "
            "training held those that training images show."
        )
        if session.settings.search_step is not None:
            found.append(f"It searches azimuths every {session.settings.search_step:g} degrees.")
        found.append(
            "Mirror images, in training, show views on the other side of the front; the same "
            "for all models."
        )
    return found


def _widened(plan: Plan, whole: Dataset, experiment: Experiment) -> PoseSpace | None:
    """Return the poses of all views of a set, as far as its labels tell them."""
    if not plan.widened or experiment.model.references == "planar":
        return None
    shown = whole.poses[~whole.shows_background]
    space = choose_space(shown, experiment.pose, "volume", experiment.pose.frame(whole.frame))
    return finer(space, experiment.protocol.search_step)


def finer(space: PoseSpace, step: float | None) -> PoseSpace:
    """Return the same poses with azimuths every so many degrees, where the space has azimuths.

    Azimuths farther from those of the space than half the smallest step between them stay out:
    they are of sides that the set does not show.

    Args:
        space: What would be searched.
        step: Degrees; None leaves the space as it is.
    """
    own = np.array(space.values.get("azimuth", ()))
    if step is None or len(own) < 2:
        return space
    gap = np.diff(np.sort(own), append=own.min() + 360.0).min()
    grid = np.arange(0.0, 360.0 - 1e-9, step)
    away = np.abs(AXIS["azimuth"].difference(grid[:, None], own[None])).min(axis=1)
    return replace(space, values={**space.values, "azimuth": tuple(grid[away <= gap / 2 + 1e-6])})
