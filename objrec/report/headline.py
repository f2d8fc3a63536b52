"""The answer at the top of the report: a sentence or two, and four numbers with intervals."""

from __future__ import annotations

from typing import Any

from objrec.evaluation.result import Evaluation
from objrec.report.words import KINDS, SPACE, count, interval, number, percent, some

_MOST_TILES = 4
_FEWEST_IMAGES = 5  # an azimuth of fewer images is not called the worst
_TELLING = 0.05  # a best offset that gains less than this share is not worth a word


def title(evaluation: Evaluation) -> str:
    """Name model and set: "render5-model on render5 (test)"."""
    model = evaluation.model["name"] or KINDS.get(evaluation.model["kind"], "recogniser")
    data = evaluation.data
    return f"{model} on {data['name']}" + (f" ({data['split']})" if data["split"] else "")


def summary(evaluation: Evaluation) -> str:
    """Say the result: the error, from where it is largest, and how often the pose is right too."""
    parts = [
        _error(evaluation),
        _directions(evaluation),
        _pose(evaluation),
        _best_other(evaluation),
    ]
    return " ".join(part for part in parts if part)


def _error(evaluation: Evaluation) -> str:
    data = evaluation.data
    objects = f"{some(data['objects'], 'object', 'objects')} in "
    shown = (objects if data["objects"] < data["images"] else "") + some(
        len(data["categories"]), "category", "categories"
    )
    return (
        f"The {KINDS.get(evaluation.model['kind'], 'recogniser')} was wrong on "
        f"{percent(evaluation.error_rate)} of {some(data['images'], 'image', 'images')} of {shown} "
        f"(95{SPACE}% interval {interval(evaluation.error_rate_ci)}); guessing among its "
        f"{len(evaluation.categories)} categories would be wrong on "
        f"{percent(evaluation.chance_error)}."
    )


def _directions(evaluation: Evaluation) -> str:
    """Say from where it is most and least often wrong."""
    rows = evaluation.by_factor.get("azimuth", [])
    rows = [row for row in rows if row["count"] >= _FEWEST_IMAGES]
    if len(rows) < 3:
        return ""
    best, worst = min(rows, key=_rate), max(rows, key=_rate)
    if best["error_rate"] == worst["error_rate"]:
        return ""
    return (
        f"It is wrong most often on objects seen from azimuth {worst['value']:.4g}° "
        f"({percent(worst['error_rate'])}), least from {best['value']:.4g}° "
        f"({percent(best['error_rate'])})."
    )


def _rate(row: dict[str, Any]) -> float:
    return row["error_rate"]


def _pose(evaluation: Evaluation) -> str:
    given = evaluation.pose_given.get("azimuth", {})
    if not given.get("count"):
        return ""
    text = f"Given the category, it finds the azimuth within 30° in {percent(given['acc30'])}"
    gained = given.get("aligned", {}).get("acc30", 0) - given["acc30"]
    if gained > _TELLING:
        text += f" ({percent(given['aligned']['acc30'])} after the best offset)"
    if evaluation.both_right:
        text += (
            f"; category and azimuth are both right in {percent(evaluation.both_right['acc30'])}"
        )
    return text + "."


def _best_other(evaluation: Evaluation) -> str:
    """Say how the best of the other models does."""
    others = [row for row in evaluation.comparison if row["difference"] is not None]
    if not others:
        return ""
    best = min(others, key=_rate)
    return (
        f"Of the {len(others)} others on the same images, {best['model']} is the best, wrong on "
        f"{percent(best['error_rate'])}."
        if len(others) > 1
        else f"On the same images, {best['model']} is wrong on {percent(best['error_rate'])}."
    )


def tiles(evaluation: Evaluation) -> list[dict[str, str]]:
    """Return four headline numbers: ``name``, ``value``, and its interval as ``detail``."""
    found = [
        _tile("wrong category", evaluation.error_rate, evaluation.error_rate_ci),
        *_pose_tiles(evaluation),
        *_worst_category(evaluation),
        *_other_tiles(evaluation),
    ][:_MOST_TILES]
    if len(found) < _MOST_TILES:
        speed = number(evaluation.images_per_second)
        found.append({"name": "images a second", "value": speed, "detail": device(evaluation)})
    return found


def _tile(name: str, share: float, ends: list[float | None], more: str = "") -> dict[str, str]:
    detail = f"95{SPACE}% interval {interval(ends)}{more}"
    return {"name": name, "value": percent(share), "detail": detail}


def _pose_tiles(evaluation: Evaluation) -> list[dict[str, str]]:
    found, both = [], evaluation.both_right
    if both:
        more = _after(both["aligned_acc30"] - both["acc30"], both["aligned_acc30"])
        name = "category and azimuth (30°) right"
        found.append(_tile(name, both["acc30"], both["acc30_ci"], more))
    given = evaluation.pose_given.get("azimuth", {})
    if given.get("count"):
        aligned = given.get("aligned", {}).get("acc30", 0)
        more = _after(aligned - given["acc30"], aligned)
        name = "azimuth within 30°, given the category"
        found.append(_tile(name, given["acc30"], given["acc30_ci"], more))
    return found


def _after(gained: float, share: float) -> str:
    return f"; {percent(share)} after the best offset" if gained > _TELLING else ""


def _worst_category(evaluation: Evaluation) -> list[dict[str, str]]:
    if len(evaluation.per_category) < 2:
        return []
    name, row = max(evaluation.per_category.items(), key=lambda item: _rate(item[1]))
    return [_tile(f"wrong on {name}, the worst", row["error_rate"], row["error_rate_ci"])]


def _other_tiles(evaluation: Evaluation) -> list[dict[str, str]]:
    found = []
    if evaluation.unknown and evaluation.unknown["scores"]:
        row = evaluation.unknown["scores"][0]
        found.append(_tile("unknown objects told (AUROC)", row["auroc"], row["auroc_ci"]))
    if evaluation.calibration:
        row = evaluation.calibration
        found.append(_tile("calibration error", row["ece"], row["ece_ci"]))
    return found


def device(evaluation: Evaluation) -> str:
    """Say what it ran on: a graphics card, or so many threads of the processor."""
    threads = evaluation.hardware.get("threads", 1)
    return evaluation.hardware.get("gpu") or f"CPU, {some(threads, 'thread', 'threads')}"


def cells(evaluation: Evaluation) -> str:
    """Say how many images a cell of the map of views rests on."""
    if not evaluation.viewpoint:
        return ""
    counts = [n for row in evaluation.viewpoint["count"] for n in row if n]
    low, high = min(counts), max(counts)
    if low == high:
        return f"Each cell rests on {some(low, 'image', 'images')}."
    return f"The cells rest on {count(low)} to {count(high)} images each."
