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

NAMES = (
    *("novel-azimuth", "novel-elevation", "sparse-azimuth", "few-pose-labels", "latent-pose"),
    *("few-objects", "leave-one-out", "unknown-category"),
)
_FACTS = {"training_objects": "objects", "left_out": "left out"}


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
    """Train on some views or objects of SET, test on others.

    NAME says which:

    \b
    novel-azimuth     train on views of the front, test on all round
    novel-elevation   train on the lowest third of the elevations
    sparse-azimuth    train on every 60 degrees (--step), test on azimuths between
    few-pose-labels   train on all views, with poses of one object a category
    latent-pose       train on all views, without any pose
    few-objects       train on 1, 2 and 3 objects a category (--objects)
    leave-one-out     train on all but one object a category, test on that, in turn
    unknown-category  train on all but one category, in turn: is it told as unknown?

    Test objects are never trained on; leave-one-out looks at training objects alone: choose
    settings by it. Of novel-* each model is stopped where its error on familiar
    views is that of the others. Energy model and CNN have the same extractor, budget and
    augmentation. DIR/protocol.json holds the figures; a run that was stopped goes on with the same
    command and --resume.

    \b
    Examples:
      objrec protocol sparse-azimuth data/toys --out out/sparse
      objrec protocol novel-azimuth norb/ --out out/novel --seeds 0 1 2
      objrec protocol few-objects data/toys --out out/few --objects 1 2
    """  # noqa: D301
    from objrec.datasets import open_dataset
    from objrec.protocols import WITHIN_TRAINING, Watch, plan, run_protocol

    whole = open_dataset(set_path, purpose="train")
    test = None if name in WITHIN_TRAINING else open_dataset(set_path, purpose="test")
    planned = plan(name, whole, test, settings.protocol)
    with Bar(name) as bar:
        watch = Watch(bar.retitle, lambda model, report: bar.say(_line(model, report)), bar.tick)
        try:
            result = run_protocol(
                planned, whole, out, settings, provenance=provenance(), watch=watch, **choices
            )
        except KeyboardInterrupt:
            hint = f"{out}: stopped; the same command with --resume goes on"
            raise KeyboardInterrupt(hint) from None
    _print_rows(result["rows"])
    if "scores" in result:
        _print_scores([*result["scores"], *result["mean_scores"]])
    click.echo(f"result: {out / 'protocol.json'}")


def _line(model: str, report: Any) -> str:
    return (
        f"{model}: epoch {report.epoch}/{report.epochs}  loss {report.loss:.4g}  "
        f"training error {report.error_rate:.1%}"
    )


def _print_rows(rows: list[dict[str, Any]]) -> None:
    """Print errors and azimuths; columns that no row fills are left out."""
    columns: dict[str, list[Any]] = {"model": [row["model"] for row in rows]}
    columns |= {title: [row.get(key) for row in rows] for key, title in _FACTS.items()}
    columns["views"] = [row["views"] for row in rows]
    columns["error"] = [f"{row['error_rate']:.1%}" for row in rows]
    columns["95 %"] = [_interval(row["ci"]) for row in rows]
    azimuths = [row["pose"].get("azimuth", {}) for row in rows]
    columns["azimuth within 30°"] = [_shown(one.get("acc30"), "{:.1%}") for one in azimuths]
    columns["aligned"] = [_shown(one.get("acc30_aligned"), "{:.1%}") for one in azimuths]
    columns["median"] = [_shown(one.get("median_error_deg"), "{:.1f}°") for one in azimuths]
    filled = {title: cells for title, cells in columns.items() if any(c is not None for c in cells)}
    print_table(list(filled), zip(*filled.values(), strict=True))


def _print_scores(rows: list[dict[str, Any]]) -> None:
    print_table(
        ["model", "score", "left out", "AUROC", "95 %", "FPR95"],
        [
            [
                *(row["model"], row["score"], row.get("left_out", "mean")),
                f"{row['auroc']:.3f}",
                "{:.3f} to {:.3f}".format(*row["auroc_ci"]),
                f"{row['fpr95']:.1%}",
            ]
            for row in rows
        ],
    )


def _interval(ends: list[float]) -> str:
    return f"{ends[0]:.1%} to {ends[1]:.1%}"


def _shown(value: float | None, how: str) -> str | None:
    return None if value is None else how.format(value)
