"""Reports of trained models: `objrec evaluate` with everything, seed by seed, figures collected.

    python scripts/reports.py render5=PATH eth80=PATH [--seeds 0 1 2] [--models out/quality]
                              [--exclude-pose apple,pear,tomato] [--work out/reports] [--out FILE]

The models are those that `python scripts/quality.py` leaves in out/quality (or, for calibrated
ones, folders of the same names trained with `objrec train --folds 5`). Each row says the command it
is made by; its report is kept in --work. Results are written after every run; runs whose result is
there already are skipped. `python scripts/readme_tables.py` then writes the tables.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from quality import commit

from objrec.cli.main import main as objrec

RESULTS = Path(__file__).parent / "results" / "reports.json"
BASELINES = ("nearest", "svm", "retrieval")
SHARED = ("error_rate", "error_rate_ci", "difference", "difference_ci", "p_value", "azimuth_acc30")


def main() -> None:
    """Run what is missing in the results file."""
    arguments = _arguments()
    rows = json.loads(arguments.out.read_text()) if arguments.out.exists() else []
    for seed in arguments.seeds:
        for name, _, path in (named.partition("=") for named in arguments.sets):
            what = {"set": name, "seed": seed, "models": arguments.models.name}
            if any(what.items() <= row.items() for row in rows):
                continue
            rows.append(measure(what, path, arguments))
            arguments.out.write_text(json.dumps(rows, indent=1) + "\n")
            print(f"{what}: {rows[-1]['comparison']}", flush=True)


def measure(what: dict[str, Any], path: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Evaluate one seed's models by the command line; return one row of figures."""
    name, seed = what["set"], what["seed"]
    energy, cnn = (
        str(arguments.models / f"{name}-{kind}-small-{seed}") for kind in ("energy", "cnn")
    )
    out = str(arguments.work / f"{name}-{what['models']}-{seed}")
    options = ["--compare", cnn, "--baselines", *BASELINES, "--sweep", str(arguments.sweep)]
    if name in ("eth80",):
        options += ["--exclude-pose", arguments.exclude_pose]
    words = ["evaluate", path, "--model", energy, *options, "--out", out, "--force"]
    code = objrec(words)
    if code:
        raise SystemExit(code)
    found = json.loads((Path(out) / "evaluation.json").read_text(encoding="utf-8"))
    return {
        **what,
        "command": " ".join(["objrec", *(name if word == path else word for word in words)]),
        "comparison": [
            {"model": row["kind"], **{key: row[key] for key in SHARED}, "ece": row["ece"]}
            for row in found["comparison"]
        ],
        "both_right": found["both_right"],
        "pose_given": {
            axis: {key: value for key, value in figures.items() if key in _POSE}
            for axis, figures in found["pose_given"].items()
        },
        "calibration": {k: v for k, v in found["calibration"].items() if k != "bins"},
        "sweep": found["sweep"],
        "worst_views": found["worst_views"][:3],
        "hardware": found["hardware"],
        "commit": commit(),
    }


_POSE = ("median_error_deg", "mean_error_deg", "acc10", "acc30", "acc30_ci")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sets", nargs="+", metavar="NAME=PATH")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--models", type=Path, default=Path("out/quality"))
    parser.add_argument("--exclude-pose", default="apple,pear,tomato")
    parser.add_argument("--sweep", type=int, default=500)
    parser.add_argument("--work", type=Path, default=Path("out/reports"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
