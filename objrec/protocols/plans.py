"""The protocols by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from objrec.datasets import Dataset
from objrec.protocols.objects import few_objects, leave_one_out, unknown_category
from objrec.protocols.parts import Plan
from objrec.protocols.settings import ProtocolSettings
from objrec.protocols.views import (
    few_pose_labels,
    latent_pose,
    novel_azimuth,
    novel_elevation,
    sparse_azimuth,
)

PROTOCOLS: dict[str, Callable[[Dataset, Dataset, ProtocolSettings], Plan]] = {
    "novel-azimuth": novel_azimuth,
    "novel-elevation": novel_elevation,
    "sparse-azimuth": sparse_azimuth,
    "few-pose-labels": few_pose_labels,
    "latent-pose": latent_pose,
    "few-objects": few_objects,
    "leave-one-out": leave_one_out,
    "unknown-category": unknown_category,
}
WITHIN_TRAINING = ("leave-one-out",)  # these look at no test split


def plan(
    protocol: str,
    train: Dataset,
    test: Dataset | None,
    settings: ProtocolSettings | float | None = None,
) -> Plan:
    """Divide views, objects or categories, or take labels away.

    Args:
        protocol: One of `PROTOCOLS`.
        train: The training split.
        test: The test split; None for protocols `WITHIN_TRAINING`.
        settings: What they divide by; of its seeds and models nothing is read. A number is short
            for settings with that `step`.

    Raises:
        DataError: The set lacks the labels, the views or the objects.
    """
    if test is None and protocol not in WITHIN_TRAINING:
        raise ValueError(f"{protocol} needs a test split")
    if isinstance(settings, int | float):
        settings = ProtocolSettings(step=settings)
    made = PROTOCOLS[protocol](train, test, settings or ProtocolSettings())
    return replace(made, parts=tuple(part.of_objects() for part in made.parts))
