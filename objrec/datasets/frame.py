"""How a set's pose labels are meant: what no image shows, and set.json's `pose_frame` says.

    "pose_frame": {
      "azimuth":   {"unit": "deg", "zero": "the handle points at the camera", "front": 0,
                    "labels": "relative"},
      "elevation": {"unit": "deg", "labels": "observed"},
      "symmetric": ["apple", "tomato"]
    }

Convention:
    Labels of an axis are *observed* (right as they are), *relative* (right up to one unknown offset
    per object, as the angles of a turntable are), or *latent* (not to be used). `front` is in
    degrees, on the labels' own scale: the azimuth at which the camera faces the objects' front. A
    mirror image of a view at azimuth a shows azimuth 2 x front - a.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from objrec.errors import SettingsError
from objrec.options import Settings, did_you_mean, option
from objrec.pose import AXES, AXIS

OBSERVED, RELATIVE, LATENT = KINDS = ("observed", "relative", "latent")
SYMMETRIC = "symmetric"
_SHOWN = 60  # characters of a name in a message
# What a label is multiplied by, to be in the unit of `objrec.pose`.
UNITS: dict[str, dict[str, float]] = {
    axis.name: {"deg": 1.0, "rad": 180 / math.pi}
    if axis.unit == "deg"
    else {"ratio" if axis.name == "scale" else "fraction": 1.0}
    for axis in AXIS.values()
}


@dataclass(frozen=True)
class AxisNote(Settings):
    """What is said about one axis."""

    unit: str | None = option(None, "unit of the labels")
    zero: str | None = option(None, "what the label 0 means, in words")
    labels: str | None = option(None, "how the labels are to be taken", choices=KINDS)
    front: float | None = option(None, "azimuth of the camera that faces the objects' front")

    def checked(self, axis: str, place: str) -> AxisNote:
        """Refuse what no such axis can have.

        Raises:
            SettingsError: An unknown unit; a front or relative labels, but not of azimuth.
        """
        if self.unit is not None and self.unit not in UNITS[axis]:
            wanted = " or ".join(UNITS[axis])
            raise SettingsError(f"{place}: unit '{self.unit[:_SHOWN]}' is not {wanted}")
        if axis != "azimuth" and (self.front is not None or self.labels == RELATIVE):
            what = "'front'" if self.front is not None else "labels 'relative'"
            raise SettingsError(f"{place}: {what} is for azimuth only; remove it")
        return self


@dataclass(frozen=True)
class PoseFrame:
    """How a set's pose labels are meant; empty where nothing was said.

    Attributes:
        axes: Axis → what is said about it.
        symmetric: Categories that look alike from every side: their azimuth means nothing.
    """

    axes: Mapping[str, AxisNote] = field(default_factory=dict)
    symmetric: tuple[str, ...] = ()

    @property
    def front_azimuth(self) -> float | None:
        """The azimuth in degrees at which the camera faces the objects' front."""
        return self.note("azimuth").front

    def note(self, axis: str) -> AxisNote:
        """Return what is said about an axis."""
        return self.axes.get(axis, _NOTHING)

    def kind(self, axis: str) -> str:
        """Return how the labels of an axis are to be taken, one of `KINDS`."""
        return self.note(axis).labels or OBSERVED

    def axes_of(self, kind: str) -> tuple[str, ...]:
        """Return the axes whose labels are of a kind."""
        return tuple(axis for axis in AXES if self.kind(axis) == kind)

    def factor(self, axis: str) -> float:
        """Return what labels are multiplied by, to be in the unit of `objrec.pose`."""
        unit = self.note(axis).unit
        return 1.0 if unit is None else UNITS[axis][unit]

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads; empty where nothing was said."""
        axes = {
            axis: {k: v for k, v in note.to_json().items() if v is not None}
            for axis, note in self.axes.items()
        }
        stored: dict[str, Any] = {axis: note for axis, note in axes.items() if note}
        return stored | ({SYMMETRIC: list(self.symmetric)} if self.symmetric else {})

    @classmethod
    def from_json(cls, stored: Any, place: str) -> PoseFrame:
        """Read a `pose_frame`, strictly.

        Raises:
            SettingsError: It names an unknown axis, or says what no such axis can have.
        """
        if not isinstance(stored, Mapping):
            raise SettingsError(f"{place}: must be an object with a note for each axis")
        known = (*AXES, SYMMETRIC)
        for name in stored:
            if name not in known:
                hint = did_you_mean(str(name), known) or f"; axes are {', '.join(AXES)}"
                raise SettingsError(f"{place}: unknown axis '{name[:_SHOWN]}'{hint}")
        axes = {
            axis: AxisNote.from_json(stored[axis], f"{place}.{axis}").checked(
                axis, f"{place}.{axis}"
            )
            for axis in AXES
            if axis in stored
        }
        return cls(axes, _names(stored.get(SYMMETRIC, []), f"{place}.{SYMMETRIC}"))


_NOTHING = AxisNote()


def _names(value: Any, place: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise SettingsError(f"{place}: must be a list of categories")
    return tuple(value)
