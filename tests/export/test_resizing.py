"""Resizing inside the graph, pixel by pixel against OpenCV's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from objrec.export.resizing import letterboxed
from objrec.preprocessing import Preprocessing

ENLARGED = [(48, 48), (30, 40), (20, 20), (31, 9), (63, 64), (2, 5), (2, 2)]
SHRUNK = [(96, 96), (128, 128), (97, 97), (60, 80), (101, 33), (192, 191), (480, 640), (640, 3)]


def picture(height: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(height * width).integers(0, 256, (height, width))
    return cv2.GaussianBlur(noise.astype(np.uint8), (5, 5), 1)


@pytest.mark.parametrize("shape", ENLARGED, ids=str)
def test_enlarging_gives_the_same_pixels(shape):
    image = picture(*shape)
    ours = letterboxed(torch.from_numpy(image)[None].float(), 64)[0].numpy()
    np.testing.assert_array_equal(ours, Preprocessing(size=64).images(image[None])[0, 0].numpy())


@pytest.mark.parametrize("shape", SHRUNK, ids=str)
def test_shrinking_gives_the_same_pixels_but_for_a_rounding_now_and_then(shape):
    image = picture(*shape)
    ours = letterboxed(torch.from_numpy(image)[None].float(), 64)[0].numpy()
    gap = np.abs(ours - Preprocessing(size=64).images(image[None])[0, 0].numpy())
    assert gap.max() <= 1
    assert (gap > 0).mean() < 0.005


def test_each_image_of_a_batch_has_its_own_border_colour():
    images = np.stack([np.full((10, 30), 40, np.uint8), np.full((10, 30), 200, np.uint8)])
    ours = letterboxed(torch.from_numpy(images).float(), 48)
    assert ours.amin(dim=(1, 2)).tolist() == ours.amax(dim=(1, 2)).tolist() == [40, 200]


@pytest.mark.parametrize("side", [24, 96])
def test_the_median_of_an_even_border_is_rounded_as_numpy_does(side):
    image = np.zeros((side, 2 * side), np.uint8)
    image[:, : side // 2] = 10
    image[:, side // 2 :] = np.arange(side * 3 // 2) % 7 * 30
    ours = letterboxed(torch.from_numpy(image)[None].float(), 48)[0].numpy()
    other = Preprocessing(size=48).images(image[None])[0, 0].numpy()
    assert np.abs(ours - other).max() <= 1
    assert ours[0, 0] == other[0, 0]
