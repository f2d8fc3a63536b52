"""The tables of docs/performance.md, from scripts/results/bench_*.json.

`readme_tables.py` writes them into the page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
BETWEEN = "toys on toys between grid points"
SEARCH = "refined"

Rows = list[dict[str, Any]] | None
"""Of a benchmark just run, which prints the table that the page will have; None: those written."""


def recognition_table(rows: Rows = None) -> Iterable[str]:
    """Return one row a model, number of threads and batch: parts, whole ways, ratios."""
    parts = ("preprocessing", "features", "energies", "choice", "refined choice")
    wholes = ("plain", "joint", "refined")
    yield (
        f"| model | device, threads | batch | {' | '.join((*parts, *wholes))} | floor "
        "| joint / plain | refined / plain |"
    )
    yield "|---|---|---:" + "|---:" * (len(parts) + len(wholes) + 3) + "|"
    for row in rows or read("recognition")["rows"]:
        figures = [f"{row[f'{way}_ms']:.3f}" for way in (*parts, *wholes, "floor")]
        ratios = [f"**{row[f'{way}_over_plain']:.2f}**" for way in wholes[1:]]
        place = f"{row['device']}, {row['threads']}"
        cells = [row["model"], place, str(row["batch"]), *figures, *ratios]
        yield f"| {' | '.join(cells)} |"


def starts_table() -> Iterable[str]:
    """Return one row a process."""
    yield "| process | s |"
    yield "|---|---:|"
    for name, seconds in read("recognition")["starts"].items():
        if not name.endswith("ms"):
            yield f"| `{name}` | {seconds:.2f} |"


GROWTH_HEAD = (
    "| categories x poses | answers | product, ms | exhaustive, ms | ratio, kept; streamed "
    "| prepared in, peak | coarse to fine, ms | faster by | one at a time, ms | prepared in, peak "
    "| same winner |",
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
)


def growth_table() -> Iterable[str]:
    """Return one row a number of categories and poses: both searches, and the bound."""
    yield from GROWTH_HEAD
    yield from map(growth_row, read("growth")["rows"])


def growth_row(row: dict[str, Any]) -> str:
    """Return a row of that table."""
    part = "*" if row["part"] < 1 else ""
    kept = f"{row['ratio']:.2f}" if row["kept"] else "–"
    seconds = f"{row['prepare_s']:.2g} s, " if row["kept"] else ""
    same = f"{100 * row['same_winner']:.4g} % of {row['compared']}" if row["compared"] else "–"
    single = _short(row["coarse_ms_batch_1"])
    return (
        f"| {row['categories']:,} x {row['poses']:,} | {row['answers']:,} "
        f"| {_short(row['bound_ms'])} | {_short(row['exhaustive_ms'])}{part} "
        f"| {kept}; {row['streamed_ratio']:.2f} | {seconds}{row['exhaustive_peak_mb']:,} MB "
        f"| {_short(row['coarse_ms'])} | {row['speed_up']:.1f} | {single} "
        f"| {row['coarse_prepare_s']:.2g} s, {row['coarse_peak_mb']:,} MB | {same} |"
    )


def peers_table() -> Iterable[str]:
    """Return one row a peer, on poses between grid points."""
    yield (
        "| | images | error (objrec's on the same) | azimuth median (objrec's) "
        "| within 30° (objrec's) | ms an image, one at a time | many at once (batch) "
        "| objrec is faster by | held, MB |"
    )
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for row in read("peers")[BETWEEN]["rows"]:
        if "images" not in row:
            continue
        own = row["objrec"][SEARCH]
        pairs = [
            _beside(row, own, "error_rate", lambda v: f"{100 * v:.1f} %"),
            _beside(row, own, "azimuth_median", lambda v: f"{v:.1f}°"),
            _beside(row, own, "azimuth_within_30", lambda v: f"{100 * v:.0f} %"),
        ]
        ratios = [row[f"ratio_{how}_{SEARCH}"] for how in ("one", "many")]
        yield (
            f"| {row['name']} | {row['images']} | {' | '.join(pairs)} | {_short(row['ms_one'])} "
            f"| {_short(row['ms_many'])} ({row['batch']}) "
            f"| {', '.join(_short(ratio) for ratio in ratios)} | {row['held_bytes'] / 1e6:.1f} |"
        )


def _beside(row: dict[str, Any], own: dict[str, Any], key: str, said: Callable) -> str:
    return f"{said(row[key])} ({said(own[key])})"


def memory_table(rows: Rows = None) -> Iterable[str]:
    """Return one row a process: the most memory that it held."""
    yield "| | images | peak memory |"
    yield "|---|---:|---:|"
    for row in rows or read("memory")["rows"]:
        images = f"{row['images']:,}" if "images" in row else "–"
        yield f"| {row['name']} | {images} | {row['peak_mib']:,.0f} MiB |"


def export_table() -> Iterable[str]:
    """Return one row a form of an exported model, the recogniser first."""
    yield (
        "| | ms an image, one at a time | 64 at once | of the recogniser's | MB | error "
        "| energies differ |"
    )
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for row in read("export")["rows"]:
        size = f"{row['bytes'] / 1e6:.1f}" if row["bytes"] else "–"
        mean, largest = row["energy_mean_difference"], row["energy_largest_difference"]
        gap = f"{mean:.2g}, at most {largest:.2g}" if row["bytes"] else "–"
        yield (
            f"| {row['name']} | {row['ms_batch_1']:.2f} | {row['ms_batch_64']:.2f} "
            f"| {row['ratio_batch_1']:.2f}, {row['ratio_batch_64']:.2f} | {size} "
            f"| {row['error_rate']:.2%} | {gap} |"
        )


def training_table(rows: Rows = None) -> Iterable[str]:
    """Return one row an extractor and kind of model: a step, an epoch, and parts of a step."""
    parts = ("augmentation", "features", "objective", "backward", "optimiser")
    yield (
        f"| extractor | model | ms a step | of the CNN's | s an epoch | {' | '.join(parts)} "
        "| peak MB |"
    )
    yield "|---|---|---:|---:|---:" + "|---:" * (len(parts) + 1) + "|"
    for row in rows or read("training")["rows"]:
        spent = [f"{row['ms_by_part'][part]:.1f}" for part in parts]
        yield (
            f"| {row['features']} | {row['kind']} | {row['ms_a_step']:.0f} "
            f"| {row['of_the_cnn']:.2f} | {row['seconds_an_epoch']:.1f} | {' | '.join(spent)} "
            f"| {row['peak_mb']:,} |"
        )


def read(name: str) -> dict[str, Any]:
    """Return the results of a benchmark."""
    return json.loads((RESULTS / f"bench_{name}.json").read_text(encoding="utf-8"))


def _short(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


TABLES: dict[str, Callable[[], Iterable[str]]] = {
    "recognition": recognition_table,
    "starts": starts_table,
    "growth": growth_table,
    "peers": peers_table,
    "training": training_table,
    "memory": memory_table,
    "export": export_table,
}
