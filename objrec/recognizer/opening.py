"""What a recogniser is asked about, in all forms that users have it, ready for the network."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from objrec.datasets import Sample, read_image
from objrec.errors import DataError, Failure
from objrec.preprocessing import Preprocessing, as_image_batch
from objrec.recognizer.recognition import Original

Image = str | Path | tuple[str | Path, ...] | Sample | np.ndarray | torch.Tensor
"""An image file; the files of all cameras; a sample of a data set; or pixels: H x W, H x W x C,
or V x H x W x C for several cameras, uint8 or float in [0, 1]."""


class Opened(NamedTuple):
    """An image ready for the network.

    Attributes:
        source: Its file, or None.
        pixels: (V, C, S, S) uint8.
        original: What it was before.
    """

    source: str | None
    pixels: torch.Tensor
    original: Original


def opened(image: Image | Failure, preprocessing: Preprocessing) -> Opened | Failure:
    """Return an image as the network takes it, or why it cannot be had; failures pass."""
    if isinstance(image, Failure):
        return image
    source = _source(image) or "image"
    try:
        return preprocessed(image, preprocessing)
    except (DataError, ValueError) as error:
        return Failure.of(source, error)


def preprocessed(image: Image | Opened, preprocessing: Preprocessing) -> Opened:
    """Return an image as the network takes it; one that is so already, as it is.

    Raises:
        DataError: The image cannot be read, or has another number of cameras.
    """
    if isinstance(image, Opened):
        return image
    source, pixels = _pixels(image, preprocessing.cameras)
    original = Original(pixels.shape[2], pixels.shape[1], colour=pixels.ndim == 4)
    try:
        return Opened(source, preprocessing.images(pixels), original)
    except DataError as error:
        raise DataError(f"{source or 'image'}: {error}") from error


def _pixels(image: Image, cameras: int) -> tuple[str | None, np.ndarray]:
    """Return the image's name and its pixels, (V, H, W) or (V, H, W, C) uint8."""
    source = _source(image)
    if isinstance(image, Sample):
        return source, image.images
    if isinstance(image, np.ndarray | torch.Tensor):
        samples = as_image_batch(image, cameras)
        if len(samples) != 1:
            raise ValueError(f"one image was expected, got a batch of {len(samples)}")
        return source, samples[0]
    files = image if isinstance(image, tuple) else (image,)
    views = [read_image(Path(file)) for file in files]
    if len({view.shape for view in views}) > 1:
        raise DataError(f"{source}: the cameras' images differ in size or colour")
    return source, np.stack(views)


def _source(image: Image) -> str | None:
    if isinstance(image, Sample):
        return image.source
    if isinstance(image, tuple):
        return "+".join(str(part) for part in image)
    return str(image) if isinstance(image, str | Path) else None
