"""The questions of docs/quality.md: which figure answers each, and what was wanted of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from quality_goals import (
    DEFAULT,
    OWN,
    RESULTS,
    Better,
    Experiment,
    Found,
    Goal,
    Limit,
    NotAbove,
    Ratio,
    chosen,
)

Read = Callable[[], Found | None]


def read_with(
    figure: Callable[[Experiment], Found | None],
    name: str,
    question: str,
    variant: str = DEFAULT,
) -> Read:
    """Return a reader of a figure of one set's defaults."""

    def read() -> Found | None:
        one = chosen(name, question, variant)
        return None if one is None else figure(one)

    return read


def error(name: str = "error") -> Callable[[Experiment], Found | None]:
    """Return a reader of an error of all kinds."""

    def read(one: Experiment) -> Found | None:
        kinds = {k: v["errors"][name] for k, v in one["kinds"].items() if name in v["errors"]}
        if "energy" not in kinds:
            return None
        return Found(
            "%",
            {kind: figures["mean"] for kind, figures in kinds.items()},
            {kind: figures["ci"] for kind, figures in kinds.items()},
            {kind: pairs[name] for kind, pairs in one["against"].items() if name in pairs},
            **_facts(one),
        )

    return read


def pose(figure: str, how: str = "grid", unit: str = "%") -> Callable[[Experiment], Found | None]:
    """Return a reader of a pose figure of all kinds that answer poses."""

    def read(one: Experiment) -> Found | None:
        kinds = {k: v["pose"][how] for k, v in one["kinds"].items() if how in v.get("pose", ())}
        if figure not in kinds.get("energy", ()):
            return None
        ends = {k: v[f"{figure}_ci"] for k, v in kinds.items() if f"{figure}_ci" in v}
        return Found(unit, {k: v[figure] for k, v in kinds.items()}, ends, **_facts(one))

    return read


def processor_seconds(one: Experiment) -> Found | None:
    """Return how long training took on processor cores; None if it had anything else."""
    if one["kinds"]["energy"]["devices"] != ["cpu"]:
        return None
    return Found("s", {k: v["train_seconds"] for k, v in one["kinds"].items()}, **_facts(one))


def area(one: Experiment) -> Found | None:
    """Return the mean AUROC of the energy model, and of the best score of every other kind."""
    best: dict[str, dict[str, Any]] = {}
    for row in sorted(one.get("unknown", ()), key=lambda row: row["auroc"]):
        best[row["model"]] = row
    if "energy" not in best:
        return None
    against = {
        kind: {"difference": -row["difference"], "difference_ci": _negated(row["difference_ci"])}
        for kind, row in best.items()
        if "difference" in row
    }
    values = {kind: row["auroc"] for kind, row in best.items()}
    ends = {kind: row["auroc_ci"] for kind, row in best.items()}
    return Found("", values, ends, against, **_facts(one))


def several(shown: str, how: str, count: int = 5) -> Callable[[Experiment], Found | None]:
    """Return a reader of the error from several images: of others the best way to add counts."""

    def read(one: Experiment) -> Found | None:
        values, ends = {}, {}
        for kind, figures in one["kinds"].items():
            rows = [r for r in figures.get("several", ()) if r["shown"] == shown]
            rows = [r for r in rows if kind != "energy" or r["how"] == how]
            found = [(r["error_rate"][i], r["error_rate_ci"][i]) for r in rows
                     for i in [r["counts"].index(count)]]  # fmt: skip
            if found:
                values[kind], ends[kind] = min(found)
        if "energy" not in values:
            return None
        return Found("%", values, ends, _ratios(values), **_facts(one))

    return read


def between_grid_points() -> Found | None:
    """Return the median azimuth error of the shipped model where true poses lie off the grid."""
    rows = json.loads((RESULTS / "refinement.json").read_text(encoding="utf-8"))
    wanted = {"poses": "between grid points", "search": "refined"}
    row = next((row for row in rows if wanted.items() <= row.items()), None)
    return row and Found("°", {"energy": row["azimuth_median_deg"]})


def new_category(views: int) -> Read:
    """Return a reader of the error on a category learned from a few views; beside nearest mean."""

    def read() -> Found | None:
        path = RESULTS / "experiments" / "new_category.json"
        if not path.exists():
            return None
        rows = json.loads(path.read_text(encoding="utf-8"))["mean"]
        found = {row["method"]: row["error_new"] for row in rows if row["views"] == views}
        values = {"energy": found["learned"], "cnn": found["nearest mean"]}
        return Found("%", values, against=_ratios(values), note="nearest mean")

    return read


def _ratios(values: dict[str, float]) -> dict[str, dict[str, Any]]:
    return {
        kind: {
            "difference": value - values["energy"],
            "ratio": values["energy"] / value if value else None,
        }
        for kind, value in values.items()
        if kind != "energy"
    }


def _negated(interval: Sequence[float]) -> list[float]:
    return [-end for end in reversed(interval)]


def _facts(one: Experiment) -> dict[str, Any]:
    parameters = {kind: figures["parameters"] for kind, figures in one["kinds"].items()}
    return {"parameters": parameters, "seeds": tuple(one["kinds"]["energy"]["seeds"])}


KNOWN, SEARCHED = "relative poses known", "relative poses unknown"
NEAREST_MEAN = Better(words="below nearest mean")
UNKNOWN = (Limit(0.96, least=True), Better(sign=-1, words="above the CNN's best score"))
AHEAD = (Better(0.05),)

GOALS = (
    Goal("render5, full views: error", "full", read_with(error(), "render5", "full"),
         (Limit(0.10), NotAbove()), "cnn-pose"),
    Goal("render5, full views: azimuth within 30°", "full",
         read_with(pose("within30"), "render5", "full"), (Limit(0.92, least=True),)),
    Goal("render5, full views: azimuth opposite", "full",
         read_with(pose("opposite"), "render5", "full"), (Limit(0.04),)),
    Goal("render5, one training object left out: error", "held_out",
         read_with(error(), "render5", "folds"), (Ratio(0.65),)),
    *(Goal(f"render5, {count} training object{'s' * (count > 1)} a category: error", "few_objects",
           read_with(error(), "render5", f"objects:{count}"), (Ratio(0.7),))
      for count in (1, 2, 3)),
    Goal("render5, azimuths every 60° trained: error between", "protocols",
         read_with(error("error novel"), "render5", "sparse-azimuth"), (Ratio(0.65),)),
    Goal("render5, three lowest elevations trained: error above", "protocols",
         read_with(error("error novel"), "render5", "novel-elevation"), (Ratio(0.65),)),
    Goal("render5, azimuths every 60° trained: azimuth median between, on a fine grid", "protocols",
         read_with(pose("azimuth_median", "fine novel", "°"), "render5", "sparse-azimuth"),
         (Limit(3.5),)),
    Goal("toys, true poses off the grid: azimuth median", "refinement.py", between_grid_points,
         (Limit(3.5),)),
    Goal("render5, poses labelled on one object a category: azimuth within 30°", "protocols",
         read_with(pose("within30"), "render5", "few-pose-labels"), (Limit(0.8, least=True),)),
    Goal("render5, poses never labelled: error", "protocols",
         read_with(error(), "render5", "latent-pose"), (Limit(0.13),)),
    Goal("render5, poses never labelled: azimuth within 30° after one offset a category",
         "protocols", read_with(pose("aligned30"), "render5", "latent-pose"),
         (Limit(0.6, least=True),)),
    *(Goal(f"render5, {title}: error", "full", read_with(error(name), "render5", "full"), AHEAD)
      for name, title in (("hidden50", "half hidden"), ("hidden70", "70 % hidden"),
                          ("clutter", "cluttered background"))),
    *(Goal(f"{name}, a category left out in turn: mean AUROC", plan,
           read_with(area, name, "unknown"), UNKNOWN)
      for name, plan in (("render5", "unknown"), ("eth80", "unknown_photographs"))),
    Goal("render5, 5 images of an object, relative poses known: error", "full",
         read_with(several("whole", KNOWN), "render5", "full"), (Limit(0.06), Ratio(0.5))),
    Goal("render5, 5 images of an object, relative poses unknown: error", "full",
         read_with(several("whole", SEARCHED), "render5", "full"), (Limit(0.06), Ratio(0.5))),
    Goal("render5, 5 images of an object, 70 % of each hidden: error", "full",
         read_with(several("70 % hidden", KNOWN), "render5", "full"), (Limit(0.2),)),
    Goal("eth80, pretrained features: error", "full_pretrained",
         read_with(error(), "eth80", "full"), (Limit(0.05),)),
    Goal("eth80, pretrained features: azimuth within 30°", "full_pretrained",
         read_with(pose("within30"), "eth80", "full"), (Limit(0.94, least=True),)),
    Goal("eth80, pretrained features: training on processor cores", "full_pretrained",
         read_with(processor_seconds, "eth80", "full"), (Limit(60),)),
    Goal("eth80, own extractor: error", "full", read_with(error(), "eth80", "full", OWN),
         (Limit(0.14), Ratio(0.75))),
    *(Goal(f"eth80, a new category from {views} view{'s' * (views > 1)}: error on it",
           "new_category.py", new_category(views), (NEAREST_MEAN,))
      for views in (1, 5, 20)),
)  # fmt: skip
