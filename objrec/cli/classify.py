"""``objrec classify``: say what is on images, and how it is turned."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from objrec.cli.engine import answered_by, check_engine, engine_options
from objrec.cli.flags import device_option, mirror_option, model_option, precision_option
from objrec.cli.inputs import Item, expand, paired
from objrec.cli.recognitions import write_csv, write_json, write_table
from objrec.cli.tables import Bar, say
from objrec.cli.together import check_flags, recognized_together, relative_poses
from objrec.errors import Failure

if TYPE_CHECKING:
    from objrec.recognizer import Recognition, Recognizer

_WRITERS = {"json": write_json, "csv": write_csv}
_UNCALIBRATED = (
    "note: this model is not calibrated, so nothing is called unknown and probabilities are "
    "rough; 'objrec train --folds' calibrates, or 'objrec calibrate' with further objects"
)

_TABLE = 500  # images of one table
_GRAYED = "note: this model knows gray images only: colour images were converted"


@click.command("classify")
@click.argument("images", metavar="IMAGES…", nargs=-1, required=True)
@model_option
@click.option("--json", "form", flag_value="json", help="one JSON object a line, for programs")
@click.option("--csv", "form", flag_value="csv", help="comma-separated values, for spreadsheets")
@click.option(
    "--hypotheses",
    metavar="N",
    type=click.IntRange(min=1),
    help="how many answers to give for an image  [default: 1, with --json 3]",
)
@click.option("--recursive", "-r", is_flag=True, help="search folders with their subfolders")
@click.option(
    "--refine/--no-refine",
    default=True,
    show_default=True,
    help="move poses between the searched ones to where the energy is lowest",
)
@click.option(
    "--together", is_flag=True, help="all IMAGES show one object: their energies add to one answer"
)
@click.option(
    "--step",
    metavar="DEG",
    type=float,
    help="with --together: the azimuth of each image is so much more than that of the one before",
)
@click.option(
    "--poses",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="with --together: a CSV file,azimuth[,elevation] in degrees; only differences count",
)
@mirror_option
@engine_options
@device_option
@precision_option
def classify(
    images: tuple[str, ...],
    model: Path | None,
    form: str | None,
    hypotheses: int | None,
    recursive: bool,
    refine: bool,
    together: bool,
    step: float | None,
    poses: Path | None,
    mirror: bool,
    engine: str,
    workers: int | None,
    device: str,
    precision: str,
) -> int:
    """Say what is on images, and how it is turned.

    IMAGES are files, folders, globs, or samples of a data set: SET@SPLIT:0-5. For a model of two
    cameras, as the shipped one is, write the two images of an object as left.png+right.png, or
    name them x-camera0.png and x-camera1.png. An image that cannot be read is named on stderr, the
    others go on, and the exit code is 1.

    Several images of one object are recognised better together than alone, and best where it is
    known how the object is turned from one to the next. Files of a folder or glob are in the order
    of their names. The pose in the answer is that of the first image, the energy the mean.

    \b
    Examples:
      objrec classify photo.jpg --model out/mine
      objrec classify photos/ 'more/*.png' --model out/mine --json
      objrec classify data/toys@test:0-5 --hypotheses 3
      objrec classify turntable/ --together --step 30 --model out/mine
      objrec classify archive/ --recursive --engine ray --csv > answers.csv
    """  # noqa: D301
    check_flags(together, step, poses)
    check_engine(engine, workers, together)
    items = expand(images, recursive=recursive)
    from objrec.recognizer import Recognizer

    recognizer = Recognizer.load(model, "cpu" if engine == "ray" else device, precision)
    recognizer = recognizer.mirroring() if mirror else recognizer
    items = paired(items, recognizer.preprocessing.cameras)
    turned = relative_poses(items, step, poses)
    choices = {"refine": refine, "hypotheses": hypotheses or (3 if form == "json" else 1)}
    if together:
        found = recognized_together(recognizer, items, turned, **choices)
    else:
        asked = {"model": model, "device": device, "mirror": mirror, "precision": precision}
        answers = answered_by(engine, recognizer, items, asked, workers, **choices)
        found = zip(items, answers, strict=True)
    seen = _Seen(len(items))
    if form is None:
        _print_tables(seen, found)
        if recognizer.calibration is None and not recognizer.background and seen.answered:
            say(_UNCALIBRATED)
        if seen.unknown:
            say(f"note: {why_unknown(recognizer)}")
    else:
        with Bar("classifying", shown=not sys.stdout.isatty()) as bar:
            _WRITERS[form](seen.watched(found, bar))
    if seen.colour and not recognizer.preprocessing.colour:
        say(_GRAYED)
    return 1 if seen.failed else 0


def _print_tables(seen: _Seen, found: Iterable[tuple[Item, Recognition | Failure]]) -> None:
    """Print a table of the answers; of many images several, so that no more need be held.

    A table needs all its rows, and no bar beneath it.
    """
    waiting = iter(found)
    part: list[tuple[Item, Recognition | Failure]] | None = None
    while part != []:
        with Bar("classifying") as bar:
            part = list(seen.watched(islice(waiting, _TABLE), bar))
        write_table(part)


def why_unknown(recognizer: Recognizer) -> str:
    """Say in a sentence when the model answers 'unknown', and how often that is a mistake."""
    reasons, calibration = [], recognizer.calibration
    if calibration is not None:
        reasons.append(
            f"every energy is above {calibration.threshold:.4g}, as on "
            f"{calibration.false_alarm_rate:.1%} of the images of {calibration.basis}"
        )
    if recognizer.background:
        reasons.append(f"background ({', '.join(recognizer.background)}) fits better")
    return f"'unknown' means that {', or that '.join(reasons)}"


@dataclass
class _Seen:
    """What went by, of `total` images: answers, 'unknown' among them, failures, and any colour."""

    total: int
    done: int = 0
    answered: int = 0
    unknown: int = 0
    failed: int = 0
    colour: bool = False

    def watched(
        self, found: Iterable[tuple[Item, Recognition | Failure]], bar: Bar
    ) -> Iterator[tuple[Item, Recognition | Failure]]:
        """Pass the answers on, moving the bar and naming what failed."""
        for item, answer in found:
            self.done += 1
            if isinstance(answer, Failure):
                self.failed += 1
                bar.say(f"objrec: {answer}")
            else:
                self.answered += 1
                self.unknown += bool(answer.unknown)
                self.colour = self.colour or bool(answer.original and answer.original.colour)
            bar.tick(self.done, self.total)
            yield item, answer
