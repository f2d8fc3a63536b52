"""``objrec protocol``: whole experiments, energy model and CNN side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from objrec.cli.flags import device_option, force_option, set_argument, settings_command
from objrec.cli.provenance import provenance
from objrec.cli.tables import Bar, print_table

if TYPE_CHECKING:
    from objrec.protocols import Experiment

NAMES = ("novel-azimuth", "novel-elevation", "sparse-azimuth", "few-pose-labels", "latent-pose")


def _experiment() -> type:
    from objrec.protocols import Experiment

    return Experiment


@settings_command("protocol", _experiment)
@click.argument("name", metavar="NAME", type=click.Choice(NAMES))
@set_argument
@click.option(
    "--out",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path),
    help="folder for protocol.json and the models",
)
@click.option("--resume", is_flag=True, help="go on with a run that was stopped")
@force_option
@device_option
def protocol(name: str, set_path: Path, out: Path, settings: Experiment, **choices: Any) -> None:
    """Train on some views of the set SET, test on the others.

    NAME says which:

    \b
    novel-azimuth     train on views of the front, test on all round
    novel-elevation   train on the lowest third of the elevations
    sparse-azimuth    train on every 60 degrees (--step), test on azimuths between
    few-pose-labels   train on all views, with poses of one object a category
    latent-pose       train on all views, without any pose

    Test objects are never trained on. Of novel-* each model is stopped where its error on familiar
    views is that of the others. Energy model and CNN have the same extractor, budget and
    augmentation. DIR/protocol.json holds the figures; a run that was stopped goes on with the same
    command and --resume.

    \b
    Examples:
      objrec protocol sparse-azimuth data/toys --out out/sparse
      objrec protocol novel-azimuth norb/ --out out/novel --seeds 0 1 2
    """  # noqa: D301
    from objrec.datasets import open_dataset
    from objrec.protocols import Watch, plan, run_protocol

    whole = open_dataset(set_path, purpose="train")
    test = open_dataset(set_path, purpose="test")
    planned = plan(name, whole, test, settings.protocol.step)
    with Bar(name) as bar:
        watch = Watch(bar.retitle, lambda model, report: bar.say(_line(model, report)), bar.tick)
        try:
            result = run_protocol(
                planned, whole, test, out, settings, provenance=provenance(), watch=watch, **choices
            )
        except KeyboardInterrupt:
            hint = f"{out}: stopped; the same command with --resume goes on"
            raise KeyboardInterrupt(hint) from None
    print_table(
        ["model", "views", "error", "95 %", "azimuth within 30°"], map(_row, result["rows"])
    )
    click.echo(f"result: {out / 'protocol.json'}")


def _line(model: str, report: Any) -> str:
    return (
        f"{model}: epoch {report.epoch}/{report.epochs}  loss {report.loss:.4g}  "
        f"training error {report.error_rate:.1%}"
    )


def _row(row: dict[str, Any]) -> list[str]:
    azimuth = row["pose"].get("azimuth")
    low, high = row["ci"]
    return [
        row["model"],
        row["views"],
        f"{row['error_rate']:.1%}",
        f"{low:.1%} to {high:.1%}",
        f"{azimuth['acc30']:.1%}" if azimuth else "",
    ]
