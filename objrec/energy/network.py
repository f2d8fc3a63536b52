"""What the energy model and the comparison classifier share: a task, and a feature extractor."""

from __future__ import annotations

from torch import nn

from objrec.energy.features import build_extractor
from objrec.energy.settings import ModelSettings
from objrec.pose import PoseSpace


class Network(nn.Module):
    """A feature extractor for given categories, poses and images, and what `build` adds to it.

    Args:
        categories: K names, in label order.
        space: The poses that are answered.
        cameras: V.
        colour: Whether images have three channels.
        settings: The architecture.
        background: Whether "nothing fits" is an answer too, learned from background images.
    """

    def __init__(
        self,
        categories: tuple[str, ...],
        space: PoseSpace,
        cameras: int,
        colour: bool,
        settings: ModelSettings,
        background: bool = False,
    ) -> None:
        super().__init__()
        self.categories, self.space = tuple(categories), space
        self.background = background
        self.extractor = build_extractor(
            settings.extractor,
            cameras,
            colour,
            settings.channels,
            settings.weights,
            settings.image_side,
        )
        self.build(settings)

    def build(self, settings: ModelSettings) -> None:
        """Make what stands on the extractor; subclasses do."""

    @property
    def axes(self) -> tuple[str, ...]:
        """The pose axes that are answered."""
        return self.space.axes
