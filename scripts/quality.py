"""Train the base recipe and evaluate on unseen objects: the figures of README's results tables.

    python scripts/quality.py render5=PATH eth80=PATH [--seeds 0 1 2] [--kinds energy cnn cnn-pose]
                              [--features small] [--work out/quality] [--out FILE]

For each set, kind and seed this does what these two commands do, and collects the figures:

    objrec train SET --out MODEL --seed SEED [--baseline KIND] --features NAME --pose-weight 0
        --augment-aspect 0 --augment-elastic 0
    objrec evaluate SET --model MODEL --out REPORT

Results are written after every run; runs whose result is there already are skipped, so the script
can be stopped and started again. `python scripts/readme_tables.py` then writes the tables.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
from pathlib import Path
from typing import Any

from objrec import Recognizer, evaluate, open_dataset, train
from objrec.training import Recipe

RESULTS = Path(__file__).parent / "results" / "quality.json"
POSE_FIGURES = ("median_error_deg", "mean_error_deg", "acc10", "acc30", "opposite")

# The defaults until scripts/experiments/ chose those of today.
BASE = {"pose_weight": 0.0, "augment_aspect": 0.0, "augment_elastic": 0.0, "amp": False}


def main() -> None:
    """Run what is missing in the results file."""
    arguments = _arguments()
    rows = json.loads(arguments.out.read_text()) if arguments.out.exists() else []
    for seed in arguments.seeds:
        for named in arguments.sets:
            name, _, path = named.partition("=")
            for kind in arguments.kinds:
                what = {"set": name, "kind": kind, "features": arguments.features, "seed": seed}
                if any(what.items() <= row.items() for row in rows):
                    continue
                rows.append(measure(what, Path(path), arguments))
                arguments.out.write_text(json.dumps(rows, indent=1) + "\n")
                row = rows[-1]
                print(f"{what}: error {row['error_rate']:.2%}, {row['train_seconds']:.0f} s")


def measure(what: dict[str, Any], path: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train and evaluate one model; return one row of the results."""
    recipe = Recipe().replaced(
        **BASE,
        kind=what["kind"],
        features=what["features"],
        seed=what["seed"],
        epochs=arguments.epochs,
    )
    folder = arguments.work / "-".join(str(value) for value in what.values())
    for report in train(open_dataset(path), folder, recipe, resume=True):
        if report.epoch % 10 == 0:
            print(f"  epoch {report.epoch}/{report.epochs} loss {report.loss:.3f}", flush=True)
    recognizer = Recognizer.load(folder)
    measured = evaluate(
        recognizer, open_dataset(path, purpose="test"), exclude_pose=tuple(arguments.exclude_pose)
    ).to_dict()
    flags = "" if what["kind"] == "energy" else f" --baseline {what['kind']}"
    flags += "" if what["features"] == "small" else f" --features {what['features']}"
    pose = measured.get("pose") or {}
    return {
        **what,
        "command": f"objrec train {what['set']} --out MODEL --seed {what['seed']}{flags}",
        "error_rate": measured["error_rate"],
        "error_rate_ci": measured["error_rate_ci"],
        "pose": {
            axis: {key: figures[key] for key in POSE_FIGURES if key in figures}
            for axis, figures in pose.items()
            if isinstance(figures, dict)
        },
        "parameters": recognizer.parameters,
        "train_seconds": round(train_seconds(folder), 1),
        "epochs": recognizer.training["facts"]["epochs"],
        "images_per_second": measured["images_per_second"],
        "hardware": measured["hardware"],
        "commit": commit(),
    }


def train_seconds(folder: Path) -> float:
    """Return the duration of all epochs, those before an interruption included."""
    with (folder / "metrics.csv").open(newline="") as file:
        return sum(float(row["seconds"]) for row in csv.DictReader(file))


def commit() -> str:
    """Return the checkout's commit."""
    git = ["git", "rev-parse", "--short", "HEAD"]
    found = subprocess.run(git, capture_output=True, text=True, check=False)
    return found.stdout.strip()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sets", nargs="+", metavar="NAME=PATH")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--kinds", nargs="+", default=["energy", "cnn", "cnn-pose"])
    parser.add_argument("--features", default="small")
    parser.add_argument("--epochs", type=int, default=None)
    parser.add_argument("--exclude-pose", nargs="*", default=[])
    parser.add_argument("--work", type=Path, default=Path("out/quality"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
