"""From rendered objects to a data set: files, labels.csv, set.json, and a record of settings."""

from __future__ import annotations

import json
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
from objrec.files import hidden_folder, write_text, writing
from objrec.pose import AXES, INDEX
from objrec.rendering.making import Block
from objrec.rendering.settings import NORB, RenderSettings
from objrec.rendering.views import generator

RECORD = "render.json"
Row = dict[str, str]


def write_rendered(
    out: Path,
    blocks: Sequence[Block],
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
    done = [block for block in blocks if block.file(staged).is_file()]
    if settings.set.format != NORB:
        with new_folder(out, force=force) as folder:
            count, remarks = _write_folder(folder, out.name, done, staged, settings)
        return count, remarks
    with writing(out), hidden_folder(staged / out.name) as waiting:
        folder = waiting / out.name
        folder.mkdir()
        count, remarks = _write_folder(folder, out.name, done, staged, settings)
        made = convert(folder, out, NORB, force=force)
        write_text(out / RECORD, (folder / RECORD).read_text(encoding="utf-8"))
    return count, (*remarks, *made.remarks)


def _write_folder(
    folder: Path, name: str, blocks: Sequence[Block], staged: Path, settings: RenderSettings
) -> tuple[int, tuple[str, ...]]:
    tests, names, rows = _tested(blocks, settings), Names(), []
    remarks = dict.fromkeys(_frame_remarks(settings))
    coloured = any(_load(block, staged, "coloured")["coloured"] for block in blocks)
    for block in blocks:
        mesh, stored = block.mesh, _load(block, staged)
        remarks |= dict.fromkeys(f"{mesh.path}: {text}" for text in stored["remarks"].tolist())
        parent = names.folder(names.folder("", mesh.category), mesh.instance)
        cells = {"category": mesh.category, "instance": mesh.instance}
        if tests:
            cells["split"] = "test" if (mesh.category, mesh.instance) in tests else "train"
        rows += _write_views(folder / parent, cells, stored, block.start, coloured)
    for row in rows:
        row["file"] = Path(row["file"]).relative_to(folder).as_posix()
    write_labels(labels_file(folder), rows)
    note = AxisNote(unit="deg", zero=_zero(settings), front=0.0)
    frame = PoseFrame({"azimuth": note})
    write_description(folder, SetDescription(SetEntries(name=name), frame=frame), norb=False)
    record = {"made by": "objrec render", **settings.to_json()}
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return len(rows), tuple(remarks)


def _load(block: Block, staged: Path, *names: str) -> dict[str, np.ndarray]:
    """Read what is named, or everything."""
    with np.load(block.file(staged), allow_pickle=False) as stored:
        return {name: stored[name] for name in names or stored.files}


def _frame_remarks(settings: RenderSettings) -> list[str]:
    if settings.frame.frame != "principal":
        return []
    return [
        "the meshes were turned by their principal axes: azimuth 0 is the end of the longest one "
        "that reaches out farther, which need not be what people call the front"
    ]


def _zero(settings: RenderSettings) -> str:
    if settings.frame.frame == "principal":
        return "the end of the longest principal axis that reaches out farther"
    return "the front, as the axes of the mesh say"


def _tested(blocks: Sequence[Block], settings: RenderSettings) -> set[tuple[str, str]]:
    """Choose the objects for testing, by seed and names alone; never all of a category."""
    wanted, chosen = settings.set.test_instances, set()
    if not wanted:
        return chosen
    for category in dict.fromkeys(block.mesh.category for block in blocks):
        instances = sorted({b.mesh.instance for b in blocks if b.mesh.category == category})
        count = max(1, round(wanted * len(instances))) if wanted < 1 else int(wanted)
        order = generator(settings, category, 3).permutation(instances)
        chosen |= {(category, str(name)) for name in order[: min(count, len(instances) - 1)]}
    return chosen


def _write_views(
    folder: Path, cells: Row, stored: dict[str, np.ndarray], start: int, coloured: bool
) -> list[Row]:
    """Write the images of some views of one object, (n, L, V, S, S[, 3]), and return their rows.

    Args:
        folder: The object's folder.
        cells: What is the same for all of them.
        stored: The images, with azimuths (n,), elevations (n,) and lamps (n, L).
        start: Number of the first view.
        coloured: Whether gray images are to be written in colour, as others of the set are.
    """
    rows, images = [], stored["images"]
    for n, (azimuth, elevation) in enumerate(
        zip(stored["azimuths"], stored["elevations"], strict=True)
    ):
        pose = np.full(len(AXES), np.nan)
        pose[INDEX["azimuth"]], pose[INDEX["elevation"]] = azimuth, elevation
        for lamp, views in zip(stored["lamps"][n], images[n], strict=True):
            labels = label_cells(cells["category"], pose, {**cells, "lighting": str(lamp)})
            stem = f"{start + n:05d}-light{lamp}"
            for camera, pixels in enumerate(views):
                several = len(views) > 1
                file = folder / (f"{stem}-camera{camera}.png" if several else f"{stem}.png")
                gray_in_colour = coloured and pixels.ndim == 2
                write_image(file, np.dstack([pixels] * 3) if gray_in_colour else pixels)
                pair = "/".join((*folder.parts[-2:], stem))
                paired = {"pair": pair, "camera": str(camera)} if several else {}
                rows.append({"file": str(file), **labels, **paired})
    return rows
