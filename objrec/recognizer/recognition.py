"""What a model says about an image, as plain values: answers, hypotheses, and where in the image.

This module computes nothing with tensors and reads nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from objrec.pose import Pose


@dataclass(frozen=True)
class Original:
    """The image as it was before it was letterboxed.

    Attributes:
        width: In pixels.
        height: In pixels.
        colour: Whether it had colour.
    """

    width: int
    height: int
    colour: bool

    def pixels(self, pose: Pose) -> dict[str, float]:
        """Return where the object is, in the pixels of this image.

        Letterboxing pads the shorter sides, so a fraction of the square's side is one of this
        image's longer side.

        Returns:
            ``shift_x`` (right) and ``shift_y`` (down) from the middle of the image, and ``side``,
            that of the square that the reference fills; only those that the pose answers.
        """
        side = max(self.width, self.height)
        stretched = {"shift_x": pose.shift_x, "shift_y": pose.shift_y, "side": pose.scale}
        return {name: side * value for name, value in stretched.items() if value is not None}


@dataclass(frozen=True)
class Hypothesis:
    """One answer: a category in a pose, and how badly it fits.

    `symmetric` says that the category looks alike from every side: its azimuth means nothing.
    """

    category: str
    pose: Pose
    energy: float
    symmetric: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "category": self.category,
            "energy": self.energy,
            "pose": self.pose.to_dict(),
            "symmetric": self.symmetric,
        }


@dataclass(frozen=True)
class Recognition:
    """What a model says about one image, or about several of one object.

    Attributes:
        source: The file, or None for pixels; of several images, their names in short.
        category: The category of lowest energy.
        pose: Its pose; only the axes that the model answers.
        energy: The lowest energy: low where the image fits; the mean over several images.
        energies: Category → its lowest energy over all poses.
        probabilities: Category → Gibbs probability exp(-beta E) / sum, at the calibrated beta,
            given that it is one of the categories.
        hypotheses: Distinct answers, best first; the first is the answer itself.
        unknown: Whether nothing fits: the energy is above the calibrated threshold, or above what
            background images taught. None where the model knows neither.
        original: The image's size and kind; None for images that came preprocessed.
        sources: The names of several images that were recognised together; empty for one image.
    """

    source: str | None
    category: str
    pose: Pose
    energy: float
    energies: dict[str, float]
    probabilities: dict[str, float]
    hypotheses: tuple[Hypothesis, ...]
    unknown: bool | None
    original: Original | None = None
    sources: tuple[str | None, ...] = ()

    @property
    def symmetric(self) -> bool:
        """Whether the category looks alike from every side: its azimuth means nothing."""
        return self.hypotheses[0].symmetric

    @property
    def pixels(self) -> dict[str, float]:
        """Shift and size in the original's pixels, see `Original.pixels`; empty if not known."""
        return self.original.pixels(self.pose) if self.original else {}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as ``classify --json`` prints them."""
        several = {"files": list(self.sources)} if self.sources else {}
        return {
            "file": self.source,
            **several,
            "category": self.category,
            "energy": self.energy,
            "energies": self.energies,
            "probabilities": self.probabilities,
            "pose": self.pose.to_dict(),
            "hypotheses": [hypothesis.to_dict() for hypothesis in self.hypotheses],
            "unknown": self.unknown,
            "symmetric": self.symmetric,
            "pixels": self.pixels,
        }

    def __str__(self) -> str:
        pose = f" at {self.pose}" if self.pose.to_dict() else ""
        return f"{self.category}{pose} (energy {self.energy:.3g})"
