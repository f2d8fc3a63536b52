"""Merging data sets by the names of their categories into a new one.

Train goes with train and test with test. The sets that are read are never touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from objrec.datasets.agreement import Agreement, Labelled, agree
from objrec.datasets.converting import (
    FOLDER,
    NORB,
    Conversion,
    Made,
    Progress,
    check_layout,
    write_set,
)
from objrec.datasets.description import SetDescription, SetEntries, read_description
from objrec.datasets.folder import ALL
from objrec.datasets.labels import SPLIT_NAMES
from objrec.datasets.norb import find_norb
from objrec.datasets.opening import checked_folder, open_splits
from objrec.datasets.sample import Dataset, concatenated
from objrec.datasets.writing import check_apart, check_free, new_folder
from objrec.errors import DataError

TRAIN = "train"


@dataclass(frozen=True)
class Opened:
    """One of the sets to be merged.

    Attributes:
        name: What it is called, unlike any other of them.
        root: Its folder.
        parts: Its splits.
        description: Its set.json.
        norb: Whether it is stored as NORB files.
    """

    name: str
    root: Path
    parts: tuple[Dataset, ...]
    description: SetDescription
    norb: bool

    @property
    def categories(self) -> tuple[str, ...]:
        """The names of its categories, in the order of their labels."""
        return self.parts[0].categories

    def labelled(self) -> Labelled:
        """Return its pose labels."""
        present = np.unique(np.concatenate([part.labels for part in self.parts]))
        return Labelled(
            self.name,
            self.root,
            self.parts[0].frame,
            np.concatenate([part.poses for part in self.parts]),
            tuple(self.categories[label] for label in present),
        )


def merge_sets(
    paths: Sequence[str | Path],
    out: str | Path,
    layout: str | None = None,
    conversion: Conversion | None = None,
    *,
    same_objects: bool = False,
    relative: bool = False,
    force: bool = False,
    on_progress: Progress | None = None,
) -> Made:
    """Merge data sets into a new one.

    Args:
        paths: The sets, at least two.
        out: The new folder.
        layout: "folder" or "norb"; None: NORB files if all sets are, of one image size.
        conversion: How images are changed, and what NORB files may leave out.
        same_objects: Instances of one name in one category are one object, whatever set they are
            in; otherwise they are different ones, and get the name of their set in front.
        relative: Take azimuths as right up to one offset per object.
        force: Write into a folder that is not empty.
        on_progress: Called with (samples done, samples in all).

    Raises:
        DataError: The sets cannot be read or do not go together, or the new one not be written.
    """
    roots, conversion = [checked_folder(path) for path in paths], conversion or Conversion()
    check_apart(Path(out), roots)
    check_free(Path(out), force=force)
    _check_different(roots)
    sets = _opened(roots)
    _check_cameras(sets)
    layout = layout or _layout_of(sets, conversion)
    check_layout(layout, conversion)
    agreement = agree([one.labelled() for one in sets], relative=relative)
    categories = _categories(sets)
    renamed = [
        _renamed(one, instances, categories, agreement, number)
        for number, (one, instances) in enumerate(
            zip(sets, instance_names(sets, same_objects=same_objects), strict=True)
        )
    ]
    background, remarks = _background(sets)
    parts = [
        replace(part, root=Path(out), frame=agreement.frame, background=background)
        for part in _joined(renamed)
    ]
    description = replace(
        sets[0].description,
        entries=SetEntries(
            categories=() if _plain(sets, categories) else categories, background=background
        ),
        frame=agreement.frame,
        instances={},
    )
    with new_folder(out, force=force) as folder:
        made = write_set(parts, folder, layout, description, conversion, on_progress)
    return replace(made, remarks=(*_said(sets), *agreement.remarks, *remarks))


def instance_names(
    sets: Sequence[Opened], *, same_objects: bool = False
) -> list[dict[tuple[str, str], str]]:
    """Say what each set's objects are called in the merged set.

    Args:
        sets: The sets.
        same_objects: Whether one name means one object in all sets.

    Returns:
        For each set, (category, instance) → the name there.
    """
    found = [dict.fromkeys(_instances(one)) for one in sets]
    counts = Counter(key for names in found for key in names)
    shared = {key for key, count in counts.items() if count > 1 and not same_objects}
    taken = counts.keys() - shared
    result = []
    for one, names in zip(sets, found, strict=True):
        chosen = {}
        for category, instance in names:
            name = base = f"{one.name}-{instance}" if (category, instance) in shared else instance
            number = 1
            while (category, instance) in shared and (category, name) in taken:
                number += 1
                name = f"{base}-{number}"
            taken.add((category, name))
            chosen[category, instance] = name
        result.append(chosen)
    return result


def _instances(one: Opened) -> Iterable[tuple[str, str]]:
    for part in one.parts:
        names = part.factors["instance"]
        for label, name in sorted(set(zip(part.labels.tolist(), names.tolist(), strict=True))):
            if name:
                yield part.categories[label], name


def _check_different(roots: Sequence[Path]) -> None:
    if len(roots) < 2:
        raise DataError(f"{roots[0]}: is a single set; name at least two to merge")
    for root, count in Counter(root.resolve() for root in roots).items():
        if count > 1:
            raise DataError(f"{root}: is named twice; name each set once")


def _opened(roots: Sequence[Path]) -> list[Opened]:
    sets, taken = [], set()
    for root in roots:
        parts = tuple(open_splits(root))
        name, number = parts[0].name, 1
        while name in taken:
            number += 1
            name = f"{parts[0].name}-{number}"
        taken.add(name)
        sets.append(Opened(name, root, parts, read_description(root), bool(find_norb(root))))
    return sets


def _check_cameras(sets: Sequence[Opened]) -> None:
    first = sets[0].parts[0]
    for part in (part for one in sets for part in one.parts):
        if part.cameras != first.cameras:
            raise DataError(
                f"{part.root}: has {part.cameras} camera{'s' * (part.cameras > 1)}, "
                f"{first.root} has {first.cameras}; "
                "merge sets with as many cameras"
            )


def _layout_of(sets: Sequence[Opened], conversion: Conversion) -> str:
    if not all(one.norb for one in sets):
        return FOLDER
    sizes = {part[0].images.shape[1:3] for one in sets for part in one.parts}
    return NORB if len(sizes) == 1 or conversion.resizing.size else FOLDER


def _categories(sets: Sequence[Opened]) -> tuple[str, ...]:
    names = dict.fromkeys(name for one in sets for name in one.categories)
    listed = any(one.norb or one.description.entries.categories for one in sets)
    return tuple(names) if listed else tuple(sorted(names))


def _plain(sets: Sequence[Opened], categories: tuple[str, ...]) -> bool:
    """Whether a folder need not list its categories: all occur, and their order is by name."""
    found = {name for one in sets for name in one.labelled().categories}
    return categories == tuple(sorted(found))


def _renamed(
    one: Opened,
    instances: dict[tuple[str, str], str],
    categories: tuple[str, ...],
    agreement: Agreement,
    number: int,
) -> list[Dataset]:
    """Return the splits of a set with labels, names and poses as they are in the merged one."""
    label_of = np.array([categories.index(name) for name in one.categories])
    parts = []
    for part in one.parts:
        keys = zip(part.labels.tolist(), part.factors["instance"].tolist(), strict=True)
        names = [instances.get((part.categories[label], name), "") for label, name in keys]
        parts.append(
            replace(
                part,
                categories=categories,
                labels=label_of[part.labels],
                poses=agreement.applied(number, part.poses),
                factors={**part.factors, "instance": np.array(names, dtype=str)},
            )
        )
    return parts


def _joined(sets: Sequence[Sequence[Dataset]]) -> list[Dataset]:
    """Join the splits of one name; a set without splits is for training where others have some."""
    parts = [part for one in sets for part in one]
    if any(part.split != ALL for part in parts):
        parts = [replace(p, split=TRAIN if p.split == ALL else p.split) for p in parts]
    by_split = {
        name: [part for part in parts if part.split == name] for name in (*SPLIT_NAMES, ALL)
    }
    return [concatenated(some, name) for name, some in by_split.items() if some]


def _background(sets: Sequence[Opened]) -> tuple[tuple[str, ...], list[str]]:
    names = dict.fromkeys(name for one in sets for name in one.parts[0].background)
    remarks = [
        f"{name}: is background now in all sets, though {one.name} did not say so"
        for name in names
        for one in sets
        if name in one.categories and name not in one.parts[0].background
    ]
    return tuple(names), remarks


def _said(sets: Sequence[Opened]) -> list[str]:
    remarks = []
    whole = [one.name for one in sets if one.parts[0].split == ALL]
    if 0 < len(whole) < len(sets):
        remarks.append(f"{', '.join(whole)}: has no splits; all of it became training")
    gray = [one.name for one in sets if not any(part.colour for part in one.parts)]
    if 0 < len(gray) < len(sets):
        remarks.append(
            f"{', '.join(gray)}: is gray, others have colour; images were kept as they are"
        )
    spellings: dict[str, str] = {}
    for name in dict.fromkeys(name for one in sets for name in one.categories):
        if (other := spellings.setdefault(name.casefold(), name)) != name:
            remarks.append(f"{other} and {name} are two categories, as they are spelt differently")
    return remarks
