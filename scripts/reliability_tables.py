"""The tables of docs/reliability.md, from scripts/results/*.json.

`readme_tables.py` writes them into the page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
NONE = "–"


def fuzz_table() -> Iterable[str]:
    """Return one row a reader: how many broken inputs, and what was wrong with the answers."""
    yield "| reader | cases | complaints | s |"
    yield "|---|---:|---:|---:|"
    tallies = read("fuzz")["readers"]
    for tally in tallies:
        yield _fuzz_row(tally["reader"], [tally])
    yield _fuzz_row("**all**", tallies)


def _fuzz_row(name: str, tallies: list[dict[str, Any]]) -> str:
    cases, seconds = (sum(tally[key] for tally in tallies) for key in ("cases", "seconds"))
    wrong = sum(sum(tally["kinds"].values()) + bool(tally["crashed"]) for tally in tallies)
    return f"| {name} | {cases:,} | {wrong} | {seconds:,.0f} |"


def odd_sets_table() -> Iterable[str]:
    """Return one row a command on a very large set."""
    yield "| set: command | s of a core | peak memory |"
    yield "|---|---:|---:|"
    for row in read("odd_sets")["rows"]:
        yield f"| {row['what']} | {row['seconds of a core']:.1f} | {row['MiB']:,.0f} MiB |"


def interruptions_table() -> Iterable[str]:
    """Return one row a kind of interruption."""
    found = read("interruptions")
    kills, signals, twice, full = (found[key] for key in ("kills", "signals", "twice", "full"))
    faults = [row for row in found["faults"].values() if isinstance(row, dict)]
    yield "| what | how often | outcome |"
    yield "|---|---|---|"
    yield (
        "| SIGKILL at a random moment of a training, with and without `--folds` "
        f"| {kills['kills']} times, {kills['inside a checkpoint']} of them half-way through a "
        f"checkpoint, in {kills['runs']} runs | always gone on with by `--resume`; weights "
        "the same bytes as without |"
    )
    loading = signals["SIGINT while it loads"]
    yield (
        f"| SIGINT, SIGTERM at a random moment | {signals['SIGINT']} and {signals['SIGTERM']}; "
        f"{loading} more while libraries were being loaded | exit code 130, one line; `--resume` "
        "ends with the same bytes |"
    )
    yield (
        f"| a second process into the same folder or file | {twice['commands']} commands "
        f"| {twice['refused']} refused in one line; the first ends as if alone |"
    )
    yield (
        f"| a file system of 8 to 512 KiB | {full['commands']} commands "
        f"| {full['refused']} refused in one line, the others done; nothing half, and a second try "
        "with room works |"
    )
    yield (
        "| a single operation on the disk fails (disk full, permission denied), or is the last "
        f"before SIGKILL | {_sum(faults, 'full')}, {_sum(faults, 'forbidden')} and "
        f"{_sum(faults, 'killed')} of the {_sum(faults, 'operations'):,} operations of "
        f"{len(faults)} commands | one line; nothing half, and a second try works |"
    )


def seeds_table() -> Iterable[str]:
    """Return the spread of the error over seeds."""
    yield "| command | seeds | error: mean | standard deviation | least, largest | not finite |"
    yield "|---|---:|---:|---:|---:|---:|"
    for found in (one for one in read("seeds").values() if "runs" in one):
        error = found["error_rate"]
        low, high = (f"{100 * error[end]:.1f}" for end in ("min", "max"))
        odd = sum(found[f"not_finite_{what}"] for what in ("energies", "metrics", "weights"))
        yield (
            f"| `{found['command']}` | {len(found['runs'])} | {100 * error['mean']:.1f} % "
            f"| {100 * error['standard_deviation']:.1f} | {low}, {high} % | {odd} |"
        )


def precision_table() -> Iterable[str]:
    """Return one row a set and precision: how energies and answers differ from float32."""
    yield (
        "| set | device, precision | images | largest difference of energies | mean "
        "| same category | same category and grid pose |"
    )
    yield "|---|---|---:|---:|---:|---:|---:|"
    for name, found in read("agreement").items():
        for row in found["rows"]:
            if row["largest_difference"]:
                yield (
                    f"| {name} | {row['device']}, {row['precision']} | {row['images']:,} "
                    f"| {row['largest_difference']:.2g} | {row['mean_difference']:.2g} "
                    f"| {100 * row['same_category']:.2f} % "
                    f"| {100 * row['same_category_and_grid_pose']:.1f} % |"
                )


def load_table() -> Iterable[str]:
    """Return one row a long run: how its memory grew."""
    names = {"arrays": "recognitions of arrays", "files": "files by one `classify`"}
    names["loads"] = "times a model opened"
    yield "| what | from, to | growth | most | open files |"
    yield "|---|---:|---:|---:|---:|"
    for key, what in names.items():
        if key in (found := read("load")):
            row = found[key]
            yield (
                f"| {what} | {row['from']:,}, {row['to']:,} | {row['growth_mib']:+.1f} MiB "
                f"| {row['most_mib']:,.0f} MiB | {', '.join(map(str, row['open_files']))} |"
            )


def dependencies_table() -> Iterable[str]:
    """Return one row a set of versions that the tests were run with."""
    shown = ("torch", "torchvision", "numpy", "opencv-python-headless", "kornia", "scikit-learn")
    yield f"| versions | Python | {' | '.join(shown)} | tests passed | failed |"
    yield "|---|---|" + "---|" * len(shown) + "---:|---:|"
    for name, found in read("dependencies").items():
        tests = found.get("tests") or {}
        cells = [found["versions"].get(package, NONE) for package in shown]
        counts = [str(tests.get(key, 0)) for key in ("passed", "failed")] if tests else [NONE] * 2
        yield f"| {name} | {found['python']} | {' | '.join(cells)} | {' | '.join(counts)} |"


def read(name: str) -> dict[str, Any]:
    """Return a results file."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def _sum(rows: Iterable[dict[str, int]], key: str) -> int:
    return sum(row[key] for row in rows)


TABLES: dict[str, Callable[[], Iterable[str]]] = {
    "fuzz": fuzz_table,
    "odd-sets": odd_sets_table,
    "interruptions": interruptions_table,
    "seeds": seeds_table,
    "precision": precision_table,
    "load": load_table,
    "dependencies": dependencies_table,
}
