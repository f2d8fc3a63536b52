"""Do devices and precisions agree? Energies and categories against float32 on the processor.

    python scripts/agreement.py [NAME=SET:MODEL ...] [--images 2000] [--out FILE]

Each set's test split (at most so many images, evenly spread; processors emulate float16, so there
only a tenth of them) is shown to its model in float32, float16 and bfloat16, on the processor and
on a GPU where there is one. Without arguments: data/toys and the shipped model. Results go to
scripts/results/agreement.json; sets that are not named are left as they are there.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

from objrec import Recognizer, open_dataset
from objrec.evaluation import describe_hardware
from objrec.recognizer.precision import PRECISIONS

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "agreement.json"
BATCH = 64


def main() -> None:
    """Compare, print a row each, and write the results."""
    arguments = _arguments()
    results = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    for named in arguments.sets:
        name, _, places = named.partition("=")
        path, _, model = places.partition(":")
        results[name] = {
            "command": f"python scripts/agreement.py {name}=SET:MODEL --images {arguments.images}",
            "left_out": [] if torch.cuda.is_available() else ["cuda: there is no GPU here"],
            "float32_from_float64": rounding(Path(path), model or None, arguments.images),
            "rows": compared(Path(path), model or None, arguments.images),
            "hardware": describe_hardware("cpu"),
        }
        arguments.out.write_text(json.dumps(results, indent=1) + "\n")
        for row in results[name]["rows"]:
            print(name, row)
        print(*results[name]["left_out"], sep="\n", file=sys.stderr)


def compared(path: Path, model: str | None, most: int) -> list[dict[str, Any]]:
    """Return a row for each device and precision."""
    pixels = shown(path, model, most)
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    exact, _ = asked(Recognizer.load(model, "cpu"), pixels)
    rows = []
    for device in devices:
        for precision in PRECISIONS:
            few = device == "cpu" and precision == "float16"
            step = 10 if few else 1
            found, each = asked(Recognizer.load(model, device, precision), pixels[::step])
            figures = {"device": device, "precision": precision, "images": len(found)}
            rows.append(figures | difference(found, exact[::step]) | {"ms_an_image": each})
    return rows


def rounding(path: Path, model: str | None, most: int) -> dict[str, Any]:
    """Return how far float32 is from float64: about as far as two devices may be apart."""
    recognizer, pixels = Recognizer.load(model, "cpu"), shown(path, model, most)[::10]
    single, _ = asked(recognizer, pixels)
    network = recognizer.network.double()
    with torch.inference_mode():
        warped = network.prepare()
        exact = [
            network.energies(
                network.extractor(recognizer.preprocessing.normalised(p).double()), warped
            ).values
            for p in pixels.split(BATCH)
        ]
    return {"images": len(pixels), **difference(single.double(), torch.cat(exact))}


def shown(path: Path, model: str | None, most: int) -> torch.Tensor:
    """Return images of the test split as the model takes them."""
    recognizer, test = Recognizer.load(model, "cpu"), open_dataset(path, purpose="test")
    step = max(1, -(-len(test) // most))
    return torch.stack([recognizer.preprocessed(test[i]).pixels for i in range(0, len(test), step)])


def asked(recognizer: Recognizer, pixels: torch.Tensor) -> tuple[torch.Tensor, float]:
    """Return all energies (N, K, P), on the processor, and the milliseconds an image."""
    recognizer.see(pixels[:BATCH])
    began = time.perf_counter()
    energies = torch.cat([recognizer.see(p).energies.values.cpu() for p in pixels.split(BATCH)])
    return energies, round(1000 * (time.perf_counter() - began) / len(pixels), 3)


def difference(found: torch.Tensor, exact: torch.Tensor) -> dict[str, Any]:
    """Return how far energies are apart, and how often the answers are the same."""
    apart = (found - exact).abs()
    same = found.amin(2).argmin(1) == exact.amin(2).argmin(1)
    answers = found.flatten(1).argmin(1) == exact.flatten(1).argmin(1)
    return {
        "largest_difference": float(f"{apart.max():.3g}"),
        "mean_difference": float(f"{apart.mean():.3g}"),
        "lowest_energy_differs_by": float(f"{(found.amin(2) - exact.amin(2)).abs().max():.3g}"),
        "energies_from": round(float(exact.min()), 2),
        "energies_to": round(float(exact.max()), 2),
        "same_category": round(float(same.float().mean()), 5),
        "other_categories": int((~same).sum()),
        "same_category_and_grid_pose": round(float(answers.float().mean()), 5),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    toys = f"toys={ROOT / 'data' / 'toys'}"
    parser.add_argument("sets", nargs="*", default=[toys], metavar="NAME=SET:MODEL")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
