"""``objrec evaluate``: measure a model on a data set and write the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from objrec.cli.flags import (
    device_option,
    force_option,
    mirror_option,
    model_option,
    set_argument,
    split_option,
)
from objrec.cli.provenance import provenance
from objrec.cli.several import SeveralCommand, several
from objrec.cli.tables import Bar, print_table, say
from objrec.errors import DataError
from objrec.files import locked

if TYPE_CHECKING:
    from objrec.evaluation import Evaluation

RESULT, PAGE, ERRORS = "evaluation.json", "report.html", "errors.csv"
BASELINES = ("nearest", "svm", "retrieval")


@click.command("evaluate", cls=SeveralCommand)
@set_argument
@model_option
@click.option(
    "--out",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path),
    help=f"folder for {RESULT}, {PAGE} and {ERRORS}",
)
@split_option
@click.option(
    "--exclude-pose",
    metavar="NAME,…",
    multiple=True,
    help="categories that look alike from every side: no pose figures for them",
)
@several("--compare", "MODEL…", "models to hold against this one, in every part of the report")
@several(
    "--baselines",
    "NAME…",
    f"compare with what needs no network of its own, fitted to the training split: "
    f"{', '.join(BASELINES)}",
)
@click.option(
    "--unknown",
    metavar="SET2",
    type=click.Path(path_type=Path),
    help="images of objects of no trained category: are they told? SET2@SPLIT names a split",
)
@click.option(
    "--sweep",
    metavar="N",
    default="200",
    show_default=True,
    help="images to change step by step (turned, shifted, blurred, …); 'all', or 0 for none",
)
@several(
    "--together",
    "N…",
    "measure how much N images of an object say together: 1 2 3 5 8; relative poses as labelled, "
    "and unknown",
)
@click.option(
    "--resamples",
    metavar="N",
    default=2000,
    type=click.IntRange(min=1),
    show_default=True,
    help="bootstrap resamples of the objects",
)
@click.option(
    "--seed",
    metavar="N",
    default=0,
    show_default=True,
    help="seed of the bootstrap and of what is drawn",
)
@mirror_option
@force_option
@device_option
def evaluate(
    set_path: Path,
    model: Path | None,
    out: Path,
    split: str | None,
    exclude_pose: tuple[str, ...],
    resamples: int,
    seed: int,
    mirror: bool,
    force: bool,
    device: str,
    **asked: Any,
) -> None:
    """Measure a model on the data set SET.

    The figures and the report go to the folder DIR. Of a set with several splits the second one,
    test, is used; the objects in it should be ones that the model has never seen. The intervals
    come from drawing objects, not images.

    \b
    Examples:
      objrec evaluate data/toys --out out/report
      objrec evaluate photos/ --model out/mine --out out/report --exclude-pose apple,tomato
      objrec evaluate photos/ --model out/mine --compare out/cnn --baselines svm --out out/report
      objrec evaluate data/toys --together 1 2 3 5 8 --out out/report
    """  # noqa: D301
    for name in (RESULT, PAGE, ERRORS):
        if (out / name).exists() and not force:
            raise DataError(f"{out / name}: exists; add --force to overwrite it")
    from objrec.cli.extras import extras_of
    from objrec.datasets import open_dataset
    from objrec.evaluation import evaluate as measure
    from objrec.recognizer import Recognizer
    from objrec.report import write_errors, write_report

    recognizer = Recognizer.load(model, device=device)
    recognizer = recognizer.mirroring() if mirror else recognizer
    dataset = open_dataset(set_path, split, purpose="test")
    extras = extras_of(set_path, device, mirror=mirror, **asked)
    with locked(out):
        with Bar("evaluating") as bar:
            evaluation = measure(
                recognizer,
                dataset,
                extras=extras,
                pictures=out,
                exclude_pose=[name for part in exclude_pose for name in part.split(",") if name],
                seed=seed,
                resamples=resamples,
                on_progress=bar.tick,
                on_stage=bar.retitle,
                provenance=provenance(),
            )
        evaluation.save(out / RESULT)
        write_errors(evaluation, out / ERRORS)
        write_report(evaluation, out / PAGE)
    for failure in evaluation.failures:
        say(f"objrec: {failure['file']}: {failure['error']}")
    print_table(["measured", "value"], summary(evaluation))
    click.echo(f"report: {out / PAGE}")


def summary(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return the figures that a short table shows, as text."""
    data, (low, high) = evaluation.data, evaluation.error_rate_ci
    rows = [
        ("images", f"{data['images']} of {data['objects']} objects"),
        ("error rate", f"{evaluation.error_rate:.1%}  (95 %: {low:.1%} to {high:.1%})"),
    ]
    for axis, figures in evaluation.pose.items():
        if not figures["count"]:
            continue
        unit = "°" if figures["unit"] == "deg" else f" {figures['unit']}"
        suffix = "_deg" if figures["unit"] == "deg" else ""
        text = f"{figures[f'median_error{suffix}']:.3g}{unit}"
        within = f", {figures['acc30']:.1%} within 30°" if suffix else ""
        rows.append((f"{axis}, median error", text + within))
    if evaluation.unknown_rate is not None:
        rows.append(("known, yet called unknown", f"{evaluation.unknown_rate:.1%}"))
    return [*rows, ("images a second", f"{evaluation.images_per_second:.0f}")]
