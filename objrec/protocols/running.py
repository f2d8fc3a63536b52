"""Run a protocol: train every model once a seed, measure it, and write protocol.json.

Models are kept in DIR/models; what was trained already is not trained again, so that an
interrupted run goes on.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from objrec.datasets import Dataset
from objrec.energy.settings import ModelSettings
from objrec.errors import SettingsError
from objrec.evaluation.hardware import describe_hardware
from objrec.evaluation.metrics import Bootstrap
from objrec.pose import PoseSpace
from objrec.protocols.matching import Stage, matched_stages
from objrec.protocols.measuring import Measured, Progress, difference, familiar_errors, measure, row
from objrec.protocols.plans import Plan
from objrec.protocols.settings import ProtocolSettings
from objrec.recognizer import choose_device
from objrec.saving import write_text
from objrec.training import EpochReport, PoseSettings, Recipe, train
from objrec.training.run import EPOCHS
from objrec.training.space import choose_space

RESULT, PLAN, MODELS = "protocol.json", "plan.json", "models"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Experiment:
    """All settings of a protocol: its own, and those of training that may be changed."""

    protocol: ProtocolSettings = field(default_factory=ProtocolSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    pose: PoseSettings = field(default_factory=PoseSettings)

    def recipe(self, kind: str, seed: int) -> Recipe:
        """Return the settings of one training: the defaults, but for what is given here."""
        recipe = Recipe(kind=kind, model=self.model, pose=self.pose)
        return recipe.replaced(seed=seed, epochs=self.protocol.epochs)

    def to_json(self) -> dict[str, Any]:
        """Return all settings as plain values."""
        return {f.name: getattr(self, f.name).to_json() for f in fields(self)}


@dataclass(frozen=True)
class Watch:
    """Whom a run tells what it does.

    Attributes:
        on_stage: Told in words what begins.
        on_epoch: Told of every epoch trained, and of which model.
        on_progress: Called with (done, in all), in steps or images.
    """

    on_stage: Callable[[str], None] = lambda title: None
    on_epoch: Callable[[str, EpochReport], None] = lambda model, report: None
    on_progress: Progress = lambda done, total: None


def run_protocol(
    plan: Plan,
    whole: Dataset,
    test: Dataset,
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
        plan: What to train on and how to divide the test views.
        whole: The whole training split: its labels say which poses recognition searches.
        test: The test split, of unseen objects; background is left out.
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
        DataError: The set cannot be trained on or measured.
        SettingsError: DIR holds something else, or a run with other settings.
    """
    experiment = experiment or Experiment()
    objects = ~test.shows_background
    session = _Session(
        plan=plan,
        experiment=experiment,
        test=test.subset(objects),
        familiar=plan.familiar[objects],
        space=_widened(plan, whole, experiment),
        out=out,
        device=str(choose_device(device)),
        watch=watch or Watch(),
    )
    session.claim(resume=resume, force=force)
    session.train()
    stages = session.matched() if plan.matched else {}
    result = {
        "format_version": FORMAT_VERSION,
        "protocol": plan.protocol,
        "says": plan.says,
        **session.figures(stages),
        "rows_after_full_training": session.figures({})["rows"] if stages else [],
        "notes": session.notes(),
        "settings": experiment.to_json(),
        "hardware": describe_hardware(session.device),
        "provenance": dict(provenance or {}),
    }
    write_text(out / RESULT, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return result


@dataclass(frozen=True)
class _Session:
    """One run of a protocol: what it works on, and where."""

    plan: Plan
    experiment: Experiment
    test: Dataset
    familiar: np.ndarray
    space: PoseSpace | None
    out: Path
    device: str
    watch: Watch

    @property
    def settings(self) -> ProtocolSettings:
        return self.experiment.protocol

    def folder(self, kind: str, seed: int) -> Path:
        return self.out / MODELS / f"{kind}-{seed}"

    def claim(self, *, resume: bool, force: bool) -> None:
        """Make sure that DIR is free, or holds the same run."""
        identity = {"protocol": self.plan.protocol, **_without_seeds(self.experiment.to_json())}
        identity |= {"train": _described(self.plan.train), "test": _described(self.test)}
        path = self.out / PLAN
        if self.out.exists() and not self.out.is_dir():
            raise SettingsError(f"{self.out}: is a file; give a folder")
        if force and path.is_file():
            path.unlink()
            (self.out / RESULT).unlink(missing_ok=True)
            shutil.rmtree(self.out / MODELS, ignore_errors=True)
        if path.is_file() and not resume:
            raise SettingsError(
                f"{self.out}: holds a run already; go on with --resume or start anew with --force"
            )
        if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != identity:
            raise SettingsError(
                f"{path}: was made with another protocol, set or settings; give a new folder, or "
                "start anew with --force"
            )
        if not path.is_file() and self.out.is_dir() and any(self.out.iterdir()):
            raise SettingsError(f"{self.out}: is not empty; give a new folder")
        self.out.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(identity, indent=1, ensure_ascii=False) + "\n")

    def train(self) -> None:
        """Train what is not trained yet."""
        for seed, kind in product(self.settings.seeds, self.settings.models):
            name = f"{kind}, seed {seed}"
            self.watch.on_stage(f"training {name}")
            reports = train(
                self.plan.train,
                self.folder(kind, seed),
                self.experiment.recipe(kind, seed),
                resume=True,
                device=self.device,
                on_batch=self.watch.on_progress,
                keep_every=self.settings.keep_every if self.plan.matched else None,
            )
            for report in reports:
                self.watch.on_epoch(name, report)

    def matched(self) -> dict[tuple[str, int], Stage]:
        """Choose, seed by seed, stages of equal error on familiar views."""
        shown, chosen = self.test.subset(self.familiar), {}
        for seed in self.settings.seeds:
            curves = {}
            for kind in self.settings.models:
                self.watch.on_stage(f"stages of {kind}, seed {seed}")
                kept = sorted((self.folder(kind, seed) / EPOCHS).iterdir())
                stages = []
                for stage in familiar_errors(kept, shown, self.device):
                    stages.append(stage)
                    self.watch.on_progress(len(stages), len(kept))
                curves[kind] = stages
            for kind, stage in matched_stages(curves).items():
                chosen[kind, seed] = stage
        return chosen

    def figures(self, stages: dict[tuple[str, int], Stage]) -> dict[str, Any]:
        """Measure every model, at a stage or when fully trained; return rows and differences."""
        bootstrap = Bootstrap()
        views = {"familiar": self.familiar, "novel": ~self.familiar}
        views = {name: shown for name, shown in views.items() if shown.any()}
        symmetric = (*self.plan.train.frame.symmetric, *self.experiment.pose.symmetric)
        runs = {
            kind: [self._measured(kind, seed, stages) for seed in self.settings.seeds]
            for kind in self.settings.models
        }
        first, *others = self.settings.models
        return {
            "rows": [
                row(kind, name, runs[kind], shown, symmetric, bootstrap)
                for kind in self.settings.models
                for name, shown in views.items()
            ],
            "differences": [
                {"model": other, "minus": first, "views": name}
                | difference(runs[first], runs[other], shown, bootstrap)
                for other in others
                for name, shown in views.items()
            ],
            "bootstrap": {
                "resamples": bootstrap.resamples,
                "seed": bootstrap.seed,
                "level": bootstrap.level,
                "over": "objects within each category, seeds averaged",
            },
        }

    def notes(self) -> list[str]:
        """Return sentences that a reader of the figures must know."""
        found = []
        if self.plan.matched:
            found.append(
                "rows: each model is stopped where its error on the familiar views of the test "
                "objects equals that of the others, seed by seed; novel views chose nothing."
            )
        if self.space is not None:
            found.append(
                "The energy model searches the poses of all views of the set; its answer sets in "
                "training held those that training images show."
            )
            found.append(
                "Mirror images, in training, show views on the other side of the front; the same "
                "for all models."
            )
        return found

    def _measured(self, kind: str, seed: int, stages: dict[tuple[str, int], Stage]) -> Measured:
        folder, stage = self.folder(kind, seed), stages.get((kind, seed))
        if stage is not None:
            folder = folder / EPOCHS / f"{stage.epoch:03d}"
        self.watch.on_stage(f"measuring {kind}, seed {seed}")
        return measure(folder, self.test, seed, self.space, self.device, self.watch.on_progress)


def _widened(plan: Plan, whole: Dataset, experiment: Experiment) -> PoseSpace | None:
    """Return the poses of all views of a set, as far as its labels tell them."""
    if not plan.widened or experiment.model.references == "planar":
        return None
    shown = whole.poses[~whole.shows_background]
    return choose_space(shown, experiment.pose, "volume", experiment.pose.frame(whole.frame))


def _without_seeds(settings: dict[str, Any]) -> dict[str, Any]:
    """Leave out what may change from one run to the next that goes on with it."""
    protocol = {name: v for name, v in settings["protocol"].items() if name not in _MAY_GROW}
    return {**settings, "protocol": protocol}


_MAY_GROW = ("seeds", "models")


def _described(dataset: Dataset) -> dict[str, Any]:
    return {
        "set": dataset.name,
        "split": dataset.split,
        "images": len(dataset),
        "objects": len(set(dataset.objects.tolist())),
        "categories": list(dataset.categories),
    }
