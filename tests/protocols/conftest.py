import csv
import shutil

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def shapes(photos, tmp_path_factory):
    """The photos with discs as a third category, two of them in training."""
    root = tmp_path_factory.mktemp("sets") / "shapes"
    shutil.copytree(photos, root)
    for split, instances in (("train", (0, 1)), ("test", (3,))):
        with (root / split / "labels.csv").open("a", newline="") as file:
            for instance in instances:
                for azimuth in range(0, 360, 45):
                    name = f"disc-{instance}-{azimuth:03d}.png"
                    pixels = np.full((32, 32), 200, np.uint8)
                    cv2.circle(pixels, (16, 16), 8 + instance, 60, -1)
                    along = np.deg2rad(azimuth)
                    end = (int(16 + 9 * np.cos(along)), int(16 - 9 * np.sin(along)))
                    cv2.line(pixels, (16, 16), end, 10, 3)
                    cv2.imwrite(str(root / split / name), pixels)
                    csv.writer(file).writerow([name, "disc", instance, azimuth])
    return root
