"""`train`: from a data set to a model folder, through leave-one-object-out folds on request."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from objrec.datasets import Dataset, hold_out_objects
from objrec.energy.features import SIZES, image_size
from objrec.errors import SettingsError
from objrec.evaluation.hardware import describe_hardware
from objrec.preprocessing import load_images
from objrec.recognizer import Recognizer, choose_device
from objrec.saving import (
    CARD,
    CONFIG,
    WEIGHTS,
    Calibration,
    SavedModel,
    build_network,
    load_model,
    save_model,
)
from objrec.training.calibration import HeldOut, calibrate
from objrec.training.checkpoint import CHECKPOINT
from objrec.training.data import Progress, TrainingData, load_training_data, upright_plane_axes
from objrec.training.loop import Job, Loop
from objrec.training.reports import METRICS, EpochReport, write_metrics
from objrec.training.settings import Recipe
from objrec.training.space import choose_space

FOLDS = "folds"


def train(
    dataset: Dataset,
    out: str | Path,
    settings: Recipe | None = None,
    *,
    folds: int | None = None,
    resume: bool = False,
    force: bool = False,
    device: str = "auto",
    on_batch: Progress | None = None,
) -> Iterator[EpochReport]:
    """Train a model on all objects of a set and write its folder when the last epoch is done.

    Training happens as the reports are drawn: stop drawing, and it stops; its checkpoint stays.

    Args:
        dataset: From `open_dataset`.
        out: The model folder.
        settings: The recipe; its defaults are those that were measured best.
        folds: Also train this many leave-one-object-out models first, and fit on their held-out
            objects what must not be fitted on training objects (beta, threshold for 'unknown').
        resume: Go on with an interrupted run; a finished one is left as it is.
        force: Replace a model that is there.
        device: 'auto', 'cpu', 'cuda', ...
        on_batch: Called with (steps done, steps in all); images, while the set is being read.

    Yields:
        One report an epoch; on resuming, those of the earlier epochs first.

    Raises:
        DataError: The set cannot be trained on.
        SettingsError: The folder holds something already, or a checkpoint of another run.
        TrainingDiverged: A loss or gradient was not finite.

    Example:
        ``for report in train(open_dataset("data/toys"), "out/toys"): print(report)``
    """
    run = _Run(settings or Recipe(), choose_device(device), on_batch or _silent)
    out = Path(out)
    if resume and (out / CONFIG).is_file():
        return
    _claim(out, resume, force)
    calibration = None
    if folds:
        calibration = yield from _cross_validated(run, dataset, out, folds)
    yield from run.fit(dataset, out, "", calibration)


def _silent(done: int, total: int) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True)
class _Run:
    """What the models of one call share."""

    recipe: Recipe
    device: torch.device
    on_batch: Progress

    def fit(
        self, dataset: Dataset, folder: Path, stage: str, calibration: Calibration | None
    ) -> Iterator[EpochReport]:
        """Train one model, from its checkpoint if there is one, and write its folder."""
        folder.mkdir(parents=True, exist_ok=True)
        job = self._job(dataset, folder, stage)
        loop = Loop(job, self.on_batch, on_frozen=self.on_batch)
        for report in loop.run():
            write_metrics(folder, loop.reports)
            yield report
        facts = _facts(dataset, job.data, loop.reports, self.recipe)
        saved = SavedModel(
            kind=self.recipe.kind,
            network=loop.result().cpu(),
            settings=self.recipe.model,
            preprocessing=job.data.preprocessing,
            calibration=calibration,
            training={"facts": facts, "recipe": self.recipe.to_json()},
        )
        save_model(folder, saved)
        loop.clean_up()

    def _job(self, dataset: Dataset, folder: Path, stage: str) -> Job:
        recipe = self.recipe
        features = recipe.model.features
        data = load_training_data(
            dataset, recipe, image_size(features), features in SIZES, self.on_batch
        )
        space = choose_space(data.poses.numpy().astype(float), recipe.pose, recipe.model.references)
        data = replace(data, poses=upright_plane_axes(data.poses, space))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.training.seed)
            network = build_network(
                recipe.kind, dataset.categories, space, data.preprocessing, recipe.model
            )
        return Job(
            network=network.to(self.device),
            data=data.to(self.device),
            recipe=recipe,
            folder=folder,
            stage=stage,
            identity={"settings": recipe.to_json(), "data": _fingerprint(dataset, data)},
        )


def _cross_validated(run: _Run, dataset: Dataset, out: Path, folds: int) -> Iterator[EpochReport]:
    """Train a model without one object a category, for each fold, and calibrate on the rest."""
    answers = []
    for fold in range(folds):
        trained_on, held_out = hold_out_objects(dataset, fold, folds)
        folder = out / FOLDS / f"fold-{fold + 1}"
        if not (folder / CONFIG).is_file():
            stage = f"fold {fold + 1} of {folds}"
            yield from run.fit(dataset.subset(trained_on), folder, stage, None)
        answers.append(_held_out_answers(folder, dataset.subset(held_out), run.device))
    return calibrate(answers)


@torch.inference_mode()
def _held_out_answers(folder: Path, dataset: Dataset, device: torch.device) -> HeldOut:
    recognizer = Recognizer(load_model(folder), str(device))
    batch, _ = load_images(dataset, recognizer.preprocessing)
    energies = [
        recognizer.energies(images).per_category().cpu() for images in batch.images.split(256)
    ]
    objects = len(set(dataset.objects[batch.index.numpy()]))
    return HeldOut(torch.cat(energies), batch.labels, objects)


def _claim(out: Path, resume: bool, force: bool) -> None:
    """Make sure that nothing is overwritten that was not meant to be.

    Raises:
        SettingsError: The folder is in use, and neither `resume` nor `force` was asked for.
    """
    if out.exists() and not out.is_dir():
        raise SettingsError(f"{out}: is a file; give a folder for the model")
    ours = [out / name for name in (CONFIG, WEIGHTS, CARD, METRICS, CHECKPOINT)]
    if force:
        for path in (*ours, *out.glob("frozen-*.safetensors"), *out.glob("*.partial")):
            path.unlink(missing_ok=True)
        shutil.rmtree(out / FOLDS, ignore_errors=True)
        return
    if resume or not out.is_dir():
        return
    if (out / CONFIG).exists():
        raise SettingsError(f"{out}: holds a model already; use --force to replace it")
    if (out / CHECKPOINT).exists() or (out / FOLDS).exists():
        raise SettingsError(
            f"{out}: holds an unfinished run; go on with --resume or start anew with --force"
        )
    if any(out.iterdir()):
        raise SettingsError(f"{out}: is not empty; give a new folder, or use --force")


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
    hardware = describe_hardware(data.images.device)
    objects = int(data.objects.max()) + 1
    front = data.front_azimuth
    return {
        "trained on": f"{dataset.name} ({dataset.split}): {len(data)} images of {objects} objects",
        "unreadable images left out": len(data.failures),
        "azimuth of the front": "unknown: images were not mirrored" if front is None else front,
        "loss": recipe.loss.loss if recipe.kind == "energy" else "cross-entropy",
        "epochs": last.epochs,
        "seed": recipe.training.seed,
        "error on the augmented training images": f"{100 * last.error_rate:.1f} %",
        "training time": f"{sum(report.seconds for report in reports):.0f} s",
        "hardware": ", ".join(f"{key} {value}" for key, value in hardware.items()),
    }
