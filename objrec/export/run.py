"""From a recogniser to one checked file: what ``objrec export`` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from objrec.errors import DataError, SettingsError
from objrec.export.checking import Difference, difference, made_images, refuse_different
from objrec.export.description import as_text, described
from objrec.export.files import archive_bytes, onnx_bytes, opened_archive, opened_onnx
from objrec.export.graph import Graph
from objrec.export.quantizing import quantized
from objrec.files import write_bytes
from objrec.preprocessing import Preprocessing
from objrec.recognizer import Recognizer

FORMATS = ("onnx", "torchexport")
_BATCH = 16


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: The file.
        size: Its size in bytes.
        description: Its metadata.
        difference: From the recogniser, on made images.
        quantized: The same of the int8 weights, on the images they were fitted to; None without.
    """

    path: Path
    size: int
    description: dict[str, Any]
    difference: Difference
    quantized: Difference | None = None


def export(
    recognizer: Recognizer,
    path: str | Path,
    format: str = "onnx",
    *,
    size: tuple[int, int] | None = None,
    calibration: Sequence[np.ndarray] | None = None,
) -> Exported:
    """Write a model as one file, checked against the recogniser before it is written.

    The file takes uint8 images, any number at once, and holds everything from resizing to the
    answer. Poses are those of the grid, as with ``refine=False``.

    Args:
        recognizer: The model, on the CPU.
        path: The file; one that exists is replaced.
        format: 'onnx', which needs the extra ``export``, or 'torchexport'.
        size: H and W, where all images have the same: such a graph is a little faster.
        calibration: Samples, uint8 (V, H, W) or (V, H, W, 3), such as the model will see: weights
            become int8. Only with 'onnx'.

    Raises:
        SettingsError: The format is unknown, cannot be quantised, or needs what is not installed.
        ModelError: The graph differs from the model.
        DataError: Calibration images are not as the model takes them, or the file cannot be
            written.
    """
    path = Path(path)
    _check(format, size, calibration)
    batches = None if calibration is None else _batches(recognizer, calibration, size)
    graph = Graph(recognizer)
    description = described(recognizer, graph, size)
    if format == "onnx":
        written = onnx_bytes(graph, size, description)
        answers = opened_onnx(written)
    else:
        written = archive_bytes(graph, size, description)
        answers = opened_archive(written, graph.outputs)
    made = made_images(recognizer, size)
    found = difference(recognizer, graph, answers, made)
    largest = max(float(np.abs(answers(images)["landscape"]).max()) for images in made)
    refuse_different(found, largest, str(path))
    fitted = None
    if batches is not None:
        description = description | {"quantized": True}
        written = quantized(written, batches, as_text(description), graph.frozen_layers)
        fitted = difference(recognizer, graph, opened_onnx(written), batches)
    write_bytes(path, written)
    return Exported(path, len(written), description, found, fitted)


def _check(format: str, size: tuple[int, int] | None, calibration: Sequence | None) -> None:
    if format not in FORMATS:
        raise SettingsError(f"--format: '{format}' is none of {', '.join(FORMATS)}")
    if calibration is not None and format != "onnx":
        raise SettingsError("--quantize: is for --format onnx; leave it out")
    if size is not None and min(size) < 2:
        raise SettingsError(
            f"--size: {size[0]}x{size[1]} is too small; images have at least 2x2 pixels"
        )


def _batches(
    recognizer: Recognizer, samples: Sequence[np.ndarray], size: tuple[int, int] | None
) -> list[np.ndarray]:
    """Return samples as batches of one shape each, gray or in colour as the graph takes them.

    Raises:
        DataError: There are none, or they are of another size than the graph takes.
    """
    if not len(samples):
        raise DataError("--quantize: the set has no image that can be read; name another")
    groups: dict[tuple[int, ...], list[np.ndarray]] = {}
    for sample in samples:
        views = _as_input(sample, recognizer.preprocessing)
        if size is not None and views.shape[1:3] != size:
            h, w = views.shape[1:3]
            raise DataError(
                f"--quantize: the set has images of {h}x{w}, --size is {size[0]}x{size[1]}; "
                "leave --size out"
            )
        groups.setdefault(views.shape, []).append(views)
    return [
        np.stack(group[first : first + _BATCH])
        for group in groups.values()
        for first in range(0, len(group), _BATCH)
    ]


def _as_input(sample: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Return a sample as the graph takes it: (V, H, W), or (V, H, W, 3) for a model of colour.

    Raises:
        DataError: It has another number of cameras.
    """
    if len(sample) != preprocessing.cameras:
        raise DataError(f"--quantize: the set {preprocessing.wrong_cameras(len(sample))}")
    if preprocessing.colour:
        return sample if sample.ndim == 4 else np.repeat(sample[..., None], 3, axis=3)
    if sample.ndim == 3:
        return sample
    # OpenCV's weights of red, green and blue, and its rounding.
    red, green, blue = np.moveaxis(sample.astype(np.int32), -1, 0)
    return ((9798 * red + 19235 * green + 3735 * blue + 16384) >> 15).astype(np.uint8)
