"""objrec: recognise objects whatever their pose, and say what the pose is.

The public names below are loaded on first use, so that ``import objrec`` and ``objrec --help`` do
not pay for importing torch.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Recognizer": "objrec.recognizer",
    "Recognition": "objrec.recognizer",
    "Pose": "objrec.pose",
    "PoseSpace": "objrec.pose",
    "Failure": "objrec.errors",
    "ObjrecError": "objrec.errors",
    "DataError": "objrec.errors",
    "SettingsError": "objrec.errors",
    "ModelError": "objrec.errors",
    "open_dataset": "objrec.datasets",
    "learn": "objrec.learning",
    "train": "objrec.training",
    "TrainingSettings": "objrec.training",
    "evaluate": "objrec.evaluation",
    "explain": "objrec.evaluation",
    "write_report": "objrec.report",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'objrec' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
