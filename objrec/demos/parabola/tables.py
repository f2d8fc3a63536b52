"""The numbers of the four systems that learn a parabola, as tables."""

from __future__ import annotations

from typing import Any

from objrec.demos.lesson import Table

TITLES = {
    "function": "A, energy loss",
    "energy": "B, energy loss",
    "margin": "B, margin loss",
    "nll": "B, likelihood",
}


def collapse_table(numbers: dict[str, Any]) -> Table:
    """Return how flat each system's surface is, from what `parabola_systems.measured` found."""
    names = {**TITLES, "energy_without_noise": "B, energy loss, no noise"}
    rows = [_flatness(title, numbers[name]) for name, title in names.items()]
    columns = ("system", "mean error of y", "relief", "hill", "spread of G₁", "spread of G₂")
    return Table(columns, rows, "Before → after training, at 101 values of x.")


def _flatness(title: str, row: dict[str, Any]) -> tuple[str, ...]:
    before, after = row["variance_of_embeddings_before"], row["variance_of_embeddings"]
    return (
        title,
        f"{row['mean_error_of_y']:.3f}",
        f"{row['relief_before']:.2f} → {_plain(row['relief'])}",
        _plain(row["hill"]),
        *(f"{before[g]:.2f} → {_plain(after[g])}" if after else "–" for g in ("G1", "G2")),
    )


def _plain(value: float) -> str:
    """Write two significant digits or all whole ones, never with a power of ten."""
    if abs(value) >= 10:
        return f"{value:.0f}"
    if abs(value) < 1e-5:
        return "0.00000"
    return f"{float(f'{value:.2g}'):.6f}".rstrip("0").rstrip(".")


def cost_table(numbers: dict[str, Any]) -> Table:
    """Return how many energies each system's training evaluated."""
    columns = (
        "system",
        "searched",
        "with slope",
        "updates to small error",
        "searched in all",
        "with slope in all",
    )
    return Table(columns, [_counts(title, numbers[name]) for name, title in TITLES.items()])


def _counts(title: str, row: dict[str, Any]) -> tuple[str, ...]:
    counts = (
        row["energies_searched_per_sample_and_update"],
        row["energies_differentiated_per_sample_and_update"],
        row["updates_until_mean_error_stays_below_0.05"],
        row["energies_searched_until_then"],
        row["energies_differentiated_until_then"],
    )
    return (title, *("never" if count is None else f"{count:,}" for count in counts))
