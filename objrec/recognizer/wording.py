"""Energies and hypotheses of a batch of images as plain values."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from objrec.datasets.frame import PoseFrame
from objrec.energy.energies import Energies, Hypotheses
from objrec.pose import Pose
from objrec.recognizer.recognition import Hypothesis, Original, Recognition
from objrec.saving import Calibration


def worded(
    energies: Energies,
    found: Hypotheses,
    calibration: Calibration | None,
    frame: PoseFrame,
    *,
    sources: Sequence[str | None],
    originals: Sequence[Original | None],
    images: int = 1,
) -> list[Recognition]:
    """Return the answers to a batch.

    Args:
        energies: Of every answer.
        found: Read off them.
        calibration: Where probabilities and 'unknown' come from.
        frame: Which categories are symmetric.
        sources: B names to note in the answers.
        originals: What the B images were before preprocessing.
        images: How many images of one object each row of energies is the mean of. Probabilities
            are those of the sum: as if each image were evidence of its own.
    """
    per_category = energies.per_category().float()
    beta = calibration.beta if calibration else 1.0
    probabilities = torch.softmax(-beta * images * per_category, dim=1).tolist()
    rows = zip(
        sources,
        originals,
        per_category.tolist(),
        probabilities,
        _hypotheses(found, frame),
        _unknown(energies, calibration),
        strict=True,
    )
    names = energies.categories
    return [
        Recognition(
            source=source,
            category=answers[0].category,
            pose=answers[0].pose,
            energy=answers[0].energy,
            energies=dict(zip(names, values, strict=True)),
            probabilities=dict(zip(names, likely, strict=True)),
            hypotheses=answers,
            unknown=unknown,
            original=original,
        )
        for source, original, values, likely, answers, unknown in rows
    ]


def _hypotheses(found: Hypotheses, frame: PoseFrame) -> list[tuple[Hypothesis, ...]]:
    """Return the finite hypotheses of each image as plain values."""
    rows = zip(found.energy.tolist(), found.category.tolist(), found.pose.tolist(), strict=True)
    return [
        tuple(
            Hypothesis(
                found.categories[k],
                Pose.from_vector(pose, found.axes),
                energy,
                symmetric=found.categories[k] in frame.symmetric,
            )
            for energy, k, pose in zip(*row, strict=True)
            if energy != float("inf")
        )
        for row in rows
    ]


def _unknown(energies: Energies, calibration: Calibration | None) -> list[bool | None]:
    """Say of each image whether nothing fits it; None where the model cannot say."""
    lowest = energies.per_category().amin(dim=1)
    unknown = torch.zeros_like(lowest, dtype=torch.bool)
    if energies.nothing is None and calibration is None:
        return [None] * len(energies)
    if energies.nothing is not None:
        unknown |= energies.nothing < lowest
    if calibration is not None:
        unknown |= lowest > calibration.threshold
    return unknown.tolist()
