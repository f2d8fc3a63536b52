"""What an exported file says of itself: labels, pose grid and all else that its numbers mean."""

from __future__ import annotations

import json
from typing import Any

import torch

import objrec
from objrec.energy.model import EnergyModel
from objrec.export.graph import INPUT, Graph
from objrec.export.heads import as_users_see
from objrec.pose import AXIS
from objrec.recognizer import Recognizer

FORMAT = 1
KEY = "objrec"


def described(recognizer: Recognizer, graph: Graph, size: tuple[int, int] | None) -> dict[str, Any]:
    """Return plain values for the metadata of a file.

    Args:
        recognizer: The model.
        graph: Made of it.
        size: H and W of the images, or None where they may have any.
    """
    calibration, preprocessing = recognizer.calibration, recognizer.preprocessing
    searched = isinstance(recognizer.network, EnergyModel)
    return {
        "format": FORMAT,
        "objrec": objrec.__version__,
        "model": recognizer.name,
        "kind": recognizer.kind,
        "categories": list(recognizer.categories),
        "pose": {name: _axis(recognizer, name) for name in recognizer.axes},
        # Row-major over these axes, in this order; a classifier's landscape has one pose.
        "landscape": list(recognizer.axes) if searched else [],
        "input": {
            "name": INPUT,
            "layout": "BVHWC" if preprocessing.colour else "BVHW",
            "cameras": preprocessing.cameras,
            "colour": preprocessing.colour,
            "size": list(size) if size else None,
        },
        "outputs": list(graph.outputs),
        "preprocessing": preprocessing.to_json(),
        "calibration": calibration.to_json() if calibration else None,
        "pose_frame": recognizer.frame.to_json(),
        "background": list(recognizer.background),
        "quantized": False,
    }


def as_text(description: dict[str, Any]) -> str:
    """Return the one JSON string that is put into a file."""
    return json.dumps(description, ensure_ascii=False)


def _axis(recognizer: Recognizer, name: str) -> dict[str, Any]:
    stored = torch.tensor(recognizer.space.values[name], dtype=torch.float64)
    unit = "ratio" if name == "scale" else AXIS[name].unit
    return {"unit": unit, "values": as_users_see(name, stored).tolist()}
