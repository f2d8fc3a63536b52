"""Unknown objects: leave categories out of a training set, and ask whether they are told.

    python scripts/unknown.py eth80=PATH --leave-out apple,car cow,cup dog,horse pear,tomato
                              [--seeds 0] [--work out/unknown] [--out FILE]

For each group of categories this trains the energy model and the CNN, with the defaults of
`objrec train`, on the training split without them, and evaluates on the test split: the known
categories as usual, those left out as unknown objects (`objrec evaluate --unknown`). Results are
written after every group; groups whose result is there already are skipped.
`python scripts/readme_tables.py` then writes the table. (Single categories in turn, over several
seeds: `objrec protocol unknown-category`.)
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from quality import commit, train_seconds

from objrec import Recognizer, evaluate, open_dataset, train
from objrec.evaluation import Extras
from objrec.protocols import without_category
from objrec.training import Recipe

RESULTS = Path(__file__).parent / "results" / "unknown.json"


def main() -> None:
    """Run what is missing in the results file."""
    arguments = _arguments()
    rows = json.loads(arguments.out.read_text()) if arguments.out.exists() else []
    for seed in arguments.seeds:
        for name, _, path in (named.partition("=") for named in arguments.sets):
            for group in arguments.leave_out:
                what = {"set": name, "left_out": group, "seed": seed}
                if any(what.items() <= row.items() for row in rows):
                    continue
                rows.append(measure(what, Path(path), arguments))
                arguments.out.write_text(json.dumps(rows, indent=1) + "\n")
                for score in rows[-1]["scores"]:
                    print(f"{what} {score['model']}, {score['score']}: AUROC {score['auroc']:.3f}")


def measure(what: dict[str, Any], path: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train both models without some categories, and evaluate them; return one row."""
    left_out = what["left_out"].split(",")
    whole, test = open_dataset(path), open_dataset(path, purpose="test")
    learned, known, unknown = without_category(whole, test, left_out)
    models = []
    for kind in ("energy", "cnn"):
        recipe = Recipe().replaced(kind=kind, seed=what["seed"], epochs=arguments.epochs)
        folder = arguments.work / "-".join([kind, *map(str, what.values())])
        for report in train(learned, folder, recipe, resume=True):
            if report.epoch % 10 == 0:
                print(f"  {kind} epoch {report.epoch}/{report.epochs}", flush=True)
        models.append(Recognizer.load(folder))
        models[-1].name = kind
    energy, cnn = models
    found = evaluate(energy, known, extras=Extras(compare=(cnn,), unknown=unknown))
    figures = found.unknown
    return {
        **what,
        "known_images": figures["known_images"],
        "unknown_images": figures["unknown_images"],
        "error_rates": {row["model"]: row["error_rate"] for row in found.comparison},
        "scores": figures["scores"],
        "train_seconds": {
            kind: round(
                train_seconds(arguments.work / "-".join([kind, *map(str, what.values())])), 1
            )
            for kind in ("energy", "cnn")
        },
        "hardware": found.hardware,
        "commit": commit(),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sets", nargs="+", metavar="NAME=PATH")
    parser.add_argument(
        "--leave-out", nargs="+", default=["apple,car", "cow,cup", "dog,horse", "pear,tomato"]
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--epochs", type=int, help="instead of the default, for a try")
    parser.add_argument("--work", type=Path, default=Path("out/unknown"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
