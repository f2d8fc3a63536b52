"""Checkpoints: everything a killed run needs to go on, bit for bit, in one file without pickle.

Tensors (weights, averaged weights, optimiser moments) are safetensors; numbers are JSON in the
file's metadata. The random state needs no storing: each epoch's order and augmentation come from
a generator seeded by (seed, epoch), so the epoch's number is the state of the sampler.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from objrec.errors import ModelError
from objrec.files import write_tensors
from objrec.strict import misfit

CHECKPOINT = "checkpoint.safetensors"
_MOST = 300  # characters of a reason


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
        """Write the file whole or not at all.

        Raises:
            DataError: It cannot be written; an older one is still there.
        """
        tensors = {name: t.detach().cpu().contiguous().clone() for name, t in self.tensors.items()}
        write_tensors(path, tensors, {"objrec": json.dumps(self.numbers)})

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read a checkpoint.

        Raises:
            ModelError: The file is not a checkpoint of objrec.
        """
        if not path.is_file():
            raise ModelError(f"{path}: not a file; train anew with --force")
        try:
            with safe_open(path, framework="pt") as opened:
                # NaN is written where a network is at its end.
                numbers = json.loads((opened.metadata() or {}).get("objrec", ""))
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, ValueError, RecursionError) as error:
            raise damaged(path, f"not a checkpoint of objrec ({error})") from error
        if problem := misfit(numbers, dict[str, Any]):
            raise damaged(path, f"not a checkpoint of objrec ({problem})")
        return cls(tensors, numbers)


def damaged(path: Path, problem: str) -> ModelError:
    """Return the error that says what is wrong with a checkpoint."""
    return ModelError(f"{path}: {problem[:_MOST]}; train anew with --force")


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
    """Put together what `pack` split.

    Raises:
        ValueError: It is nothing that `pack` returns.
    """
    if not isinstance(structure, dict) or len(structure) != 1:
        raise ValueError("the structure of a state is damaged")
    ((kind, inner),) = structure.items()
    if kind == "value":
        return inner
    if kind == "tensor" and isinstance(inner, str) and inner in tensors:
        return tensors[inner]
    if kind == "list" and isinstance(inner, list):
        return [unpack(tensors, value) for value in inner]
    if kind == "dict" and isinstance(inner, list) and all(map(_is_entry, inner)):
        return {key: unpack(tensors, value) for key, value in inner}
    raise ValueError(f"the structure of a state is damaged, or a tensor is missing ({kind[:40]})")


def _is_entry(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str | int)
