"""Looking up colours, against plain loops."""

import numpy as np
import pytest

from objrec.rendering.backdrops import Backdrops, _interpolated, _shrunk, background_files
from objrec.rendering.paint import Coat, Pictures, Plain
from objrec.rendering.settings import PictureSettings

RNG = np.random.default_rng(0)


def looked_up(image, u, v):
    """Interpolate between the middles of pixels, one place at a time."""
    height, width = image.shape[:2]
    x, y = u * width - 0.5, (1 - v) * height - 0.5
    left, top = int(np.floor(x)), int(np.floor(y))
    total = 0.0
    for i, row_share in ((0, 1 - (y - top)), (1, y - top)):
        for j, column_share in ((0, 1 - (x - left)), (1, x - left)):
            pixel = image[(top + i) % height, (left + j) % width] / 255
            total = total + row_share * column_share * pixel
    return total


def test_pictures_are_looked_up_bilinearly_and_repeat():
    images = [RNG.integers(0, 256, shape).astype(np.uint8) for shape in ((5, 8, 3), (7, 3, 3))]
    pictures = Pictures(images)
    uv = RNG.uniform(-2, 3, (2, 50))
    numbers = RNG.integers(0, 2, 50)
    found = pictures.at(numbers, np.zeros(50), uv)
    for i in range(50):
        np.testing.assert_allclose(found[:, i], looked_up(images[numbers[i]], *uv[:, i]), atol=1e-9)


def test_from_far_away_a_picture_is_its_mean():
    chequered = np.indices((64, 64)).sum(0) % 2 * np.uint8(255)
    pictures = Pictures([np.dstack([chequered] * 3).astype(np.uint8)])
    uv = RNG.uniform(0, 1, (2, 20))
    for level in (1, 3, 6, 40):
        found = pictures.at(np.zeros(20, int), np.full(20, level), uv)
        np.testing.assert_allclose(found, 0.5, atol=0.01)


def test_corners_are_blended_and_pictures_multiply():
    corners = RNG.random((4, 3, 3)).astype(np.float32)
    uv = RNG.random((4, 3, 2)).astype(np.float32)
    image = RNG.integers(0, 256, (6, 6, 3)).astype(np.uint8)
    picture, density = np.array([0, -1, 0, -1]), np.ones(4)
    coat = Coat(corners, uv, picture, density, Pictures([image]))
    faces = RNG.integers(0, 4, 30)
    weights = RNG.dirichlet((1, 1, 1), 30).T
    found = coat.at(faces, weights, 0.01)
    for i, face in enumerate(faces):
        wanted = sum(weights[k, i] * corners[face, k] for k in range(3))
        if picture[face] >= 0:
            there = sum(weights[k, i] * uv[face, k] for k in range(3))
            wanted = wanted * looked_up(image, *there)
        np.testing.assert_allclose(found[:, i], wanted, atol=1e-5)


def test_gray_is_told_from_colour():
    assert not Plain(0.4).coloured
    gray = np.full((1, 3, 3), 0.4, np.float32)
    assert not Coat(gray).coloured
    assert Coat(gray * [1, 1, 0.5]).coloured
    red = np.zeros((2, 2, 3), np.uint8)
    red[0, 0, 0] = 90
    zeros = np.zeros((1, 3, 2)), np.zeros(1, int), np.ones(1)
    assert Coat(gray, *zeros, Pictures([red])).coloured


def test_shrinking_and_enlarging_against_loops():
    image = RNG.integers(0, 256, (13, 9, 3)).astype(np.uint8)
    small = _shrunk(image, 4)
    assert small.shape == (3, 2, 3)
    for i in range(3):
        for j in range(2):
            block = image[4 * i : 4 * i + 4, 4 * j : 4 * j + 4].reshape(-1, 3)
            np.testing.assert_allclose(small[i, j], block.mean(axis=0), atol=0.51)
    grid = RNG.random((4, 4))
    large = _interpolated(grid, 7)
    np.testing.assert_allclose(large[::2, ::2], grid)
    np.testing.assert_allclose(large[1, 0], (grid[0, 0] + grid[1, 0]) / 2)


@pytest.mark.parametrize("colour", [False, True])
def test_backdrops_depend_on_the_generator_and_pass_over_broken_pictures(tmp_path, colour):
    import cv2

    for i, value in enumerate((40, 200)):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((50, 90, 3), (0, value, 0), np.uint8))
    (tmp_path / "broken.jpg").write_text("no image")
    settings = PictureSettings(size=16, cameras=2, background=str(tmp_path))
    backdrops = Backdrops(settings, background_files(str(tmp_path)))
    drawn = [backdrops.drawn(np.random.default_rng(i), colour=colour) for i in range(12)]
    assert drawn[0].shape == (2, 3 if colour else 1, 16, 16)
    for one, other in zip(drawn, range(12), strict=True):
        again = backdrops.drawn(np.random.default_rng(other), colour=colour)
        np.testing.assert_array_equal(one, again)
    green = {round(float(d[0, 1 if colour else 0].mean()) * 255) for d in drawn}
    assert green == ({40, 200} if colour else {round(40 * 0.587), round(200 * 0.587)})
    (failure,) = backdrops.failures
    assert failure.source.endswith("broken.jpg")
