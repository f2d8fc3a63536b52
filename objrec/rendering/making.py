"""Rendering meshes into a data set: the work on each mesh, and the set that comes of it.

Finished views are kept in a hidden folder beside the set, so that a run that was stopped goes on
where it was; the set appears whole, at the end. The same settings give the same files on one
machine, whatever the number of workers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import objrec
from objrec.errors import DataError, Failure
from objrec.files import locked, remove_folder, replaced, writing
from objrec.rendering.backdrops import Backdrops, background_files
from objrec.rendering.mesh_listing import MeshFile, find_meshes
from objrec.rendering.settings import NORB, RenderSettings
from objrec.rendering.views import Views, generator, views_of
from objrec.rendering.workers import check_renderer, give_up_if_stopped, mapper

if TYPE_CHECKING:
    from objrec.rendering.models import Model

__all__ = ["MeshFile", "Rendered", "find_meshes", "render_set"]

# Views of one object that are rendered, and kept, as one: so many, or fewer if they are large.
_MOST_VIEWS, _MOST_BYTES = 256, 1 << 27
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Rendered:
    """What was made.

    Attributes:
        images: The number of images.
        objects: The number of objects.
        failures: Meshes that could not be rendered, and pictures that could not be read.
        remarks: What is uncertain or missing, in sentences.
    """

    images: int
    objects: int
    failures: tuple[Failure, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """Some views of one object: a task for one process.

    Attributes:
        number: The object's place among all meshes.
        mesh: Its file.
        start: The first of its views.
        stop: Where the next block begins.
    """

    number: int
    mesh: MeshFile
    start: int
    stop: int

    def file(self, staged: Path) -> Path:
        """Return where its images wait."""
        return staged / f"{self.number:06d}-{self.start:06d}.npz"


def render_set(
    meshes: Sequence[MeshFile],
    out: str | Path,
    settings: RenderSettings | None = None,
    on_progress: Progress | None = None,
    *,
    force: bool = False,
    workers: int = 1,
) -> Rendered:
    """Render meshes and write the set.

    Args:
        meshes: From `find_meshes`.
        out: The folder to make.
        settings: How.
        on_progress: Called with (blocks of views done, blocks in all).
        force: Write into a folder that is not empty.
        workers: Processes to render with.

    Raises:
        DataError: The folder is in use or cannot be written, or no mesh can be rendered.
        SettingsError: Settings contradict each other, or trimesh or embreex is not installed.
    """
    from objrec.datasets.writing import check_free

    out, settings = Path(out), (settings or RenderSettings()).checked()
    check_free(out, force=force)
    check_renderer()
    with locked(_staged(out), told=out):
        return _rendered(meshes, out, settings, on_progress, force=force, workers=workers)


def _rendered(
    meshes: Sequence[MeshFile],
    out: Path,
    settings: RenderSettings,
    on_progress: Progress | None,
    *,
    force: bool,
    workers: int,
) -> Rendered:
    from objrec.rendering.set_output import write_rendered

    pictures = background_files(settings.pictures.background)
    staged = _staging(out, settings, [*(mesh.path for mesh in meshes), *pictures], meshes)
    blocks = blocks_of(meshes, settings)
    failures: dict[str, Failure] = {}
    with mapper(min(workers, len(blocks))) as run:
        results = run(partial(render_block, settings, staged, pictures), blocks)
        for done, found in enumerate(results, 1):
            failures |= {failure.source: failure for failure in found}
            if on_progress:
                on_progress(done, len(blocks))
    rendered = {block.number for block in blocks if block.file(staged).is_file()}
    if not rendered:
        remove_folder(staged)
        raise DataError(str(next(iter(failures.values()))))
    images, remarks = write_rendered(out, blocks, staged, settings, force=force)
    remove_folder(staged)
    return Rendered(images, len(rendered), tuple(failures.values()), remarks)


def blocks_of(meshes: Sequence[MeshFile], settings: RenderSettings) -> list[Block]:
    """Divide the views of all objects into tasks; each object has equally many views."""
    views, chosen = len(views_of(settings, "", "").azimuths), settings.pictures
    size = settings.views.lamps * chosen.cameras * chosen.size**2 * 3
    step = max(1, min(_MOST_VIEWS, _MOST_BYTES // size))
    starts = range(0, views, step)
    return [
        Block(i, mesh, start, start + step) for i, mesh in enumerate(meshes) for start in starts
    ]


def _staging(
    out: Path, settings: RenderSettings, files: Sequence[Path], meshes: Sequence[MeshFile]
) -> Path:
    """Return the folder for finished views; what other settings or files left there is deleted."""
    facts = [(str(path.resolve()), path.stat()) for path in files]
    named = [(path, stat.st_size, stat.st_mtime_ns) for path, stat in facts]
    names = [(mesh.category, mesh.instance) for mesh in meshes]
    text = json.dumps([objrec.__version__, settings.to_json(), named, names])
    key = hashlib.sha256(text.encode()).hexdigest()
    staged = _staged(out)
    record = staged / "key"
    with writing(staged):
        if not record.is_file() or record.read_text(encoding="utf-8") != key:
            remove_folder(staged)
            staged.mkdir(parents=True)
            record.write_text(key, encoding="utf-8")
    return staged


def _staged(out: Path) -> Path:
    return out.with_name(f".{out.name}.rendered")


def render_block(
    settings: RenderSettings, staged: Path, pictures: Sequence[Path], block: Block
) -> list[Failure]:
    """Render some views of one object into their file; there already, it is left alone.

    Returns:
        Why the mesh cannot be rendered, or what pictures could not be read; often nothing.
    """
    from objrec.rendering.models import read_model

    path, mesh = block.file(staged), block.mesh
    if path.is_file():
        return []
    name = (mesh.category, mesh.instance)
    gray = float(generator(settings, *name, 1).uniform(0.45, 0.9))
    try:
        model = read_model(mesh.path, settings.frame, gray)
    except DataError as error:
        return [Failure.of(mesh.path, error)]
    views = views_of(settings, *name).part(block.start, block.stop)
    backdrops = Backdrops(settings.pictures, pictures)
    images = _images(settings, model, views, backdrops, block)
    with replaced(path) as waiting, waiting.open("wb") as file:
        np.savez(
            file,
            images=images,
            coloured=images.ndim == 6,
            azimuths=views.azimuths,
            elevations=views.elevations,
            lamps=views.lamps,
            remarks=np.array(model.remarks, dtype=str),
        )
    return backdrops.failures


def _images(
    settings: RenderSettings, model: Model, views: Views, backdrops: Backdrops, block: Block
) -> np.ndarray:
    """Return the images of a block's views, (n, L, V, S, S) or (n, L, V, S, S, 3) uint8."""
    from objrec.rendering.lights import LIGHTINGS
    from objrec.rendering.scenes import Look, Scene

    chosen, scene = settings.pictures, Scene(model)
    # Before pictures all objects are in colour, or the backdrop would tell which have some.
    wanted = {"gray": False, "colour": True, "auto": model.paint.coloured or backdrops.pictured}
    colour = wanted[chosen.colour] and settings.set.format != NORB
    look = Look(chosen.size, chosen.samples, chosen.cameras, chosen.ground, chosen.shadows, colour)
    images = []
    for i, lamps in enumerate(views.lamps):
        give_up_if_stopped()
        rng = generator(settings, block.mesh.category, block.mesh.instance, 2, block.start + i)
        behind = backdrops.drawn(rng, colour=colour)
        azimuth, elevation = float(views.azimuths[i]), float(views.elevations[i])
        lights = [LIGHTINGS[lamp] for lamp in lamps]
        images.append(scene.photograph(azimuth, elevation, lights, look, behind))
    return np.array(images)
