"""The settings of a training run, and the recipe that bundles all of them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from objrec.answers import AnswerSettings
from objrec.datasets.frame import KINDS as LABEL_KINDS
from objrec.datasets.frame import PoseFrame
from objrec.energy.features import BACKBONES, DEFAULT, SIZES, installed_backbone
from objrec.energy.settings import ModelSettings
from objrec.errors import SettingsError
from objrec.losses import LossSettings
from objrec.options import Settings, did_you_mean, option
from objrec.pose import AXES
from objrec.saving import KINDS


@dataclass(frozen=True)
class TrainingSettings(Settings):
    """The schedule and the optimiser."""

    epochs: int | None = option(
        None, "passes over the set; auto: about 1,400 steps, within 14 to 60 passes", minimum=1
    )
    batch_size: int = option(128, "images a step", minimum=2)
    lr: float = option(3e-3, "peak learning rate of the one-cycle schedule", minimum=0.0)
    weight_decay: float | None = option(
        None,
        "AdamW weight decay, on matrices only; auto: 0.01, or 0.05 on a frozen backbone",
        minimum=0.0,
    )
    warmup: float = option(
        0.15, "share of the steps in which the learning rate rises", minimum=0.0, maximum=0.9
    )
    max_gradient: float = option(5.0, "gradients are clipped to this norm", minimum=0.0)
    averaging: float = option(
        0.07,
        "weights are averaged over about this share of the steps, at the end",
        minimum=0.0,
        maximum=0.5,
    )
    cached_copies: int = option(
        8, "augmented copies whose frozen features are kept (frozen backbones only)", minimum=1
    )
    amp: bool = option(
        True, "mixed precision (bfloat16 products) on a GPU, or a CPU that has them in hardware"
    )
    seed: int = option(0, "seed of the weights, the order and the augmentation", minimum=0)

    def averaging_decay(self, steps: int) -> float:
        """Return the decay a step of the average's exponential window, for a run of that length."""
        return 1 - 1 / max(1.0, self.averaging * steps)

    def epochs_for(self, images: int) -> int:
        """Return the number of passes over a set of that many images."""
        if self.epochs is not None:
            return self.epochs
        steps = max(1, images // self.batch_size)
        return min(60, max(14, round(1400 / steps)))


@dataclass(frozen=True)
class PoseSettings(Settings):
    """Which poses are searched, and what the set's pose labels mean."""

    azimuth_step: float | None = option(
        None, "degrees between searched azimuths; auto: from the set", minimum=0.5, maximum=180.0
    )
    elevation_step: float | None = option(
        None, "degrees between searched elevations; auto: the set's own values", minimum=0.5
    )
    roll_range: float = option(
        0.0, "also search rolls up to this many degrees either way", minimum=0.0, maximum=180.0
    )
    roll_step: float = option(15.0, "degrees between searched rolls", minimum=0.5)
    front_azimuth: float | None = option(
        None, "azimuth at which the camera faces an object's front; auto: from the set's images"
    )
    pose: tuple[str, ...] = option(
        (),
        "how an axis' labels are meant, as azimuth=relative: observed, relative (right up to one "
        "offset per object) or latent (not used); else as set.json says, or observed",
    )
    symmetric: tuple[str, ...] = option(
        (), "further categories that look alike from every side: their azimuth is not used"
    )

    def check(self) -> None:
        """Refuse what is no axis=kind."""
        self.frame(PoseFrame())

    def frame(self, described: PoseFrame) -> PoseFrame:
        """Return how labels are meant: as the set describes, but for what these settings say.

        Raises:
            SettingsError: An entry of `pose` is not an axis with a kind that it can have.
        """
        axes = dict(described.axes)
        for entry in self.pose:
            axis, _, kind = entry.partition("=")
            if axis not in AXES or kind not in LABEL_KINDS:
                wrong, known = (axis, AXES) if axis not in AXES else (kind, LABEL_KINDS)
                hint = did_you_mean(wrong, known) or "; write it as azimuth=relative"
                raise SettingsError(f"settings: pose '{entry}' is no axis=kind{hint}")
            note = replace(described.note(axis), labels=kind)
            axes[axis] = note.checked(axis, f"settings: pose '{entry}'")
        if self.front_azimuth is not None:
            note = axes.get("azimuth", described.note("azimuth"))
            axes["azimuth"] = replace(note, front=self.front_azimuth)
        symmetric = tuple(dict.fromkeys((*described.symmetric, *self.symmetric)))
        return PoseFrame(axes, symmetric)


@dataclass(frozen=True)
class AugmentationSettings(Settings):
    """Random changes of the training images; the pose labels move with them."""

    mirror: bool = option(True, "mirror half of the images (azimuth a becomes 2 front - a)")
    augment_shift: float = option(
        0.06, "shift by up to this share of the side", minimum=0.0, maximum=1.0
    )
    augment_scale: float = option(0.12, "scale by up to e^this", minimum=0.0, maximum=2.0)
    augment_roll: float = option(6.0, "turn in the plane by up to this many degrees", minimum=0.0)
    augment_aspect: float = option(
        0.15, "stretch one way and squeeze the other by up to e^this", minimum=0.0, maximum=1.0
    )
    augment_elastic: float = option(
        0.02,
        "bend shapes: smooth random displacements of up to about this share of the side",
        minimum=0.0,
        maximum=0.2,
    )
    augment_light: float = option(0.4, "gamma and contrast by up to e^this", minimum=0.0)
    augment_brightness: float = option(0.15, "brightness by up to this", minimum=0.0, maximum=1.0)
    augment_blur: float = option(0.8, "blur a third of the images by up to this sigma", minimum=0.0)
    augment_noise: float = option(0.03, "pixel noise of up to this deviation", minimum=0.0)
    augment_erase: float = option(
        0.5, "share of the images in which a rectangle is painted over", minimum=0.0, maximum=1.0
    )


@dataclass(frozen=True)
class Recipe:
    """Everything that a training run depends on, besides the data.

    Attributes:
        kind: 'energy', or the comparison partners 'cnn' and 'cnn-pose'.
    """

    kind: str = "energy"
    training: TrainingSettings = field(default_factory=TrainingSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    answers: AnswerSettings = field(default_factory=AnswerSettings)
    pose: PoseSettings = field(default_factory=PoseSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SettingsError(f"settings: kind '{self.kind}' is none of {', '.join(KINDS)}")

    def settled(self, colour: bool, side: int | None = None) -> Recipe:
        """Return the recipe for a set, with what was left open and depends on it.

        Photographs are seen best through features trained on many; where their weights are
        installed they are taken for colour images.

        Args:
            colour: Whether the set's images have colours.
            side: Their longer side in pixels, if known: an extractor for larger ones would only
                cost time.
        """
        features = self.model.features
        if features is None:
            backbone = installed_backbone() if colour and self.model.weights is None else None
            tiny = side is not None and side <= SIZES["small"].image
            features = backbone or ("small" if tiny else DEFAULT)
        model = replace(self.model, features=features)
        return replace(self, model=model, loss=self.loss.settled(frozen=features in BACKBONES))

    def to_json(self) -> dict[str, Any]:
        """Return all settings as plain values, one object a part."""
        parts = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "kind"}
        return {"kind": self.kind, **{name: part.to_json() for name, part in parts.items()}}

    def replaced(self, **changes: Any) -> Recipe:
        """Return a copy with single settings changed, whichever part they belong to.

        Raises:
            SettingsError: No part has a setting of that name.

        Example:
            ``Recipe().replaced(epochs=2, margin=1.0)``
        """
        parts: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in changes.items():
            if name == "kind":
                parts["kind"] = value
                continue
            owner = next((k for k, p in parts.items() if name in getattr(p, "__dict__", {})), None)
            if owner is None:
                known = tuple(n for part in parts.values() for n in getattr(part, "__dict__", {}))
                hint = did_you_mean(name, known)
                raise SettingsError(f"settings: unknown setting '{name}'{hint}")
            values = {**parts[owner].__dict__, name: value}
            parts[owner] = type(parts[owner])(**values)
        return Recipe(**parts)
