"""The rows of the report's tables and lists, from an `Evaluation`. No markup here."""

from __future__ import annotations

from typing import Any

from objrec.evaluation.result import Evaluation
from objrec.report.words import (
    KINDS,
    SPACE,
    axis_name,
    count,
    degrees,
    interval,
    number,
    percent,
    some,
)

_MOST_LINES = 8


def confusions(evaluation: Evaluation, most: int = _MOST_LINES) -> list[dict[str, str]]:
    """Return the commonest confusions: ``text``, and the ``key`` of their cell in the matrix."""
    found = []
    for i, row in enumerate(evaluation.confusion):
        found += [(-images, i, j) for j, images in enumerate(row) if i != j and images]
    names, rows = evaluation.categories, evaluation.confusion
    return [
        {
            "key": f"{i},{j}",
            "text": f"{names[i]} taken for {names[j]}",
            "detail": f"{count(rows[i][j])} of {some(sum(rows[i]), 'image', 'images')} "
            f"({percent(rows[i][j] / sum(rows[i]))})",
        }
        for _, i, j in sorted(found)[:most]
    ]


def worst_views(evaluation: Evaluation, most: int = _MOST_LINES) -> list[dict[str, str]]:
    """Return the weak views in words: ``text`` and ``detail``, and a ``key`` that tells the images.

    The key is the category's number and the two ends of the azimuths, as "2,165,195".
    """
    rows = []
    for row in evaluation.worst_views[:most]:
        low, high = row["azimuth"]
        ends = f", 95{SPACE}% interval {interval(row['error_rate_ci'])}" if _varied(row) else ""
        rows.append(
            {
                "key": f"{evaluation.categories.index(row['category'])},{low:g},{high:g}",
                "text": f"{row['category']}, azimuth {low:g}° to {high:g}°",
                "detail": f"seen as {row['seen_as']}: {percent(row['error_rate'])} wrong "
                f"({row['errors']} of {some(row['count'], 'image', 'images')} of "
                f"{some(row['objects'], 'object', 'objects')}{ends})",
            }
        )
    return rows


def _varied(row: dict[str, Any]) -> bool:
    return row["objects"] > 1 and "error_rate_ci" in row


def bar_top(evaluation: Evaluation) -> float:
    """Return the error at which bars are full: one scale for all tables of conditions."""
    rows = [
        *evaluation.per_category.values(),
        *(row for n, part in evaluation.by_factor.items() if n != "instance" for row in part),
    ]
    return max([0.1, *(row["error_rate"] for row in rows)])


def pose_rows(evaluation: Evaluation) -> list[dict[str, str]]:
    """Return the rows of the pose table: given the true category, of the right answers, of all."""
    rows = []
    for name, given in evaluation.pose_given.items():
        answered = evaluation.pose.get(name, {"count": 0})
        parts = [
            ("given the true category", given),
            ("of the answer, right category only", answered.get("correct", {"count": 0})),
            ("of the answer, all images", answered),
        ]
        parts = [(text, part) for text, part in parts if part["count"]]
        for number_, (text, part) in enumerate(parts):
            rows.append(_pose_row(axis_name(name) if number_ == 0 else "", text, part))
            if "aligned" in part:
                per = part["aligned"]["per"]
                rows.append(_pose_row("", f"… after the best offset per {per}", part["aligned"]))
    return rows


def _pose_row(axis: str, text: str, part: dict[str, Any]) -> dict[str, str]:
    if "mean_error_deg" in part:
        low, high = part["mean_error_deg_ci"]
        median, mean = degrees(part["median_error_deg"]), degrees(part["mean_error_deg"])
        ends = "" if low is None else f"{low:.1f} to {high:.1f}"
    else:
        unit = f" {part['unit']}"
        median, mean = number(part["median_error"]) + unit, number(part["mean_error"]) + unit
        ends = interval(part["mean_error_ci"], share=False)
    return {
        "axis": axis,
        "on": text,
        "count": count(part["count"]),
        "median": median,
        "mean": mean,
        "mean_ci": ends,
        "acc10": percent(part.get("acc10")),
        "acc30": percent(part.get("acc30")),
        "acc30_ci": interval(part["acc30_ci"]) if "acc30_ci" in part else "",
        "opposite": percent(part["opposite"]) if "opposite" in part else "",
    }


def both_rows(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    """Return the shares of images whose category and pose are both right: name, value, interval."""
    both = evaluation.both_right
    if not both:
        return []
    per = both.get("aligned_per", "category")
    names = {
        "acc10": "within 10°",
        "acc30": "within 30°",
        "aligned_acc30": f"within 30°, after the best offset per {per}",
    }
    return [(text, percent(both[n]), interval(both[f"{n}_ci"])) for n, text in names.items()]


def score_rows(evaluation: Evaluation) -> list[dict[str, str]]:
    """Return how well each score of each model tells unknown objects."""
    rows = evaluation.unknown["scores"] if evaluation.unknown else []
    return [
        {
            "model": row["model"],
            "score": row["score"],
            "auroc": f"{row['auroc']:.3f}",
            "auroc_ci": _decimals(row["auroc_ci"]),
            "fpr95": percent(row["fpr95"]),
            "fpr95_ci": interval(row["fpr95_ci"]),
        }
        for row in rows
    ]


def _decimals(ends: list[float | None] | None) -> str:
    return "" if ends is None or None in ends else f"{ends[0]:.3f} to {ends[1]:.3f}"


def together_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return the error of each model and way to add: ``cells`` of share and interval, by count."""
    rows = evaluation.together["rows"] if evaluation.together else []
    return [
        {
            "model": row["model"],
            "how": row["how"],
            "cells": [
                (percent(error), interval(ends))
                for error, ends in zip(row["error_rate"], row["error_rate_ci"], strict=True)
            ],
        }
        for row in rows
    ]


def speed_rows(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return images a second, as a whole and of recognition alone."""
    parts = (
        ("reading, preprocessing and recognition", evaluation.images_per_second),
        ("recognition alone, of preprocessed images", evaluation.images_per_second_recognition),
    )
    return [(text, f"{number(speed)} images a second") for text, speed in parts]


def facts(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return how it was measured: name and text, for everything that is known."""
    model, data = evaluation.model, evaluation.data
    drawn = evaluation.bootstrap
    rows = [
        *((key, str(text)) for key, text in evaluation.provenance.items()),
        ("model", ", ".join(filter(None, [model["name"], KINDS.get(model["kind"])]))),
        ("parameters", count(model["parameters"]) if model["parameters"] else ""),
        ("categories of the model", ", ".join(evaluation.categories)),
        ("set", data["name"] + (f", split {data['split']}" if data["split"] else "")),
        ("images, objects", f"{count(data['images'])}, {count(data['objects'])}"),
        (
            "intervals",
            f"{100 * drawn['level']:g}{SPACE}%, percentile bootstrap over {drawn['over']}, "
            f"{drawn['resamples']} resamples, seed {drawn['seed']}",
        ),
        ("not in pose figures", ", ".join(evaluation.pose_excluded)),
        ("called unknown", _unless_none(evaluation.unknown_rate)),
        *((key, str(text)) for key, text in evaluation.hardware.items()),
    ]
    return [(key.replace("_", " "), text) for key, text in rows if text]


def _unless_none(share: float | None) -> str:
    return "" if share is None else percent(share)
