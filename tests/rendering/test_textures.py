"""A picture laid on a mesh is seen the right way round, whatever the format."""

import numpy as np
import pytest
from PIL import Image

trimesh = pytest.importorskip("trimesh")
pytest.importorskip("embreex")

from objrec.datasets import open_dataset  # noqa: E402
from objrec.rendering.making import find_meshes, render_set  # noqa: E402
from objrec.rendering.settings import (  # noqa: E402
    FrameSettings,
    PictureSettings,
    RenderSettings,
    ViewSettings,
)

GREEN, RED, BLUE = (0, 220, 0), (220, 0, 0), (0, 0, 220)


def textured_plate():
    """A plate whose front (+x) shows a picture: green at the top, red on the left, blue right."""
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, :32], picture[:, 32:], picture[:20] = RED, BLUE, GREEN
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    front, back = np.insert(corners, 0, 0.1, 1), np.insert(corners, 0, -0.1, 1)
    uv = corners + 0.5
    visual = trimesh.visual.TextureVisuals(
        uv=np.concatenate([uv, uv]), image=Image.fromarray(picture)
    )
    faces = [[0, 1, 2], [0, 2, 3], [5, 4, 7], [5, 7, 6]]
    vertices = np.concatenate([front, back])
    return trimesh.Trimesh(vertices, faces, process=False, visual=visual)


@pytest.mark.parametrize("suffix", ["glb", "obj"])
def test_a_texture_is_neither_mirrored_nor_upside_down(tmp_path, suffix):
    folder = tmp_path / "meshes" / "plate"
    folder.mkdir(parents=True)
    textured_plate().export(folder / f"plate.{suffix}")
    settings = RenderSettings(
        ViewSettings(azimuth_step=180.0, elevations=(0.0,)),
        PictureSettings(size=64, ground=False),
        FrameSettings(up="z", front="x"),
    )
    render_set(find_meshes([tmp_path / "meshes"]), tmp_path / "set", settings)
    dataset = open_dataset(tmp_path / "set")
    front = int(np.flatnonzero(dataset.poses[:, 0] == 0)[0])
    pixels = dataset[front].images[0].astype(float)
    for place, colour in (((18, 32), GREEN), ((40, 22), RED), ((40, 42), BLUE)):
        seen, wanted = pixels[place], np.array(colour, float)
        np.testing.assert_allclose(seen / seen.max(), wanted / wanted.max(), atol=0.1)
