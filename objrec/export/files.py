"""Graphs as the bytes of a file, and files as functions: ONNX, or a torch.export archive.

The libraries of the extra ``export`` are imported here and in `quantizing` only, when needed.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import torch

from objrec.errors import SettingsError
from objrec.export.description import KEY, as_text
from objrec.export.graph import INPUT, Graph

Answering = Callable[[np.ndarray], dict[str, np.ndarray]]
"""uint8 images → outputs by name."""

ARCHIVED = f"{KEY}.json"
_OPSET = 18
_ONNX_LIMIT = 2**31 - 2**24  # protobuf's, less what is not weights


def library(name: str) -> ModuleType:
    """Import a library of the extra ``export``.

    Raises:
        SettingsError: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SettingsError(
            f"--format: onnx needs {name}, which is not installed; run pip install 'objrec[export]'"
        ) from error


def onnx_bytes(graph: Graph, size: tuple[int, int] | None, description: dict[str, Any]) -> bytes:
    """Return a graph as an ONNX file, its description in the metadata.

    Args:
        graph: What to write.
        size: H and W of the images; None: any.
        description: From `described`.

    Raises:
        SettingsError: A library is not installed, or the model is too large for one file.
    """
    onnx, *_ = map(library, ("onnx", "onnxscript", "onnxruntime"))
    weight = sum(t.nbytes for t in (*graph.parameters(), *graph.buffers()))
    if weight > _ONNX_LIMIT:
        raise SettingsError(
            f"--format: the references at all poses are {weight / 1e9:.1f} GB, and an ONNX file "
            "holds 2; use torchexport"
        )
    with _quiet():
        program = torch.onnx.export(
            graph,
            (_example(graph, size),),
            input_names=[INPUT],
            output_names=list(graph.outputs),
            dynamic_shapes=(_dynamic(size),),
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    model = program.model_proto
    onnx.helper.set_model_props(model, {KEY: as_text(description)})
    return model.SerializeToString()


def archive_bytes(graph: Graph, size: tuple[int, int] | None, description: dict[str, Any]) -> bytes:
    """Return a graph as a torch.export archive (.pt2), its description in ``objrec.json``.

    Arguments are those of `onnx_bytes`.
    """
    written = io.BytesIO()
    with _quiet(), torch.no_grad():
        example = (_example(graph, size),)
        program = torch.export.export(graph, example, dynamic_shapes=(_dynamic(size),))
        torch.export.save(program, written, extra_files={ARCHIVED: as_text(description)})
    return written.getvalue()


def opened_onnx(written: bytes) -> Answering:
    """Return a function that runs an ONNX file on the CPU.

    Raises:
        SettingsError: onnxruntime is not installed.
    """
    runtime = library("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # errors; it warns of constants that it has folded itself
    session = runtime.InferenceSession(written, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def answers(images: np.ndarray) -> dict[str, np.ndarray]:
        return dict(zip(names, session.run(names, {INPUT: images}), strict=True))

    return answers


def opened_archive(written: bytes, outputs: tuple[str, ...]) -> Answering:
    """Return a function that runs a torch.export archive, as eager PyTorch would.

    Args:
        written: The file.
        outputs: The names of what it returns.
    """
    with _quiet():
        module = torch.export.load(io.BytesIO(written)).module()

    def answers(images: np.ndarray) -> dict[str, np.ndarray]:
        with torch.no_grad():
            found = module(torch.from_numpy(images))
        return {name: value.numpy() for name, value in zip(outputs, found, strict=True)}

    return answers


def _example(graph: Graph, size: tuple[int, int] | None) -> torch.Tensor:
    # No two sizes alike, lest they be taken for one; 1 would be taken for a constant.
    side = graph.preprocessing.size
    height, width = size or (side + 5, side + 12)
    colour = (3,) if graph.preprocessing.colour else ()
    shape = (2, graph.preprocessing.cameras, height, width, *colour)
    return torch.zeros(shape, dtype=torch.uint8)


def _dynamic(size: tuple[int, int] | None) -> dict[int, Any]:
    named = {0: torch.export.Dim("batch")}
    if size is None:
        named |= {2: torch.export.Dim("height", min=2), 3: torch.export.Dim("width", min=2)}
    return named


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what exporters say of their own insides away from users."""
    logger = logging.getLogger("torch")
    level, nowhere = logger.level, io.StringIO()
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(nowhere):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
