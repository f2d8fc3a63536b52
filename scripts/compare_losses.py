"""Train the recogniser under every loss, on the same objects, and compare on objects left out.

    python scripts/compare_losses.py [--set data/toys] [--seeds 0] [--epochs 8]

One object in four of each category of the *training* split is left out and measured on; the test
split is not touched. Results go to scripts/results/losses.json after every run, and runs whose
result is there are skipped.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from objrec import Recognizer, evaluate, open_dataset, train
from objrec.datasets import Dataset, hold_out_objects
from objrec.losses import LOSSES
from objrec.training import Recipe

RESULTS = Path(__file__).parent / "results" / "losses.json"
HARD = ("perceptron", "hinge", "log", "square-square")  # also with minima for E_C and E_I

# What all losses share beside the defaults.
SHARED = {
    "features": "small",
    "pose_weight": 0.0,
    "augment_aspect": 0.0,
    "augment_elastic": 0.0,
    "amp": False,
}


def main() -> None:
    """Run what is missing in the results file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--set", type=Path, default=Path("data/toys"))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--epochs", type=int, default=8)
    arguments = parser.parse_args()
    dataset = open_dataset(arguments.set)
    trained_on, held_out = hold_out_objects(dataset, 0, 4)
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    for seed in arguments.seeds:
        for name, soft in [*((name, True) for name in LOSSES), *((name, False) for name in HARD)]:
            what = {"loss": name, "soft": soft, "seed": seed, "epochs": arguments.epochs}
            if any(what.items() <= row.items() for row in rows):
                continue
            recipe = Recipe().replaced(**SHARED, **what)
            row = {**what, **measure(dataset, trained_on, held_out, recipe)}
            rows.append(row)
            RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
            print(f"{what}: error {row['error_rate']:.1%}", flush=True)


def measure(dataset: Dataset, trained_on: Any, held_out: Any, recipe: Recipe) -> dict[str, Any]:
    """Train on some objects and evaluate on the others; return the figures of one row."""
    with tempfile.TemporaryDirectory() as folder:
        reports = list(train(dataset.subset(trained_on), Path(folder) / "model", recipe))
        recognizer = Recognizer.load(Path(folder) / "model")
        measured = evaluate(recognizer, dataset.subset(held_out)).to_dict()
    return {
        "error_rate": measured["error_rate"],
        "azimuth_within_30": measured["pose"]["azimuth"]["acc30"],
        "reference_gap": reports[-1].reference_gap,
        "feature_variance": reports[-1].feature_variance,
        "seconds": sum(report.seconds for report in reports),
        "hardware": measured["hardware"],
    }


if __name__ == "__main__":
    main()
