"""From rendered objects to a data set: files, labels.csv, set.json, and a record of settings."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from objrec.datasets.converting import convert
from objrec.datasets.description import SetDescription, SetEntries
from objrec.datasets.frame import AxisNote, PoseFrame
from objrec.datasets.naming import Names
from objrec.datasets.writing import (
    label_cells,
    labels_file,
    new_folder,
    write_description,
    write_image,
    write_labels,
)
from objrec.pose import AXES, INDEX
from objrec.rendering.making import RECORD, MeshFile, staged_file
from objrec.rendering.settings import NORB, RenderSettings
from objrec.rendering.views import generator

Row = dict[str, str]


def write_rendered(
    out: Path,
    meshes: Sequence[MeshFile],
    staged: Path,
    settings: RenderSettings,
    *,
    force: bool = False,
) -> tuple[int, tuple[str, ...]]:
    """Write the set of the objects that were rendered.

    Returns:
        The number of images, and what is uncertain or missing, in sentences.

    Raises:
        DataError: The set cannot be written.
    """
    done = [(i, mesh) for i, mesh in enumerate(meshes) if staged_file(staged, i).is_file()]
    if settings.set.format != NORB:
        with new_folder(out, force=force) as folder:
            count, remarks = _write_folder(folder, out.name, done, staged, settings)
        return count, remarks
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as waiting:
        folder = Path(waiting) / out.name
        folder.mkdir()
        count, remarks = _write_folder(folder, out.name, done, staged, settings)
        made = convert(folder, out, NORB, force=force)
        (out / RECORD).write_text((folder / RECORD).read_text(), encoding="utf-8")
    return count, (*remarks, *made.remarks)


def _write_folder(
    folder: Path,
    name: str,
    done: Sequence[tuple[int, MeshFile]],
    staged: Path,
    settings: RenderSettings,
) -> tuple[int, tuple[str, ...]]:
    tests, names, rows, remarks = _tested(done, settings), Names(), [], []
    coloured = any(_load(staged, i)["images"].ndim == 6 for i, _ in done)
    for i, mesh in done:
        stored = _load(staged, i)
        remarks += [f"{mesh.path.name}: {text}" for text in stored["remarks"].tolist()]
        parent = names.folder(names.folder("", mesh.category), mesh.instance)
        cells = {"instance": mesh.instance}
        if tests:
            cells["split"] = "test" if (mesh.category, mesh.instance) in tests else "train"
        rows += _write_views(folder, parent, mesh.category, cells, stored, coloured)
    write_labels(labels_file(folder), rows)
    note = AxisNote(unit="deg", zero=_zero(settings), front=0.0)
    frame = PoseFrame({"azimuth": note})
    write_description(folder, SetDescription(SetEntries(name=name), frame=frame), norb=False)
    record = {"made by": "objrec render", **settings.to_json()}
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return len(rows), tuple(remarks)


def _load(staged: Path, number: int) -> dict[str, np.ndarray]:
    with np.load(staged_file(staged, number), allow_pickle=False) as stored:
        return dict(stored)


def _zero(settings: RenderSettings) -> str:
    if settings.frame.frame == "principal":
        return "the end of the longest principal axis that reaches out farther"
    return "the front, as the axes of the mesh say"


def _tested(done: Sequence[tuple[int, MeshFile]], settings: RenderSettings) -> set[tuple[str, str]]:
    """Choose the objects for testing, by seed and names alone; never all of a category."""
    wanted, chosen = settings.set.test_instances, set()
    if not wanted:
        return chosen
    for category in dict.fromkeys(mesh.category for _, mesh in done):
        instances = sorted(mesh.instance for _, mesh in done if mesh.category == category)
        count = max(1, round(wanted * len(instances))) if wanted < 1 else int(wanted)
        order = generator(settings, category, 3).permutation(instances)
        chosen |= {(category, str(name)) for name in order[: min(count, len(instances) - 1)]}
    return chosen


def _write_views(
    folder: Path,
    parent: str,
    category: str,
    cells: Row,
    stored: dict[str, np.ndarray],
    coloured: bool,
) -> list[Row]:
    """Write the images of one object, (n, L, V, S, S[, 3]), and return their rows."""
    rows, images = [], stored["images"]
    for n, (azimuth, elevation) in enumerate(
        zip(stored["azimuths"], stored["elevations"], strict=True)
    ):
        pose = np.full(len(AXES), np.nan)
        pose[INDEX["azimuth"]], pose[INDEX["elevation"]] = azimuth, elevation
        for place, lamp in enumerate(stored["lamps"][n]):
            stem = f"{parent}/{n:05d}-light{lamp}"
            labels = label_cells(category, pose, {**cells, "lighting": str(lamp)})
            for camera, pixels in enumerate(images[n, place]):
                several = images.shape[2] > 1
                file = f"{stem}-camera{camera}.png" if several else f"{stem}.png"
                gray_in_colour = coloured and pixels.ndim == 2
                write_image(folder / file, np.dstack([pixels] * 3) if gray_in_colour else pixels)
                paired = {"pair": stem, "camera": str(camera)} if several else {}
                rows.append({"file": file, **labels, **paired})
    return rows
