"""``objrec calibrate``: fit probabilities and 'unknown' of a trained model on further objects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from objrec.cli.flags import device_option, set_argument
from objrec.cli.tables import Bar, print_table, say
from objrec.errors import DataError
from objrec.files import locked

if TYPE_CHECKING:
    from objrec.datasets import Dataset
    from objrec.recognizer import Recognizer
    from objrec.saving import Calibration


@click.command("calibrate")
@set_argument
@click.option(
    "--model",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path),
    help="model folder; its config.json and README.md are written anew",
)
@click.option(
    "--split",
    metavar="NAME",
    help="split of SET to fit on  [default: val; of a set without splits, all of it]",
)
@click.option(
    "--false-alarms",
    metavar="X",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="share of images of known objects that may be called unknown",
)
@device_option
def calibrate(
    set_path: Path, model: Path, split: str | None, false_alarms: float, device: str
) -> None:
    """Fit when a model says 'unknown', and how sure it is.

    The weights stay as they are. What is fitted, on the objects of the data set SET, are beta, at
    which the probabilities are right, and the energy above which nothing known fits. These objects
    must not be ones that the model was trained on: those fit too well, and new ones would be called
    unknown. Nor should they be ones that it is to be tested on.

    'objrec train' does the same with the split val of a set that has one, or with --folds.

    \b
    Examples:
      objrec calibrate photos/ --model out/mine
      objrec calibrate more-photos/ --model out/mine --false-alarms 0.01
    """  # noqa: D301
    from objrec.datasets import open_dataset
    from objrec.recognizer import Recognizer
    from objrec.saving import VALIDATION, store_calibration
    from objrec.training.calibration import calibrate as fit
    from objrec.training.calibration import held_out_answers

    recognizer = Recognizer.load(model, device=device)
    dataset = open_dataset(set_path, split or _default_split(set_path), purpose="test")
    with locked(model):
        with Bar("calibrating") as bar:
            answers = held_out_answers(recognizer, dataset, bar.tick)
        if not answers.objects:
            raise DataError(_nothing_known(recognizer, dataset))
        calibration = fit([answers], false_alarms, VALIDATION)
        store_calibration(model, calibration)
    for failure in dataset.failures:
        say(f"objrec: {failure}; left out")
    if _by_name_trained_on(recognizer, dataset):
        say(
            f"note: the model was trained on {dataset.name} ({dataset.split}): if these are the "
            "same objects, new ones will be called unknown too often; take others"
        )
    print_table(["fitted", "value"], figures(calibration, len(answers.labels)))
    click.echo(f"model: {model}")


def figures(calibration: Calibration, images: int) -> list[tuple[str, str]]:
    """Return what was fitted, as text."""
    return [
        ("images", f"{images} of {calibration.objects} objects"),
        ("error rate", f"{calibration.error_rate:.1%}"),
        ("beta", f"{calibration.beta:.3g}"),
        ("unknown above an energy of", f"{calibration.threshold:.4g}"),
        ("known, yet called unknown", f"{calibration.false_alarm_rate:.1%}"),
    ]


def _default_split(path: Path) -> str | None:
    """Return the validation split; a set of one split is taken whole.

    Raises:
        DataError: There are several others, and no saying which one the model has not seen.
    """
    from objrec.datasets import list_splits

    splits = list_splits(path)
    if "val" in splits or len(splits) == 1:
        return "val" if "val" in splits else None
    raise DataError(
        f"{path}: has no split 'val'; name one of {', '.join(splits)} with --split: its objects "
        "must be new to the model"
    )


def _nothing_known(recognizer: Recognizer, dataset: Dataset) -> str:
    ours, theirs = ", ".join(dataset.categories), ", ".join(recognizer.categories)
    return (
        f"{dataset.root}: no image is of a category known to the model; the set has "
        f"{ours or 'none'}, the model {theirs}; categories are matched by name"
    )


def _by_name_trained_on(recognizer: Recognizer, dataset: Dataset) -> bool:
    trained_on = str(recognizer.training.get("facts", {}).get("trained on", ""))
    return trained_on.startswith(f"{dataset.name} ({dataset.split}):")
