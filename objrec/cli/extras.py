"""What ``objrec evaluate`` is asked to measure beside the plain figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from objrec.cli.several import words_of
from objrec.errors import SettingsError

if TYPE_CHECKING:
    from objrec.datasets import Dataset
    from objrec.evaluation import Extras

MOST_MISTAKES = 400  # the worst ones, whose landscapes and references the report shows


def extras_of(
    set_path: Path,
    device: str,
    *,
    mirror: bool,
    compare: tuple[str, ...],
    baselines: tuple[str, ...],
    unknown: Path | None,
    sweep: str,
    together: tuple[str, ...],
) -> Extras:
    """Open the models and sets that are asked for.

    Args:
        set_path: The set that is evaluated; its training split is what baselines are fitted to.
        device: Where the other models run.
        mirror: Whether they look at mirror images too.
        compare: Model folders.
        baselines: Names of baselines.
        unknown: A set, or SET@SPLIT.
        sweep: A number of images, or 'all'.
        together: Numbers of images of an object.

    Raises:
        DataError: A set cannot be opened.
        ModelError: A model cannot be read.
        SettingsError: A word makes no sense.
    """
    from objrec.datasets import open_dataset
    from objrec.evaluation import Extras
    from objrec.recognizer import Recognizer

    fitted = words_of(baselines)
    others = [Recognizer.load(Path(folder), device=device) for folder in compare]
    return Extras(
        sweep=_sweep_images(sweep),
        mistakes=MOST_MISTAKES,
        unknown=_opened(unknown) if unknown else None,
        compare=tuple(other.mirroring() if mirror else other for other in others),
        baselines=tuple(fitted),
        training_set=open_dataset(set_path, purpose="train") if fitted else None,
        together=tuple(_counts(together)),
    )


def _sweep_images(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal():
        raise SettingsError(f"--sweep: '{text}' is no number of images; write a number or 'all'")
    return int(text)


def _counts(values: tuple[str, ...]) -> list[int]:
    words = words_of(values)
    for word in words:
        if not word.isdecimal() or int(word) < 1:
            raise SettingsError(f"--together: '{word}' is no number of images; write 1 2 3 5 8")
    return [int(word) for word in words]


def _opened(path: Path) -> Dataset:
    from objrec.datasets import open_dataset

    if path.exists() or "@" not in path.name:
        return open_dataset(path, purpose="test")
    folder, _, split = str(path).rpartition("@")
    return open_dataset(Path(folder), split)
