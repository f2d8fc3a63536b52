"""What must not be fitted on training objects: beta and the threshold for 'unknown'.

Energies of objects that a model was trained on are lower than those of new ones. So both are
fitted on answers about objects held out: either those of leave-one-object-out models about the
objects each did not see, or those of the model itself about a validation split.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from objrec.datasets import Dataset
from objrec.errors import DataError
from objrec.preprocessing import load_images
from objrec.recognizer import Recognizer
from objrec.saving import FOLDS, VALIDATION, Calibration
from objrec.training.data import Progress, answerable

FALSE_ALARM_RATE = 0.05
_BATCH = 256  # images looked at at once
_NAMED = 3  # shared objects that a message names


@dataclass(frozen=True)
class HeldOut:
    """The answers of a model about objects it was not trained on.

    Attributes:
        energies: (N, K) lowest energy of each category.
        labels: (N,).
        objects: Number of objects held out.
    """

    energies: torch.Tensor
    labels: torch.Tensor
    objects: int

    @property
    def error_rate(self) -> float:
        """Share of images whose lowest energy is of another category."""
        return float((self.energies.argmin(dim=1) != self.labels).float().mean())


def held_out_answers(
    recognizer: Recognizer, dataset: Dataset, on_progress: Progress | None = None
) -> HeldOut:
    """Ask a model about objects it was not trained on.

    Images of background, of categories that the model does not know, and those that cannot be
    read are left out: they say nothing of how well known objects fit.

    Args:
        recognizer: The model.
        dataset: The objects; categories are matched by name.
        on_progress: Called with (images read, images in all).

    Returns:
        The answers; none, about 0 objects, if the set shows nothing that the model knows.

    Raises:
        DataError: No image can be read, or the cameras differ.
    """
    known = np.isin(np.array(dataset.categories)[dataset.labels], recognizer.categories)
    if not known.any():
        nothing = torch.empty(0, len(recognizer.categories))
        return HeldOut(nothing, torch.empty(0, dtype=torch.int64), 0)
    dataset = dataset.subset(known)
    batch, _ = load_images(dataset, recognizer.preprocessing, on_progress)
    energies = [
        recognizer.see(images).energies.per_category().cpu()
        for images in batch.images.split(_BATCH)
    ]
    labels = answerable(batch.labels, dataset.categories, recognizer.categories)
    return HeldOut(torch.cat(energies), labels, len(set(dataset.objects[batch.index.numpy()])))


def check_validation(trained_on: Dataset, validation: Dataset) -> None:
    """Make sure that a model can be calibrated on a split, before it is trained for hours.

    Raises:
        DataError: Splits share an object or no category, the cameras differ, or no image of the
            validation split can be read.
    """
    place = f"{validation.root}: the {validation.split} split"
    if validation.cameras != trained_on.cameras:
        raise DataError(f"{place} has {validation.cameras} cameras, not {trained_on.cameras}")
    shared = sorted(_objects(trained_on) & _objects(validation))
    if shared:
        more = f" and {len(shared) - _NAMED} more" if len(shared) > _NAMED else ""
        raise DataError(
            f"{place} shows objects that are trained on ({', '.join(shared[:_NAMED])}{more}); "
            "divide by object with 'objrec data split'"
        )
    names = [name for name in trained_on.categories if name not in trained_on.background]
    known = np.flatnonzero(np.isin(np.array(validation.categories)[validation.labels], names))
    if not any(_readable(validation, index) for index in known.tolist()):
        raise DataError(f"{place} has no readable image of a category that is trained on")


def _objects(dataset: Dataset) -> set[str]:
    return set(dataset.objects[~dataset.shows_background].tolist())


def _readable(dataset: Dataset, index: int) -> bool:
    try:
        dataset[index]
    except DataError:
        return False
    return True


def calibrate(
    answers: list[HeldOut], false_alarm_rate: float = FALSE_ALARM_RATE, source: str = FOLDS
) -> Calibration:
    """Fit beta and the threshold on all held-out answers together.

    Args:
        answers: One entry a fold, or one about a validation split.
        false_alarm_rate: Share of the held-out images that may be called unknown.
        source: Which of the two, see `Calibration`.
    """
    energies = torch.cat([part.energies for part in answers])
    labels = torch.cat([part.labels for part in answers])
    lowest = energies.amin(dim=1)
    threshold = float(torch.quantile(lowest, 1 - false_alarm_rate))
    return Calibration(
        beta=fit_beta(energies, labels),
        threshold=threshold,
        false_alarm_rate=float((lowest > threshold).float().mean()),
        error_rate=float((energies.argmin(dim=1) != labels).float().mean()),
        folds=0 if source == VALIDATION else len(answers),
        objects=sum(part.objects for part in answers),
        source=source,
    )


def fit_beta(energies: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the beta at which the Gibbs probabilities are most likely, within [0.001, 1000].

    The negative log likelihood is convex in beta; its slope is bisected on a logarithmic scale. The
    true category gets the weight (N + 1) / (N + 2), all together the rest (Platt 1999,
    "Probabilistic Outputs for Support Vector Machines"): N answers that are all right are no
    evidence for certainty.

    Args:
        energies: (N, K) lowest energy of each category.
        labels: (N,).
    """
    energies, smoothing = energies.double(), 1 / (len(labels) + 2)
    low, high = torch.tensor(1e-3).double().log(), torch.tensor(1e3).double().log()
    for _ in range(60):
        middle = ((low + high) / 2).requires_grad_()
        loss = cross_entropy(-middle.exp() * energies, labels, label_smoothing=smoothing)
        (slope,) = torch.autograd.grad(loss, middle)
        low, high = (low, middle.detach()) if slope > 0 else (middle.detach(), high)
    return float(((low + high) / 2).exp())
