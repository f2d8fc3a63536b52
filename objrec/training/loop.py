"""The training loop: one model on one set, as a stream of epoch reports.

The loop prints nothing. After every epoch the run's whole state is on disk (see `checkpoint`), so
it may be killed at any moment and resumed; on a CPU the resumed run ends with the same bits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from objrec.datasets.frame import RELATIVE
from objrec.energy.model import EnergyModel
from objrec.errors import ObjrecError, SettingsError, shortened
from objrec.files import writing
from objrec.strict import misfit
from objrec.training.augmentation import Augmentation
from objrec.training.checkpoint import CHECKPOINT, Checkpoint, damaged, pack, unpack
from objrec.training.data import Progress, TrainingData
from objrec.training.distributed import ALONE, Processes, normalise_globally
from objrec.training.frozen import FrozenCache, FrozenSource, frozen_source
from objrec.training.objective import (
    ClassifierObjective,
    EnergyObjective,
    StepResult,
    collapse_indicators,
)
from objrec.training.optimisation import averaged_model, has_bfloat16, make_optimizer, one_cycle
from objrec.training.relative import RelativeAzimuth
from objrec.training.reports import EpochReport
from objrec.training.restoring import Numbers, States, wrong_reports, wrong_states
from objrec.training.settings import Recipe
from objrec.training.sources import ImageSource, Step, batches_an_epoch

# Share of the epochs after which the energies are trusted more than looks to turn objects to one
# another: a younger model takes fronts for backs, and then learns them so.
TRUSTED = 0.5
_SHOWN = 100  # characters of a value in a message

Objective = EnergyObjective | ClassifierObjective


class TrainingDiverged(ObjrecError):
    """A loss or gradient was not finite; the last finite checkpoint is still there."""


@dataclass
class Job:
    """One model to train.

    Attributes:
        network: Freshly built, on its device.
        data: The set, on the same device.
        recipe: All settings.
        folder: Where the checkpoint is kept.
        stage: For the reports.
        identity: What a checkpoint must have been made for, to be resumed.
        processes: Who trains it together.
    """

    network: nn.Module
    data: TrainingData
    recipe: Recipe
    folder: Path
    stage: str
    identity: dict[str, Any]
    processes: Processes = ALONE


class Loop:
    """The state of a run, and its epochs.

    Args:
        job: What to train.
        on_batch: Called with (steps done, steps in all).
        on_frozen: Called with (images done, images in all) while a frozen backbone's features
            are computed.
    """

    def __init__(self, job: Job, on_batch: Progress, on_frozen: Progress) -> None:
        self.job, self.on_batch = job, on_batch
        network, settings = job.network, job.recipe.training
        self.epochs = settings.epochs_for(len(job.data))
        self.steps = batches_an_epoch(len(job.data), settings.batch_size)
        if job.processes.count > 1:
            normalise_globally(network)
        self.averaged = averaged_model(network, settings, self.epochs * self.steps)
        self.optimizer = make_optimizer(network, settings)
        self.schedule = one_cycle(self.optimizer, settings, self.epochs * self.steps)
        self.objective = _objective(network, job.recipe)
        self.forward = job.processes.sharing(_Forward(network, self.objective))
        # A classifier has no energies of poses to estimate offsets by; it takes labels as they are.
        searches = isinstance(network, EnergyModel) and "azimuth" in network.axes
        estimated = searches and job.data.frame.kind("azimuth") == RELATIVE
        self.relative = (
            RelativeAzimuth(job.data, network, job.recipe.answers) if estimated else None
        )
        self.reports: list[EpochReport] = []
        self._on_frozen = on_frozen

    def run(self) -> Iterator[EpochReport]:
        """Train to the end, from the folder's checkpoint if there is one.

        Yields:
            The reports of all epochs, those before the checkpoint included.

        Raises:
            TrainingDiverged: A loss or gradient was not finite.
            SettingsError: The checkpoint was made with other settings or data.
            ModelError: The checkpoint cannot be read.
        """
        path = self.job.folder / CHECKPOINT
        begun = path.exists() or path.is_symlink()
        self.job.processes.wait()
        if begun:
            self._restore(Checkpoint.load(path))
        else:
            # Before the first epoch too: frozen features are kept from then on, and must not be
            # taken over by a run with other settings.
            self._save(path)
        yield from self.reports
        source = self._source() if len(self.reports) < self.epochs else None
        for number in range(len(self.reports) + 1, self.epochs + 1):
            report = self._epoch(number, source)
            self.reports.append(report)
            self._save(path)
            yield report

    def result(self) -> nn.Module:
        """Return the averaged network, in evaluation mode."""
        return self.averaged.module.eval()

    def azimuth_offsets(self) -> dict[str, float]:
        """Return what the final network says of each object's offset, where labels are relative."""
        if self.relative is None:
            return {}
        self.relative.estimate(self.result())
        return self.relative.by_object()

    def _source(self) -> ImageSource | FrozenSource:
        data, network = self.job.data, self.job.network
        settings, searched = self.job.recipe.augmentation, network.axes
        if "roll" in searched:  # every searched roll must be seen in training, or it is pushed up
            reach = max(settings.augment_roll, self.job.recipe.pose.roll_range)
            settings = replace(settings, augment_roll=reach)
        augmentation = Augmentation(settings, searched, data.front_azimuth)
        if network.extractor.frozen:
            stem, processes = network.extractor.stem, self.job.processes
            cache = self._cache()
            return frozen_source(data, augmentation, stem, cache, self._on_frozen, processes)
        return ImageSource(data, augmentation, network.extractor.stem, self.job.processes)

    def _cache(self) -> FrozenCache:
        settings = self.job.recipe.training
        return FrozenCache(self.job.folder, settings.cached_copies, settings.seed)

    def _epoch(self, number: int, source: ImageSource | FrozenSource) -> EpochReport:
        settings, network = self.job.recipe.training, self.job.network
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + number)
        started = time.monotonic()
        if self.relative is not None and number > TRUSTED * self.epochs:
            # Anew from the weights alone: a checkpoint needs no offsets.
            self.relative.estimate(self.result())
        network.train()
        watch = _Watch(self.job.data.device, self.job.processes)
        for i, batch in enumerate(source.epoch(settings.batch_size, generator)):
            features, result = self._step(batch, watch)
            self.on_batch((number - 1) * self.steps + i + 1, self.epochs * self.steps)
        watch.check(number)
        features = self.job.processes.gathered(features, batch.batch)
        gap, variance = collapse_indicators(features, result.maps)
        return EpochReport(
            stage=self.job.stage,
            epoch=number,
            epochs=self.epochs,
            loss=watch.mean_loss(),
            error_rate=watch.errors(len(self.job.data)),
            learning_rate=watch.learning_rate,
            seconds=round(time.monotonic() - started, 3),
            reference_gap=gap,
            feature_variance=variance,
            note=_collapse_note(gap, variance, result),
        )

    def _step(self, batch: Step, watch: _Watch) -> tuple[torch.Tensor, StepResult]:
        settings, network = self.job.recipe.training, self.job.network
        poses = batch.poses
        if self.relative is not None:
            poses = self.relative.applied(poses, batch.index, batch.mirrored)
        device = batch.inputs.device
        mixed = settings.amp and has_bfloat16(device)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=mixed):
            features, result = self.forward(batch.inputs, batch.labels, poses)
        loss = sum(result.terms.values()).mean()
        self.optimizer.zero_grad(set_to_none=True)
        # Gradients become the mean over processes, whose parts of the batch may differ in size.
        (loss * (batch.share * self.job.processes.count)).backward()
        norm = nn.utils.clip_grad_norm_(network.parameters(), settings.max_gradient)
        watch.record(result, batch, norm)
        watch.learning_rate = self.schedule.get_last_lr()[0]
        self.optimizer.step()
        self.schedule.step()
        self.averaged.update_parameters(network)
        return features.detach(), result

    def _save(self, path: Path) -> None:
        if self.job.processes.first:
            self._checkpoint().save(path)

    def _checkpoint(self) -> Checkpoint:
        tensors, structure = pack(self._states(), "state")
        reports = [asdict(report) for report in self.reports]
        numbers = {"identity": self.job.identity, "state": structure, "reports": reports}
        return Checkpoint(tensors, numbers)

    def _states(self) -> States:
        return {
            "network": self.job.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
        }

    def _restore(self, checkpoint: Checkpoint) -> None:
        """Take over what a checkpoint holds, having made sure that it is of this run.

        Raises:
            SettingsError: It is of another run.
            ModelError: It is damaged.
        """
        place, numbers = self.job.folder / CHECKPOINT, checkpoint.numbers
        if problem := misfit(numbers, Numbers):
            raise damaged(place, problem)
        check_same_run(place, numbers["identity"], self.job.identity)
        if problem := wrong_reports(numbers["reports"], self.epochs):
            raise damaged(place, problem)
        try:
            states = unpack(checkpoint.tensors, numbers["state"])
        except ValueError as error:
            raise damaged(place, str(error)) from error
        done, steps = len(numbers["reports"]) * self.steps, self.epochs * self.steps
        settings = self.job.recipe.training
        problem = wrong_states(states, self._states(), self.optimizer, settings, done, steps)
        if problem:
            raise damaged(place, problem)
        self.job.network.load_state_dict(states["network"])
        self.averaged.load_state_dict(states["averaged"])
        self.optimizer.load_state_dict(states["optimizer"])
        self.schedule.load_state_dict(states["schedule"])
        self.reports = [EpochReport(**report) for report in numbers["reports"]]


class _Forward(nn.Module):
    """One step from stem outputs to the terms of the loss, for gradients to be shared by."""

    def __init__(self, network: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.network, self.objective = network, objective

    def forward(
        self, inputs: torch.Tensor, labels: torch.Tensor, poses: torch.Tensor
    ) -> tuple[torch.Tensor, StepResult]:
        features = self.network.extractor.head(inputs).float()
        return features, self.objective(features, labels, poses)


class _Watch:
    """Losses and errors of an epoch, kept on the device so that no step waits for them.

    Attributes:
        learning_rate: That of the last step.
    """

    learning_rate = 0.0

    def __init__(self, device: torch.device, processes: Processes) -> None:
        self.processes = processes
        self._names: list[str] = []
        self._terms: list[torch.Tensor] = []
        self._wrong = torch.zeros((), device=device)

    def record(self, result: StepResult, batch: Step, gradient: torch.Tensor) -> None:
        means = {name: term.detach().mean() for name, term in result.terms.items()}
        means["gradient"] = gradient.detach()
        self._names = list(means)
        self._terms.append(torch.stack(list(means.values())) * batch.share)
        self._wrong += (result.predicted != batch.labels).sum()

    def check(self, epoch: int) -> None:
        """Name the first term of the first batch that was not finite."""
        names, values = self._names, self._values
        bad = (~torch.isfinite(values)).nonzero()
        if len(bad):
            batch, term = bad[0].tolist()
            raise TrainingDiverged(
                f"training: epoch {epoch}, batch {batch + 1}: the {names[term]} "
                f"{'' if names[term] == 'gradient' else 'term '}is not finite; the last finite "
                "checkpoint is kept; train anew with a lower --lr and --force"
            )

    @cached_property
    def _values(self) -> torch.Tensor:
        """(batches, terms) of all processes; the gradient's norm is the last."""
        return self.processes.summed(torch.stack(self._terms)).cpu()

    def mean_loss(self) -> float:
        return sum(sum(terms[:-1]) for terms in self._values.tolist()) / len(self._terms)

    def errors(self, images: int) -> float:
        return float(self.processes.summed(self._wrong)) / images


def clean_up(folder: Path) -> None:
    """Delete what only an unfinished run needs.

    Raises:
        DataError: It cannot be deleted.
    """
    with writing(folder):
        FrozenCache.remove(folder)
        (folder / CHECKPOINT).unlink(missing_ok=True)


def check_same_run(place: Path, saved: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Refuse to go on with what was made with other settings or data.

    Raises:
        SettingsError: They differ; the message names the first difference and both values.
    """
    difference = _first_difference(saved, wanted)
    if difference:
        raise SettingsError(
            f"{place}: made with {difference}; "
            "resume with the same settings and data, or start anew with --force"
        )


def _objective(network: nn.Module, recipe: Recipe) -> Objective:
    if isinstance(network, EnergyModel):
        return EnergyObjective(network, recipe.loss, recipe.answers, network.operators())
    return ClassifierObjective(network)


def _collapse_note(gap: float, variance: float, result: StepResult) -> str:
    if variance < 1e-6 or (result.maps is not None and gap < 1e-4):
        return "collapse: references or features have merged; use a loss with a margin"
    return ""


def _first_difference(saved: Any, wanted: Any, path: str = "") -> str:
    """Say, in words, the first value in which two nested descriptions differ; "" if none."""
    if isinstance(saved, dict) and isinstance(wanted, dict):
        for key in wanted | saved:
            found = _first_difference(saved.get(key), wanted.get(key), f"{path} {key}".strip())
            if found:
                return found
        return ""
    return "" if saved == wanted else f"{_cut(path)} {_cut(saved)}, not {_cut(wanted)}"


def _cut(value: Any) -> str:
    return shortened(str(value), _SHOWN)
