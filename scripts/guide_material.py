"""Make what docs/your-own-images.md begins with: photographs, films and meshes, all rendered.

    python scripts/guide_material.py OUT [--views 10] [--frames 120] [--side 240]

OUT/photos     "phone photographs" of six mugs and six cars, colour JPEG with EXIF orientations
OUT/blue.mp4 …  films of two mugs on a turntable, one of them at two heights
OUT/meshes     a few meshes of two categories
OUT/norb       a tiny set in the layout of jittered-cluttered NORB

Needs the extra 'render'. tests/test_guide.py runs every command of the guide on it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import trimesh
from PIL import Image
from turntable_video import Film, film, write_video

from objrec.datasets.norb import write_norb
from objrec.rendering.meshes import make_toy
from objrec.rendering.scenes import LIGHTINGS, Scene

THINGS = {"mug": "cup", "car": "car"}


def main() -> None:
    """Make everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--views", type=int, default=10, help="photographs of each object")
    parser.add_argument("--frames", type=int, default=120, help="frames of each film")
    parser.add_argument("--side", type=int, default=240, help="pixels of an object")
    choices = parser.parse_args()
    make(choices.out, choices.views, choices.frames, choices.side)


def make(out: Path, views: int = 10, frames: int = 120, side: int = 240) -> None:
    """Write all of it into a folder."""
    for category in THINGS:
        for instance in range(6):
            photograph(out / "photos", category, instance, views, side)
    for name, instance, elevation in (("blue", 0, 30), ("red-low", 1, 20), ("red-high", 1, 50)):
        wanted = Film("cup", instance, elevation=elevation, azimuth=70, frames=frames, side=side)
        write_video(out / f"{name}.mp4", film(wanted))
    for number, size in enumerate((0.6, 0.8, 1.0)):
        write_mesh(out / "meshes" / "crate" / f"{number}.ply", trimesh.creation.box((1, size, 0.5)))
        pipe = trimesh.creation.annulus(0.2 + 0.1 * number, 0.6, size)
        write_mesh(out / "meshes" / "pipe" / f"{number}.obj", pipe)
    write_cluttered(out / "norb")


def photograph(root: Path, category: str, instance: int, views: int, side: int) -> None:
    """Write pictures of one object from anywhere above, some of them held sideways."""
    rng = np.random.default_rng([instance, len(category)])
    scene = Scene(make_toy(THINGS[category], instance))
    folder = root / category / f"{category} {instance + 1}"
    folder.mkdir(parents=True, exist_ok=True)
    for view in range(views):
        azimuth, elevation = 360 * (view + rng.uniform(0, 0.8)) / views, rng.uniform(25, 60)
        gray = scene.render(azimuth, elevation, [LIGHTINGS[view % 6]], side)[0, 0]
        tint = rng.uniform(0.75, 1.0, 3)  # of the light, so that no colour gives an object away
        pixels = (np.pad(gray, ((0, 0), (side // 8, side // 8)), "edge")[..., None] * tint).round()
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        exif = image.getexif()
        if view % 3 == 2:  # held sideways: the phone notes it, and stores the picture turned
            image, exif[274] = image.transpose(Image.Transpose.ROTATE_90), 6
        image.save(folder / f"IMG_{view:04d}.JPG", quality=92, exif=exif)


def write_mesh(path: Path, mesh: trimesh.Trimesh) -> None:
    """Write a mesh file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mesh.export(path)


def write_cluttered(root: Path) -> None:
    """Write two training parts and one test part, with blank images and ten info columns."""
    root.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    toys = ("animal", "chair", "airplane", "boat", "car")
    parts = {"training-01": (4, 6), "training-02": (7, 8), "testing-01": (0,)}
    for prefix, instances in parts.items():
        images, labels, info = [], [], []
        for label, name in enumerate(toys):
            for instance in instances:
                scene = Scene(make_toy(name, instance))
                for index in range(0, 36, 6):
                    images.append(scene.render(10 * index, 40, [LIGHTINGS[index % 6]], 108, 1)[0])
                    labels.append(label)
                    info.append([instance, 2, index, index % 6, 2, -3, 5, 1.1, 0.9, -4])
        for _ in range(20):
            cloud = cv2.GaussianBlur(rng.normal(128, 90, (108, 108)), (0, 0), 2)[None].repeat(2, 0)
            images.append(cloud.clip(0, 255).astype(np.uint8))
            labels.append(5)
            info.append([-1, -1, -1, -1, 0, 0, 0, 0, 0, 0])
        stem = f"norb-5x46789x9x18x6x2x108x108-{prefix}"
        write_norb(root, stem, np.array(images), np.array(labels), np.array(info), compress=True)


if __name__ == "__main__":
    main()
