"""The tables of docs/demos.md, from scripts/results/demos.json; `readme_tables.py` writes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "demos.json"


def cost_table() -> Iterable[str]:
    """Return one row a demonstration: what it takes, and on what."""
    yield "| demo | processor time | command | hardware |"
    yield "|---|---:|---|---|"
    for row in read():
        on = row["hardware"]
        yield (
            f"| {row['demo']} | {row['cpu_seconds']:.0f} s | `{row['command']}` "
            f"| {on['cpu']}, {on['cores']} cores, {on['threads']} thread"
            f"{'s' if on['threads'] > 1 else ''} used |"
        )


def parabola_table() -> Iterable[str]:
    """Return one row a system: error, how flat its energies are, what training searched."""
    numbers = numbers_of("parabola")
    names = {
        "function": "(y − G(x))², energy loss",
        "energy": "‖G₁(x) − G₂(y)‖, energy loss",
        "energy_without_noise": "the same, pairs without noise",
        "margin": "the same energy, margin loss",
        "nll": "the same energy, likelihood",
    }
    yield "| system | mean error of y | relief, before → after | energies evaluated an update |"
    yield "|---|---:|---:|---:|"
    for key, title in names.items():
        row = numbers[key]
        searched = row["energies_searched_per_sample_and_update"]
        evaluated = searched + row["energies_differentiated_per_sample_and_update"]
        yield (
            f"| {title} | {row['mean_error_of_y']:.3f} "
            f"| {row['relief_before']:.2f} → {row['relief']:.2f} | {evaluated} |"
        )


def eye_table() -> Iterable[str]:
    """Return one row a system: where its answers lie."""
    numbers = numbers_of("eye")
    yield "| system | both minima on the lids | answer to nearest lid | answer to the lids' mean |"
    yield "|---|---:|---:|---:|"
    for key, title in (("function", "function"), ("embeddings", "energy")):
        row = numbers[key]
        yield (
            f"| {title} "
            f"| {percent(row['share_of_x_with_its_two_minima_on_the_two_lids'])} of x "
            f"| {row['mean_distance_of_answer_to_nearest_lid']:.3f} "
            f"| {row['mean_distance_of_answer_to_mean_of_lids']:.3f} |"
        )


def saturated_table() -> Iterable[str]:
    """Return one row a range of answers: both integrals, both probabilities."""
    yield "| answers allowed | Z, quadratic | Z, saturated | P, quadratic | P, saturated |"
    yield "|---|---:|---:|---:|---:|"
    for row in numbers_of("saturated")["ranges"]:
        if row["range"] in (1, 5, 25):
            yield (
                f"| ±{row['range']} | {row['integral_quadratic']:.3f} "
                f"| {row['integral_saturated']:.3f} | {percent(row['probability_quadratic'])} "
                f"| {percent(row['probability_saturated'])} |"
            )


def conditions_table() -> Iterable[str]:
    """Return one row a loss: its measured margin, and where descent on it ends."""
    yield "| loss | margin found | condition holds | descents that end right, with a gap |"
    yield "|---|---|---|---:|"
    for name, row in numbers_of("conditions")["losses"].items():
        yield (
            f"| {name} | {row['margin_text']} | {'yes' if row['condition_holds'] else 'no'} "
            f"| {row['ends_inside']} of {row['starts']} |"
        )


def collapse_table() -> Iterable[str]:
    """Return one row a loss: what became of the recogniser."""
    yield (
        "| loss | margin | condition holds | error, unseen objects | reference gap "
        "| variance of G | contrast | verdict |"
    )
    yield "|---|---|---|---:|---:|---:|---:|---|"
    rows = numbers_of("collapse")["losses"].items()
    for name, row in sorted(rows, key=lambda item: item[1]["contrast"]):
        yield (
            f"| {name} | {row['margin_asked_for']} | {'yes' if row['condition_holds'] else 'no'} "
            f"| {percent(row['error_on_unseen_objects'])} | {row['reference_gap']:.2f} "
            f"| {row['feature_variance']:.4f} | {row['contrast']:.2f} | {row['verdict']} |"
        )


def probabilities_table() -> Iterable[str]:
    """Return one row a way to write the energies: decisions and probabilities."""
    numbers = numbers_of("probabilities")
    yield "| energy | same decisions | mean log Z | probability of the decision |"
    yield "|---|---:|---:|---:|"
    for row in numbers["versions"]:
        log_partition = row["log_partition"] if abs(row["log_partition"]) > 1e-9 else 0.0
        yield (
            f"| {row['version']} | {row['same_decisions']} of {numbers['images']} "
            f"| {log_partition:.2f} | {percent(row['probability_of_decision'])} |"
        )


def factors_table() -> Iterable[str]:
    """Return one row a graph: messages against the enumeration of all assignments."""
    numbers = numbers_of("factors")
    yield "| graph | largest error of a probability | free energy, messages | exact |"
    yield "|---|---:|---:|---:|"
    trees = {f"scene (tree), {name}": row for name, row in numbers["scene"].items()}
    ring = numbers["ring"]
    for name, row in {**trees, f"ring, coupling {ring['coupling']:g}": ring}.items():
        free = row["free_energy"]
        error = row["largest_error"]
        yield (
            f"| {name} | {'below 10⁻¹⁴' if error < 1e-14 else f'{error:.3f}'} "
            f"| {free['messages']:.3f} | {free['exact']:.3f} |"
        )


def sequence_table() -> Iterable[str]:
    """Return one row a reader: wrong words, wrong characters, cuts."""
    yield "| reader | wrong words | wrong characters | cuts found |"
    yield "|---|---:|---:|---:|"
    for key, title in (
        ("equal cuts", "classifier, equal cuts, length told"),
        ("margin", "words only, margin loss"),
        ("likelihood", "words only, likelihood loss"),
        ("true cuts", "classifier, true cuts, length told"),
    ):
        row = numbers_of("sequence")[key]
        cuts = percent(row["starts_within_1"]) if "starts_within_1" in row else "–"
        yield (
            f"| {title} | {percent(row['word_error'])} | {percent(row['character_error'])} "
            f"| {cuts} |"
        )


TABLES: dict[str, Callable[[], Iterable[str]]] = {
    "demo-cost": cost_table,
    "demo-parabola": parabola_table,
    "demo-eye": eye_table,
    "demo-saturated": saturated_table,
    "demo-conditions": conditions_table,
    "demo-collapse": collapse_table,
    "demo-probabilities": probabilities_table,
    "demo-factors": factors_table,
    "demo-sequence": sequence_table,
}


def read() -> list[dict[str, Any]]:
    """Return the rows of all demonstrations."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def numbers_of(name: str) -> dict[str, Any]:
    """Return what one demonstration measured."""
    return next(row["numbers"] for row in read() if row["demo"] == name)


def percent(share: float) -> str:
    """Write a share."""
    return f"{100 * share:.1f} %"
