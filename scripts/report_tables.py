"""The tables of docs/report.md, from scripts/results/*.json; `readme_tables.py` writes them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
MODELS = {
    "energy": "energy model",
    "cnn": "CNN",
    "svm": "RBF SVM",
    "nearest": "nearest neighbour",
    "retrieval": "retrieval in the energy model's features",
}


def reports_table() -> Iterable[str]:
    """Return one row a set and model: error over seeds, difference, azimuth."""
    yield (
        "| set | model | error, unseen objects (each seed) | less the energy model's "
        "| p, paired (each seed) | azimuth within 30° |"
    )
    yield "|---|---|---:|---:|---:|---:|"
    for name, runs in _grouped([r for r in read("reports.json") if _trained_whole(r)], "set"):
        for model, title in MODELS.items():
            rows = [_of(run["comparison"], model=model) for run in runs]
            azimuths = [row["azimuth_acc30"] for row in rows if row["azimuth_acc30"] is not None]
            yield (
                f"| {name} | {title} | {_over_seeds([row['error_rate'] for row in rows])} "
                f"| {_difference(rows)} | {_p_values(rows)} "
                f"| {f'{100 * _mean(azimuths):.0f} %' if azimuths else '–'} |"
            )


def protocols_table() -> Iterable[str]:
    """Return one row a protocol and kind of views: both models, their paired difference."""
    yield (
        "| protocol | views | energy model | CNN | CNN less energy model [95 %] | p "
        "| azimuth within 30°, given the category |"
    )
    yield "|---|---|---:|---:|---:|---:|---:|"
    entries = [e for e in read("protocols.json") if any(r["views"] == "novel" for r in e["rows"])]
    for entry in entries:
        for views in ("familiar", "novel"):
            energy = _of(entry["rows"], model="energy", views=views)
            cnn = _of(entry["rows"], model="cnn", views=views)
            apart = _of(entry["differences"], model="cnn", views=views)
            azimuth = energy["pose_given"].get("azimuth", {}).get("acc30")
            yield (
                f"| {entry['protocol']} | {views} | {_over_seeds(energy['error_rates'])} "
                f"| {_over_seeds(cnn['error_rates'])} "
                f"| {100 * apart['difference']:+.1f} [{100 * apart['ci'][0]:.1f}, "
                f"{100 * apart['ci'][1]:.1f}] | {_p_value(apart['p_value'])} "
                f"| {f'{100 * azimuth:.0f} %' if azimuth is not None else '–'} |"
            )


def sweep_table() -> Iterable[str]:
    """Return one row a set and change: the errors of both models at every amount."""
    yield "| set | change | amounts | energy model | CNN | azimuth error of the energy model |"
    yield "|---|---|---|---|---|---|"
    for name, runs in _grouped([r for r in read("reports.json") if _trained_whole(r)], "set"):
        for change in runs[0]["sweep"]["changes"]:
            swept = [_of(run["sweep"]["changes"], name=change["name"]) for run in runs]
            curves = {
                kind: _mean_curve([_of(s["models"], kind=kind)["error_rate"] for s in swept])
                for kind in ("energy", "cnn")
            }
            azimuth = _mean_curve(
                [_of(s["models"], kind="energy")["azimuth_error_deg"] for s in swept]
            )
            yield (
                f"| {name} | {change['title']} ({change['unit']}) "
                f"| {_listed(change['amounts'], '{:g}')} "
                f"| {_listed([100 * e for e in curves['energy']], '{:.0f}')} "
                f"| {_listed([100 * e for e in curves['cnn']], '{:.0f}')} "
                f"| {_listed(azimuth, '{:.0f}°')} |"
            )


def unknown_table() -> Iterable[str]:
    """Return one row a group of categories left out, and their mean: AUROC and FPR of all."""
    scores = (("energy", "lowest energy"), ("cnn", "maximum softmax"), ("cnn", "energy score"))
    heads = [f"{'CNN' if m == 'cnn' else 'energy model'}, {score}" for m, score in scores]
    yield f"| set | left out | {' | '.join(f'{head}: AUROC (FPR95)' for head in heads)} |"
    yield f"|---|---|{'---:|' * len(heads)}"
    rows = read("unknown.json")
    found = [[_of(row["scores"], model=m, score=score) for m, score in scores] for row in rows]
    for row, cells in zip(rows, found, strict=True):
        yield f"| {row['set']} | {row['left_out'].replace(',', ', ')} | {_detected(cells)} |"
    means = [
        {key: _mean(cells[i][key] for cells in found) for key in ("auroc", "fpr95")}
        for i in range(len(scores))
    ]
    yield f"| | mean | {_detected(means, '**')} |"


def calibration_table() -> Iterable[str]:
    """Return one row a set: error of calibration, before and after beta is fitted."""
    yield "| set | model | beta | ECE [95 %] | NLL | NLL at beta 1 |"
    yield "|---|---|---:|---:|---:|---:|"
    for run in read("reports.json"):
        if _trained_whole(run):
            continue
        found = run["calibration"]
        yield (
            f"| {run['set']} | energy model | {found['beta']:.2f} | {100 * found['ece']:.1f} % "
            f"[{100 * found['ece_ci'][0]:.1f}, {100 * found['ece_ci'][1]:.1f}] "
            f"| {found['nll']:.2f} | {found['nll_uncalibrated']:.2f} |"
        )
        cnn = _of(run["comparison"], model="cnn")
        yield f"| {run['set']} | CNN | | {100 * cnn['ece']:.1f} % | | |"


TABLES: dict[str, Callable[[], Iterable[str]]] = {
    "reports": reports_table,
    "protocols": protocols_table,
    "sweep": sweep_table,
    "unknown": unknown_table,
    "calibration": calibration_table,
}


def read(name: str) -> list[dict[str, Any]]:
    """Return the rows of a results file."""
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def _trained_whole(row: dict[str, Any]) -> bool:
    """Whether a report is of models without folds, which the calibration table is about."""
    return row["models"] == "quality"


def _grouped(rows: list[dict[str, Any]], key: str) -> list[tuple[str, list[dict[str, Any]]]]:
    names = dict.fromkeys(row[key] for row in rows)
    return [(name, [row for row in rows if row[key] == name]) for name in names]


def _of(rows: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    return next(row for row in rows if wanted.items() <= row.items())


def _mean(values: Iterable[float]) -> float:
    return statistics.fmean(values)


def _mean_curve(curves: list[list[float]]) -> list[float]:
    return [_mean(values) for values in zip(*curves, strict=True)]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _listed(values: list[float], how: str) -> str:
    return " ".join(how.format(value) for value in values)


def _over_seeds(rates: list[float]) -> str:
    each = ", ".join(f"{100 * rate:.1f}" for rate in rates)
    return f"**{_percent(_mean(rates))}** ({each})"


def _difference(rows: list[dict[str, Any]]) -> str:
    if rows[0]["difference"] is None:
        return ""
    return f"{100 * _mean(row['difference'] for row in rows):+.1f}"


def _p_values(rows: list[dict[str, Any]]) -> str:
    return ", ".join(filter(None, (_p_value(row["p_value"]) for row in rows)))


def _p_value(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}" if value >= 0.01 else "< 0.01"


def _detected(cells: list[dict[str, float]], mark: str = "") -> str:
    return " | ".join(
        f"{mark}{cell['auroc']:.2f}{mark} ({100 * cell['fpr95']:.0f} %)" for cell in cells
    )
