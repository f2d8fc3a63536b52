"""``objrec render``: meshes become a data set with known poses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from objrec.cli.data.outcome import tell
from objrec.cli.flags import force_option, settings_command
from objrec.cli.tables import Bar

if TYPE_CHECKING:
    from objrec.rendering.settings import RenderSettings


def _settings() -> type[RenderSettings]:
    from objrec.rendering.settings import RenderSettings

    return RenderSettings


@settings_command("render", _settings)
@click.argument("meshes", metavar="MESHES…", nargs=-1, required=True)
@click.option(
    "--out", metavar="SET", required=True, type=click.Path(path_type=Path), help="the set's folder"
)
@click.option("--category", metavar="NAME", help="what all MESHES are, if no folder says it")
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1),
    help="processes that render  [default: one a core]",
)
@force_option
def render(
    meshes: tuple[str, ...],
    out: Path,
    category: str | None,
    workers: int | None,
    settings: RenderSettings,
    **choices: Any,
) -> int:
    """Render meshes as a data set with known poses.

    MESHES is a folder with category/instance.obj (.ply, .stl, .off, .glb, .gltf), or
    category/instance/anything.obj with its textures. Needs the extra 'render': pip install
    'objrec[render]'. A run that is stopped goes on with the same command.

    \b
    Examples:
      objrec render meshes --out out/rendered --test-instances 1
      objrec render meshes --out out/sphere --views sphere --count 500 --background noise
      objrec render mug.glb other.glb --category mug --out out/mugs --frame principal
    """  # noqa: D301
    from objrec.rendering.making import find_meshes, render_set

    found = find_meshes(meshes, category)
    choices["workers"] = workers or os.cpu_count() or 1
    try:
        with Bar("rendering") as bar:
            made = render_set(found, out, settings, bar.tick, **choices)
    except KeyboardInterrupt:
        hint = f"{out}: rendering stopped; the same command goes on"
        raise KeyboardInterrupt(hint) from None
    return tell(out, made.failures, made.remarks, f"{made.images} images of {made.objects} objects")
