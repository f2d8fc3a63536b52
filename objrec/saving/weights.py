"""The weights of a model folder: which tensors are stored, and reading them into a new network."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn

from objrec.energy.distance import LARGEST
from objrec.energy.network import Network
from objrec.errors import ModelError, SettingsError
from objrec.strict import shown

_TYPES = {torch.float32: ("F32", "F16", "BF16", "F64"), torch.int64: ("I64",)}


def stored_state(network: nn.Module) -> dict[str, torch.Tensor]:
    """Return the state dict without the weights of a frozen backbone."""
    return {name: tensor.detach().cpu().contiguous() for name, tensor in _stored(network).items()}


def _stored(network: nn.Module) -> dict[str, torch.Tensor]:
    frozen = network.extractor.frozen
    return {
        name: tensor
        for name, tensor in network.state_dict().items()
        if not (frozen and name.startswith("extractor.stem."))
    }


def with_weights(build: Callable[[], Network], path: Path, place: str) -> Network:
    """Build a network once it is known that the file of weights is of just such a one.

    So what a configuration asks for is never larger than what is there. Fresh weights are drawn
    and replaced; the random numbers of the caller stay as they were.

    Args:
        build: Makes the network.
        path: The file.
        place: The configuration, for messages.

    Raises:
        ModelError: The file is missing, damaged, or of another network.
    """
    if not path.is_file():  # nor a pipe, which would be waited for
        raise ModelError(f"{path}: no such file; the model folder is incomplete, copy it whole")
    _check_header(path, _planned(build, place))
    with torch.random.fork_rng(devices=[]):
        network = build()
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: not readable as safetensors ({error}); copy it anew") from error
    for name, tensor in state.items():
        lowest = 0 if name.endswith("running_var") else -LARGEST
        values = tensor.float()
        if not ((values >= lowest) & (values <= LARGEST)).all():
            raise ModelError(f"{path}: '{name}' holds NaN, infinite or absurd weights; train anew")
    network.load_state_dict(state, strict=False)
    return network


def _planned(build: Callable[[], Network], place: str) -> dict[str, torch.Tensor]:
    """Return the shapes and types of a network's stored state, as tensors without memory."""
    try:
        with warnings.catch_warnings(), torch.device("meta"):
            warnings.simplefilter("ignore")  # a backbone's weights are read, and put nowhere
            return _stored(build())
    except SettingsError as error:
        raise ModelError(f"{place}: {error}") from error
    except RuntimeError as error:  # more numbers than can be counted
        raise ModelError(f"{place}: describes a network that is too large; train anew") from error


def _check_header(path: Path, wanted: Mapping[str, torch.Tensor]) -> None:
    """Make sure that a file of weights has the tensors of a network, and nothing else."""
    try:
        with safe_open(path, framework="pt") as opened:
            parts = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118
            found = {name: (tuple(p.get_shape()), p.get_dtype()) for name, p in parts.items()}
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: not readable as safetensors ({error}); copy it anew") from error
    for name, tensor in wanted.items():
        if name not in found:
            raise ModelError(f"{path}: '{name}' is missing; config.json is of another model")
        (shape, kind), right = found[name], tuple(tensor.shape)
        if shape != right:
            raise ModelError(f"{path}: '{name}' has shape {shape}, not {right}; wrong config.json")
        if kind not in _TYPES[tensor.dtype]:
            wanted_type = _TYPES[tensor.dtype][0]
            raise ModelError(f"{path}: '{name}' is of type {kind}, not {wanted_type}; train anew")
    surplus = sorted(set(found) - set(wanted))
    if surplus:
        raise ModelError(f"{path}: {shown(surplus[0])} belongs to another model; wrong config.json")
