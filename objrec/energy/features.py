"""Feature extractors G in named sizes: images → a feature map.

An extractor has two parts, `stem` and `head`: G(X) = head(stem(X)). The stem is frozen (and empty
for the extractors trained from scratch), so training on a frozen backbone can compute it once per
image and keep it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Size:
    """A named extractor trained from scratch: image side, and (kernel, stride, channels) rows."""

    image: int
    layers: tuple[tuple[int, int, int], ...]


SIZES: dict[str, Size] = {
    "small": Size(48, ((5, 2, 32), (3, 2, 64), (3, 1, 64), (3, 2, 96), (3, 1, 96))),
    "medium": Size(64, ((5, 2, 32), (3, 2, 64), (3, 1, 64), (3, 2, 96), (3, 1, 96))),
    "fine": Size(96, ((5, 2, 24), (3, 2, 48), (3, 2, 64), (3, 1, 64), (3, 2, 96), (3, 1, 96))),
    "large": Size(64, ((5, 2, 48), (3, 2, 96), (3, 1, 96), (3, 2, 160), (3, 1, 160), (3, 1, 160))),
}
DEFAULT = "medium"
BACKBONES = (
    "efficientnet-lite0",
    "efficientnet-lite2",
    "resnet18",
    "mobilenet-v3-small",
    "efficientnet-b0",
)
EXTRACTORS = (*SIZES, *BACKBONES)
BACKBONE_IMAGE = 128
ADAPTER_WIDTH = 128


def installed_backbone() -> str | None:
    """Return the first backbone whose weights are at hand without a download, if any."""
    from objrec.energy.pretrained import installed  # imports nothing heavy, but reads folders

    return next((name for name in BACKBONES if installed(name)), None)


class Extractor(nn.Module):
    """G: head(stem(images)).

    Attributes:
        stem: The frozen part, or an identity.
        head: The trained part.
        side: h = w of the feature map.
        channels: C of the feature map.
        frozen: Whether the stem is a frozen backbone.
    """

    def __init__(
        self, stem: nn.Module, head: nn.Module, side: int, channels: int, frozen: bool
    ) -> None:
        super().__init__()
        self.stem, self.head = stem, head
        self.side, self.channels, self.frozen = side, channels, frozen

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return (B, C, h, w) for normalised images (B, V, C_image, H, W)."""
        return self.head(self.stem(images))


def image_size(name: str, side: int | None = None) -> int:
    """Return the side in pixels of the images that an extractor takes: its own, unless given."""
    return side or (SIZES[name].image if name in SIZES else BACKBONE_IMAGE)


def build_extractor(
    name: str,
    cameras: int,
    colour: bool,
    channels: int,
    weights: str | None = None,
    image_side: int | None = None,
) -> Extractor:
    """Build an extractor by name.

    Args:
        name: One of `EXTRACTORS`.
        cameras: V.
        colour: Whether images have three channels; otherwise one.
        channels: C of the feature map.
        weights: For backbones, a local weights file; None: the installed or cached one.
        image_side: H = W of the images; None: the extractor's own.

    Raises:
        ModelError: A backbone's weights are not to be had; the message says what to install.
    """
    if name in SIZES:
        size = SIZES[name]
        head = _convolutions(cameras * (3 if colour else 1), size.layers, channels)
        side = image_size(name, image_side)
        for _, stride, _ in size.layers:
            side = -(-side // stride)
        return Extractor(nn.Flatten(1, 2), head, side, channels, frozen=False)
    from objrec.energy.pretrained import load_backbone  # imports torchvision or timm

    backbone = load_backbone(name, weights)
    with torch.no_grad():
        pixels = image_size(name, image_side)
        probe = backbone(torch.zeros(1, cameras, 3, pixels, pixels))
    return Extractor(
        backbone, _adapter(probe.shape[1], channels), probe.shape[-1], channels, frozen=True
    )


def _convolutions(inputs: int, layers: tuple, channels: int) -> nn.Sequential:
    blocks: list[nn.Module] = []
    for kernel, stride, width in layers:
        blocks += [
            nn.Conv2d(inputs, width, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        ]
        inputs = width
    return nn.Sequential(*blocks, nn.Conv2d(inputs, channels, 1))


def _adapter(inputs: int, channels: int) -> nn.Sequential:
    """Return the small trained network on frozen features; a linear one has twice the error."""
    return nn.Sequential(
        nn.BatchNorm2d(inputs),
        nn.Conv2d(inputs, ADAPTER_WIDTH, 1, bias=False),
        nn.ReLU(inplace=True),
        nn.Conv2d(ADAPTER_WIDTH, ADAPTER_WIDTH, 3, padding=1, bias=False),
        nn.BatchNorm2d(ADAPTER_WIDTH),
        nn.ReLU(inplace=True),
        nn.Conv2d(ADAPTER_WIDTH, channels, 1),
    )
