"""Stopping models where they are equally good on familiar views.

A model that is better everywhere is not for that more invariant. Novel viewpoints are therefore
judged between models of equal error on familiar ones (Hinton, Sabour & Frosst, "Matrix capsules
with EM routing", ICLR 2018). Only familiar views are looked at here: nothing is chosen by a novel
one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """A model after so many epochs.

    Attributes:
        epoch: Counted from 1.
        error_rate: On familiar views.
    """

    epoch: int
    error_rate: float


def matched_stages(curves: Mapping[str, Sequence[Stage]]) -> dict[str, Stage]:
    """Choose a stage of each model such that all have about the same error on familiar views.

    The wanted error is the lowest that every model reaches: the best of the worst. A model
    that gets below it is taken at the stage nearest to it, of equal ones the earliest.

    Args:
        curves: Model → its stages, in order; at least one each.

    Returns:
        Model → the stage to be judged.
    """
    wanted = max(min(stage.error_rate for stage in curve) for curve in curves.values())
    return {
        model: min(curve, key=lambda stage: (abs(stage.error_rate - wanted), stage.epoch))
        for model, curve in curves.items()
    }
