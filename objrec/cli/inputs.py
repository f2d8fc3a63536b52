"""What ``objrec classify`` is given: files, folders, globs, camera pairs, samples of a data set.

A folder may hold hundreds of thousands of images, so nothing is kept of one but its name.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from objrec.errors import DataError, Failure

if TYPE_CHECKING:
    from objrec.datasets import Dataset, Sample
    from objrec.pose import Pose

_OF_A_SET = re.compile(r"(?P<folder>.+)@(?P<split>[^@:]*)(:(?P<rows>[\d,-]+))?")

_OF_A_CAMERA = re.compile(r"(?P<name>.+)-camera\d+(?P<suffix>\.\w+)")


@dataclass(frozen=True, slots=True)
class SetItem:
    """A sample of a data set, not yet read.

    Attributes:
        dataset: The split it belongs to.
        index: Its position there.
    """

    dataset: Dataset
    index: int

    @property
    def truth(self) -> tuple[str, Pose]:
        """The category and pose that the set gives for it."""
        from objrec.pose import Pose

        category = self.dataset.categories[self.dataset.labels[self.index]]
        return category, Pose.from_vector(self.dataset.poses[self.index])


Item = Path | tuple[Path, ...] | SetItem | Failure


class Items(Sequence[Item]):
    """Items in order, paths held as text, a third of what `Path` objects take."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._stored = [_stored(item) for item in items]

    def __len__(self) -> int:
        return len(self._stored)

    def __getitem__(self, index: int) -> Item:
        """Return one item; paths are made anew each time."""
        found = self._stored[index]
        if isinstance(found, str):
            return Path(found)
        return tuple(map(Path, found)) if isinstance(found, tuple) else found


def _stored(item: Item) -> str | tuple[str, ...] | SetItem | Failure:
    if isinstance(item, tuple):
        return tuple(map(str, item))
    return str(item) if isinstance(item, Path) else item


def expand(words: tuple[str, ...], *, recursive: bool = False) -> Items:
    """Find the images that the words of a command line stand for.

    Args:
        words: A file; a folder; a glob; ``left.png+right.png`` for the cameras of one object;
            ``SET@SPLIT``, ``SET@SPLIT:3`` or ``SET@SPLIT:0-5,9`` for samples of a data set.
        recursive: Whether folders are searched with their subfolders.

    Returns:
        The items in order; a word that stands for nothing becomes a Failure.

    Raises:
        DataError: There is no image at all.
    """
    items = Items(item for word in words for item in _expand_one(word, recursive))
    if all(isinstance(item, Failure) for item in items):
        raise DataError(str(items[0]) if items else "no images; name files or a folder")
    return items


def paired(items: Sequence[Item], cameras: int) -> Sequence[Item]:
    """Put the images of all cameras of an object together, for a model of several cameras.

    Files are told by their names, NAME-camera0.png, NAME-camera1.png, …, which is how ``data
    export`` names them; all else is left as it is.
    """
    return items if cameras == 1 else Items(_pairs(items, cameras))


def _pairs(items: Sequence[Item], cameras: int) -> Iterator[Item]:
    """Yield the items, those of an object where the first of them is."""
    groups: dict[str | int, int | list[int]] = {}  # name without camera → where, or where all are
    for number, item in enumerate(items):
        key = _object(item)
        if key is None:
            groups[number] = number
        elif isinstance(found := groups.setdefault(key, number), list):
            found.append(number)
        elif found != number:
            groups[key] = [found, number]
    for group in groups.values():
        members = [items[i] for i in (group if isinstance(group, list) else [group])]
        yield from _joined(members, cameras)


def _object(item: Item) -> str | None:
    match = _OF_A_CAMERA.fullmatch(item.name) if isinstance(item, Path) else None
    return f"{item.parent}/{match['name']}/{match['suffix']}" if match else None


def _joined(group: list[Item], cameras: int) -> list[Item]:
    return [tuple(sorted(group))] if len(group) == cameras else group


def opened(items: Iterable[Item]) -> Iterator[Path | tuple[Path, ...] | Sample | Failure]:
    """Read the samples of data sets one by one; files are left to the recogniser."""
    for item in items:
        if not isinstance(item, SetItem):
            yield item
            continue
        source = item.dataset.sources[item.index]
        try:
            yield item.dataset[item.index]
        except DataError as error:
            yield Failure.of(source, error)


def _expand_one(word: str, recursive: bool) -> Iterator[Item]:
    path = Path(word)
    if path.is_dir():
        yield from _images_in(path, recursive)
    elif path.exists():
        yield path
    elif path.is_symlink():
        yield Failure(word, "is a link to nothing; check where it points")
    elif found := sorted(glob.glob(word, recursive=True)):  # noqa: PTH207  (absolute patterns too)
        for name in found:
            yield from _expand_one(name, recursive)
    elif (match := _OF_A_SET.fullmatch(word)) and Path(match["folder"]).is_dir():
        yield from _samples(word, match)
    elif "+" in word and all(Path(part).is_file() for part in word.split("+")):
        yield tuple(map(Path, word.split("+")))
    else:
        yield Failure(word, "no such file or folder; check the path")


def _images_in(folder: Path, recursive: bool) -> Iterator[Item]:
    found = False
    for name in _names_in(str(folder), recursive):
        found = True
        yield Path(name)
    if not found:
        how = "" if recursive else "; add --recursive for its subfolders"
        yield Failure(
            str(folder), f"holds no images{how}, or write '{folder}@test' for samples of a data set"
        )


def _names_in(folder: str, recursive: bool) -> Iterator[str]:
    """Yield the image files of a folder as `sorted` puts their paths, name by name."""
    from objrec.datasets.images import is_image_name

    for name in sorted(os.listdir(folder)):  # noqa: PTH208  (names take little memory)
        path = f"{folder}{os.sep}{name}"
        if recursive and os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114
            with suppress(PermissionError):  # a subfolder that may not be read is passed over
                yield from _names_in(path, recursive)
        elif is_image_name(Path(name)) and os.path.isfile(path):  # noqa: PTH113
            yield path


def _samples(word: str, match: re.Match[str]) -> Iterator[SetItem]:
    from objrec.datasets import open_dataset

    dataset = open_dataset(Path(match["folder"]), match["split"] or None, purpose="test")
    for index in _rows(match["rows"], len(dataset), word):
        yield SetItem(dataset, index)


def _rows(text: str | None, count: int, word: str) -> list[int]:
    if text is None:
        return list(range(count))
    rows: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if match is None:
            raise DataError(f"{word}: '{part}' is no range of samples; write them as 0-5,9")
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last < count:
            raise DataError(f"{word}: there is no {part}; the samples are 0 to {count - 1}")
        rows += range(first, last + 1)
    return rows
