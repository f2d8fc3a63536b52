"""Checkpoints: everything a killed run needs to go on, bit for bit, in one file without pickle.

Tensors (weights, averaged weights, optimiser moments) are safetensors; numbers are JSON in the
file's metadata. The random state needs no storing: each epoch's order and augmentation come from
a generator seeded by (seed, epoch), so the epoch's number is the state of the sampler.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from objrec.errors import ModelError

CHECKPOINT = "checkpoint.safetensors"


@dataclass
class Checkpoint:
    """A run between two epochs.

    Attributes:
        tensors: Flat name → tensor.
        numbers: JSON values: epoch, schedule, optimiser groups, the run's description.
    """

    tensors: dict[str, torch.Tensor]
    numbers: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write the file whole or not at all: a temporary one is renamed over the old."""
        temporary = path.with_name(path.name + ".partial")
        tensors = {name: t.detach().cpu().contiguous().clone() for name, t in self.tensors.items()}
        save_file(tensors, temporary, metadata={"objrec": json.dumps(self.numbers)})
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read a checkpoint.

        Raises:
            ModelError: The file is not a checkpoint of objrec.
        """
        try:
            with safe_open(path, framework="pt") as opened:
                numbers = json.loads((opened.metadata() or {})["objrec"])
                return cls({name: opened.get_tensor(name) for name in opened.keys()}, numbers)  # noqa: SIM118
        except (SafetensorError, KeyError, ValueError) as error:
            raise ModelError(
                f"{path}: not a checkpoint of objrec ({error}); train anew with --force"
            ) from error


def pack(state: dict[str, Any], prefix: str) -> tuple[dict[str, torch.Tensor], Any]:
    """Split a nested state dict into flat tensors and JSON, for `unpack` to put together again."""
    tensors: dict[str, torch.Tensor] = {}

    def walk(value: Any, path: str) -> Any:
        if isinstance(value, torch.Tensor):
            tensors[path] = value
            return {"tensor": path}
        if isinstance(value, dict):
            return {"dict": [[key, walk(v, f"{path}.{key}")] for key, v in value.items()]}
        if isinstance(value, list | tuple):
            return {"list": [walk(v, f"{path}.{i}") for i, v in enumerate(value)]}
        return {"value": value}

    return tensors, walk(state, prefix)


def unpack(tensors: dict[str, torch.Tensor], structure: Any) -> Any:
    """Put together what `pack` split."""
    if "tensor" in structure:
        return tensors[structure["tensor"]]
    if "dict" in structure:
        return {key: unpack(tensors, value) for key, value in structure["dict"]}
    if "list" in structure:
        return [unpack(tensors, value) for value in structure["list"]]
    return structure["value"]
