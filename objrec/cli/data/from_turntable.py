"""``objrec data from-turntable``: videos of an object that turns become a labelled set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from objrec.cli.data.outcome import tell
from objrec.cli.flags import force_option, settings_command
from objrec.cli.tables import Bar, say

if TYPE_CHECKING:
    from objrec.datasets.turntable.angles import TurntableSettings


def _settings() -> type[TurntableSettings]:
    from objrec.datasets.turntable.angles import TurntableSettings

    return TurntableSettings


@settings_command("from-turntable", _settings)
@click.argument("inputs", metavar="VIDEO|FOLDER…", nargs=-1, required=True)
@click.option("--category", metavar="NAME", required=True, help="what the object is")
@click.option(
    "--out", metavar="SET", required=True, type=click.Path(path_type=Path), help="the set's folder"
)
@click.option("--instance", metavar="NAME", help="its own name  [default: the first input's]")
@click.option("--add", is_flag=True, help="add the object to the set, which is there already")
@click.option(
    "--picture",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="where to draw the crops, to be checked  [default: SET-INSTANCE.jpg beside the set]",
)
@force_option
def from_turntable(
    inputs: tuple[str, ...], out: Path, picture: Path | None, settings: Any, **choices: Any
) -> int:
    """Make a labelled set of videos, or folders of frames, of ONE object on a turntable.

    Several inputs show the object at several elevations. Each frame gets its azimuth, which is
    right up to one offset for each object: set.json says so, and training finds the offsets. The
    object is cropped from a plain background, at one scale for each input; look at the picture of
    the crops before you go on.

    \b
    Examples:
      objrec data from-turntable blue.mp4 --category mug --out out/mugs
      objrec data from-turntable red-10.mp4 red-40.mp4 --elevation 10,40 --category mug \\
          --instance red --out out/mugs --add
    """  # noqa: D301
    from objrec.datasets.pictures import check_picture_path
    from objrec.datasets.turntable.making import from_turntable as make
    from objrec.datasets.turntable.making import picture_beside

    if picture is None:
        picture = picture_beside(out, choices["instance"], inputs)
        picture.parent.mkdir(parents=True, exist_ok=True)
    check_picture_path(picture, force=True)
    with Bar("reading") as bar:
        made = make(
            inputs, out=out, settings=settings, picture=picture, on_progress=bar.tick, **choices
        )
    code = tell(out, made.failures, made.remarks, f"{made.images} images of {choices['category']}")
    say(f"look at the crops: {picture}")
    return code
