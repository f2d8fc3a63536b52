"""``objrec explain``: show the energies that a model chose among when it answered an image."""

from __future__ import annotations

from pathlib import Path

import click

from objrec.cli.flags import device_option, force_option, model_option
from objrec.cli.inputs import expand, opened, paired
from objrec.cli.recognitions import write_table
from objrec.errors import DataError, Failure

_FILE = click.Path(path_type=Path)
_COUNT = click.IntRange(min=1)


@click.command("explain")
@click.argument("image")
@model_option
@click.option("--out", metavar="FILE", required=True, type=_FILE, help=".html or .png to write")
@click.option("--hypotheses", metavar="N", default=3, type=_COUNT, help="answers  [default: 3]")
@force_option
@device_option
def explain(
    image: str, model: Path | None, out: Path, hypotheses: int, force: bool, device: str
) -> None:
    """Show the energies of one image that a model chose among.

    The page shows the energy of every category over the poses, the best hypotheses, how they were
    refined, and the image's features beside their references. IMAGE is written as for classify.

    \b
    Examples:
      objrec explain data/toys@test:5 --out out/explanation.html
      objrec explain photo.jpg --model out/mine --out photo.png
    """  # noqa: D301
    items = expand((image,))
    from objrec.evaluation.landscapes.explaining import explain as explained
    from objrec.recognizer import Recognizer
    from objrec.report.explanation import checked_path, write_explanation

    if checked_path(out).exists() and not force:
        raise DataError(f"{out}: exists; add --force to overwrite it")
    recognizer = Recognizer.load(model, device=device)
    items = paired(items, recognizer.preprocessing.cameras)
    if len(items) > 1:
        raise DataError(f"{image}: stands for {len(items)} images; name one, as in SET@SPLIT:3")
    (read,) = opened(items)
    if isinstance(read, Failure):
        raise DataError(str(read))
    explanation = explained(recognizer, read, hypotheses)
    write_explanation(explanation, out)
    write_table([(items[0], explanation.recognition)])
    click.echo(f"explanation: {out}")
