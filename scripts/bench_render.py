"""How fast meshes are rendered, on one core: faces of the mesh x rays a pixel x shadows.

    python scripts/bench_render.py [--seconds 1.5]

Gray images of 96 x 96, two cameras, one lamp, of balls of more and more faces and of a toy. Each
figure is the best of three runs, since others may use the machine. Results go to
scripts/results/bench_render.json.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy is imported: one core is meant

import argparse
import json
import time
from pathlib import Path

import numpy as np
import trimesh

from objrec.evaluation.hardware import describe_hardware
from objrec.rendering.lights import LIGHTINGS
from objrec.rendering.meshes import Toy, make_toy
from objrec.rendering.models import Model
from objrec.rendering.paint import Coat, Pictures
from objrec.rendering.scenes import Look, Scene

RESULTS = Path(__file__).parent / "results" / "bench_render.json"
SIZE, RUNS = 96, 3


def main() -> None:
    """Measure, print a table, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.5, help="of each run  [1.5]")
    seconds = parser.parse_args().seconds
    rows = []
    print(f"{'object':16}{'faces':>9}{'samples':>9}{'shadows':>9}{'images/s':>10}{'ready in':>10}")
    for name, model in objects().items():
        began = time.perf_counter()
        scene = Scene(model)
        ready = time.perf_counter() - began
        for samples in (1, 2, 3):
            for shadows in (False, True):
                look = Look(SIZE, samples, cameras=2, shadows=shadows)
                speed = max(images_per_second(scene, look, seconds) for _ in range(RUNS))
                faces = len(model.mesh.faces)
                rows.append(
                    {"object": name, "faces": faces, "samples": samples, "shadows": shadows}
                    | {"images_per_second": round(speed, 1), "scene_seconds": round(ready, 2)}
                )
                switch = "on" if shadows else "off"
                print(
                    f"{name:16}{faces:>9}{f'{samples} x {samples}':>9}{switch:>9}{speed:>10.0f}"
                    f"{ready:>9.2f}s",
                    flush=True,
                )
    record = {
        "command": "python scripts/bench_render.py",
        "size": SIZE,
        "cameras": 2,
        "processes": 1,
        "hardware": describe_hardware(),
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def objects() -> dict[str, Toy | Model]:
    """Make what is rendered: a toy, a textured ball, and balls of up to half a million faces."""
    made: dict[str, Toy | Model] = {"toy car": make_toy("car", 0)}
    for subdivisions in (3, 5, 7):
        made[f"ball {subdivisions}"] = Toy(ball(subdivisions), 0.6, "ball", "")
    torus = trimesh.creation.torus(0.7, 0.3, major_sections=704, minor_sections=384)
    torus.apply_translation([0, 0, 0.3])
    made["torus"] = Toy(torus, 0.6, "torus", "")
    made["textured ball"] = textured(ball(5))
    return made


def ball(subdivisions: int) -> trimesh.Trimesh:
    """Make a ball of radius 1 that stands on the ground."""
    return trimesh.creation.icosphere(subdivisions).apply_translation([0, 0, 1])


def textured(mesh: trimesh.Trimesh) -> Model:
    """Lay a picture of 1024 x 1024 on a mesh, from above."""
    pixels = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3)).astype(np.uint8)
    corners = np.asarray(mesh.triangles)
    uv = (corners[..., :2] / 2 + 0.5).astype(np.float32)
    faces = len(corners)
    white, number = np.ones((faces, 3, 3), np.float32), np.zeros(faces, int)
    return Model(mesh, Coat(white, uv, number, np.full(faces, 512.0), Pictures([pixels])))


def images_per_second(scene: Scene, look: Look, seconds: float) -> float:
    """Render random views for some time."""
    random, images, began = np.random.default_rng(0), 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        lamp = LIGHTINGS[random.integers(len(LIGHTINGS))]
        scene.photograph(random.uniform(0, 360), random.uniform(30, 70), [lamp], look)
        images += look.cameras
    return images / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
