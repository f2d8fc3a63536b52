"""Write scripts/results/experiments.json: what the trainings of pools came to.

    python scripts/experiments/summary.py DIR… [--symmetric apple pear tomato] [--out FILE]

A DIR is a folder that pool.py filled. There is one entry for each set, question and variant of the
recipe: the figures of every kind of model, and how they compare. Nothing is kept image by image.
`python scripts/readme_tables.py` then writes the tables of docs/quality.md.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from gathered import Images, Question, Row, grouped, images_of, read_pools
from image_figures import compared, error_figures, pose_figures
from quality import commit
from several_summary import several_figures
from unknown_summary import unknown_figures
from worst import worst_objects

from objrec.evaluation.metrics import Bootstrap

RESULTS = Path(__file__).parents[1] / "results" / "experiments.json"
SYMMETRIC = ("apple", "pear", "tomato")
FIRST = "energy"
DIGITS = 5


def main() -> None:
    """Read the pools and write their figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pools", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--symmetric", nargs="*", default=SYMMETRIC, metavar="CATEGORY")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    rows, failed = read_pools(arguments.pools)
    for key in failed:
        print(f"{key}: failed, left out", file=sys.stderr)
    found = summary(rows, arguments.symmetric, Bootstrap())
    arguments.out.write_text(written(found), encoding="utf-8")
    print(f"{arguments.out}: {len(rows)} trainings, {len(found['experiments'])} experiments")


def summary(rows: Sequence[Row], symmetric: Sequence[str], bootstrap: Bootstrap) -> dict[str, Any]:
    """Return what is written: plain numbers.

    Args:
        rows: Of `read_pools`.
        symmetric: Categories without a meaningful azimuth: in no pose figure.
        bootstrap: Draws objects.
    """
    experiments = [
        experiment(question, kinds, symmetric, bootstrap)
        for question, kinds in sorted(grouped(rows).items())
    ]
    return {
        "bootstrap": {"resamples": bootstrap.resamples, "level": bootstrap.level},
        "symmetric": list(symmetric),
        "commit": commit(),
        "experiments": rounded(experiments),
    }


def experiment(
    question: Question,
    kinds: Mapping[str, Sequence[Row]],
    symmetric: Sequence[str],
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """Return the figures of one set, question and variant.

    Returns:
        ``set``, ``question``, ``variant``; ``kinds``: kind → `kind_figures`;
        ``against``: other kind → its errors less those of the energy model, see `compared`; and
        where they apply ``unknown`` and ``worst``.
    """
    images = {kind: images_of(rows, symmetric) for kind, rows in kinds.items()}
    found = question._asdict() | {
        "kinds": {k: kind_figures(images[k], rows, bootstrap) for k, rows in kinds.items()},
        "against": _against(images, kinds, bootstrap),
    }
    if question.question.endswith("unknown"):
        found["unknown"] = unknown_figures(kinds, FIRST, bootstrap)
    if question.question in ("full", "folds") and FIRST in kinds:
        found["worst"] = worst_objects(images, FIRST)
    return found


def _against(
    images: Mapping[str, Images], kinds: Mapping[str, Sequence[Row]], bootstrap: Bootstrap
) -> dict[str, Any]:
    if FIRST not in kinds:
        return {}
    pairs = {kind: (images[kind], rows) for kind, rows in kinds.items()}
    others = [kind for kind in kinds if kind != FIRST]
    return {kind: compared(pairs[FIRST], pairs[kind], bootstrap) for kind in others}


def kind_figures(images: Images, rows: Sequence[Row], bootstrap: Bootstrap) -> dict[str, Any]:
    """Return the figures of one kind of model: errors, poses, several images, cost."""
    found: dict[str, Any] = {
        "recipe": rows[0]["recipe"],
        "trainings": len(rows),
        "seeds": sorted({row["seed"] for row in rows}),
        "parts": list(dict.fromkeys(row["part"] for row in rows)),
        "errors": error_figures(images, rows, bootstrap),
        "pose": pose_figures(images, rows, bootstrap),
        "several": several_figures(rows),
        "parameters": round(_mean(rows, "parameters")),
        "epochs": _mean(rows, "epochs"),
        "train_images": round(_mean(rows, "train_images")),
        "train_seconds": _mean(rows, "train_seconds"),
        "hardware": sorted({machine(row["hardware"]) for row in rows}),
        "devices": sorted({row["hardware"]["device"] for row in rows}),
        "reference_gap": _mean(rows, "reference_gap"),
        "feature_variance": _mean(rows, "feature_variance"),
    }
    empty = [name for name in ("pose", "several") if not found[name]]
    return {name: value for name, value in found.items() if name not in empty}


def machine(hardware: Mapping[str, Any]) -> str:
    """Say in a few words what a training ran on."""
    threads = f"{hardware['threads']} thread{'s' if hardware['threads'] > 1 else ''}"
    return f"{hardware.get('gpu', hardware['cpu'])}, {threads}"


def _mean(rows: Sequence[Row], name: str) -> float:
    return float(np.mean([row[name] for row in rows]))


def rounded(value: Any) -> Any:
    """Return plain values with numbers of a few digits: the file stays small and comparable."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(one) for one in value]
    return round(value, DIGITS) if isinstance(value, float) else value


def written(value: Any) -> str:
    """Return JSON with lists of numbers on one line each."""
    text = json.dumps(value, indent=1)
    return re.sub(r"\[[^\[\]{}\"]*\]", lambda m: " ".join(m[0].split()), text) + "\n"


if __name__ == "__main__":
    main()
