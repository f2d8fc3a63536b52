"""Rendering meshes into a data set: which meshes, the work on each, and the set that comes of it.

Finished objects are kept in a hidden folder beside the set, so that a run that was stopped goes on
where it was; the set appears whole, at the end. The same settings give the same files on one
machine, whatever the number of workers.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from objrec.errors import DataError, Failure
from objrec.rendering.settings import NOISE, NORB, PLAIN, RenderSettings
from objrec.rendering.workers import check_renderer, mapper

if TYPE_CHECKING:
    from objrec.rendering.scenes import Scene
    from objrec.rendering.views import Views

RECORD = "render.json"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class MeshFile:
    """One object: its category and name, and where its mesh is."""

    category: str
    instance: str
    path: Path


@dataclass(frozen=True)
class Rendered:
    """What was made.

    Attributes:
        images: The number of images.
        objects: The number of objects.
        failures: Meshes that could not be rendered.
        remarks: What is uncertain or missing, in sentences.
    """

    images: int
    objects: int
    failures: tuple[Failure, ...]
    remarks: tuple[str, ...]


def find_meshes(paths: Sequence[str | Path], category: str | None = None) -> list[MeshFile]:
    """List the meshes that paths name.

    Args:
        paths: Folders with category/instance.obj (or .ply, .stl, .off, .glb, .gltf), or
            category/instance/anything.obj; with a category, also single files and folders of them.
        category: What all of them are.

    Raises:
        DataError: There are none, or a path does not exist, or a file has no category.
    """
    found: list[MeshFile] = []
    for path in map(Path, paths):
        if path.is_dir():
            found += _in_folder(path, category)
        elif path.is_file():
            if category is None:
                raise DataError(f"{path}: is a file; say what it is with --category")
            found.append(MeshFile(category, path.stem, path))
        else:
            raise DataError(f"{path}: no such file or folder; check the path")
    if not found:
        raise DataError(
            f"{paths[0]}: holds no meshes; it needs category/instance.obj, .ply, .stl, .off or .glb"
        )
    return _named_once(found)


def _in_folder(root: Path, category: str | None) -> Iterator[MeshFile]:
    if category is not None:
        for path in _meshes_in(root):
            yield MeshFile(category, path.stem, path)
        return
    for folder in sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")):
        for path in _meshes_in(folder):
            yield MeshFile(folder.name, path.stem, path)
        for inner in sorted(p for p in folder.iterdir() if p.is_dir()):
            meshes = _meshes_in(inner)
            for path in meshes:
                several = len(meshes) > 1
                yield MeshFile(
                    folder.name, f"{inner.name}-{path.stem}" if several else inner.name, path
                )


def _meshes_in(folder: Path) -> list[Path]:
    """List the meshes of a folder; of one object in several formats, the one that says most."""
    from objrec.rendering.mesh_files import MESH_SUFFIXES, is_mesh_name

    paths = sorted(path for path in folder.iterdir() if is_mesh_name(path) and path.is_file())
    best: dict[str, Path] = {}
    for path in sorted(paths, key=lambda p: MESH_SUFFIXES.index(p.suffix.lower())):
        best.setdefault(path.stem, path)
    return sorted(best.values())


def _named_once(meshes: Sequence[MeshFile]) -> list[MeshFile]:
    """Give objects of one category and name different names."""
    taken: set[tuple[str, str]] = set()
    named = []
    for mesh in meshes:
        name, number = mesh.instance, 1
        while (mesh.category, name) in taken:
            number += 1
            name = f"{mesh.instance}-{number}"
        taken.add((mesh.category, name))
        named.append(MeshFile(mesh.category, name, mesh.path))
    return named


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
        on_progress: Called with (objects done, objects in all).
        force: Write into a folder that is not empty.
        workers: Processes to render with.

    Raises:
        DataError: The folder is in use or cannot be written, or no mesh can be rendered.
        SettingsError: Settings contradict each other, or trimesh or embreex is not installed.
    """
    from objrec.datasets.writing import check_free
    from objrec.rendering.set_output import write_rendered

    out, settings = Path(out), (settings or RenderSettings()).checked()
    check_free(out, force=force)
    check_renderer()
    _check_background(settings)
    staged = _staging(out, settings, meshes)
    failures: list[Failure] = []
    with mapper(min(workers, len(meshes))) as run:
        results = run(partial(render_mesh, settings, staged), range(len(meshes)), meshes)
        for done, failure in enumerate(results, 1):
            failures += [failure] if failure else []
            if on_progress:
                on_progress(done, len(meshes))
    if len(failures) == len(meshes):
        raise DataError(str(failures[0]))
    images, remarks = write_rendered(out, meshes, staged, settings, force=force)
    shutil.rmtree(staged, ignore_errors=True)
    return Rendered(images, len(meshes) - len(failures), tuple(failures), remarks)


def _check_background(settings: RenderSettings) -> None:
    from objrec.rendering.views import background_files

    name = settings.pictures.background
    if name not in (PLAIN, NOISE) and not background_files(name):
        raise DataError(f"{name}: holds no images for backgrounds; name plain, noise, or a folder")


def _staging(out: Path, settings: RenderSettings, meshes: Sequence[MeshFile]) -> Path:
    """Return the folder for finished objects; what other settings left there is deleted."""
    facts = [(m.category, m.instance, str(m.path.resolve()), m.path.stat()) for m in meshes]
    named = [(*f[:3], f[3].st_size, f[3].st_mtime_ns) for f in facts]
    text = json.dumps([settings.to_json(), named])
    key = hashlib.sha256(text.encode()).hexdigest()
    staged = out.with_name(f".{out.name}.partial")
    record = staged / "key"
    try:
        if not record.is_file() or record.read_text() != key:
            shutil.rmtree(staged, ignore_errors=True)
            staged.mkdir(parents=True)
            record.write_text(key)
    except OSError as error:
        raise DataError(f"{staged}: cannot be written ({error.strerror})") from error
    return staged


def staged_file(staged: Path, number: int) -> Path:
    """Return where the images of an object wait."""
    return staged / f"{number:06d}.npz"


def render_mesh(
    settings: RenderSettings, staged: Path, number: int, mesh: MeshFile
) -> Failure | None:
    """Render all views of one object into its file; there already, it is left alone.

    Returns:
        None, or why it cannot be rendered.
    """
    from objrec.rendering.models import read_model
    from objrec.rendering.scenes import Scene
    from objrec.rendering.views import generator, views_of

    path = staged_file(staged, number)
    if path.is_file():
        return None
    name = (mesh.category, mesh.instance)
    gray = float(generator(settings, *name, 1).uniform(0.45, 0.9))
    try:
        model = read_model(mesh.path, settings.frame, gray)
    except DataError as error:
        return Failure(str(mesh.path), str(error).removeprefix(f"{mesh.path}: "))
    views = views_of(settings, *name)
    images = _images(settings, Scene(model), model.paint.coloured, views, name)
    partial_path = path.with_suffix(".partial")
    with partial_path.open("wb") as file:
        np.savez(
            file,
            images=images,
            azimuths=views.azimuths,
            elevations=views.elevations,
            lamps=views.lamps,
            remarks=np.array(model.remarks, dtype=str),
        )
    partial_path.replace(path)
    return None


def _images(
    settings: RenderSettings, scene: Scene, coloured: bool, views: Views, name: tuple[str, str]
) -> np.ndarray:
    """Return the images of all views, (n, L, V, S, S) or (n, L, V, S, S, 3) uint8."""
    from objrec.rendering.lights import LIGHTINGS
    from objrec.rendering.scenes import Look
    from objrec.rendering.views import backdrop, generator

    pictures = settings.pictures
    before_pictures = pictures.background not in (PLAIN, NOISE)
    wanted = {"gray": False, "colour": True, "auto": coloured or before_pictures}
    colour = wanted[pictures.colour] and settings.set.format != NORB
    look = Look(
        pictures.size, pictures.samples, pictures.cameras, pictures.ground, pictures.shadows, colour
    )
    rng, images = generator(settings, *name, 2), []
    for azimuth, elevation, lamps in zip(
        views.azimuths, views.elevations, views.lamps, strict=True
    ):
        behind = backdrop(settings, rng)
        if behind is not None:
            if len(behind[0]) == 3 and not colour:
                behind = np.tensordot(behind, [0.299, 0.587, 0.114], (1, 0))[:, None]
            behind = np.repeat(behind, pictures.cameras, axis=0)
        lights = [LIGHTINGS[lamp] for lamp in lamps]
        images.append(scene.photograph(azimuth, elevation, lights, look, behind))
    return np.array(images)
