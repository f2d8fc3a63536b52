"""The settings of a protocol: what is compared, how often, and what is left out."""

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
    search_step: float | None = option(
        None,
        "novel-*, sparse-azimuth: degrees between the azimuths that an energy model searches; "
        "auto: as the set's own views lie",
        minimum=1.0,
        maximum=180.0,
    )
    objects: tuple[int, ...] = option(
        (1, 2, 3), "few-objects: how many objects a category are trained on", minimum=1
    )
    folds: int | None = option(
        None,
        "leave-one-out: how often it trains; auto: as often as the smallest category has objects",
        minimum=2,
    )
    leave_out: tuple[str, ...] = option(
        (), "unknown-category: categories left out, one at a time; none: each in turn"
    )
    epochs: int | None = option(
        None, "passes over the training images; auto: as objrec train", minimum=1
    )
    keep_every: int = option(
        2, "novel-*: epochs between the stages among which each model is stopped", minimum=1
    )

    def check(self) -> None:
        """Refuse an experiment without models, seeds or objects, or with one of them twice."""
        for name in ("seeds", "models", "objects"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values):
                raise SettingsError(f"--{name}: name at least one, and none twice")
        if len(set(self.leave_out)) < len(self.leave_out):
            raise SettingsError("--leave-out: name no category twice")
