"""The folder of a run: what may lie in it already, what is deleted, what is left in the end."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from objrec.errors import SettingsError
from objrec.files import forget_unfinished, is_empty, remove_folder
from objrec.saving import CARD, CONFIG, WEIGHTS
from objrec.training.checkpoint import CHECKPOINT
from objrec.training.loop import clean_up
from objrec.training.reports import METRICS

FOLDS, EPOCHS = "folds", "epochs"
_FILES = (CONFIG, WEIGHTS, CARD, METRICS, CHECKPOINT)  # in the order in which --force deletes them


@dataclass(frozen=True)
class Claim:
    """Which folder a call wants, and what it may do with what is in it."""

    out: Path
    folds: int | None
    resume: bool
    force: bool


def begun(out: Path) -> bool:
    """Whether a run left something to go on with."""
    return (out / CHECKPOINT).exists() or bool(folds_in(out))


def folds_in(out: Path) -> list[Path]:
    """Return the folders of the models that were trained without some objects."""
    return list((out / FOLDS).glob("fold-*"))


def tidy(out: Path) -> None:
    """Delete what a finished model does not need, and nothing that is not ours."""
    clean_up(out)
    for fold in folds_in(out):
        remove_folder(fold)
    for name in _FILES:
        forget_unfinished(out / name)
    for gone in (out / FOLDS).glob(".fold-*.gone"):
        shutil.rmtree(gone, ignore_errors=True)
    if (out / FOLDS).is_dir() and not any((out / FOLDS).iterdir()):
        (out / FOLDS).rmdir()


def clear(out: Path) -> None:
    """Delete a model or an unfinished run; the configuration first, so that no half is left."""
    for name in _FILES:
        (out / name).unlink(missing_ok=True)
        (out / f"{name}.partial").unlink(missing_ok=True)  # as earlier versions left it
    remove_folder(out / EPOCHS)
    if (out / FOLDS).is_symlink():  # what it leads to is not ours
        remove_folder(out / FOLDS)
    tidy(out)


def check_free(out: Path, allowed: bool) -> None:
    """Make sure that nothing is overwritten that was not meant to be.

    Args:
        out: The model folder.
        allowed: Whether it was said what to do with what is in it, by `resume` or `force`.

    Raises:
        SettingsError: The folder is in use, or a file.
    """
    if out.exists() and not out.is_dir():
        raise SettingsError(f"{out}: is a file; give a folder for the model")
    if allowed or not out.is_dir():
        return
    if (out / CONFIG).exists():
        raise SettingsError(f"{out}: holds a model already; use --force to replace it")
    if begun(out):
        raise SettingsError(
            f"{out}: holds an unfinished run; go on with --resume or start anew with --force"
        )
    if not is_empty(out):
        raise SettingsError(f"{out}: is not empty; give a new folder, or use --force")
