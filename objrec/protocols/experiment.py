"""All settings of a protocol's run, and whom it tells what it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from objrec.energy.settings import ModelSettings
from objrec.protocols.measuring import Progress
from objrec.protocols.settings import ProtocolSettings
from objrec.training import EpochReport, PoseSettings, Recipe


@dataclass(frozen=True)
class Experiment:
    """All settings of a protocol: its own, and those of training that may be changed."""

    protocol: ProtocolSettings = field(default_factory=ProtocolSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    pose: PoseSettings = field(default_factory=PoseSettings)

    def recipe(self, kind: str, seed: int) -> Recipe:
        """Return the settings of one training: the defaults, but for what is given here."""
        recipe = Recipe(kind=kind, model=self.model, pose=self.pose)
        return recipe.replaced(seed=seed, epochs=self.protocol.epochs)

    def to_json(self) -> dict[str, Any]:
        """Return all settings as plain values."""
        return {f.name: getattr(self, f.name).to_json() for f in fields(self)}


@dataclass(frozen=True)
class Watch:
    """Whom a run tells what it does.

    Attributes:
        on_stage: Told in words what begins.
        on_epoch: Told of every epoch trained, and of which model.
        on_progress: Called with (done, in all), in steps or images.
    """

    on_stage: Callable[[str], None] = lambda title: None
    on_epoch: Callable[[str, EpochReport], None] = lambda model, report: None
    on_progress: Progress = lambda done, total: None
