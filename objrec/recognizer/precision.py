"""In which numbers features are computed: float32, or half as many bits for speed.

Only the extractor computes in half precision. Energies do not: near 10, the numbers of bfloat16 lie
0.06 apart, and two poses often differ by less.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from objrec.energy.distance import LARGEST
from objrec.errors import ModelError, SettingsError
from objrec.options import did_you_mean

PRECISIONS: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def choose_precision(name: str = "float32") -> torch.dtype:
    """Return the type of numbers by its name.

    Raises:
        SettingsError: There is no such precision.
    """
    if name not in PRECISIONS:
        hint = did_you_mean(name, tuple(PRECISIONS))
        raise SettingsError(
            f"--precision: no precision '{name}'{hint or '; choose ' + ', '.join(PRECISIONS)}"
        )
    return PRECISIONS[name]


def computed(
    extractor: torch.nn.Module, pixels: torch.Tensor, precision: torch.dtype
) -> torch.Tensor:
    """Return features (B, C, h, w) in float32, computed in some precision.

    Args:
        extractor: G.
        pixels: (B, V, C, S, S) normalised, float32.
        precision: Of the products; what does not fit into float16 is computed anew in float32.

    Raises:
        ModelError: They are not finite, or too large to compare.
    """
    if precision == torch.float32:
        with _whole_products(pixels.device):
            return _sane(extractor(pixels))
    with torch.autocast(pixels.device.type, dtype=precision):
        features = extractor(pixels).float()
    if precision == torch.float16:  # beyond 65,504 it knows infinity only
        lost = ~features.isfinite().flatten(1).all(dim=1)
        if lost.any():
            features[lost] = computed(extractor, pixels[lost], torch.float32)
    return _sane(features)


def _sane(features: torch.Tensor) -> torch.Tensor:
    if features.numel() and not bool(features.abs().amax() <= LARGEST):
        raise ModelError(
            "model: its features of an image are no finite numbers; its weights are damaged, copy "
            "the model folder anew or train anew"
        )
    return features


def _whole_products(device: torch.device) -> AbstractContextManager:
    """Keep a GPU from convolving float32 in TF32, PyTorch's default: 10 bits, as float16 has."""
    if device.type != "cuda":
        return nullcontext()
    cudnn = torch.backends.cudnn
    return cudnn.flags(
        enabled=cudnn.enabled,
        benchmark=cudnn.benchmark,
        deterministic=cudnn.deterministic,
        allow_tf32=False,
    )
