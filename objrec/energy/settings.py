"""The settings of a model's architecture, energy model and comparison classifier alike."""

from __future__ import annotations

from dataclasses import dataclass

from objrec.energy.distance import DISTANCES
from objrec.energy.features import DEFAULT, EXTRACTORS
from objrec.errors import SettingsError
from objrec.options import Settings, option

REFERENCES = ("volume", "planar")


@dataclass(frozen=True)
class ModelSettings(Settings):
    """What the network is made of."""

    features: str | None = option(
        None,
        "feature extractor: own convnets, or frozen ImageNet backbones; auto: a backbone for "
        f"colour images where its weights are installed, else {DEFAULT}, or small for tiny images",
        choices=EXTRACTORS,
    )
    image_side: int | None = option(
        None,
        "side in pixels of the images that the extractor sees; auto: its own",
        minimum=16,
        maximum=1024,
    )
    channels: int = option(48, "channels of the feature map", minimum=1, maximum=4096)
    references: str = option(
        "volume",
        "reference models: volumes that are turned in space, or maps that are warped in the plane",
        choices=REFERENCES,
    )
    models_per_category: int = option(
        1, "reference models a category (latent sub-types)", minimum=1, maximum=64
    )
    volume_channels: int = option(16, "channels of a reference volume", minimum=1, maximum=1024)
    depth: int | None = option(
        None, "depth of a reference volume, in cells; auto: as deep as wide", minimum=1, maximum=64
    )
    distance: str = option(
        "cosine", "distance between feature map and warped reference", choices=tuple(DISTANCES)
    )
    saturation: float = option(
        0.5,
        "local distance: a cell's mismatch d counts as this x (1 - exp(-d / this))",
        minimum=0.01,
        maximum=1e6,
    )
    scale: float = option(10.0, "starting scale of the distance", minimum=0.01, maximum=1e6)
    scale_cap: float = option(
        20.0, "largest scale the distance may learn", minimum=0.01, maximum=1e6
    )
    weights: str | None = option(None, "local weights file of a frozen backbone")

    @property
    def extractor(self) -> str:
        """The name of the extractor; where none was chosen, that trained from scratch."""
        return self.features or DEFAULT

    def check(self) -> None:
        """Refuse a starting scale that its cap would hold fixed for good."""
        if self.scale > self.scale_cap:
            raise SettingsError(
                f"settings: scale {self.scale} is above scale_cap {self.scale_cap}; "
                "lower the one or raise the other"
            )
