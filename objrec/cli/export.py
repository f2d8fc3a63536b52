"""``objrec export``: write a model as one file that runs without objrec."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from objrec.cli.flags import force_option, model_option
from objrec.cli.tables import print_table, say
from objrec.errors import DataError, SettingsError

if TYPE_CHECKING:
    import numpy as np

    from objrec.export import Difference, Exported

_SAMPLES = 128


class _Size(click.ParamType):
    """Two whole numbers, as in 480x640."""

    name = "HxW"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return height and width."""
        match = re.fullmatch(r"(\d+)x(\d+)", value)
        if match is None:
            raise SettingsError(f"--size: '{value}' is no size; write height x width: 480x640")
        return int(match[1]), int(match[2])


@click.command("export")
@model_option
@click.option(
    "--out",
    metavar="FILE",
    required=True,
    type=click.Path(path_type=Path),
    help="file to write: .onnx, or .pt2 for torchexport",
)
@click.option(
    "--format",
    type=click.Choice(["onnx", "torchexport"]),
    default="onnx",
    show_default=True,
    help="onnx runs without Python, torchexport where PyTorch is",
)
@click.option(
    "--size",
    metavar="HxW",
    type=_Size(),
    help="height and width in pixels, if all images have the same  [default: any]",
)
@click.option(
    "--quantize",
    metavar="SET",
    type=click.Path(path_type=Path),
    help="int8 weights: a quarter of the size, and faster; SET has images such as the model will "
    "see, its training set for instance",
)
@force_option
def export(
    model: Path | None,
    out: Path,
    format: str,
    size: tuple[int, int] | None,
    quantize: Path | None,
    force: bool,
) -> None:
    """Write a model as one file that runs without objrec.

    The file takes uint8 images of any size and number, and holds everything from resizing to the
    answer: category, pose, energies. Its metadata have the names of the categories, the poses that
    are searched and the calibration. It is compared with the model before it is written. Poses are
    those of the grid, as with 'objrec classify --no-refine'. docs/performance.md has more;
    scripts/run_onnx.py is an example of its use.

    \b
    Examples:
      objrec export --model out/mine --out out/mine.onnx
      objrec export --model out/mine --out out/small.onnx --quantize photos/
    """  # noqa: D301
    if out.is_dir():
        raise SettingsError(f"{out}: is a folder; name a file")
    if out.exists() and not force:
        raise SettingsError(f"{out}: exists already; name another file, or use --force")
    if quantize is not None and format != "onnx":
        raise SettingsError("--quantize: is for --format onnx; leave one of them out")
    from objrec.export import export as run
    from objrec.recognizer import Recognizer

    recognizer = Recognizer.load(model, device="cpu")
    samples = None if quantize is None else _samples(quantize)
    done = run(recognizer, out, format, size=size, calibration=samples)
    print_table(["exported", "value"], _figures(done))
    click.echo(f"file: {out}")


def _samples(path: Path) -> list[np.ndarray]:
    """Read images of a set, spread over all of it."""
    from objrec.datasets import list_splits, open_dataset

    split = "train" if "train" in list_splits(path) else None
    dataset = open_dataset(path, split, purpose="train" if split else "test")
    samples, count = [], len(dataset)
    for index in range(0, count, -(-count // _SAMPLES)):
        try:
            samples.append(dataset[index].images)
        except DataError as error:
            say(f"objrec: {error}; left out")
    return samples


def _figures(done: Exported) -> list[tuple[str, str]]:
    rows = [("size", f"{done.size / 1e6:.2f} MB"), *_difference("model", done.difference)]
    if done.quantized is not None:
        rows += _difference("int8", done.quantized)
    return rows


def _difference(name: str, found: Difference) -> list[tuple[str, str]]:
    return [
        (f"{name}: images compared", str(found.images)),
        (f"{name}: energies differ by", f"{found.mean_energy:.2g}, at most {found.energy:.2g}"),
        (f"{name}: other categories", f"{found.category:.1%}"),
    ]
