"""set.json: the optional file in a set's root that says what its images cannot.

    {"name": "toys", "categories": ["animal", "human", "blank"], "background": ["blank"],
     "elevation": {"first": 30, "step": 5},
     "pose_frame": {"azimuth": {"front": 0}, "symmetric": ["animal"]}}

All entries are optional, unknown ones are refused. `background` lists categories that are no
objects: images of them teach that nothing fits. `pose_frame` is explained in
`objrec.datasets.frame`; "front_azimuth": 0 is short for its azimuth's front.

NORB files hold numbers only. "instances": {"animal": ["pig", "white horse"]} names the objects 0
and 1 of a category, and "lightings": ["lamp", "window"] the lightings.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from objrec.datasets.delimited import LONGEST, shown
from objrec.datasets.frame import PoseFrame
from objrec.errors import DataError, SettingsError
from objrec.options import Settings, did_you_mean, option

FILE_NAME = "set.json"


@dataclass(frozen=True)
class IndexScale(Settings):
    """How a NORB elevation or azimuth index becomes degrees: first + index x step."""

    first: float = option(0.0, "degrees at index 0", minimum=-360.0, maximum=360.0)
    step: float = option(1.0, "degrees from one index to the next", minimum=-360.0, maximum=360.0)


# Small NORB: elevations 30, 35, ... 70; azimuth indices 0 to 34 count tens of degrees.
ELEVATION = IndexScale(first=30.0, step=5.0)
AZIMUTH = IndexScale(first=0.0, step=10.0)


@dataclass(frozen=True)
class SetEntries(Settings):
    """The plain entries of set.json."""

    name: str | None = option(None, "what the set is called")
    categories: tuple[str, ...] = option((), "the categories, in the order of their labels")
    background: tuple[str, ...] = option((), "categories that stand for 'nothing fits'")
    lightings: tuple[str, ...] = option((), "names of the lightings that NORB files number")


@dataclass(frozen=True)
class SetDescription:
    """What set.json says, or the defaults where it says nothing.

    Attributes:
        entries: The plain entries.
        elevation: How elevation indices of NORB files become degrees.
        azimuth: Likewise.
        frame: How the pose labels are meant.
        instances: Category → the names of the objects that NORB files number.
    """

    entries: SetEntries = SetEntries()
    elevation: IndexScale = ELEVATION
    azimuth: IndexScale = AZIMUTH
    frame: PoseFrame = field(default_factory=PoseFrame)
    instances: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the content of set.json, without the entries that say nothing."""
        entries = {k: v for k, v in self.entries.to_json().items() if v not in (None, [])}
        scales = {"elevation": self.elevation.to_json(), "azimuth": self.azimuth.to_json()}
        frame = self.frame.to_json()
        names = {category: list(names) for category, names in self.instances.items()}
        rest = {"pose_frame": frame, "instances": names}
        return entries | scales | {name: value for name, value in rest.items() if value}

    def checked(self, categories: tuple[str, ...], root: Path) -> SetDescription:
        """Refuse a description that speaks of categories the set does not have.

        Args:
            categories: All categories of the set.
            root: Its folder.

        Raises:
            DataError: A background or symmetric category is unknown, or nothing is left.
        """
        background = self.entries.background
        for entry, names in (
            ("background", background),
            ("symmetric", self.frame.symmetric),
            ("instances", self.instances),
        ):
            for name in names:
                if name not in categories:
                    hint = did_you_mean(name, categories) or "; remove it"
                    raise DataError(
                        f"{root / FILE_NAME}: {entry} names '{shown(name)}', which is no "
                        f"category{hint}"
                    )
        if not set(categories) - set(background):
            raise DataError(f"{root / FILE_NAME}: every category is background; leave one out")
        return self

    def ordered(self, found: Iterable[str], root: Path) -> tuple[str, ...]:
        """Return the categories in label order: as listed, or else those found, by name.

        Raises:
            DataError: A category was found that set.json does not list.
        """
        listed = self.entries.categories
        for name in sorted(set(found)):
            if listed and name not in listed:
                hint = did_you_mean(name, listed) or "; add it"
                raise DataError(
                    f"{root / FILE_NAME}: categories do not list '{shown(name)}', which the set "
                    f"has{hint}"
                )
        return listed or tuple(sorted(set(found)))


def read_description(root: Path) -> SetDescription:
    """Read set.json in a folder; the defaults if there is none.

    Raises:
        DataError: It is not JSON, or has an unknown or wrong entry.
    """
    path = root / FILE_NAME
    if not path.is_file():
        return SetDescription()
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        # JSON can state half characters ("\\ud800"), which no file could be written with.
        json.dumps(content, ensure_ascii=False).encode()
    except (OSError, ValueError, RecursionError) as error:
        reason = shown(str(error))
        raise DataError(f"{path}: is not valid JSON ({reason}); correct or remove it") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: must hold an object with names and values; see the README")
    try:
        return _described(content, str(path))
    except SettingsError as error:
        raise DataError(str(error)) from error


def _described(content: dict[str, Any], place: str) -> SetDescription:
    scales = {}
    for axis, default in (("elevation", ELEVATION), ("azimuth", AZIMUTH)):
        given = content.pop(axis, {})
        both = default.to_json() | given if isinstance(given, dict) else given
        scales[axis] = IndexScale.from_json(both, f"{place}: {axis}")
    frame = PoseFrame.from_json(_with_front(content, place), f"{place}: pose_frame")
    instances = _instances(content.pop("instances", {}), place)
    entries = SetEntries.from_json(content, place)
    if len(set(entries.categories)) < len(entries.categories) or "" in entries.categories:
        raise DataError(f"{place}: categories must be different, non-empty names")
    for name in (entries.name or "", *entries.categories):
        _check_length(name, place)
    _check_names("lightings", entries.lightings, place)
    return SetDescription(entries, **scales, frame=frame, instances=instances)


def _instances(given: Any, place: str) -> dict[str, tuple[str, ...]]:
    lists = given.values() if isinstance(given, dict) else [None]
    if not all(isinstance(names, list) for names in lists):
        raise DataError(f"{place}: instances must hold a list of names for each category")
    for category, names in given.items():
        _check_names(f"instances of '{shown(category)}'", names, place)
    return {category: tuple(names) for category, names in given.items()}


def _check_names(what: str, names: Iterable[Any], place: str) -> None:
    names = list(names)
    if not all(isinstance(name, str) and name.strip() for name in names):
        raise DataError(f"{place}: {what} must be names, none of them empty")
    for name in names:
        _check_length(name, place)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{place}: {what} list '{shown(twice[0])}' twice; each needs its own name")


def _check_length(name: str, place: str) -> None:
    if len(name) > LONGEST:
        raise DataError(f"{place}: '{shown(name)}' is longer than {LONGEST:,} characters")


def _with_front(content: dict[str, Any], place: str) -> Any:
    """Take the pose frame out of set.json, with `front_azimuth` in its place if it is given."""
    frame = content.pop("pose_frame", {})
    front = content.pop("front_azimuth", None)
    if front is None or not isinstance(frame, dict):
        return frame
    if isinstance(front, bool) or not isinstance(front, int | float):
        raise DataError(f"{place}: front_azimuth must be a number, not {shown(repr(front))}")
    note = frame.get("azimuth", {})
    if not isinstance(note, dict) or note.get("front", front) != front:
        raise DataError(f"{place}: front_azimuth and pose_frame disagree; keep one of them")
    return frame | {"azimuth": note | {"front": front}}
