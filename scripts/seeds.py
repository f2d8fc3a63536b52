"""Ten seeds of training: is every number finite, how far do errors spread, is a seed a model?

    python scripts/seeds.py [SET] [--seeds 0 1 ... 9] [--epochs N] [--work out/seeds] [--out FILE]

For each seed this runs `objrec train SET --seed SEED` (default: data/toys, the full recipe), and
asks the model about every image of the test split. Then it trains one seed for two epochs again
and again: by another process, from another working directory, with another PYTHONHASHSEED; the
weights files must be the same, byte for byte. Results are written after every run; runs whose
result is there already are skipped, and one that was stopped goes on. They go to
scripts/results/seeds.json, where every number of epochs has a table of its own.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from objrec import Recognizer, open_dataset
from objrec.evaluation import describe_hardware

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "seeds.json"
# Name → seconds of `PYTHONHASHSEED`, and whether from another folder.
REPEATS = {
    "once": ("0", False),
    "again": ("0", False),
    "another hash seed": ("4711", False),
    "another working directory": ("0", True),
}


def main() -> None:
    """Run what is missing in the results file, and write and print what it comes to."""
    arguments = _arguments()
    results = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    table = results.setdefault(_name(arguments.epochs), {"runs": []})
    for seed in arguments.seeds:
        if all(run["seed"] != seed for run in table["runs"]):
            table["runs"].append(one_seed(seed, arguments))
            print(table["runs"][-1], flush=True)
            table |= summary(table["runs"]) | _provenance(arguments)
            _write(arguments.out, results)
    if "same_seed" not in results:
        results["same_seed"] = same_seed(arguments)
        _write(arguments.out, results)
    print(json.dumps({key: value for key, value in table.items() if key != "runs"}, indent=1))
    print(json.dumps(results["same_seed"], indent=1))


def one_seed(seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train and ask one model; return its error and how many numbers were not finite."""
    folder = arguments.work / f"{_name(arguments.epochs)}-{seed}".replace(" ", "-")
    train(arguments.set, folder, seed, arguments.epochs)
    rows = list(csv.DictReader((folder / "metrics.csv").open(newline="")))
    metrics = [float(v) for row in rows for k, v in row.items() if k not in ("stage", "note") and v]
    weights = load_file(folder / "model.safetensors").values()
    return {
        "seed": seed,
        **asked(Recognizer.load(folder, "cpu"), arguments.set),
        "epochs": len(rows),
        "not_finite_metrics": sum(not math.isfinite(value) for value in metrics),
        "not_finite_weights": sum(int((~torch.isfinite(w.float())).sum()) for w in weights),
        "notes": sum(bool(row["note"]) for row in rows),
        "train_seconds": round(sum(float(row["seconds"]) for row in rows), 1),
    }


def asked(recognizer: Recognizer, path: Path) -> dict[str, Any]:
    """Return the error on unseen objects, and what was not finite of all energies."""
    test, wrong, bad = open_dataset(path, purpose="test"), 0, 0
    names = np.asarray(test.categories)[test.labels]
    for start in range(0, len(test), 128):
        samples = [test[i] for i in range(start, min(start + 128, len(test)))]
        seen = recognizer.see(torch.stack([recognizer.preprocessed(s).pixels for s in samples]))
        bad += int((~torch.isfinite(seen.energies.values)).sum())
        found = seen.energies.best().names()
        wrong += int((np.array(found) != names[start : start + len(samples)]).sum())
    return {"error_rate": wrong / len(test), "images": len(test), "not_finite_energies": bad}


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return mean and spread of the errors, and the sums of what was not finite."""
    errors = np.array([run["error_rate"] for run in runs])
    spread = {"mean": errors.mean(), "min": errors.min(), "max": errors.max()}
    spread["standard_deviation"] = errors.std(ddof=1) if len(errors) > 1 else math.nan
    finite = [key for key in runs[0] if key.startswith("not_finite")]
    return {
        "error_rate": {key: round(float(value), 5) for key, value in spread.items()},
        **{key: sum(run[key] for run in runs) for key in finite},
    }


def same_seed(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train one seed in several ways for two epochs; return the digests of the weights."""
    digests = {}
    for name, (hash_seed, elsewhere) in REPEATS.items():
        folder = (arguments.work / f"same-{name}".replace(" ", "-")).absolute()
        cwd = folder.parent if elsewhere else ROOT
        train(arguments.set, folder, 0, 2, cwd=cwd, PYTHONHASHSEED=hash_seed)
        digests[name] = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    same = len(set(digests.values())) == 1
    return {"epochs": 2, "seed": 0, "identical": same, "sha256": digests}


def train(
    path: Path, folder: Path, seed: int, epochs: int | None, cwd: Path = ROOT, **variables: str
) -> None:
    """Train by the command line, in a process of its own, on one thread of the processor."""
    words = ["train", str(path.absolute()), "--out", str(folder.absolute()), "--seed", str(seed)]
    words += ["--resume", "--device", "cpu", *(["--epochs", str(epochs)] if epochs else [])]
    folder.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | variables
    command = [sys.executable, "-m", "objrec", *words]
    subprocess.run(command, check=True, cwd=cwd, env=environment, stdout=subprocess.DEVNULL)


def _name(epochs: int | None) -> str:
    return f"{epochs} epochs" if epochs else "default"


def _provenance(arguments: argparse.Namespace) -> dict[str, Any]:
    flag = f" --epochs {arguments.epochs}" if arguments.epochs else ""
    return {
        "command": f"objrec train data/{arguments.set.name} --out MODEL --seed SEED{flag}",
        "hardware": describe_hardware("cpu"),
    }


def _write(out: Path, results: dict[str, Any]) -> None:
    partial = out.with_suffix(".partial")
    partial.write_text(json.dumps(results, indent=1) + "\n")
    partial.replace(out)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("set", nargs="?", type=Path, default=ROOT / "data" / "toys")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(10)))
    parser.add_argument("--epochs", type=int, default=None, help="fewer than the full recipe's")
    parser.add_argument("--work", type=Path, default=Path("out/seeds"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
