"""What the page's script knows of every image, as compact JSON."""

from __future__ import annotations

import itertools
import json
from typing import Any

from objrec.evaluation.result import Evaluation
from objrec.pose import AXES, AXIS
from objrec.report.gallery import excess, wrong_rows
from objrec.report.pictures import Pictures
from objrec.report.words import axis_name

_MOST_ROWS = 20_000  # images that can be looked at in a page; wrong ones first


def script_rows(evaluation: Evaluation, pictures: Pictures) -> str:
    """Return the data of page.js as JSON that can stand in a <script>.

    Images are rows of: file, object, category, answer (numbers in ``categories``), probability,
    energy, excess, labelled pose, answered pose (numbers by ``axes``), cell, picture ([sheet, x, y]
    or null) and number in ``predictions``.
    """
    axes = axes_of(evaluation)
    order = _order(evaluation, pictures)[:_MOST_ROWS]
    objects = sorted({row["object"] for row in evaluation.predictions})
    places = {
        "object": {name: i for i, name in enumerate(objects)},
        "category": {name: i for i, name in enumerate(evaluation.categories)},
    }
    folder = folder_of(evaluation)
    rows = [_row(evaluation.predictions[i], i, axes, places, len(folder), pictures) for i in order]
    data = {
        "categories": evaluation.categories,
        "objects": objects,
        "axes": [[axis_name(a), "°" if AXIS[a].unit == "deg" else ""] for a in axes],
        "folder": folder,
        "images": len(evaluation.predictions),
        "rows": rows,
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&":  # nothing in it may end the element
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def axes_of(evaluation: Evaluation) -> list[str]:
    """Return the axes that are labelled or answered, in the order of `AXES`."""
    labelled = {axis for row in evaluation.predictions for axis in row["pose_true"]}
    return [axis for axis in AXES if axis in labelled or axis in evaluation.model["axes"]]


def _order(evaluation: Evaluation, pictures: Pictures) -> list[int]:
    """Return the images in the order of importance: wrong, with a picture, the others."""
    wrong = wrong_rows(evaluation)
    seen = set(wrong)
    rest = [i for i in range(len(evaluation.predictions)) if i not in seen]
    rest.sort(key=lambda i: pictures.place(evaluation.predictions[i]["tile"]) is None)
    return wrong + rest


def folder_of(evaluation: Evaluation) -> str:
    """Return the folder of all images, with its slash: the page writes it once."""
    files = [row["file"] for row in evaluation.predictions]
    first, last = (min(files), max(files)) if files else ("", "")
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    common = "".join(a for a, _ in same)
    return common[: common.rfind("/") + 1]


def _row(
    row: dict[str, Any],
    index: int,
    axes: list[str],
    places: dict[str, dict[str, int]],
    cut: int,
    pictures: Pictures,
) -> list[Any]:
    return [
        row["file"][cut:],
        places["object"][row["object"]],
        places["category"][row["category"]],
        places["category"][row["predicted"]],
        _short(row["probability"]),
        _short(row["energy"]),
        _short(excess(row)),
        [_short(row["pose_true"].get(axis)) for axis in axes],
        [_short(row["pose"].get(axis)) for axis in axes],
        row["cell"],
        pictures.place(row["tile"]),
        index,
    ]


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
