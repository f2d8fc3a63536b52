"""Bringing the pose labels of several sets to one meaning, or refusing to where that is unknown.

Readers bring units to those of `objrec.pose` already; what remains is where azimuth 0 is, and
whether labels are observed, relative or latent. Nothing is read or written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from objrec.datasets.description import FILE_NAME
from objrec.datasets.frame import LATENT, OBSERVED, RELATIVE, AxisNote, PoseFrame
from objrec.errors import DataError
from objrec.pose import AXES, INDEX


@dataclass(frozen=True)
class Labelled:
    """The pose labels of one set.

    Attributes:
        name: What messages call the set.
        root: Its folder.
        frame: How its labels are meant.
        poses: (N, 6) of all its samples.
        categories: Those that it has samples of.
    """

    name: str
    root: Path
    frame: PoseFrame
    poses: np.ndarray
    categories: tuple[str, ...]

    def has(self, axis: str) -> bool:
        """Whether any sample has a label of an axis that is to be used."""
        known = not np.isnan(self.poses[:, INDEX[axis]]).all()
        return known and self.frame.kind(axis) != LATENT


@dataclass(frozen=True)
class Agreement:
    """What it takes to bring the labels of several sets to one meaning.

    Attributes:
        frame: How the labels are meant then.
        turns: For each set, the degrees to add to its azimuths.
        latent: For each set, the axes whose labels are to be left out.
        remarks: What was decided, in sentences.
    """

    frame: PoseFrame
    turns: tuple[float, ...]
    latent: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...] = field(default=())

    def applied(self, number: int, poses: np.ndarray) -> np.ndarray:
        """Return poses (N, 6) of one of the sets as they are meant in all."""
        poses = poses.copy()
        azimuth = INDEX["azimuth"]
        poses[:, azimuth] = (poses[:, azimuth] + self.turns[number]) % 360 % 360
        poses[:, [INDEX[axis] for axis in self.latent[number]]] = np.nan
        return poses


def agree(sets: Sequence[Labelled], *, relative: bool = False) -> Agreement:
    """Say how the labels of several sets can be brought to one meaning.

    The front is that of the first set whose azimuths are labelled. Labels that one set calls latent
    are left out where another set has labels to be used.

    Args:
        sets: The sets.
        relative: Take azimuths as right up to one offset per object, whatever the sets say.

    Raises:
        DataError: Azimuths cannot be compared.
    """
    notes, remarks = {}, []
    for axis in AXES:
        if note := _note(axis, sets, relative, remarks):
            notes[axis] = note
    turns = _turns(sets, notes.get("azimuth", AxisNote()), remarks)
    latent = tuple(
        tuple(a for a in AXES if one.frame.kind(a) == LATENT and any(s.has(a) for s in sets))
        for one in sets
    )
    for one, axes in zip(sets, latent, strict=True):
        remarks += [f"{one.name}: its labels of {axis} are latent, and left out" for axis in axes]
    symmetric = _symmetric(sets, remarks)
    return Agreement(PoseFrame(notes, symmetric), turns, latent, tuple(remarks))


def _note(
    axis: str, sets: Sequence[Labelled], relative: bool, remarks: list[str]
) -> AxisNote | None:
    speaking = [one for one in sets if one.has(axis)] or sets
    said = [one.frame.note(axis) for one in speaking]
    zeros = _different(note.zero for note in said)
    if len(zeros) > 1 and axis != "azimuth":
        remarks.append(
            f"{axis} 0 means '{zeros[0]}' in one set and '{zeros[1]}' in another; labels were kept"
        )
    note = AxisNote(
        unit="deg" if any(n.unit in ("deg", "rad") for n in said) else said[0].unit,
        zero=zeros[0] if zeros else None,
        labels=said[0].labels,
    )
    if axis == "azimuth":
        note = _azimuth_note(note, speaking, relative)
    return note if note != AxisNote() else None


def _azimuth_note(note: AxisNote, sets: Sequence[Labelled], relative: bool) -> AxisNote:
    kinds = {one.frame.kind("azimuth"): one for one in sets}
    fronts = _different(one.frame.front_azimuth for one in sets)
    if relative and kinds.keys() != {LATENT}:
        # A front that one set alone names says nothing of the labels of the others.
        known = all(one.frame.front_azimuth is not None for one in sets)
        front = fronts[0] if known and len(fronts) == 1 else None
        return replace(note, labels=RELATIVE, front=front)
    if {OBSERVED, RELATIVE} <= kinds.keys():
        one, other = kinds[RELATIVE], kinds[OBSERVED]
        raise DataError(
            f"{one.root}: its azimuths are relative, those of {other.root} are not; add "
            "--relative to take all as relative"
        )
    return replace(note, front=fronts[0] if fronts else None)


def _turns(sets: Sequence[Labelled], note: AxisNote, remarks: list[str]) -> tuple[float, ...]:
    """Return the degrees to add to the azimuths of each set, so that their fronts are one."""
    labelled = [one for one in sets if one.has("azimuth")]
    if note.labels in (RELATIVE, LATENT) or len(labelled) < 2:
        return (0.0,) * len(sets)
    known = [one for one in labelled if one.frame.front_azimuth is not None]
    if not known:
        remarks.append("no set says which azimuth is the front; azimuths were kept as they are")
        return (0.0,) * len(sets)
    for one in labelled:
        if one.frame.front_azimuth is None:
            raise DataError(
                f"{one.root}: does not say which azimuth is the front, as {known[0].root} does "
                f'({known[0].frame.front_azimuth:g}); write "front_azimuth": … into its '
                f"{FILE_NAME}, or add --relative to take azimuths as relative"
            )
    turns = []
    for one in sets:
        turn = note.front - one.frame.front_azimuth if one.has("azimuth") else 0.0
        turns.append(turn)
        if turn:
            remarks.append(
                f"{one.name}: azimuths were turned by {turn:+g} degrees, so that the front is "
                f"{note.front:g} as in {known[0].name}"
            )
    return tuple(turns)


def _symmetric(sets: Sequence[Labelled], remarks: list[str]) -> tuple[str, ...]:
    names = dict.fromkeys(name for one in sets for name in one.frame.symmetric)
    for name in names:
        others = [
            one.name for one in sets if name in one.categories and name not in one.frame.symmetric
        ]
        if others:
            remarks.append(
                f"{name}: is symmetric now in all sets, though {others[0]} did not say so"
            )
    return tuple(names)


def _different(values: Iterable[object]) -> list:
    return list(dict.fromkeys(value for value in values if value is not None))
