"""Evaluations as plain values, with every key filled, and their pictures on disk."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from objrec.evaluation.result import Evaluation

EXTRAS = Path(__file__).with_name("extras.json")  # calibration, sweep, unknown
SIDE, COLUMNS, ROWS = 16, 4, 4
LANDSCAPE_AZIMUTHS = [0.0, 90.0, 180.0, 270.0]
LANDSCAPE_ELEVATIONS = [30.0, 60.0]


@pytest.fixture(scope="session")
def make_evaluation():
    """Make an evaluation of drawn answers; None for a key leaves that part out."""
    return evaluation_of


def evaluation_of(
    categories=("cup", "car", "van"),
    objects=4,
    azimuths=12,
    elevations=(30.0, 60.0),
    error=0.2,
    axes=("azimuth", "elevation"),
    labelled=True,
    source="views/{}.png",
    set_name="toys",
    kind="energy",
    offset=0.0,
    **changes,
):
    rng = np.random.default_rng(0)
    angles = [i * 360.0 / azimuths for i in range(azimuths)]
    views = [(e, a) for e in range(len(elevations)) for a in range(azimuths)]
    shown = [(c, o, *v) for c in range(len(categories)) for o in range(objects) for v in views]
    predictions = []
    for i, (c, o, e, a) in enumerate(shown):
        wrong = bool(rng.random() < error)
        predicted = (c + wrong) % len(categories)
        true = {"azimuth": angles[a], "elevation": elevations[e]} if labelled else {}
        answered = {"azimuth": (angles[a] + offset + float(rng.normal(0, 8))) % 360}
        answered = {axis: answered.get(axis, elevations[e]) for axis in axes}
        predictions.append(
            {
                "file": source.format(i),
                "object": f"{categories[c]}/{o}",
                "category": categories[c],
                "predicted": categories[predicted],
                "probability": round(float(rng.uniform(0.5, 1)), 4),
                "energy": 1.5,
                "energy_true": 1.5 + (round(float(rng.uniform(0.1, 3)), 4) if wrong else 0.0),
                "pose": answered,
                "pose_true": true,
                "pose_given": answered,
                "unknown": None,
                "cell": [e, a] if labelled else None,
                "tile": None,
            }
        )
    return _measured(predictions, categories, angles, elevations, axes, set_name, kind, changes)


def _measured(predictions, categories, angles, elevations, axes, set_name, kind, changes):
    n, k = len(predictions), len(categories)
    rate = sum(map(_wrong, predictions)) / n
    labelled = bool(predictions[0]["pose_true"])
    values = {
        "model": {"name": "toy-model", "kind": kind, "parameters": 222_000, "axes": list(axes)},
        "data": {
            "name": set_name,
            "split": "test",
            "images": n,
            "objects": len({row["object"] for row in predictions}),
            "categories": list(categories),
        },
        "categories": list(categories),
        "error_rate": rate,
        "error_rate_ci": _ends(rate),
        "chance_error": 1 - 1 / k,
        "bootstrap": {"resamples": 50, "seed": 7, "level": 0.95, "over": "objects"},
        "per_category": {
            name: _row([r for r in predictions if r["category"] == name]) | {"objects": 4}
            for name in categories
        },
        "per_object": _per_object(predictions),
        "confusion": _confusion(predictions, categories),
        "pose": {},
        "pose_excluded": [],
        "pose_given": {},
        "both_right": None,
        "by_factor": {"lighting": _factor(predictions, {"day": 0, "night": 1})},
        "viewpoint": _viewpoint(predictions, angles, elevations, axes) if labelled else None,
        "worst_views": _worst_views(predictions, angles) if labelled else [],
        "unknown_rate": None,
        "images_per_second": 72.0,
        "images_per_second_recognition": 144.0,
        "hardware": {"cpu": "a processor", "threads": 1, "python": "3.11"},
        "provenance": {"command": "objrec evaluate toys", "time": "2026-01-02"},
        "notes": [],
        "predictions": predictions,
        "failures": [],
    }
    if labelled and "azimuth" in axes:
        values |= _poses(predictions)
    return Evaluation(**(values | changes))


def _wrong(row):
    return row["category"] != row["predicted"]


def _ends(share):
    return [max(share - 0.05, 0.0), min(share + 0.05, 1.0)]


def _row(rows):
    errors = sum(map(_wrong, rows))
    seen = next((row["predicted"] for row in rows if _wrong(row)), None)
    rate = errors / len(rows)
    return {
        "errors": errors,
        "count": len(rows),
        "error_rate": rate,
        "error_rate_ci": _ends(rate),
        "seen_as": seen,
        "azimuth_error_deg": 6.0,
    }


def _per_object(predictions):
    names = sorted({row["object"] for row in predictions})
    groups = {name: [r for r in predictions if r["object"] == name] for name in names}
    rows = [
        {"object": name, "category": rows[0]["category"], **_row(rows)}
        for name, rows in groups.items()
    ]
    return sorted(rows, key=lambda row: -row["error_rate"])


def _confusion(predictions, categories):
    counts = [[0] * len(categories) for _ in categories]
    place = {name: i for i, name in enumerate(categories)}
    for row in predictions:
        counts[place[row["category"]]][place[row["predicted"]]] += 1
    return counts


def _factor(predictions, names):
    groups = {name: predictions[start :: len(names)] for name, start in names.items()}
    return [{"value": name, **_row(rows)} for name, rows in groups.items()]


def _viewpoint(predictions, angles, elevations, axes):
    cells = {}
    for row in predictions:
        cells.setdefault(tuple(row["cell"]), []).append(_wrong(row))
    places = [[(e, a) for a in range(len(angles))] for e in range(len(elevations))]
    error = 5.0 if "azimuth" in axes else None
    return {
        "azimuth": angles,
        "elevation": list(elevations),
        "error_rate": [[float(np.mean(cells[p])) for p in row] for row in places],
        "count": [[len(cells[p]) for p in row] for row in places],
        "azimuth_error_deg": [[error for _ in row] for row in places],
    }


def _worst_views(predictions, angles):
    half, rows = 180 / len(angles), []
    for name in sorted({row["category"] for row in predictions}):
        for angle in angles:
            inside = [
                row
                for row in predictions
                if row["category"] == name and row["pose_true"]["azimuth"] == angle
            ]
            ends = {"azimuth": [(angle - half) % 360, (angle + half) % 360], "objects": 4}
            rows.append({"category": name, **_row(inside), **ends})
    return sorted((r for r in rows if r["errors"]), key=lambda r: -r["error_rate"])[:10]


def _poses(predictions):
    def errors(rows, key):
        away = [row[key]["azimuth"] - row["pose_true"]["azimuth"] for row in rows]
        return np.array([abs((a + 180) % 360 - 180) for a in away])

    right = [row for row in predictions if not _wrong(row)]
    answered = {"on": "all", **_figures(errors(predictions, "pose"))}
    answered["correct"] = {"on": "correct", **_figures(errors(right, "pose"))}
    both = len(right) / len(predictions)
    shares = {
        name: value
        for part in ("acc10", "acc30", "aligned_acc30")
        for name, value in ((part, both), (f"{part}_ci", _ends(both)))
    }
    return {
        "pose": {"azimuth": answered},
        "pose_given": {"azimuth": _figures(errors(predictions, "pose_given"))},
        "both_right": {"count": len(predictions), "aligned_per": "category", **shares},
    }


def _figures(errors, *, aligned=True):
    if not len(errors):
        return {"count": 0}
    counts, _ = np.histogram(errors, np.arange(0, 181, 10))
    found = {
        "count": len(errors),
        "unit": "deg",
        "median_error_deg": float(np.median(errors)),
        "mean_error_deg": float(errors.mean()),
        "mean_error_deg_ci": [1.0, 9.0],
        "acc10": float((errors <= 10).mean()),
        "acc30": float((errors <= 30).mean()),
        "acc30_ci": _ends(float((errors <= 30).mean())),
        "opposite": 0.0,
        "histogram": {"step_deg": 10.0, "counts": counts.tolist()},
    }
    if aligned:
        found["aligned"] = {
            "per": "category",
            **_figures(np.minimum(errors, 8.0), aligned=False),
            "offsets": {},
        }
    return found


@pytest.fixture
def everything(tmp_path):
    """An evaluation with every part, and its pictures in tmp_path/images."""
    return everything_of(tmp_path)


@pytest.fixture(scope="session")
def make_everything():
    """Make an evaluation with every part, its pictures in the folder that is handed."""
    return everything_of


def everything_of(folder, **changes):
    evaluation = evaluation_of(**changes)
    rows = evaluation.predictions
    order = sorted(range(len(rows)), key=lambda i: -_wrong(rows[i]))
    for tile, i in enumerate(order):
        rows[i]["tile"] = tile
    parts = json.loads(EXTRAS.read_text(encoding="utf-8")) | {
        "images": write_sheets(folder, [rows[i] for i in order]),
        "comparison": _comparison(evaluation),
        "mistakes": _mistakes(evaluation),
        "landscape_axes": {"azimuth": LANDSCAPE_AZIMUTHS, "elevation": LANDSCAPE_ELEVATIONS},
        "failures": [{"file": "broken.png", "error": "not an image; remove it"}],
    }
    return Evaluation(**(vars(evaluation) | parts))


def write_sheets(folder, rows):
    """Write sheets whose tiles have a gray of their own each, and return ``images``."""
    per, names = COLUMNS * ROWS, []
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for start in range(0, len(rows), per):
        filled = min(per, len(rows) - start)
        lines = -(-filled // COLUMNS)
        sheet = np.zeros((lines * SIDE, COLUMNS * SIDE, 3), np.uint8)
        for place in range(filled):
            y, x = SIDE * (place // COLUMNS), SIDE * (place % COLUMNS)
            sheet[y : y + SIDE, x : x + SIDE] = 40 + (start + place) % 200
        names.append(f"images/sheet-{start // per:03d}.webp")
        cv2.imwrite(str(folder / names[-1]), sheet)
    return {"sheets": names, "side": SIDE, "columns": COLUMNS, "rows": ROWS, "count": len(rows)}


def _comparison(evaluation):
    first = {
        "model": "toy-model",
        "kind": "energy",
        "parameters": 222_000,
        "error_rate": evaluation.error_rate,
        "error_rate_ci": evaluation.error_rate_ci,
        "difference": None,
        "difference_ci": None,
        "p_value": None,
        "azimuth_acc30": 0.9,
        "azimuth_acc30_ci": [0.85, 0.95],
        "ece": 0.031,
        "images_per_second": 144.0,
    }
    other = {
        "model": "a network",
        "kind": "cnn",
        "difference": 0.062,
        "difference_ci": [0.01, 0.11],
        "p_value": 0.0004,
        "azimuth_acc30": None,
        "azimuth_acc30_ci": None,
    }
    return [first, first | other]


def _mistakes(evaluation):
    rng = np.random.default_rng(1)
    rows = []
    for i, row in enumerate(evaluation.predictions):
        if not _wrong(row):
            continue
        pair = (row["category"], row["predicted"])
        low = dict(zip(pair, (row["energy_true"], row["energy"]), strict=True))
        energies = {name: low.get(name, 5.0) for name in evaluation.categories}
        minima = {name: {"azimuth": 350.0, "elevation": 30.0, "energy": low[name]} for name in pair}
        rows.append(
            {
                "prediction": i,
                "excess": row["energy_true"] - row["energy"],
                "energies": energies,
                "landscapes": {n: rng.uniform(low[n], 6, (2, 4)).tolist() for n in pair},
                "minima": minima,
                "maps": {name: [["#102030", "#ffffff"]] * 2 for name in ("image", *pair)},
            }
        )
    return sorted(rows, key=lambda item: -item["excess"])
