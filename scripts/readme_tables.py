"""Write the tables of README.md and docs between their markers, from scripts/results/*.json.

    python scripts/readme_tables.py            rewrite README.md
    python scripts/readme_tables.py --check    exit 1 if README.md does not match the results

A table stands between ``<!-- table NAME -->`` and ``<!-- end NAME -->``.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
from collections import ChainMap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import demo_tables
import performance_tables
import quality_goals
import quality_tables
import reliability_tables
import report_tables

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "scripts" / "results"
README = ROOT / "README.md"
FEATURES = {
    ("render5", "default"): "render5, own",
    ("eth80", "own features"): "eth80, own",
    ("eth80", "default"): "eth80, pretrained",
}
KINDS = {"energy": "energy model", "cnn": "CNN", "cnn-pose": "CNN with pose heads"}


def main() -> None:
    """Write or check the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true")
    checked = parser.parse_args().check
    for page in PAGES:
        old = page.read_text(encoding="utf-8")
        new = with_tables(old)
        if checked and new != old:
            sys.exit(f"{page}: its tables are not those of scripts/results; run this script")
        page.write_text(new, encoding="utf-8")


def with_tables(text: str) -> str:
    """Return the text with every marked table written anew."""
    for name, table in ChainMap(TABLES, *(module.TABLES for module in OTHERS)).items():
        if f"<!-- table {name} -->" not in text:
            continue
        pattern = re.compile(rf"(<!-- table {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        text = pattern.sub(lambda m, t=table: m[1] + "\n".join(t()) + "\n" + m[2], text)
    return text


def quality_table() -> Iterable[str]:
    """Return one row a set and kind: mean over seeds, and each seed's error; today's defaults."""
    yield (
        "| set, features | model | parameters | error, unseen objects (each seed) "
        "| azimuth within 30° | azimuth median, grid | elevation mean | training, processor |"
    )
    yield "|---|---|---:|---:|---:|---:|---:|---:|"
    found = [one for one in quality_goals.experiments() if one["question"] == "full"]
    named = {(one["set"], one["variant"]): one for one in found}
    for row, features in FEATURES.items():
        for kind in KINDS:
            if kind in named[row]["kinds"]:
                yield _quality_row(features, kind, named[row]["kinds"][kind])


def _quality_row(name: str, kind: str, found: dict[str, Any]) -> str:
    error, pose = found["errors"]["error"], found.get("pose", {}).get("grid")
    each = ", ".join(f"{100 * value:.1f}" for value in error["by_seed"].values())
    poses = ("–",) * 3
    if pose:
        median, elevation = (f"{pose[key]:.1f}°" for key in ("azimuth_median", "elevation_mean"))
        poses = (f"{100 * pose['within30']:.0f} %", median, elevation)
    seconds = found["train_seconds"] if found["devices"] == ["cpu"] else None
    return (
        f"| {name} | {KINDS[kind]} | {found['parameters']:,} | **{100 * error['mean']:.1f} %** "
        f"({each}) | {' | '.join(poses)} | {f'{seconds:.0f} s' if seconds else '–'} |"
    )


def loss_table() -> Iterable[str]:
    """Return one row a loss: errors on held-out training objects, and signs of collapse."""
    yield "| loss | E_C and E_I | error (each seed) | azimuth within 30° | reference gap |"
    yield "|---|---|---:|---:|---:|"
    groups = _grouped(_read("losses.json"), "loss", "soft")
    ordered = sorted(groups.items(), key=lambda item: _mean(r["error_rate"] for r in item[1]))
    for (loss, soft), group in ordered:
        errors = ", ".join(f"{100 * row['error_rate']:.1f}" for row in group)
        azimuth = _mean(row["azimuth_within_30"] for row in group)
        yield (
            f"| {loss} | {'free energies' if soft else 'minima'} "
            f"| {100 * _mean(row['error_rate'] for row in group):.1f} % ({errors}) "
            f"| {100 * azimuth:.0f} % | {_mean(row['reference_gap'] for row in group):.2f} |"
        )


def refinement_table() -> Iterable[str]:
    """Return the pose errors with and without refinement, on and off the grid."""
    yield "| true poses | search | azimuth median | azimuth within 10° | elevation mean | error |"
    yield "|---|---|---:|---:|---:|---:|"
    for row in _read("refinement.json"):
        yield (
            f"| {row['poses']} | {row['search']} | {row['azimuth_median_deg']:.1f}° "
            f"| {100 * row['azimuth_within_10']:.0f} % | {row['elevation_mean_deg']:.1f}° "
            f"| {100 * row['error_rate']:.1f} % |"
        )


def pose_label_table() -> Iterable[str]:
    """Return what labels of the training set are worth: error and azimuth on the test objects."""
    yield (
        "| set | azimuth labels in training | error (each seed) | azimuth within 30° "
        "| after one offset a category | offsets within 10° |"
    )
    yield "|---|---|---:|---:|---:|---:|"
    rows = [row for row in _read("quality.json") if _is_whole(row)]
    rows = [{**row, "labels": "whole", **_aligned_unknown(row)} for row in rows]
    for (name, labels), group in _grouped(
        rows + _read("pose-labels.json"), "set", "labels"
    ).items():
        errors = ", ".join(f"{100 * row['error_rate']:.1f}" for row in group)
        yield (
            f"| {name} | {labels} | {100 * _mean(row['error_rate'] for row in group):.1f} % "
            f"({errors}) | {'–' if labels == 'relative' else _percent(group, 'azimuth_acc30')} "
            f"| {_percent(group, 'azimuth_acc30_aligned')} | {_offsets(group)} |"
        )


def _is_whole(row: dict[str, Any]) -> bool:
    """Whether a row of the quality table stands for whole labels: those of render5 do."""
    return row["set"] == "render5" and (row["kind"], row["features"]) == ("energy", "small")


def _aligned_unknown(row: dict[str, Any]) -> dict[str, Any]:
    return {"azimuth_acc30": row["pose"]["azimuth"]["acc30"], "azimuth_acc30_aligned": None}


def _percent(rows: list[dict[str, Any]], key: str) -> str:
    found = [row[key] for row in rows if row[key] is not None]
    return f"{100 * _mean(found):.0f} %" if found else "–"


def _offsets(rows: list[dict[str, Any]]) -> str:
    errors = [error for row in rows for error in row.get("offset_errors", {}).values()]
    return f"{sum(error <= 10 for error in errors)} of {len(errors)}" if errors else "–"


TABLES: dict[str, Callable[[], Iterable[str]]] = {
    "quality": quality_table,
    "losses": loss_table,
    "refinement": refinement_table,
    "pose-labels": pose_label_table,
}
OTHERS = (report_tables, demo_tables, quality_tables, performance_tables, reliability_tables)
DOCS = ("your-own-images", "report", "demos", "quality", "performance", "reliability")
PAGES = (README, *(ROOT / "docs" / f"{name}.md" for name in DOCS))


def _read(name: str) -> list[dict[str, Any]]:
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def _grouped(rows: list[dict[str, Any]], *keys: str) -> dict[tuple, list[dict[str, Any]]]:
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return groups


def _mean(values: Iterable[float]) -> float:
    return statistics.fmean(values)


def _pose(rows: list[dict[str, Any]], axis: str, figure: str, factor: float, unit: str) -> str:
    found = [row["pose"][axis][figure] for row in rows if axis in row["pose"]]
    return f"{factor * _mean(found):.{0 if unit == ' %' else 1}f}{unit}" if found else "–"


if __name__ == "__main__":
    main()
