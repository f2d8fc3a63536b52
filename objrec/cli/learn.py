"""``objrec learn``: add a category to a model, from a handful of views."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from objrec.cli.flags import device_option, force_option, model_option
from objrec.cli.inputs import Item, SetItem, expand, opened, paired
from objrec.cli.tables import say
from objrec.cli.together import relative_poses
from objrec.errors import SettingsError
from objrec.files import is_empty, locked

if TYPE_CHECKING:
    from objrec.learning import Learned
    from objrec.pose import Pose


@click.command("learn")
@click.argument("images", metavar="IMAGES…", nargs=-1, required=True)
@click.option("--name", metavar="NAME", required=True, help="what the new category is called")
@model_option
@click.option(
    "--out",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path),
    help="model folder to write",
)
@click.option(
    "--poses",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="CSV file with the columns file, azimuth and perhaps elevation, in degrees, of all images",
)
@click.option("--recursive", "-r", is_flag=True, help="search folders with their subfolders")
@force_option
@device_option
def learn(
    images: tuple[str, ...],
    name: str,
    model: Path | None,
    out: Path,
    poses: Path | None,
    recursive: bool,
    force: bool,
    device: str,
) -> int:
    """Add a category to a model, from a handful of views.

    IMAGES are views of one or several objects of the new category, given as for 'objrec classify';
    one view is enough, five are far better. The result is the model folder --out: the model as it
    was, bit for bit, with one reference model more. An image that cannot be read is named on
    stderr, the others go on, and the exit code is 1.

    Poses are those of --poses, or the labels of a data set; azimuths must have the zero and
    direction of the model's own. Without any, they are found: as the model's other categories
    would be turned to look most like the image.

    \b
    Examples:
      objrec learn cup1.jpg cup2.jpg --name cup --model out/mine --out out/more
      objrec learn data/toys@test:0-4 --name thing --out out/more
    """  # noqa: D301
    _check_free(out, force)
    items = expand(images, recursive=recursive)
    from objrec.learning import learn as run
    from objrec.saving import load_model, save_model, shipped_model

    saved = load_model(model or shipped_model())
    items = paired(items, saved.preprocessing.cameras)
    with locked(out):
        learned = run(saved, opened(items), name, _poses(items, poses), device=device)
        save_model(out, learned.model)
    for failure in learned.failures:
        say(f"objrec: {failure}; left out")
    for remark in _remarks(learned):
        say(f"note: {remark}")
    click.echo(f"model: {out}")
    return 1 if learned.failures else 0


def _check_free(out: Path, force: bool) -> None:
    """Make sure that nothing is overwritten that was not meant to be.

    Raises:
        SettingsError: The folder is in use, or a file.
    """
    if out.exists() and not out.is_dir():
        raise SettingsError(f"{out}: is a file; give a folder for the model")
    if not force and out.is_dir() and not is_empty(out):
        raise SettingsError(f"{out}: is not empty; give a new folder, or use --force")


def _poses(items: Sequence[Item], path: Path | None) -> list[Pose | None]:
    """Return what is known of each pose: from the file if there is one, else from the set."""
    from objrec.pose import Pose

    listed = relative_poses(items, None, path)
    if listed is not None:
        return [Pose(**axes) for axes in listed]
    return [item.truth[1] if isinstance(item, SetItem) else None for item in items]


def _remarks(learned: Learned) -> list[str]:
    """Return what is to be known about the new model."""
    note = learned.model.training["learned"][-1]
    views = f"{note['views']} view{'s' * (note['views'] != 1)}"
    remarks = [f"{note['name']}: {views}, poses {note['poses']}"]
    if note["views"] < 5:
        remarks.append("so few views leave much to guess; five or more are far better")
    if learned.model.calibration is not None:
        remarks.append(
            "probabilities and 'unknown' were fitted without the new category; "
            "'objrec calibrate' fits them anew, with objects of all categories"
        )
    return remarks
