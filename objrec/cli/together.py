"""``objrec classify --together``: what is said about the poses of several images of one object."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from objrec.cli.inputs import Item, SetItem, opened
from objrec.errors import DataError, Failure, SettingsError

if TYPE_CHECKING:
    from objrec.recognizer import Recognition, Recognizer

_COLUMNS = ("azimuth", "elevation")


def check_flags(together: bool, step: float | None, poses: Path | None) -> None:
    """Refuse flags that make no sense with each other.

    Raises:
        SettingsError: Two sources of relative poses, or one without ``--together``.
    """
    if step is not None and poses is not None:
        raise SettingsError("--step: --poses says how the object is turned; leave one of them out")
    if not together and (step is not None or poses is not None):
        flag = "--step" if poses is None else "--poses"
        raise SettingsError(f"{flag}: is for several images of one object; add --together")


def relative_poses(
    items: Sequence[Item], step: float | None, poses: Path | None
) -> list[dict[str, float]] | None:
    """Return axis → degrees for each item; None where nothing is known.

    Raises:
        DataError: The file cannot be read, or does not list an item.
    """
    if step is not None:
        return [{"azimuth": step * number} for number in range(len(items))]
    if poses is None:
        return None
    listed = _listed(poses)
    return [_of(item, listed, poses) for item in items]


def recognized_together(
    recognizer: Recognizer,
    items: Sequence[Item],
    turned: list[dict[str, float]] | None,
    **choices: Any,
) -> Iterator[tuple[Item, Recognition | Failure]]:
    """Yield a failure for each image that cannot be read, then the answer of the others.

    Args:
        recognizer: The model.
        items: Images of one object.
        turned: From `relative_poses`.
        **choices: ``refine`` and ``hypotheses``.

    Raises:
        DataError: No image can be read.
    """
    kept: dict[int, Any] = {}
    failures: list[tuple[Item, Failure]] = []
    for number, image in enumerate(opened(items)):
        found = recognizer.opened(image)
        if isinstance(found, Failure):
            failures.append((items[number], found))
        else:
            kept[number] = found
    if not kept:
        raise DataError(
            f"none of the {len(items)} images can be read; the first is {failures[0][1]}"
        )
    yield from failures
    known = None if turned is None else [turned[number] for number in kept]
    yield items[min(kept)], recognizer.together(list(kept.values()), known, **choices)


def _listed(path: Path) -> dict[str, dict[str, float]]:
    """Read name → pose; a file is found by its path as it is written, or by its name alone."""
    from objrec.datasets.delimited import read_delimited, shown

    table = read_delimited(path, ("file", "azimuth"))
    columns = [name for name in _COLUMNS if name in table.columns]
    found: dict[str, dict[str, float]] = {}
    for line, row in table.rows:
        file = _composed(row["file"])
        if file in found:
            raise DataError(f"{path}:{line}: lists {shown(file)} a second time; remove one")
        found[file] = {
            name: _degrees(row[name], name, table.separator, f"{path}:{line}") for name in columns
        }
    return found


def _degrees(text: str, name: str, separator: str, place: str) -> float:
    from math import isfinite

    from objrec.datasets.delimited import number, shown

    try:
        value = number(text, separator)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise DataError(f"{place}: {name} '{shown(text)}' is not a number; write degrees")
    return value


def _of(item: Item, listed: dict[str, dict[str, float]], path: Path) -> dict[str, float]:
    for name in map(_composed, _names(item)):
        if name in listed:
            return listed[name]
    raise DataError(f"{path}: does not list {_name(item)}; add a line for it")


def _composed(name: str) -> str:
    """Return a name in one Unicode form: a Mac writes é as e and an accent."""
    return unicodedata.normalize("NFC", name)


def _names(item: Item) -> list[str]:
    """Return what a file may call an image: as given, its path, its name; or those of a camera."""
    parts = item if isinstance(item, tuple) else (Path(_name(item)),)
    return [_name(item), *(str(part) for part in parts), *(part.name for part in parts)]


def _name(item: Item) -> str:
    if isinstance(item, SetItem):
        return item.dataset.sources[item.index]
    if isinstance(item, Failure):
        return item.source
    return "+".join(map(str, item)) if isinstance(item, tuple) else str(item)
