"""One run of a protocol: its folder, and the models in it, trained once and then asked.

Models are kept in DIR/models; what was trained already is not trained again, so that an
interrupted run goes on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from objrec.datasets import Dataset
from objrec.errors import SettingsError
from objrec.files import is_empty, remove_folder, write_text, writing
from objrec.pose import PoseSpace
from objrec.protocols.experiment import Experiment, Watch
from objrec.protocols.matching import Stage, matched_stages
from objrec.protocols.measuring import Asked, Measured, familiar_errors, measure
from objrec.protocols.parts import FAMILIAR, Part, Plan
from objrec.protocols.settings import ProtocolSettings
from objrec.protocols.strangers import Told, tell_apart
from objrec.strict import read_json
from objrec.training import train
from objrec.training.output import EPOCHS

RESULT, PLAN, MODELS = "protocol.json", "plan.json", "models"
_MAY_CHANGE = ("seeds", "models", "objects", "search_step")  # in a run that goes on

Stages = dict[Asked, Stage]
"""At which of its kept stages each model is measured; one that is not named: when fully trained."""


@dataclass(frozen=True)
class Session:
    """One run of a protocol: what it works on, and where.

    Attributes:
        plan: What is trained on and tested on.
        experiment: Settings.
        whole: The whole training split.
        space: The poses that models search; None: those they were trained on.
        out: DIR.
        device: Where to train and to recognise.
        watch: Whom to tell of progress.
    """

    plan: Plan
    experiment: Experiment
    whole: Dataset
    space: PoseSpace | None
    out: Path
    device: str
    watch: Watch

    @property
    def settings(self) -> ProtocolSettings:
        """Those of the protocol alone."""
        return self.experiment.protocol

    @property
    def models(self) -> list[Asked]:
        """All models there are to be, in the order in which they are trained."""
        numbers = range(len(self.plan.parts))
        seeds, kinds = self.settings.seeds, self.settings.models
        return [Asked(part, kind, seed) for seed, part, kind in product(seeds, numbers, kinds)]

    def claim(self, *, resume: bool, force: bool) -> None:
        """Make sure that DIR is free, or holds the same run.

        Raises:
            SettingsError: It holds something else, or the plan of its run is damaged.
        """
        identity, path = self._identity(), self.out / PLAN
        if self.out.exists() and not self.out.is_dir():
            raise SettingsError(f"{self.out}: is a file; give a folder")
        if force and path.is_file():
            with writing(self.out):
                (self.out / RESULT).unlink(missing_ok=True)
                remove_folder(self.out / MODELS)
                path.unlink()
        if path.is_file() and not resume:
            raise SettingsError(
                f"{self.out}: holds a run already; go on with --resume or start anew with --force"
            )
        if path.exists() and _stored(path) != identity:
            raise SettingsError(
                f"{path}: was made with another protocol, set or settings; give a new folder, or "
                "start anew with --force"
            )
        if not path.is_file() and self.out.is_dir() and not is_empty(self.out):
            raise SettingsError(f"{self.out}: is not empty; give a new folder")
        with writing(self.out):
            self.out.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(identity, indent=1, ensure_ascii=False) + "\n")

    def train(self) -> None:
        """Train what is not trained yet."""
        for asked in self.models:
            name = self._name(asked)
            self.watch.on_stage(f"training {name}")
            reports = train(
                self._part(asked).trained_on(asked.seed),
                self._folder(asked),
                self.experiment.recipe(asked.kind, asked.seed),
                resume=True,
                device=self.device,
                on_batch=self.watch.on_progress,
                keep_every=self.settings.keep_every if self.plan.matched else None,
            )
            for report in reports:
                self.watch.on_epoch(name, report)

    def matched(self) -> Stages:
        """Choose, seed by seed, stages of equal error on familiar views."""
        chosen = {}
        for seed, part in product(self.settings.seeds, range(len(self.plan.parts))):
            asked = {kind: Asked(part, kind, seed) for kind in self.settings.models}
            curves = {kind: self._curve(one) for kind, one in asked.items()}
            chosen |= {asked[kind]: stage for kind, stage in matched_stages(curves).items()}
        return chosen

    def measured(self, stages: Stages) -> dict[Asked, Measured]:
        """Ask every model, at a stage or when fully trained, about the test images of its part."""
        found = {}
        for asked in self.models:
            folder = self._folder(asked)
            if asked in stages:
                folder = folder / EPOCHS / f"{stages[asked].epoch:03d}"
            self.watch.on_stage(f"measuring {self._name(asked)}")
            test, tick = self._part(asked).test, self.watch.on_progress
            found[asked] = measure(folder, test, asked.seed, self.space, self.device, tick)
        return found

    def told_apart(self) -> dict[Asked, Told]:
        """Ask every model how unknown its known and unknown test images look; often there are none.

        Raises:
            DataError: None of some images can be read.
        """
        found = {}
        for asked in self.models:
            part = self._part(asked)
            if part.unknown is None:
                continue
            self.watch.on_stage(f"unknown objects, {self._name(asked)}")
            learned = part.trained_on(asked.seed)
            sets = (learned, part.test, part.unknown)
            found[asked] = tell_apart(
                self._folder(asked), *sets, self.device, self.watch.on_progress
            )
        return found

    def _part(self, asked: Asked) -> Part:
        return self.plan.parts[asked.part]

    def _folder(self, asked: Asked) -> Path:
        words = (asked.kind, str(asked.seed), self._part(asked).folder)
        return self.out / MODELS / "-".join(filter(None, words))

    def _name(self, asked: Asked) -> str:
        facts = self._part(asked).facts.items()
        told = "".join(f", {name.replace('_', ' ')} {value}" for name, value in facts)
        return f"{asked.kind}, seed {asked.seed}{told}"

    def _curve(self, asked: Asked) -> list[Stage]:
        self.watch.on_stage(f"stages of {self._name(asked)}")
        part, stages = self._part(asked), []
        kept = sorted((self._folder(asked) / EPOCHS).iterdir())
        shown = part.test.subset(part.views[FAMILIAR])
        for stage in familiar_errors(kept, shown, self.device):
            stages.append(stage)
            self.watch.on_progress(len(stages), len(kept))
        return stages

    def _identity(self) -> dict[str, Any]:
        """Return what must be the same in a run that goes on."""
        settings, parts = self.experiment.to_json(), self.plan.parts
        own = settings.pop("protocol")
        learned = parts[0].trained_on(0) if len(parts) == 1 else self.whole
        return {
            "protocol": self.plan.protocol,
            **settings,
            "experiment": {name: own[name] for name in own if name not in _MAY_CHANGE},
            "train": _described(learned),
            "test": _described(parts[0].test),
        }


def _stored(plan: Path) -> Any:
    try:
        return read_json(plan)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{plan}: not readable as JSON ({error}); give a new folder, or start anew with --force"
        ) from error


def _described(dataset: Dataset) -> dict[str, Any]:
    return {
        "set": dataset.name,
        "split": dataset.split,
        "images": len(dataset),
        "objects": len(set(dataset.objects.tolist())),
        "categories": list(dataset.categories),
    }
