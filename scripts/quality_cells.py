"""Cells of the tables of docs/quality.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quality_goals import DEFAULT, OWN, Experiment

KINDS = {"energy": "energy", "cnn": "CNN", "cnn-pose": "CNN with pose heads"}
NONE = "–"
BASE = "base"  # the variant that the search for a recipe began with


def settings(recipe: dict[str, Any]) -> str:
    """Write settings and their values."""
    texts = {n: " + ".join(v) if isinstance(v, list) else v for n, v in recipe.items()}
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in texts.items())


def recipe_of(one: Experiment) -> dict[str, Any]:
    """Return the recipe of the energy model, or else of any kind."""
    recipes = {kind: figures["recipe"] for kind, figures in one["kinds"].items()}
    return recipes.get("energy", next(iter(recipes.values())))


def recipe(one: Experiment, base: Experiment | None) -> str:
    """Say what a variant changes: of the defaults if it is among what won, else of the first."""
    own, first = recipe_of(one), recipe_of(base) if base else {}
    if one["variant"] in (DEFAULT, OWN):
        return f"what won: the defaults{', but ' if own else ''}{settings(own)}"
    if one["variant"] == BASE:
        return "what the search began with"
    return settings({k: v for k, v in own.items() if k not in first or first[k] != v}) or NONE


def share(value: float | None) -> str:
    """Write a share in per cent."""
    return NONE if value is None else f"{100 * value:.1f} %"


def error(one: Experiment, kind: str, name: str = "error", *, interval: bool = False) -> str:
    """Write an error of a kind of model."""
    found = one["kinds"].get(kind, {}).get("errors", {}).get(name)
    if found is None:
        return NONE
    low, high = found["ci"]
    return share(found["mean"]) + (f" [{100 * low:.1f}, {100 * high:.1f}]" if interval else "")


def by_fold(one: Experiment, kind: str, folds: Sequence[int] = range(5)) -> str:
    """Write the mean over folds, and each; no mean where folds are missing."""
    found = one["kinds"].get(kind, {}).get("errors", {}).get("error")
    if found is None:
        return NONE
    each = [found["by_fold"].get(str(fold)) for fold in folds]
    listed = ", ".join(NONE if error is None else f"{100 * error:.1f}" for error in each)
    mean = share(found["mean"]) if None not in each else "not all folds"
    return f"{mean} ({listed})"


def by_seed(one: Experiment) -> str:
    """Write the energy model's mean error, and each seed's."""
    found = one["kinds"]["energy"]["errors"]["error"]
    listed = ", ".join(f"{100 * error:.1f}" for error in found["by_seed"].values())
    return f"{share(found['mean'])} ({listed})"


def pose(one: Experiment, figure: str) -> str:
    """Return a pose figure of the energy model, and after a stroke that of the pose heads."""
    kinds = [one["kinds"].get(kind, {}).get("pose", {}) for kind in ("energy", "cnn-pose")]
    found = [share(pose["grid"][figure]) for pose in kinds if "grid" in pose]
    return " / ".join(found) or NONE


def poses(found: dict[str, dict[str, Any]]) -> list[str]:
    """Write five cells: azimuth within 30°, with the mirror image, opposite, median, elevation."""
    if "grid" not in found:
        return [NONE] * 5
    grid, refined = found["grid"], found.get("refined", {})
    low, high = (100 * end for end in grid["within30_ci"])
    mirrored = found.get("mirrored", {}).get("within30")
    both = [
        " / ".join(
            NONE if v is None else f"{v:.1f}°" for v in (p.get(name) for p in (grid, refined))
        )
        for name in ("azimuth_median", "elevation_mean")
    ]
    within = f"{share(grid['within30'])} [{low:.1f}, {high:.1f}]"
    return [within, share(mirrored), share(grid["opposite"]), *both]


def pair(one: Experiment, figure: str, how: str) -> str:
    """Write a fact of the energy model and of the CNN."""
    kinds = [one["kinds"].get(kind) for kind in ("energy", "cnn")]
    return " / ".join(how.format(found[figure]) if found else NONE for found in kinds)


def difference(apart: dict[str, Any] | None) -> str:
    """Write two cells: a paired difference with its interval, and p."""
    if not apart or "difference" not in apart:
        return f"{NONE} | {NONE}"
    low, high = (100 * end for end in apart["difference_ci"])
    p = apart["p_value"]
    written = f"{100 * apart['difference']:+.1f} [{low:.1f}, {high:.1f}]"
    return f"{written} | {f'{p:.2f}' if p >= 0.01 else '< 0.01'}"


def area(row: dict[str, Any] | None, mark: str = "") -> str:
    """Write an area under the curve with its interval."""
    if row is None:
        return NONE
    low, high = row["auroc_ci"]
    return f"{mark}{row['auroc']:.3f}{mark} [{low:.2f}, {high:.2f}]"


def area_difference(row: dict[str, Any] | None) -> str:
    """Write by how much the energy model is ahead of a score."""
    if row is None or "difference" not in row:
        return NONE
    low, high = row["difference_ci"]
    return f"{row['difference']:+.3f} [{low:.2f}, {high:.2f}]"
