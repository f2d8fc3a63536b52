"""`train`: from a data set to a model folder, through leave-one-object-out folds on request."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from objrec.datasets import Dataset, hold_out_objects
from objrec.datasets.frame import LATENT, OBSERVED, PoseFrame
from objrec.energy.features import SIZES, image_size
from objrec.errors import DataError, SettingsError
from objrec.evaluation.hardware import describe_hardware
from objrec.files import locked, writing
from objrec.pose import INDEX
from objrec.recognizer import Recognizer
from objrec.saving import (
    CONFIG,
    VALIDATION,
    SavedModel,
    build_network,
    load_model,
    save_model,
)
from objrec.training.calibration import (
    HeldOut,
    calibrate,
    check_validation,
    held_out_answers,
)
from objrec.training.data import (
    Progress,
    TrainingData,
    load_training_data,
    upright_plane_axes,
)
from objrec.training.distributed import Processes, joined
from objrec.training.loop import Job, Loop, check_same_run, clean_up
from objrec.training.output import (
    EPOCHS,
    FOLDS,
    Claim,
    begun,
    check_free,
    clear,
    folds_in,
    tidy,
)
from objrec.training.reports import EpochReport, write_metrics
from objrec.training.settings import Recipe
from objrec.training.sources import check_batches
from objrec.training.space import choose_space


def train(
    dataset: Dataset,
    out: str | Path,
    settings: Recipe | None = None,
    *,
    folds: int | None = None,
    validation: Dataset | None = None,
    resume: bool = False,
    force: bool = False,
    device: str = "auto",
    on_batch: Progress | None = None,
    keep_every: int | None = None,
) -> Iterator[EpochReport]:
    """Train a model on all objects of a set and write its folder when the last epoch is done.

    Training happens as the reports are drawn: stop drawing, and it stops; its checkpoint stays.
    Processes that torchrun started train one model together, each with its part of every batch:
    all of them draw the same reports, and the first one writes the files.

    Args:
        dataset: From `open_dataset`.
        out: The model folder.
        settings: The recipe; its defaults are those that were measured best.
        folds: Also train this many leave-one-object-out models first, and fit on their held-out
            objects what must not be fitted on training objects (beta, threshold for 'unknown').
        validation: Without folds, fit that on these objects instead: a split of the same set,
            with none of the objects that are trained on.
        resume: Go on with an interrupted run; a finished one is left as it is.
        force: Replace a model that is there; with `resume` only if no run was begun.
        device: 'auto', 'cpu', 'cuda', ...
        on_batch: Called with (steps done, steps in all); images, while the set is being read.
        keep_every: Keep the model as it was after every so many epochs too, and after the last:
            model folders epochs/004, epochs/008, … in `out`.

    Yields:
        One report an epoch; on resuming, those of the earlier epochs first.

    Raises:
        DataError: The set cannot be trained on, or the folder not be written; or another process
            trains in it.
        SettingsError: The folder holds something already, or a checkpoint of another run.
        TrainingDiverged: A loss or gradient was not finite.
        ProcessLost: Of several processes another one ended.

    Example:
        ``for report in train(open_dataset("data/toys"), "out/toys"): print(report)``
    """
    out, dataset = Path(out), dataset.with_present_categories()
    recipe = (settings or Recipe()).settled(dataset.colour, _side(dataset))
    with joined(device) as processes, locked(out) if processes.first else nullcontext():
        run = _Run(recipe, processes, on_batch or _silent, keep_every)
        claim = Claim(out, folds, resume, force)
        yield from _trained(run, dataset, claim, None if folds else validation)


def _trained(
    run: _Run, dataset: Dataset, claim: Claim, validation: Dataset | None
) -> Iterator[EpochReport]:
    out, folds = claim.out, claim.folds
    if claim.resume and (out / CONFIG).is_file():
        run.tidy(out)  # in case it was killed in its very last step
        return
    check_free(out, claim.resume or claim.force)
    if claim.resume and not folds and folds_in(out):
        raise SettingsError(f"{out}: was begun with --folds; resume with the same number")
    # What is wrong with the set or the settings shows before anything is deleted or trained.
    splits = [hold_out_objects(dataset, fold, folds) for fold in range(folds or 0)]
    if validation is not None:
        check_validation(dataset, validation)
    job = run.job(dataset, out, "")
    anew = claim.force and not (claim.resume and begun(out))
    run.processes.agree((claim, run.keep_every, job.identity))  # and all have looked by now
    if anew:
        if run.processes.first:
            with writing(out):
                clear(out)
        run.processes.wait()
    answers = yield from _held_out(run, dataset, out, splits)
    yield from run.fit(job, dataset, answers, validation)
    run.tidy(out)


def _side(dataset: Dataset) -> int | None:
    """Return the longer side in pixels of the first image of a few that can be read."""
    for index in range(min(8, len(dataset))):
        try:
            return max(dataset[index].images.shape[1:3])
        except DataError:
            continue
    return None


def _silent(done: int, total: int) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True)
class _Run:
    """What the models of one call share."""

    recipe: Recipe
    processes: Processes
    on_batch: Progress
    keep_every: int | None = None

    def tidy(self, out: Path) -> None:
        """Delete what a finished model does not need."""
        if self.processes.first:
            with writing(out):
                tidy(out)

    def fit(
        self,
        job: Job,
        dataset: Dataset,
        answers: list[HeldOut],
        validation: Dataset | None = None,
    ) -> Iterator[EpochReport]:
        """Train one model, from its checkpoint if there is one, and write its folder.

        Args:
            job: From `job`.
            dataset: What the job was made from.
            answers: About held-out objects, to calibrate by; none: no calibration.
            validation: Objects to ask the trained model about instead.
        """
        with writing(job.folder):
            job.folder.mkdir(parents=True, exist_ok=True)
        loop = Loop(job, self.on_batch, on_frozen=self.on_batch)
        for report in loop.run():
            if self.processes.first:
                write_metrics(job.folder, loop.reports)
                self._keep(report, loop, dataset)
            yield report
        if not self.processes.first:
            return
        saved = self._saved(job, dataset, loop, loop.result().cpu(), answers)
        if validation is not None:
            saved = _validated(saved, validation, self.processes.device)
        save_model(job.folder, saved)
        clean_up(job.folder)

    def _keep(self, report: EpochReport, loop: Loop, dataset: Dataset) -> None:
        if self._keeps(report, loop):
            network = copy.deepcopy(loop.result()).cpu()
            kept = self._saved(loop.job, dataset, loop, network, [])
            save_model(loop.job.folder / EPOCHS / f"{report.epoch:03d}", kept)

    def _keeps(self, report: EpochReport, loop: Loop) -> bool:
        """Whether the model as it is now is to be kept; of earlier epochs it is gone."""
        if self.keep_every is None or report.epoch != len(loop.reports):
            return False
        return report.epoch % self.keep_every == 0 or report.epoch == loop.epochs

    def _saved(
        self, job: Job, dataset: Dataset, loop: Loop, network: nn.Module, answers: list[HeldOut]
    ) -> SavedModel:
        facts = _facts(dataset, job.data, loop.reports, self.recipe)
        if self.processes.count > 1:
            facts["processes"] = self.processes.count
        if answers:
            errors = ", ".join(f"{100 * fold.error_rate:.1f} %" for fold in answers)
            facts["error on held-out objects, by fold"] = errors
        found = loop.azimuth_offsets()
        offsets = {"azimuth_offsets": found} if found else {}
        return SavedModel(
            kind=self.recipe.kind,
            network=network,
            settings=self.recipe.model,
            preprocessing=job.data.preprocessing,
            calibration=calibrate(answers) if answers else None,
            training={"facts": facts, **offsets, **_described(job.identity)},
            frame=_answered_frame(job.data),
            background=job.data.background,
        )

    def job(self, dataset: Dataset, folder: Path, stage: str) -> Job:
        """Read the set and build the network; nothing is written.

        Args:
            dataset: The objects to train on.
            folder: The model folder.
            stage: For the reports.

        Raises:
            DataError: The set cannot be trained on.
            SettingsError: A setting does not fit the set.
            ModelError: A backbone's weights are not to be had.
        """
        recipe = self.recipe
        features = recipe.model.extractor
        side = image_size(features, recipe.model.image_side)
        data = load_training_data(dataset, recipe, side, features in SIZES, self.on_batch)
        check_batches(len(data), recipe.training.batch_size, self.processes)
        # Heads cannot learn what is not labelled, as planar views cannot: no latent view axes.
        references = recipe.model.references if recipe.kind == "energy" else "planar"
        poses = data.poses.numpy().astype(float)
        front = data.front_azimuth if recipe.augmentation.mirror else None
        space = choose_space(poses, recipe.pose, references, data.frame, front)
        latent = data.frame.axes_of(LATENT)
        data = replace(data, poses=upright_plane_axes(data.poses, space, latent))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(recipe.training.seed)
            network = build_network(
                recipe.kind,
                data.categories,
                space,
                data.preprocessing,
                recipe.model,
                background=bool(data.background),
            )
        return Job(
            network=network.to(self.processes.device),
            data=data.to(self.processes.device),
            recipe=recipe,
            folder=folder,
            stage=stage,
            identity={"settings": recipe.to_json(), "data": _fingerprint(dataset, data)},
            processes=self.processes,
        )


def _held_out(
    run: _Run, dataset: Dataset, out: Path, splits: list[tuple[np.ndarray, np.ndarray]]
) -> Generator[EpochReport, None, list[HeldOut]]:
    """Train a model for each fold; return their answers about the objects they did not see."""
    answers = []
    for number, (trained_on, held_out) in enumerate(splits, 1):
        folder, part = out / FOLDS / f"fold-{number}", dataset.subset(trained_on)
        job = run.job(part, folder, f"fold {number} of {len(splits)}")
        if (folder / CONFIG).is_file():
            made, wanted = load_model(folder).training, _described(job.identity)
            check_same_run(folder / CONFIG, {key: made.get(key) for key in wanted}, wanted)
        else:
            yield from run.fit(job, part, [])
        if not run.processes.first:
            continue
        recognizer = Recognizer(load_model(folder), str(run.processes.device))
        found = held_out_answers(recognizer, dataset.subset(held_out))
        answers += [found] if found.objects else []  # a fold may hold out background only
    return answers


def _validated(saved: SavedModel, validation: Dataset, device: torch.device) -> SavedModel:
    """Return a model calibrated on objects that it was not trained on."""
    answers = held_out_answers(Recognizer(saved, str(device)), validation)
    facts = {"error on the validation split": f"{100 * answers.error_rate:.1f} %"}
    training = {**saved.training, "facts": {**saved.training["facts"], **facts}}
    calibration = calibrate([answers], source=VALIDATION)
    return replace(saved, calibration=calibration, training=training)


def _described(identity: dict[str, Any]) -> dict[str, Any]:
    """Return what a model folder keeps of a job's identity."""
    return {"recipe": identity["settings"], "data": identity["data"]}


def _answered_frame(data: TrainingData) -> PoseFrame:
    """Return how the model's own poses are meant: with the front that was used, if it was known."""
    front, kind = data.front_azimuth, data.frame.kind("azimuth")
    if front is None or kind != OBSERVED or data.poses[:, INDEX["azimuth"]].isnan().all():
        return data.frame
    note = replace(data.frame.note("azimuth"), front=front)
    return replace(data.frame, axes={**data.frame.axes, "azimuth": note})


def _fingerprint(dataset: Dataset, data: TrainingData) -> dict[str, Any]:
    """Describe a training set, so that a checkpoint is not resumed on another one."""
    digest = hashlib.sha256()
    for tensor in (data.images, data.labels, data.poses):
        digest.update(np.ascontiguousarray(tensor.numpy()).data)
    return {
        "images": len(data),
        "categories": list(dataset.categories),
        "sha256": digest.hexdigest(),
    }


def _facts(
    dataset: Dataset, data: TrainingData, reports: list[EpochReport], recipe: Recipe
) -> dict[str, Any]:
    """Return what was measured in a run, for the model card."""
    last = reports[-1]
    hardware = describe_hardware(data.device)
    objects = int(data.objects.max()) + 1
    front = data.front_azimuth
    return {
        "trained on": f"{dataset.name} ({dataset.split}): {len(data)} images of {objects} objects",
        "unreadable images left out": len(data.failures),
        "azimuth of the front": "unknown: images were not mirrored" if front is None else front,
        "loss": recipe.loss.loss if recipe.kind == "energy" else "cross-entropy",
        "epochs": last.epoch,
        "seed": recipe.training.seed,
        "error on the augmented training images": f"{100 * last.error_rate:.1f} %",
        "training time": f"{sum(report.seconds for report in reports):.0f} s",
        "hardware": ", ".join(f"{key} {value}" for key, value in hardware.items()),
    }
