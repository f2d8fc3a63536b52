"""``objrec train``: train a recogniser on a data set."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from objrec.cli.flags import (
    device_option,
    force_option,
    set_argument,
    settings_command,
    split_option,
)
from objrec.cli.tables import Bar, say
from objrec.errors import DataError

if TYPE_CHECKING:
    from objrec.datasets import Dataset
    from objrec.training import EpochReport, Recipe


_INTERRUPTED = 130
_UNFINISHED = ("checkpoint.safetensors", "folds")  # of objrec.training, which loads slowly


def _recipe() -> type:
    from objrec.training import Recipe

    return Recipe


@settings_command("train", _recipe)
@set_argument
@click.option(
    "--out",
    metavar="MODEL",
    required=True,
    type=click.Path(path_type=Path),
    help="model folder to write",
)
@split_option
@click.option(
    "--baseline",
    is_flag=False,
    flag_value="cnn",
    type=click.Choice(["cnn", "cnn-pose"]),
    help="train a comparison partner: a softmax CNN, or one with pose heads",
)
@click.option(
    "--folds",
    metavar="N",
    type=click.IntRange(min=2),
    help="also train N models without some of the objects, to calibrate 'unknown'; without it, "
    "the split val of a set that has one does",
)
@click.option("--resume", is_flag=True, help="go on with a run that was stopped, if there is one")
@click.option(
    "--tensorboard",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="also write the curves there for TensorBoard",
)
@force_option
@device_option
def train(
    set_path: Path,
    out: Path,
    split: str | None,
    baseline: str | None,
    tensorboard: Path | None,
    settings: Recipe,
    **choices: Any,
) -> None:
    """Train a recogniser on the data set SET.

    SET is a folder with one subfolder of images per category, a folder with a labels.csv, or a
    folder of small NORB files. The result is the folder MODEL. The defaults are a full recipe; a
    run that was stopped goes on with the same command and --resume.

    Several processes of one machine train one model, each with its part of every batch, one GPU
    each where there are GPUs: torchrun --standalone --nproc-per-node N -m objrec train ...

    \b
    Examples:
      objrec train data/toys --out out/toys
      objrec train photos/ --out out/photos --features efficientnet-lite0
      objrec train data/toys --out out/cnn --baseline cnn
    """  # noqa: D301
    with _saying_how_to_go_on(out):
        from objrec.datasets import open_dataset
        from objrec.training import train as run
        from objrec.training.distributed import is_first
        from objrec.training.tensorboard import logged

        recipe = dataclasses.replace(settings, kind=baseline or "energy")
        dataset = open_dataset(set_path, split, purpose="train")
        validation = None if choices["folds"] else _validation(set_path, dataset)
        if not is_first():
            _take_part(run(dataset, out, recipe, validation=validation, **choices))
            return
        report = None
        with Bar("training") as bar:
            reports = run(dataset, out, recipe, validation=validation, on_batch=bar.tick, **choices)
            for report in logged(reports, tensorboard) if tensorboard else reports:
                bar.say(epoch_line(report))
        for failure in (*dataset.failures, *(validation.failures if validation else ())):
            say(f"objrec: {failure}; left out")
        if report is None:
            say(f"{out}: was trained already; --force trains anew")
        elif validation:
            shown = validation.objects[~validation.shows_background]
            say(f"calibrated on the split val: {len(shown)} images of {len(set(shown))} objects")
        click.echo(f"model: {out}")


@contextmanager
def _saying_how_to_go_on(out: Path) -> Iterator[None]:
    """Add to an interruption what there is to go on with."""
    try:
        yield
    except KeyboardInterrupt:
        begun = any((out / name).exists() for name in _UNFINISHED)
        how = (
            "training stopped; the same command with --resume goes on"
            if begun
            else "stopped before the training began; the same command begins it"
        )
        raise KeyboardInterrupt(f"{out}: {how}") from None


def _take_part(reports: Iterable[EpochReport]) -> None:
    """Train along; it is the first process that tells."""
    try:
        for _ in reports:
            pass
    except KeyboardInterrupt:
        raise click.exceptions.Exit(_INTERRUPTED) from None


def _validation(set_path: Path, dataset: Dataset) -> Dataset | None:
    """Return the validation split, to calibrate on; None if there is none of new objects."""
    from objrec.datasets import list_splits, open_dataset
    from objrec.training.calibration import check_validation
    from objrec.training.distributed import is_first

    if dataset.split in ("val", "all") or "val" not in list_splits(set_path):
        return None
    validation = open_dataset(set_path, "val")
    try:
        check_validation(dataset, validation)
    except DataError as error:
        if is_first():
            say(f"note: not calibrated: {error}")
        return None
    return validation


def epoch_line(report: EpochReport) -> str:
    """Return one line about an epoch, and one more for what was remarked in it."""
    stage = f"{report.stage}, " if report.stage else ""
    line = (
        f"{stage}epoch {report.epoch:>{len(str(report.epochs))}}/{report.epochs}  "
        f"loss {report.loss:.4g}  training error {report.error_rate:.1%}  {report.seconds:.1f} s"
    )
    return f"{line}\n  {report.note}" if report.note else line
