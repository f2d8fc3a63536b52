"""Run the demonstrations and collect their numbers into scripts/results/demos.json.

    python scripts/demos.py [NAME …] [--seed 0] [--work out/demos]

Each is run as `objrec demo NAME --out WORK --force`, in a process of its own, and replaces its row;
the pages stay in WORK. `python scripts/readme_tables.py` then writes the tables of docs/demos.md.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from quality import commit

from objrec.demos import NAMES

RESULTS = Path(__file__).parent / "results" / "demos.json"


def main() -> None:
    """Run what is asked for, and write the results after each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", default=list(NAMES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path("out/demos"))
    arguments = parser.parse_args()
    for name in arguments.names:
        row = measure(name, arguments.seed, arguments.work)
        kept = {r["demo"]: r for r in json.loads(RESULTS.read_text())} if RESULTS.exists() else {}
        kept[name] = row
        rows = [kept[known] for known in NAMES if known in kept]
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
        print(f"{name}: {row['seconds']:.0f} s, {row['cpu_seconds']:.0f} s of processor time")


def measure(name: str, seed: int, work: Path) -> dict[str, Any]:
    """Run one demonstration; return its row: what its JSON has, with processor time and commit."""
    words = ["demo", name, "--out", str(work), "--seed", str(seed), "--force"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "objrec", *words], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = json.loads((work / f"{name}.json").read_text(encoding="utf-8"))
    return {
        "demo": name,
        "command": f"objrec demo {name} --out DIR --seed {seed}",
        "seed": seed,
        "seconds": found["seconds"],
        "cpu_seconds": round(sum(after[:2]) - sum(before[:2]), 1),
        "hardware": found["hardware"],
        "commit": commit(),
        "numbers": found["numbers"],
    }


if __name__ == "__main__":
    main()
