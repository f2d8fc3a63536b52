"""Run the jobs of plans, several at a time, and keep every result.

    python scripts/experiments/pool.py PLAN… --data render5=PATH eth80=PATH --out DIR [--jobs 2]

A PLAN is a function of plans.py. DIR/rows.jsonl gets a line a job, DIR/arrays/KEY.npz its answers;
jobs that are there already are skipped, so that a stopped run goes on with the same command.
`python scripts/experiments/summary.py` reads them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
import traceback
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import plans
from jobs import Job

_OPENED: dict[str, tuple] = {}


def main() -> None:
    """Run what is missing."""
    arguments = _arguments()
    (arguments.out / "arrays").mkdir(parents=True, exist_ok=True)
    rows = arguments.out / "rows.jsonl"
    done = set()
    if rows.exists():
        found = map(json.loads, rows.read_text().splitlines())
        done = {row["key"] for row in found if "failed" not in row}
    wanted = [job for name in arguments.plans for job in getattr(plans, name)()]
    wanted = list({job.key: job for job in wanted if job.key not in done}.values())
    paths = dict(named.split("=", 1) for named in arguments.data)
    tasks = [
        (job.to_json(), paths[job.set], str(arguments.out)) for job in wanted if job.set in paths
    ]
    began = time.monotonic()
    context = multiprocessing.get_context("spawn")
    with context.Pool(arguments.jobs) as pool, rows.open("a") as file:
        waiting = pool.imap_unordered(_work, tasks)
        for number in range(1, len(tasks) + 1):
            left = arguments.seconds - (time.monotonic() - began)
            try:
                row = waiting.next(timeout=max(0.0, left))
            except multiprocessing.TimeoutError:
                print(f"stopped after {arguments.seconds} s: {len(tasks) - number + 1} left")
                pool.terminate()
                break
            file.write(json.dumps(row) + "\n")
            file.flush()
            print(
                f"{time.monotonic() - began:.0f} s {number}/{len(tasks)} {_said(row)}", flush=True
            )


def _said(row: dict) -> str:
    if "failed" in row:
        return f"{row['key']}: FAILED {row['failed'][-1500:]}"
    return f"{row['key']}: {100 * row['error_rate']:.1f} % ({row['seconds']:.0f} s)"


def _work(task: tuple) -> dict:
    import torch

    torch.set_num_threads(1)
    from measuring import run

    from objrec import open_dataset

    text, path, out = task
    job = Job.from_json(text)
    try:
        if path not in _OPENED:
            _OPENED[path] = (open_dataset(path), open_dataset(path, purpose="test"))
        work = Path(os.environ.get("POOL_WORK", Path(out) / "work"))
        folder = (
            Path(out) / "models" / job.key if "model" in job.extras else work / str(os.getpid())
        )
        row, arrays = run(job, *_OPENED[path], folder)
        kept = {k: v.astype(np.float32) if "energies" in k else v for k, v in arrays.items()}
        np.savez_compressed(Path(out) / "arrays" / f"{job.key}.npz", **kept)
        return {"key": job.key, **row}
    except Exception:
        return {"key": job.key, "failed": traceback.format_exc()}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("plans", nargs="+")
    parser.add_argument("--data", nargs="+", required=True, metavar="NAME=PATH")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long")
    return parser.parse_args()


if __name__ == "__main__":
    main()
