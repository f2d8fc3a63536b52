"""The gallery of failures: every wrong answer with what the model saw, most wrong first."""

from __future__ import annotations

from typing import Any

import numpy as np

from objrec.evaluation.result import Evaluation
from objrec.report.pictures import Pictures, landscape_image, map_image
from objrec.report.words import energy, percent, pose

MOST = 400  # failures in the page; errors.csv has all
FIRST, A_PAGE = 12, 48
_MOST_BYTES = 3_000_000  # of landscapes and maps in a page
_MOST_ENERGIES = 6
_SAME_ZERO = 20.0  # degrees: with a larger offset, labels have another zero than the model


def wrong_rows(evaluation: Evaluation) -> list[int]:
    """Return the indices of wrong answers in ``predictions``, most wrong first.

    By the energy of the true category above that of the answer; where that is not known, last.
    """
    rows = evaluation.predictions
    wrong = [i for i, row in enumerate(rows) if row["category"] != row["predicted"]]
    return sorted(wrong, key=lambda i: -(excess(rows[i]) or 0.0))


def excess(row: dict[str, Any]) -> float | None:
    """Return how much lower the answer's energy is than that of the true category."""
    if row["energy_true"] is None or row["energy"] is None:
        return None
    return row["energy_true"] - row["energy"]


def gallery(evaluation: Evaluation, pictures: Pictures) -> list[dict[str, Any]]:
    """Return what the page says of each wrong answer, at most `MOST`.

    Returns:
        ``row`` (index in predictions), texts, ``picture`` (see `Pictures.place`), ``energies``,
        ``landscapes`` and ``maps``; the last two empty where there are none or the page is full.
    """
    known = {item["prediction"]: item for item in evaluation.mistakes}
    order = sorted(wrong_rows(evaluation), key=lambda i: i not in known)[:MOST]
    items, used = [], 0
    for index in order:
        details = known.get(index, {})
        item = _item(evaluation, index, details, pictures)
        if used < _MOST_BYTES:
            item |= _images(evaluation, evaluation.predictions[index], details)
            used += sum(len(part["image"]) for part in item["landscapes"] + item["maps"])
        items.append(item)
    return items


def pages(items: list[dict[str, Any]]) -> list[tuple[int, list[dict[str, Any]]]]:
    """Divide what follows the first failures into pages: (number of the first, items)."""
    starts = range(FIRST, len(items), A_PAGE)
    return [(start + 1, items[start : start + A_PAGE]) for start in starts]


def _item(
    evaluation: Evaluation, index: int, details: dict[str, Any], pictures: Pictures
) -> dict[str, Any]:
    row = evaluation.predictions[index]
    above = details.get("excess", excess(row))
    return {
        "row": index,
        "file": row["file"],
        "category": row["category"],
        "predicted": row["predicted"],
        "probability": percent(row["probability"]),
        "excess": energy(above),
        "pose_true": pose(row["pose_true"]),
        "pose": pose(row["pose"]),
        "pose_given": pose(row["pose_given"]),
        "unknown": row["unknown"],
        "picture": pictures.place(row["tile"]),
        "energies": _energies(details.get("energies") or {}, row),
        "landscapes": [],
        "maps": [],
    }


def _energies(energies: dict[str, float], row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the lowest energies and the true one, each with its share of the span shown."""
    ranked = sorted((e, name) for name, e in energies.items() if e is not None)
    shown = ranked[:_MOST_ENERGIES]
    shown += [pair for pair in ranked[_MOST_ENERGIES:] if pair[1] == row["category"]]
    if not shown:
        return []
    low, span = shown[0][0], max(shown[-1][0] - shown[0][0], 1e-9)
    marks = {row["category"]: "true", row["predicted"]: "answered"}
    return [
        {
            "name": name,
            "energy": energy(value),
            "share": round(100 * (value - low) / span, 1),
            "mark": marks.get(name, ""),
        }
        for value, name in shown
    ]


def _images(
    evaluation: Evaluation, row: dict[str, Any], details: dict[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    """Return landscapes and maps, the true category first."""
    names = [row["category"], row["predicted"]]
    found: dict[str, list[dict[str, Any]]] = {"landscapes": [], "maps": []}
    surfaces = details.get("landscapes") or {}
    values = np.array([surfaces[name] for name in names if name in surfaces], float)
    for name in names:
        if name in surfaces:
            image = landscape_image(surfaces[name], np.nanmin(values), np.nanmax(values))
            marks = _marks(evaluation, row, details, name)
            rows = len(surfaces[name])
            found["landscapes"].append({"name": name, "image": image, "rows": rows, "marks": marks})
    maps = details.get("maps") or {}
    for name in ("image", *names):
        if name in maps:
            found["maps"].append({"name": name, "image": map_image(maps[name])})
    return found


def _marks(
    evaluation: Evaluation, row: dict[str, Any], details: dict[str, Any], name: str
) -> list[dict[str, Any]]:
    """Return the minimum, and on the true category the label, as places in percent."""
    axes = evaluation.landscape_axes
    if not axes:
        return []
    marks = []
    minimum = (details.get("minima") or {}).get(name)
    if minimum and minimum.get("azimuth") is not None:
        marks.append(
            {"kind": "minimum", "text": energy(minimum["energy"]), **_place(axes, minimum)}
        )
    label = row["pose_true"]
    if name == row["category"] and "azimuth" in label and _same_zero(evaluation, row):
        marks.append({"kind": "label", "text": "", **_place(axes, label)})
    return marks


def _same_zero(evaluation: Evaluation, row: dict[str, Any]) -> bool:
    """Whether a label can be shown on a landscape: not if the model's zero is another."""
    aligned = evaluation.pose_given.get("azimuth", {}).get("aligned")
    if not aligned:
        return False
    key = row["category"] if aligned["per"] == "category" else row["object"]
    return abs(aligned["offsets"].get(key, 0.0)) <= _SAME_ZERO


def _place(axes: dict[str, list[float]], pose: dict[str, float]) -> dict[str, float]:
    """Return where a pose lies on a landscape, in percent from the left and the top."""
    azimuths, elevations = (np.array(axes[name], float) for name in ("azimuth", "elevation"))
    n, m = len(azimuths), len(elevations)
    step = azimuths[1] - azimuths[0] if n > 1 else 360.0
    if n * step > 360.0 - step / 2:
        column = (pose["azimuth"] - azimuths[0]) / step % n
        column = column - n if column > n - 0.5 else column
    else:
        column = np.interp(pose["azimuth"], azimuths, np.arange(n))
    row = np.interp(pose.get("elevation", elevations[0]), elevations, np.arange(m))
    return {
        "left": round(float(100 * (column + 0.5) / n), 1),
        "top": round(float(100 * (1 - (row + 0.5) / m)), 1),
    }
