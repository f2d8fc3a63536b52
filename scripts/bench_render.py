"""How fast meshes are rendered: images a second on one core, by mesh, rays a pixel and shadows.

    python scripts/bench_render.py [--seconds 2] [--out scripts/results/bench-render.json]

Each row is the best of three runs, since machines are noisy; 96 x 96, one camera, with ground.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from quality import commit

from objrec.evaluation.hardware import describe_hardware
from objrec.rendering.meshes import Toy, make_toy
from objrec.rendering.scenes import LIGHTINGS, Look, Scene

RESULTS = Path(__file__).parent / "results" / "bench-render.json"


def main() -> None:
    """Measure, print a table and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run")
    parser.add_argument("--out", type=Path, default=RESULTS)
    choices = parser.parse_args()
    rows = []
    print(f"{'mesh':<18}{'faces':>8}{'rays':>6}{'shadows':>9}{'images/s':>10}")
    for name, toy in meshes().items():
        scene = Scene(toy)
        for samples in (2, 3):
            for shadows in (True, False):
                look = Look(96, samples, cameras=1, shadows=shadows)
                rate = max(measured(scene, look, choices.seconds) for _ in range(3))
                faces = len(toy.mesh.faces)
                print(f"{name:<18}{faces:>8}{samples:>4}²{shadows!s:>10}{rate:>10.0f}")
                rows.append(
                    {"mesh": name, "faces": faces, "samples": samples, "shadows": shadows}
                    | {"images_per_second": round(rate, 1)}
                )
    content: dict[str, Any] = {
        "command": "python scripts/bench_render.py",
        "commit": commit(),
        "hardware": describe_hardware("cpu"),
        "rows": rows,
    }
    choices.out.write_text(json.dumps(content, indent=1) + "\n")


def meshes() -> dict[str, Toy]:
    """Return a toy and a ball of many faces."""
    ball = trimesh.creation.icosphere(subdivisions=6)
    ball.apply_translation([0, 0, 1])
    return {"toy car": make_toy("car", 0), "ball": Toy(ball, 0.6, "ball", "")}


def measured(scene: Scene, look: Look, seconds: float) -> float:
    """Return images a second, each of another view under another lamp."""
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        lamp = LIGHTINGS[count % len(LIGHTINGS)]
        scene.photograph(float(np.mod(37 * count, 360)), 30 + count % 40, [lamp], look)
        count += 1
    return count / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
