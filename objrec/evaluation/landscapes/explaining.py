"""Why a model answers what it answers: the energy landscape of one image, as plain values.

An energy model answers with the category and pose of lowest energy. `explain` keeps what it chose
among: every category's energy over the poses, the best hypotheses, how they were refined, and
the two things that the energy compares, the image's feature map and the warped reference. It
draws nothing; `objrec.report` does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from objrec.datasets import Sample
from objrec.datasets.frame import RELATIVE
from objrec.energy.distance import CosineDistance
from objrec.energy.energies import Hypotheses
from objrec.energy.model import EnergyModel
from objrec.errors import SettingsError
from objrec.evaluation.landscapes.colours import FeatureColours, comparable, hex_colours
from objrec.evaluation.landscapes.surfaces import Landscape, Plane, PlaneAxis, over_plane, shown
from objrec.pose import INDEX, Pose, PoseGrid
from objrec.recognizer import Hypothesis, Image, Recognition, Recognizer, Seen

_AROUND = 15  # poses a side of a neighbourhood


@dataclass(frozen=True)
class Step:
    """A pose on a hypothesis' way from the grid to its refined pose, and its energy there."""

    pose: Pose
    energy: float


@dataclass(frozen=True)
class Neighbourhood:
    """The energy one grid step around a hypothesis' start, all other axes as refined.

    Attributes:
        columns: Values along the plane's columns, unwrapped, in the units people use.
        rows: Likewise; a single 0 where the plane has no rows.
        energy: (rows, columns).
    """

    columns: np.ndarray
    rows: np.ndarray
    energy: np.ndarray


@dataclass(frozen=True)
class Fit:
    """How one hypothesis fits the image.

    Attributes:
        hypothesis: The refined pose with the energy on the grid, as the model answers.
        path: The grid's pose, and the refined one; the same pose once where none is refined.
        around: The energy around that path.
        reference: (h, w, 3) uint8, the warped reference as colours.
        mismatch: (h, w), each cell's part of the refined energy; None unless the distance is the
            cosine distance.
    """

    hypothesis: Hypothesis
    path: tuple[Step, ...]
    around: Neighbourhood
    reference: np.ndarray
    mismatch: np.ndarray | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        path = [{"pose": step.pose.to_dict(), "energy": step.energy} for step in self.path]
        return self.hypothesis.to_dict() | {
            "refined_energy": self.path[-1].energy,
            "path": path,
            "reference": hex_colours(self.reference),
            "mismatch": None if self.mismatch is None else self.mismatch.tolist(),
        }


@dataclass(frozen=True)
class Explanation:
    """What a model chose among when it answered an image.

    Attributes:
        model: Its name.
        recognition: The answer.
        image: (V, S, S) or (V, S, S, 3) uint8, as the network takes it.
        plane: The axes of all landscapes.
        landscapes: Category → its landscape, in the order of the model's categories.
        fits: The hypotheses, best first.
        colours: (h, w, 3) uint8, the image's feature map as colours; those of the references
            are comparable with it.
        truth: The labelled category, and pose on the model's axes, of a sample of a data set.
    """

    model: str
    recognition: Recognition
    image: np.ndarray
    plane: Plane
    landscapes: dict[str, Landscape]
    fits: tuple[Fit, ...]
    colours: np.ndarray
    truth: tuple[str, Pose] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, without the pixels of the image."""
        truth = self.truth and {"category": self.truth[0], "pose": self.truth[1].to_dict()}
        return self.recognition.to_dict() | {
            "model": self.model,
            "landscape_axes": self.plane.to_dict(),
            "landscapes": {k: land.to_dict(self.plane) for k, land in self.landscapes.items()},
            "hypotheses": [fit.to_dict() for fit in self.fits],
            "features": hex_colours(self.colours),
            "truth": truth,
        }


@torch.inference_mode()
def explain(recognizer: Recognizer, image: Image, hypotheses: int = 3) -> Explanation:
    """Return what a model chose among when it answers an image.

    Args:
        recognizer: An energy model that searches at least one pose axis.
        image: As for `Recognizer.recognize`.
        hypotheses: How many distinct answers to follow.

    Raises:
        SettingsError: The model has no energy landscape.
        DataError: The image cannot be read, or has another number of cameras.
    """
    plane = _plane(recognizer)
    opened = recognizer.preprocessed(image)
    seen = recognizer.see(opened.pixels[None])
    recognition = recognizer.recognitions(
        seen, hypotheses=hypotheses, sources=[opened.source], originals=[opened.original]
    )[0]
    surfaces = over_plane(seen.energies, plane)[0]
    colours, fits = _fits(recognizer, seen, recognition, plane)
    return Explanation(
        model=recognizer.name,
        recognition=recognition,
        image=_pixels(opened.pixels),
        plane=plane,
        landscapes={
            name: Landscape.of(surface, plane)
            for name, surface in zip(recognizer.categories, surfaces, strict=True)
        },
        fits=fits,
        colours=colours,
        truth=_truth(image, recognizer),
    )


def _plane(recognizer: Recognizer) -> Plane:
    place = recognizer.name or "model"
    if not isinstance(recognizer.network, EnergyModel):
        raise SettingsError(
            f"{place}: is a classifier ({recognizer.kind}), which has no energy landscape; "
            "explain an energy model"
        )
    plane = Plane.of(recognizer.space)
    if plane is None:
        raise SettingsError(
            f"{place}: searches no poses, so it has no energy landscape; explain a model that was "
            "trained with poses"
        )
    return plane


def _fits(
    recognizer: Recognizer, seen: Seen, recognition: Recognition, plane: Plane
) -> tuple[np.ndarray, tuple[Fit, ...]]:
    """Return the image's feature map as colours, and how each hypothesis fits."""
    network: EnergyModel = recognizer.network
    count = len(recognition.hypotheses)
    features = seen.features.expand(count, -1, -1, -1)
    stages = _stages(network, features, seen)
    references = network.matched(features, stages[-1].category[0], stages[-1].pose[0])
    maps = comparable(torch.cat([seen.features, references]), network.distance)
    paint = FeatureColours.fit(maps)
    image_colours, *reference_colours = paint(maps)
    mismatches = _mismatches(network, maps)
    fits = [
        Fit(
            hypothesis=hypothesis,
            path=_steps(stages, n, recognizer.axes),
            around=_neighbourhood(network, seen, stages, n, plane),
            reference=reference_colours[n],
            mismatch=mismatches[n],
        )
        for n, hypothesis in enumerate(recognition.hypotheses)
    ]
    return image_colours, tuple(fits)


def _stages(network: EnergyModel, features: torch.Tensor, seen: Seen) -> list[Hypotheses]:
    """Return the hypotheses on the grid and, if references vary between, off it."""
    on, off = (network.hypotheses(*seen, len(features), refined=r) for r in (False, True))
    if not network.references.continuous_axes(seen.energies.grid.space):
        return [on]
    energy = network.energy_at(features, off.category[0], off.pose[0])
    return [on, replace(off, energy=energy[None])]


def _steps(stages: list[Hypotheses], n: int, axes: tuple[str, ...]) -> tuple[Step, ...]:
    return tuple(
        Step(Pose.from_vector(stage.pose[0, n].tolist(), axes), float(stage.energy[0, n]))
        for stage in stages
    )


def _mismatches(network: EnergyModel, maps: torch.Tensor) -> list[np.ndarray | None]:
    """Split the cosine distance of each reference into its cells.

    For maps of norm 1, 1 - cos = |g - r|^2 / 2, which is a sum over cells.
    """
    if not isinstance(network.distance, CosineDistance):
        return [None] * (len(maps) - 1)
    unit = maps / maps[0].numel() ** 0.5
    parts = network.distance.scale() * (unit[1:] - unit[:1]).square().sum(dim=1) / 2
    return list(parts.double().cpu().numpy())


def _neighbourhood(
    network: EnergyModel, seen: Seen, stages: list[Hypotheses], n: int, plane: Plane
) -> Neighbourhood:
    grid = seen.energies.grid
    start, end = stages[0].pose[0, n], stages[-1].pose[0, n]
    columns = _around(grid, plane.columns, float(start[INDEX[plane.columns.name]]))
    rows = _around(grid, plane.rows, float(start[INDEX[plane.rows.name]])) if plane.rows else [0.0]
    mesh = torch.cartesian_prod(torch.as_tensor(rows), torch.as_tensor(columns)).to(end)
    poses = end.repeat(len(mesh), 1)
    poses[:, INDEX[plane.columns.name]] = mesh[:, 1]
    if plane.rows:
        poses[:, INDEX[plane.rows.name]] = mesh[:, 0]
    features = seen.features.expand(len(poses), -1, -1, -1)
    energy = network.energy_at(features, stages[0].category[0, n].expand(len(poses)), poses)
    return Neighbourhood(
        np.array([shown(plane.columns.name, v) for v in columns]),
        np.array([shown(plane.rows.name, v) if plane.rows else v for v in rows]),
        energy.view(len(rows), len(columns)).double().cpu().numpy(),
    )


def _around(grid: PoseGrid, axis: PlaneAxis, start: float) -> list[float]:
    """Return stored values within one grid step of a start, inside the range of the grid."""
    values = grid.space.values[axis.name]
    step = float(grid.steps(axis.name)[grid.nearest(axis.name, start)])
    low, high = start - step, start + step
    if not axis.wraps:
        low, high = max(low, values[0]), min(high, values[-1])
    return np.linspace(low, high, _AROUND).tolist()


def _pixels(image: torch.Tensor) -> np.ndarray:
    """(V, C, S, S) → (V, S, S) gray or (V, S, S, 3)."""
    pixels = image.numpy()
    return pixels[:, 0] if pixels.shape[1] == 1 else pixels.transpose(0, 2, 3, 1)


def _truth(image: Image, recognizer: Recognizer) -> tuple[str, Pose] | None:
    if not isinstance(image, Sample):
        return None
    pose = Pose.from_vector(image.pose, recognizer.axes)
    if recognizer.frame.kind("azimuth") == RELATIVE:  # the model's zero is another one
        pose = replace(pose, azimuth=None)
    return image.category, pose
