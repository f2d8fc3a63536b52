"""How ``objrec classify`` writes its answers: for people, as JSON lines, as CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from objrec.cli.inputs import Item, SetItem
from objrec.cli.tables import print_json, print_table
from objrec.errors import Failure

if TYPE_CHECKING:
    from objrec.pose import Pose
    from objrec.recognizer import Hypothesis, Recognition

    Answers = Iterable[tuple[Item, Recognition | Failure]]

_PIXELS = {"shift_x": "shift_x_px", "shift_y": "shift_y_px", "side": "side_px"}
_SHOWN = {"azimuth": "{:.0f}°", "elevation": "{:.0f}°", "roll": "{:.0f}°", "scale": "{:.2f}"}


def write_json(answers: Answers) -> None:
    """Print one JSON object a line, as soon as it is known; a failure has ``file`` and ``error``.

    Samples of a data set also have ``truth``: what the set says they are.
    """
    for item, answer in answers:
        record = answer.to_dict()
        if isinstance(item, SetItem):
            category, pose = item.truth
            record["truth"] = {"category": category, "pose": pose.to_dict()}
        print_json(record)


def write_csv(answers: Answers) -> None:
    """Print one CSV row an image; the columns are always the same."""
    from objrec.pose import AXES

    answered = ["category", "probability", "energy", "unknown", *AXES, "symmetric"]
    columns = ["file", *answered, *_PIXELS.values(), "truth", "error"]
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    for item, answer in answers:
        row: dict[str, Any] = {"truth": item.truth[0] if isinstance(item, SetItem) else ""}
        if isinstance(answer, Failure):
            row |= answer.to_dict()
        else:
            unknown = "" if answer.unknown is None else str(answer.unknown).lower()
            row |= {"file": answer.source, "category": answer.category, "unknown": unknown}
            row |= {"probability": answer.probabilities[answer.category], "energy": answer.energy}
            row |= {"symmetric": str(answer.symmetric).lower()} | answer.pose.to_dict()
            row |= {_PIXELS[name]: value for name, value in answer.pixels.items()}
        writer.writerow(row)


def write_table(answers: Answers) -> None:
    """Print a table with the answer to each image, and beneath it the other hypotheses.

    All its rows are held at once; of many images, print several.
    """
    known = [(i, a) for i, a in answers if not isinstance(a, Failure)]
    axes = list(dict.fromkeys(axis for _, a in known for axis in a.pose.to_dict()))
    with_truth = any(isinstance(item, SetItem) for item, _ in known)
    rows = []
    for item, answer in known:
        category = f"unknown (nearest: {answer.category})" if answer.unknown else answer.category
        row = _row(answer.source, category, answer, answer.hypotheses[0], axes)
        rows.append([*row, _truth(item, axes)] if with_truth else row)
        for other in answer.hypotheses[1:]:
            row = _row("", other.category, answer, other, axes)
            rows.append([*row, ""] if with_truth else row)
    if rows:
        truth = ["truth"] if with_truth else []
        print_table(["file", "category", "probability", "energy", *axes, *truth], rows)


def _row(
    file: str | None, shown: str, answer: Recognition, hypothesis: Hypothesis, axes: list[str]
) -> list[str]:
    probability = f"{answer.probabilities[hypothesis.category]:.1%}"
    pose = _cells(hypothesis.pose, axes)
    if hypothesis.symmetric and "azimuth" in axes:
        pose[axes.index("azimuth")] = "any"
    return [file or "", shown, probability, f"{hypothesis.energy:.3f}", *pose]


def _cells(pose: Pose, axes: list[str]) -> list[str]:
    values = pose.to_dict()
    if "azimuth" in values:  # 359.7 rounds to 0, not to 360
        values["azimuth"] = round(values["azimuth"]) % 360
    return [_SHOWN.get(a, "{:+.2f}").format(values[a]) if a in values else "" for a in axes]


def _truth(item: Item, axes: list[str]) -> str:
    if not isinstance(item, SetItem):
        return ""
    category, pose = item.truth
    return ", ".join([category, *filter(None, _cells(pose, axes))])
