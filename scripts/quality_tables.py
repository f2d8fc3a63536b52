"""The tables of docs/quality.md, from scripts/results/experiments.json.

`experiments/summary.py` writes the results, `readme_tables.py` the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import quality_cells as cell
from quality_answers import goal_table
from quality_cells import KINDS, NONE
from quality_goals import Experiment, experiments

LOSS = "loss "  # variants of the recipe that differ by their loss begin so
TUNED = ("lr", "margin", "push")
COVERED = {"hidden50": "half hidden", "hidden70": "70 % hidden", "clutter": "cluttered background"}


def variant_table(name: str) -> Iterable[str]:
    """Return one row a variant of the recipe, by leave-one-object-out folds of a set."""
    yield (
        "| variant | what it changes | energy, error (each fold) | CNN | CNN with pose heads "
        "| azimuth within 30° | opposite | parameters, energy / CNN | training, energy / CNN |"
    )
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|"
    rows = [e for e in _of("folds") if e["set"] == name and not e["variant"].startswith(LOSS)]
    base = _base(name)
    for one in sorted(rows, key=_rank):
        errors = " | ".join(cell.by_fold(one, kind) for kind in KINDS)
        yield (
            f"| {one['variant']} | {cell.recipe(one, base)} | {errors} "
            f"| {cell.pose(one, 'within30')} | {cell.pose(one, 'opposite')} "
            f"| {cell.pair(one, 'parameters', '{:,}')} "
            f"| {cell.pair(one, 'train_seconds', '{:.0f} s')} |"
        )


def other_table() -> Iterable[str]:
    """Return one row a variant of the recipe, by protocols within the folds."""
    yield "| set | protocol | variant | what it changes | energy | CNN | CNN with pose heads |"
    yield "|---|---|---|---|---:|---:|---:|"
    rows = [e for e in experiments() if e["question"].startswith(("folds/", "fold-objects"))]
    for one in sorted(rows, key=lambda e: (e["set"], e["question"], *_rank(e))):
        recipe = cell.recipe(one, _base(one["set"]))
        protocol = one["question"].removeprefix("folds/")
        cells = " | ".join(_headline(one, kind) for kind in KINDS)
        yield f"| {one['set']} | {protocol} | {one['variant']} | {recipe} | {cells} |"


def _headline(one: Experiment, kind: str) -> str:
    """Return AUROC where categories were left out, else the error on novel views, else on all."""
    areas = [row["auroc"] for row in one.get("unknown", ()) if row["model"] == kind]
    if areas:
        return f"AUROC {max(areas):.3f}"
    novel = cell.error(one, kind, "error novel")
    return f"novel views {novel}" if novel != NONE else cell.error(one, kind)


def _rank(one: Experiment) -> tuple[bool, float]:
    """Return what rows are ordered by: whole ones first, then the energy model's error."""
    kinds = one["kinds"]
    figures = kinds.get("energy") or next(iter(kinds.values()))
    return len(figures["parts"]) < 5, figures["errors"]["error"]["mean"]


def several_table() -> Iterable[str]:
    """Return one row a set, kind of model and way to add: the error by the number of images."""
    rows = [
        (e["set"], e["variant"], kind, row)
        for e in _of("full")
        for kind, figures in e["kinds"].items()
        for row in figures.get("several", ())
    ]
    counts = rows[0][3]["counts"] if rows else [1]
    numbers = [f"{n} image{'s' * (n > 1)}" for n in counts]
    yield f"| set, variant | images | model | added | {' | '.join(numbers)} |"
    yield f"|---|---|---|---|{'---:|' * len(counts)}"
    order = {kind: i for i, kind in enumerate(KINDS)}
    for name, variant, kind, row in sorted(
        rows, key=lambda r: (r[0], r[1], r[3]["shown"] != "whole", order[r[2]])
    ):
        cells = [
            f"{100 * error:.1f} % [{100 * low:.0f}, {100 * high:.0f}]"
            for error, (low, high) in zip(row["error_rate"], row["error_rate_ci"], strict=True)
        ]
        yield (
            f"| {name}, {variant} | {row['shown']} | {KINDS[kind]} | {row['how']} "
            f"| {' | '.join(cells)} |"
        )


def covered_table() -> Iterable[str]:
    """Return one row a set and way to cover: the errors, and the paired difference."""
    yield (
        "| set, variant | images | energy [95 %] | CNN | CNN with pose heads "
        "| CNN less energy [95 %] | p |"
    )
    yield "|---|---|---:|---:|---:|---:|---:|"
    for one in _of("full"):
        for name, title in {"error": "as they are", **COVERED}.items():
            if not any(c in k["errors"] for k in one["kinds"].values() for c in COVERED):
                continue
            cells = " | ".join(cell.error(one, kind, name, interval=True) for kind in KINDS)
            apart = one["against"].get("cnn", {}).get(name)
            named = f"| {one['set']}, {one['variant']} | {title} |"
            yield f"{named} {cells} | {cell.difference(apart)} |"


def pose_table() -> Iterable[str]:
    """Return one row a set and kind of model: what the mirror image and refinement are worth."""
    yield (
        "| set, variant | model | error | with the mirror image | azimuth within 30° [95 %] "
        "| with the mirror image | opposite | azimuth median, grid / refined "
        "| elevation mean, grid / refined |"
    )
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|"
    for one in _of("full"):
        for kind in KINDS if not one["variant"].startswith(LOSS) else ():
            if kind in one["kinds"]:
                errors = [cell.error(one, kind, name) for name in ("error", "mirrored")]
                yield (
                    f"| {one['set']}, {one['variant']} | {KINDS[kind]} | {' | '.join(errors)} "
                    f"| {' | '.join(cell.poses(one['kinds'][kind].get('pose', {})))} |"
                )


def unknown_table() -> Iterable[str]:
    """Return one row a category left out, and the mean: AUROC of every score."""
    scores = {
        ("energy", "lowest energy"): "energy: lowest energy",
        ("cnn", "maximum softmax"): "CNN: maximum softmax",
        ("cnn", "energy score"): "CNN: energy score",
        ("cnn", "nearest neighbour"): "CNN: nearest neighbour",
    }
    yield f"| set, variant | left out | {' | '.join(scores.values())} |"
    yield f"|---|---|{'---:|' * len(scores)}"
    for one in _of("unknown"):
        rows = {(row["model"], row["score"]): row for row in one["unknown"]}
        found = [rows.get(score) for score in scores]
        named = f"| {one['set']}, {one['variant']} |"
        for category in sorted({c for row in rows.values() for c in row["categories"]}):
            cells = [cell.area(row["categories"].get(category) if row else None) for row in found]
            yield f"{named} {category} | {' | '.join(cells)} |"
        yield f"{named} **mean** | {' | '.join(cell.area(row, '**') for row in found)} |"
        cells = [cell.area_difference(row) for row in found]
        yield f"{named} energy less this score | {' | '.join(cells)} |"


def loss_table() -> Iterable[str]:
    """Return one row a loss: the settings that folds chose, and what they do on test objects."""
    tested = {one["variant"]: one for one in _of("full") if one["variant"].startswith(LOSS)}
    asked = "| test objects: error (each seed) " if tested else ""
    yield (
        "| loss | E_C and E_I | best settings | folds: error (each) | other settings "
        f"{asked}| azimuth within 30° | reference gap | feature variance |"
    )
    yield "|---|---|---|---:|---:|---:|---:|---:|" + ("---:|" if tested else "")
    groups: dict[tuple[str, bool], list[Experiment]] = {}
    for one in sorted((e for e in _of("folds") if e["variant"].startswith(LOSS)), key=_rank):
        recipe = cell.recipe_of(one)
        groups.setdefault((recipe["loss"], recipe["soft"]), []).append(one)
    for (loss, soft), (best, *others) in groups.items():
        tuned, whole = cell.recipe_of(best), tested.get(best["variant"])
        folds = sorted(int(f) for f in best["kinds"]["energy"]["errors"]["error"]["by_fold"])
        settings = cell.settings({name: tuned[name] for name in TUNED if name in tuned})
        errors = [f"{100 * e['kinds']['energy']['errors']['error']['mean']:.1f}" for e in others]
        figures = (whole or best)["kinds"]["energy"]
        answered = f"| {cell.by_seed(whole) if whole else NONE} " if tested else ""
        yield (
            f"| {loss} | {'free energies' if soft else 'minima'} | {settings} "
            f"| {cell.by_fold(best, 'energy', folds)} | {', '.join(errors) or NONE} "
            f"{answered}| {cell.pose(whole or best, 'within30')} "
            f"| {figures['reference_gap']:.2f} | {figures['feature_variance']:.3f} |"
        )


def worst_table() -> Iterable[str]:
    """Return one row for each of the test objects that are mistaken most."""
    yield "| set, variant | object | energy | CNN | CNN with pose heads | most often called |"
    yield "|---|---|---:|---:|---:|---|"
    for one in _of("full"):
        if one["variant"].startswith(LOSS) or not one.get("worst"):
            continue
        worst, named = one["worst"], f"| {one['set']}, {one['variant']} |"
        for row in worst["objects"]:
            cells = [cell.share(row["errors"].get(kind)) for kind in KINDS]
            called = (
                f"{row['called']} ({cell.share(row['called_share'])})" if row["called"] else NONE
            )
            yield f"{named} {row['object']} | {' | '.join(cells)} | {called} |"
        carried = [cell.share(worst["carried"].get(kind)) for kind in KINDS]
        title = f"share of all errors made on these {len(worst['objects'])} of {worst['of']}"
        yield f"{named} *{title}* | {' | '.join(carried)} | |"


TABLES: dict[str, Callable[[], Iterable[str]]] = {
    "questions": goal_table,
    "variants-render5": partial(variant_table, "render5"),
    "variants-eth80": partial(variant_table, "eth80"),
    "variants-toys": partial(variant_table, "toys"),
    "variants-protocols": other_table,
    "several-images": several_table,
    "covered": covered_table,
    "mirror-image": pose_table,
    "unknown-categories": unknown_table,
    "losses-tuned": loss_table,
    "worst-objects": worst_table,
}


def _base(name: str) -> Experiment | None:
    """Return the variant of a set that the search for a recipe began with."""
    return next((e for e in _of("folds") if (e["set"], e["variant"]) == (name, cell.BASE)), None)


def _of(question: str) -> list[Experiment]:
    return [one for one in experiments() if one["question"] == question]
