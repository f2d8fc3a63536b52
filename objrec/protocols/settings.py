"""The settings of a protocol: what is compared, how often, and where views are left out."""

from __future__ import annotations

from dataclasses import dataclass

from objrec.errors import SettingsError
from objrec.options import Settings, option
from objrec.saving import KINDS


@dataclass(frozen=True)
class ProtocolSettings(Settings):
    """The experiment."""

    seeds: tuple[int, ...] = option((0,), "train each model once a seed", minimum=0)
    models: tuple[str, ...] = option(
        ("energy", "cnn"), "what is trained and compared", choices=KINDS
    )
    step: float = option(
        60.0, "sparse-azimuth: degrees between the azimuths trained on", minimum=1.0, maximum=180.0
    )
    epochs: int | None = option(
        None, "passes over the training images; auto: as objrec train", minimum=1
    )
    keep_every: int = option(
        2, "novel-*: epochs between the stages among which each model is stopped", minimum=1
    )

    def check(self) -> None:
        """Refuse an experiment without models or seeds, or with one of them twice."""
        for name, values in (("seeds", self.seeds), ("models", self.models)):
            if not values or len(set(values)) < len(values):
                raise SettingsError(f"--{name}: name at least one, and none twice")
