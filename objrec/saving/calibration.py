"""What a model keeps of its calibration: plain numbers, read strictly. Nothing is fitted here."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Self, get_type_hints

from objrec.errors import ModelError

FOLDS, VALIDATION = "folds", "validation"
_LARGEST_BETA = 1e30  # times an energy, it is a float32 number still


@dataclass(frozen=True)
class Calibration:
    """What was fitted on objects held out of training.

    Attributes:
        beta: Inverse temperature at which the Gibbs probabilities are right.
        threshold: Lowest energies above this are answered 'unknown'.
        false_alarm_rate: Share of known objects' images above the threshold.
        error_rate: Error on the held-out objects.
        folds: Number of leave-one-object-out folds; 0 with a validation split.
        objects: Number of objects held out in all.
        source: 'folds': each fold's model answered about the objects it did not see; 'validation':
            the model itself did, about a split that it was not trained on.
    """

    beta: float
    threshold: float
    false_alarm_rate: float
    error_rate: float
    folds: int
    objects: int
    source: str = FOLDS

    @property
    def basis(self) -> str:
        """What it was fitted on, in words: "objects of a validation split (9 objects)"."""
        folds = f"held out of training in {self.folds} folds"
        where = "of a validation split" if self.source == VALIDATION else folds
        return f"objects {where} ({self.objects} object{'' if self.objects == 1 else 's'})"

    def to_json(self) -> dict[str, Any]:
        """Return plain values for config.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any], place: str) -> Self:
        """Read what `to_json` returned; without 'source', as older models are, it was folds.

        Raises:
            ModelError: A value is missing, unknown or of the wrong type.
        """
        stored = {"source": FOLDS, **stored}
        wanted = get_type_hints(cls)
        for name in (*wanted, *stored):
            if name not in wanted or not _fits(stored.get(name), wanted[name]):
                raise ModelError(f"{place}: calibration.{name} is not as it must be; train anew")
        if not 0 < stored["beta"] <= _LARGEST_BETA:
            raise ModelError(f"{place}: calibration.beta is {stored['beta']}; train anew")
        return cls(**stored)


def _fits(value: Any, kind: type) -> bool:
    if kind is str:
        return value in (FOLDS, VALIDATION)
    accepted = int if kind is int else (int, float)
    return isinstance(value, accepted) and not isinstance(value, bool) and math.isfinite(value)
