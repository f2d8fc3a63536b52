"""What pose labels are worth: the same training set with all, relative, few or no azimuth labels.

    python scripts/pose_labels.py render5=PATH eth80=PATH [--labels whole relative one-object none]
                                  [--seeds 0 1 2] [--symmetric apple] [--out FILE]

Each row trains with the defaults of `objrec train` on the training split, its labels changed:

    whole         as they are
    relative      each object's azimuths turned by a random offset, and declared relative
                  (what `--pose azimuth=relative` is for: turntables)
    one-object    poses on one object of each category only
    none          no poses at all

and evaluates on the unchanged test split. Of relative labels it also says how far each recovered
offset is from the true one, after the one constant a category that no label fixes. Results are
written after every run; runs whose result is there already are skipped.
`python scripts/readme_tables.py` then writes the table.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from quality import commit, train_seconds

from objrec import Recognizer, evaluate, open_dataset, train
from objrec.datasets import Dataset
from objrec.datasets.frame import AxisNote, PoseFrame
from objrec.evaluation.pose_metrics import best_offset
from objrec.pose import AXIS, INDEX
from objrec.training import Recipe

RESULTS = Path(__file__).parent / "results" / "pose-labels.json"
AZIMUTH = INDEX["azimuth"]
LABELS = ("whole", "relative", "one-object", "none")


def main() -> None:
    """Run what is missing in the results file."""
    arguments = _arguments()
    rows = json.loads(arguments.out.read_text()) if arguments.out.exists() else []
    for seed in arguments.seeds:
        for name, _, path in (named.partition("=") for named in arguments.sets):
            for labels in arguments.labels:
                what = {"set": name, "labels": labels, "seed": seed}
                if any(what.items() <= row.items() for row in rows):
                    continue
                rows.append(measure(what, Path(path), arguments))
                arguments.out.write_text(json.dumps(rows, indent=1) + "\n")
                print(f"{what}: error {rows[-1]['error_rate']:.2%}", flush=True)


def measure(what: dict[str, Any], path: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train on changed labels, evaluate on the unchanged test split; return one row."""
    dataset, added = changed(open_dataset(path), what["labels"], what["seed"])
    symmetric = tuple(n for n in arguments.symmetric if n in dataset.categories)
    recipe = Recipe().replaced(seed=what["seed"], symmetric=symmetric, epochs=arguments.epochs)
    folder = arguments.work / "-".join(str(value) for value in what.values())
    for report in train(dataset, folder, recipe, resume=True):
        if report.epoch % 10 == 0:
            print(f"  epoch {report.epoch}/{report.epochs} loss {report.loss:.3f}", flush=True)
    recognizer = Recognizer.load(folder)
    test = open_dataset(path, purpose="test")
    measured = evaluate(recognizer, test, exclude_pose=symmetric).to_dict()
    azimuth = measured["pose"].get("azimuth", {})
    row = {
        **what,
        "error_rate": measured["error_rate"],
        "error_rate_ci": measured["error_rate_ci"],
        "azimuth_acc30": azimuth.get("acc30"),
        "azimuth_acc30_aligned": azimuth.get("aligned", {}).get("acc30"),
        "train_seconds": round(train_seconds(folder), 1),
        "hardware": measured["hardware"],
        "commit": commit(),
    }
    if added:
        row["offset_errors"] = offset_errors(recognizer.training["azimuth_offsets"], added)
    return row


def changed(dataset: Dataset, labels: str, seed: int) -> tuple[Dataset, dict[str, float]]:
    """Return the set with its labels changed, and what was added to each object's azimuths."""
    poses, objects = dataset.poses.copy(), dataset.objects
    if labels == "none":
        poses[:] = np.nan
    elif labels == "one-object":
        first = {}
        for name, label in sorted(set(zip(objects.tolist(), dataset.labels.tolist(), strict=True))):
            first.setdefault(label, name)
        poses[~np.isin(objects, list(first.values()))] = np.nan
    elif labels == "relative":
        rng = np.random.default_rng([seed, 17])
        added = {name: float(rng.uniform(0, 360)) for name in np.unique(objects).tolist()}
        poses[:, AZIMUTH] = (poses[:, AZIMUTH] + [added[o] for o in objects.tolist()]) % 360
        frame = PoseFrame({"azimuth": AxisNote(labels="relative")})
        return replace(dataset, poses=poses, frame=frame), added
    return replace(dataset, poses=poses), {}


def offset_errors(recovered: dict[str, float], added: dict[str, float]) -> dict[str, float]:
    """Return object → degrees between recovered and true offset, less a constant a category."""
    apart = {name: AXIS["azimuth"].wrapped(recovered[name] + added[name]) for name in recovered}
    errors = {}
    for category in {name.split("/")[0] for name in apart}:
        mine = {name: value for name, value in apart.items() if name.split("/")[0] == category}
        constant = best_offset(np.array(list(mine.values())))
        for name, value in mine.items():
            errors[name] = round(abs(float(AXIS["azimuth"].difference(value, constant))), 1)
    return dict(sorted(errors.items()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sets", nargs="+", metavar="NAME=PATH")
    parser.add_argument("--labels", nargs="+", default=list(LABELS), choices=LABELS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--symmetric", nargs="+", default=["apple", "pear", "tomato"])
    parser.add_argument("--epochs", type=int, help="instead of the default, for a try")
    parser.add_argument("--work", type=Path, default=Path("out/pose-labels"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
