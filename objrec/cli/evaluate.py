"""``objrec evaluate``: measure a model on a data set and write the report."""

from __future__ import annotations

import datetime
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from objrec import __version__
from objrec.cli.flags import device_option, force_option, model_option, set_argument, split_option
from objrec.cli.tables import Bar, print_table, say
from objrec.errors import DataError

if TYPE_CHECKING:
    from objrec.evaluation import Evaluation

RESULT, PAGE = "evaluation.json", "report.html"


@click.command("evaluate")
@set_argument
@model_option
@click.option(
    "--out",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path),
    help=f"folder for {RESULT} and {PAGE}",
)
@split_option
@click.option(
    "--exclude-pose",
    metavar="NAME,…",
    multiple=True,
    help="categories that look alike from every side: no pose figures for them",
)
@click.option(
    "--resamples",
    metavar="N",
    default=2000,
    type=click.IntRange(min=1),
    show_default=True,
    help="bootstrap resamples of the objects",
)
@click.option("--seed", metavar="N", default=0, show_default=True, help="seed of the bootstrap")
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
    force: bool,
    device: str,
) -> None:
    """Measure a model on the data set SET.

    The figures and the report go to the folder DIR. Of a set with several splits the second one,
    test, is used; the objects in it should be ones that the model has never seen. The intervals
    come from drawing objects, not images.

    \b
    Examples:
      objrec evaluate data/toys --out out/report
      objrec evaluate photos/ --model out/mine --out out/report --exclude-pose apple,tomato
    """  # noqa: D301
    for name in (RESULT, PAGE):
        if (out / name).exists() and not force:
            raise DataError(f"{out / name}: exists; add --force to overwrite it")
    from objrec.datasets import open_dataset
    from objrec.evaluation import evaluate as measure
    from objrec.recognizer import Recognizer
    from objrec.report import write_report

    recognizer = Recognizer.load(model, device=device)
    dataset = open_dataset(set_path, split, purpose="test")
    with Bar("evaluating") as bar:
        evaluation = measure(
            recognizer,
            dataset,
            exclude_pose=[name for part in exclude_pose for name in part.split(",") if name],
            seed=seed,
            resamples=resamples,
            on_progress=bar.tick,
            provenance=_provenance(),
        )
    evaluation.save(out / RESULT)
    write_report(evaluation, out / PAGE)
    for failure in evaluation.failures:
        say(f"objrec: {failure['file']}: {failure['error']}")
    print_table(["measured", "value"], summary(evaluation))
    click.echo(f"report: {out / PAGE}")


def _provenance() -> dict[str, Any]:
    return {
        "command": shlex.join(["objrec", *click.get_current_context().obj]),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "version": __version__,
    }


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
