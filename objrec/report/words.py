"""What the report says in words and numbers: sentences, tiles and table rows of an `Evaluation`.

Every figure gets the precision it deserves and its interval where there is one. No markup here.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from objrec.evaluation.result import Evaluation

KINDS = {
    "energy": "energy-based recogniser",
    "cnn": "convolutional classifier (softmax)",
    "cnn-pose": "convolutional classifier with pose heads",
}
_SPACE = "\N{NO-BREAK SPACE}"  # between a number and its unit
_NONE = "–"


def percent(share: float | None) -> str:
    """Write a share: "12.3 %"; "–" for None."""
    return _NONE if share is None else f"{100 * share:.1f}{_SPACE}%"


def count(number: int) -> str:
    """Write a whole number with thin groups of three: "24 300" from five digits on."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}") if number > 9999 else str(number)


def number(value: float | None, digits: int = 3) -> str:
    """Write a number with so many significant digits, without exponent where it can be read."""
    if value is None:
        return _NONE
    if value and abs(value) >= 10**digits:
        return count(round(value)) if abs(value) < 1e9 else f"{value:.{digits}g}"
    return f"{value:.{digits}g}"


def energy(value: float | None) -> str:
    """Write an energy with three significant digits, zeros and all: energies stand in a column."""
    return _NONE if value is None else f"{value:#.3g}".rstrip(".")


def factor_value(row: dict[str, Any]) -> str:
    """Write what a row of a factor table stands for: a number, a range or a name."""
    if "range" in row:
        low, high = row["range"]
        return f"{low:.4g} to {high:.4g}"
    return row["value"] if isinstance(row["value"], str) else f"{row['value']:.4g}"


def interval(ends: list[float | None], *, share: bool = True) -> str:
    """Write an interval: "9.1 to 14.0 %"."""
    low, high = ends
    if low is None or high is None:
        return _NONE
    if share:
        return f"{100 * low:.1f} to {percent(high)}"
    return f"{number(low)} to {number(high)}"


def title(evaluation: Evaluation) -> str:
    """Name model and set: "render5-model on render5 (test)"."""
    model = evaluation.model["name"] or KINDS.get(evaluation.model["kind"], "recogniser")
    data = evaluation.data
    return f"{model} on {data['name']}" + (f" ({data['split']})" if data["split"] else "")


def summary(evaluation: Evaluation) -> str:
    """Say the result in a sentence or two."""
    data = evaluation.data
    shown = (
        f"of {data['objects']} objects " if data["objects"] < data["images"] else ""
    ) + f"in {_some(len(data['categories']), 'category', 'categories')}"
    text = (
        f"The {KINDS.get(evaluation.model['kind'], 'recogniser')} gave "
        f"{percent(evaluation.error_rate)} of {count(data['images'])} images {shown} the wrong "
        f"category (95{_SPACE}% interval {interval(evaluation.error_rate_ci)}). Guessing among its "
        f"{len(evaluation.categories)} categories would be wrong "
        f"{percent(evaluation.chance_error)} of the time."
    )
    azimuth = evaluation.pose.get("azimuth", {})
    if azimuth.get("count"):
        text += (
            f" The azimuth was within 30° of its label in {percent(azimuth['acc30'])} of "
            f"{count(azimuth['count'])} images."
        )
    return text


def _some(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def tiles(evaluation: Evaluation) -> list[dict[str, str]]:
    """Return the headline numbers: ``name``, ``value`` and a line of ``detail``."""
    found = [
        {
            "name": "wrong category",
            "value": percent(evaluation.error_rate),
            "detail": f"95{_SPACE}% interval {interval(evaluation.error_rate_ci)}",
        }
    ]
    azimuth = evaluation.pose.get("azimuth", {})
    if azimuth.get("count"):
        detail = f"95{_SPACE}% interval {interval(azimuth['acc30_ci'])}"
        found.append(
            {"name": "azimuth within 30°", "value": percent(azimuth["acc30"]), "detail": detail}
        )
    for name, figures in evaluation.pose.items():
        if name != "azimuth" and figures.get("count") and len(found) < 3:
            found.append(_axis_tile(name, figures))
    speed = evaluation.images_per_second
    device = evaluation.hardware.get("gpu") or "CPU, " + _some(
        evaluation.hardware.get("threads", 1), "thread", "threads"
    )
    found.append(
        {"name": "images a second", "value": number(speed), "detail": f"with reading; {device}"}
    )
    return found


def _axis_tile(name: str, figures: dict[str, Any]) -> dict[str, str]:
    suffix, unit = ("_deg", "°") if "mean_error_deg" in figures else ("", " " + figures["unit"])
    return {
        "name": f"{axis_name(name)} error, mean",
        "value": number(figures[f"mean_error{suffix}"]) + unit,
        "detail": f"95{_SPACE}% interval "
        + interval(figures[f"mean_error{suffix}_ci"], share=False)
        + unit,
    }


def axis_name(name: str) -> str:
    """Write an axis for people: "shift x"."""
    return name.replace("_", " ")


def confusions(evaluation: Evaluation, most: int = 6) -> list[str]:
    """Name the commonest confusions: "van taken for truck: 53 of 486 images (10.9 %)"."""
    found = []
    for i, row in enumerate(evaluation.confusion):
        for j, images in enumerate(row):
            if i != j and images:
                found.append((images, i, j))
    found.sort(key=lambda item: (-item[0], item[1:]))
    names, rows = evaluation.categories, evaluation.confusion
    return [
        f"{names[i]} taken for {names[j]}: {count(n)} of {count(sum(rows[i]))} images "
        f"({percent(n / sum(rows[i]))})"
        for n, i, j in found[:most]
    ]


def worst_views(evaluation: Evaluation, most: int = 6) -> list[str]:
    """Write each weak view: "truck, azimuth 165° to 195°, mostly seen as car: 31.0 % wrong …"."""
    return [
        f"{row['category']}, azimuth {row['azimuth'][0]:g}° to {row['azimuth'][1]:g}°, mostly seen "
        f"as {row['seen_as']}: {percent(row['error_rate'])} wrong ({row['errors']} of "
        f"{row['count']} images of {_some(row['objects'], 'object', 'objects')})"
        for row in evaluation.worst_views[:most]
    ]


def mistakes(evaluation: Evaluation, most: int) -> list[dict[str, Any]]:
    """Choose so many misclassified images, in turn from every category, in the set's order."""
    turns: Counter[str] = Counter()
    ranked = []
    for place, row in enumerate(evaluation.predictions):
        if row["category"] != row["predicted"]:
            turns[row["category"]] += 1
            ranked.append((turns[row["category"]], place))
    chosen = sorted(place for _, place in sorted(ranked)[:most])
    return [evaluation.predictions[place] for place in chosen]


def cells(evaluation: Evaluation) -> str:
    """Say how many images a cell of the viewpoint map rests on."""
    if not evaluation.viewpoint:
        return ""
    counts = [n for row in evaluation.viewpoint["count"] for n in row if n]
    low, high = min(counts), max(counts)
    if low == high:
        return f"Each cell rests on {_some(low, 'image', 'images')}."
    return f"The cells rest on {low} to {high} images each."


def bar_top(evaluation: Evaluation) -> float:
    """Return the error at which bars are full: one scale for all tables of conditions."""
    rows = [
        *evaluation.per_category.values(),
        *(row for n, part in evaluation.by_factor.items() if n != "instance" for row in part),
    ]
    return max([0.1, *(row["error_rate"] for row in rows)])


def pose_rows(evaluation: Evaluation) -> list[dict[str, str]]:
    """Return the rows of the pose table: over all images, the right ones, and aligned."""
    rows = []
    for name, figures in evaluation.pose.items():
        parts = [("all images", figures), ("right category only", figures["correct"])]
        if "aligned" in figures:
            per = figures["aligned"]["per"]
            parts.insert(1, (f"all, after the best offset per {per}", figures["aligned"]))
        for text, part in parts:
            if part["count"]:
                rows.append(_pose_row(axis_name(name) if part is figures else "", text, part))
    return rows


def _pose_row(axis: str, text: str, part: dict[str, Any]) -> dict[str, str]:
    suffix, unit = ("_deg", "°") if "mean_error_deg" in part else ("", f" {part['unit']}")
    mean = number(part[f"mean_error{suffix}"]) + unit
    return {
        "axis": axis,
        "on": text,
        "count": count(part["count"]),
        "median": number(part[f"median_error{suffix}"]) + unit,
        "mean": mean,
        "mean_ci": interval(part[f"mean_error{suffix}_ci"], share=False),
        "acc10": percent(part.get("acc10")),
        "acc30": percent(part.get("acc30")),
        "acc30_ci": interval(part["acc30_ci"]) if "acc30_ci" in part else "",
        "opposite": percent(part.get("opposite")),
    }


def facts(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return how it was measured: name and text, for everything that is known."""
    model, data, drawn, hardware = (
        evaluation.model,
        evaluation.data,
        evaluation.bootstrap,
        evaluation.hardware,
    )
    rows = [
        ("model", ", ".join(filter(None, [model["name"], KINDS.get(model["kind"])]))),
        ("parameters", count(model["parameters"]) if model["parameters"] else ""),
        ("categories of the model", ", ".join(evaluation.categories)),
        ("set", data["name"] + (f", split {data['split']}" if data["split"] else "")),
        ("images, objects", f"{count(data['images'])}, {count(data['objects'])}"),
        ("intervals", _bootstrap_text(drawn)),
        ("not in pose figures", ", ".join(evaluation.pose_excluded)),
        (
            "called unknown",
            "" if evaluation.unknown_rate is None else percent(evaluation.unknown_rate),
        ),
        (
            "images a second",
            f"{number(evaluation.images_per_second)} with reading and preprocessing, "
            f"{number(evaluation.images_per_second_recognition)} for recognition alone",
        ),
    ]
    rows += [(key, str(text)) for key, text in hardware.items()]
    rows += [(key, str(text)) for key, text in evaluation.provenance.items()]
    return [(key.replace("_", " "), text) for key, text in rows if text]


def _bootstrap_text(drawn: dict[str, Any]) -> str:
    return (
        f"{100 * drawn['level']:g}{_SPACE}%, percentile bootstrap over {drawn['over']}, "
        f"{drawn['resamples']} resamples, seed {drawn['seed']}"
    )
