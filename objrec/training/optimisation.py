"""The optimiser, its schedule and the average of the weights."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel

from objrec.training.settings import TrainingSettings


def averaged_model(network: nn.Module, settings: TrainingSettings, steps: int) -> AveragedModel:
    """Return the running average of a network's weights and buffers, for a run of that length."""
    return _Average(network, settings.averaging_decay(steps))


class _Average(AveragedModel):
    """An exponential moving average that starts short, so that brief runs forget the start.

    The n-th update keeps min(decay, (1 + n) / (10 + n)), as in TensorFlow's moving averages.
    PyTorch's own updates copy the count to the device, and so wait for it at every step.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__(network, use_buffers=True)
        self.decay = decay

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Take one more state of the network into the average."""
        count = int(self.n_averaged)  # kept on the CPU, whatever the weights are on
        kept = min(self.decay, (1 + count) / (10 + count)) if count else 0.0
        pairs = list(zip(_tensors(self.module), _tensors(model), strict=True))
        smooth = [pair for pair in pairs if count and pair[0].is_floating_point()]
        if smooth:
            means, values = map(list, zip(*smooth, strict=True))
            torch._foreach_lerp_(means, values, 1 - kept)
        for mean, value in pairs:
            if not count or not mean.is_floating_point():
                mean.copy_(value)
        self.n_averaged += 1


def _tensors(network: nn.Module) -> list[torch.Tensor]:
    return [tensor.detach() for tensor in (*network.parameters(), *network.buffers())]


def has_bfloat16(device: torch.device) -> bool:
    """Say whether a device multiplies bfloat16 numbers in hardware; elsewhere they are slower."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # PyTorch has no public name for this yet; a version without these trains in float32.
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    asked = [getattr(torch.cpu, name, None) for name in names]
    return device.type == "cpu" and any(ask() for ask in asked if ask)


def make_optimizer(network: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Return AdamW over the trained weights; only matrices decay."""
    decay = settings.weight_decay
    if decay is None:
        decay = 0.05 if network.extractor.frozen else 0.01
    trained = [p for p in network.parameters() if p.requires_grad]
    matrices = [p for p in trained if p.ndim > 1]
    others = [p for p in trained if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.lr)


def one_cycle(
    optimizer: torch.optim.Optimizer, settings: TrainingSettings, steps: int
) -> OneCycleLR:
    """Return the one-cycle schedule of a run of that many steps."""
    # PyTorch divides by the last step of the warm-up, which is the first of all if it is step 0.
    single = settings.warmup * steps == 1
    return OneCycleLR(
        optimizer, settings.lr, total_steps=steps, pct_start=0.0 if single else settings.warmup
    )
