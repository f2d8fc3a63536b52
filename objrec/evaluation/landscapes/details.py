"""What there is to see about every wrong answer: energies, landscapes, and the maps compared.

`mistake_details` makes the rows ``mistakes`` of evaluation.json. It answers nothing anew: which
images are wrong is handed to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from objrec.datasets import Dataset
from objrec.energy.model import EnergyModel
from objrec.evaluation.landscapes.colours import FeatureColours, comparable, hex_colours
from objrec.evaluation.landscapes.surfaces import Plane, over_plane
from objrec.evaluation.run import Progress
from objrec.pose import INDEX
from objrec.preprocessing import load_images
from objrec.recognizer import Recognizer, Seen

_DIGITS = 4  # significant digits of energies
_POSES = 48  # poses of each category's references that the colours are made from, at most


def landscape_axes(recognizer: Recognizer) -> dict[str, list[float]] | None:
    """Return the azimuths and elevations of the landscapes in `mistake_details`.

    Returns:
        ``azimuth`` and ``elevation``, a single value where elevation is not searched; None for a
        model that searches no azimuth or has no energy landscape.
    """
    plane = _plane(recognizer)
    if plane is None:
        return None
    elevation = recognizer.space.values.get("elevation", (0.0,))
    rows = plane.rows.values if plane.rows else elevation
    return {"azimuth": list(plane.columns.values), "elevation": list(rows)}


def mistake_details(
    recognizer: Recognizer,
    dataset: Dataset,
    rows: Sequence[tuple[int, int]],
    most: int = 400,
    batch_size: int = 64,
    on_progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Return the details of wrong answers, most wrong first.

    Args:
        recognizer: The model that answered.
        dataset: What it answered.
        rows: For each wrong answer, the image's position in the set, and the row of
            ``predictions`` that it has.
        most: How many to return at most.
        batch_size: Images at once.
        on_progress: Called with (images done, images in all).

    Returns:
        For each ``prediction``, ``excess`` (energy of the true category above the lowest),
        ``energies`` of all categories, and of the true and the lowest category ``landscapes``
        (rows: elevation, columns: azimuth), ``minima`` (the refined pose, on the scale of
        `landscape_axes`, and the energy), and ``maps`` (as colours: the image's features, and the
        references in these poses; equal colours in all rows mean equal features). Without
        azimuth, ``landscapes`` is None and ``minima`` empty; of a classifier so are ``maps``.

    Raises:
        DataError: An image cannot be read any more.
    """
    if len(rows) > most:
        rows = _worst(recognizer, dataset, rows, most, batch_size)
    paint, details = None, []
    for part, labels, seen in _batches(recognizer, dataset, rows, batch_size):
        batch = _Batch(recognizer, labels, seen)
        if paint is None and isinstance(recognizer.network, EnergyModel):
            paint = _paint(recognizer, seen)
        details += batch.details([prediction for _, prediction in part], paint)
        if on_progress:
            on_progress(len(details), len(rows))
    return sorted(details, key=lambda row: -row["excess"])


def _worst(
    recognizer: Recognizer,
    dataset: Dataset,
    rows: Sequence[tuple[int, int]],
    most: int,
    batch_size: int,
) -> list[tuple[int, int]]:
    """Return the rows whose true category's energy is most above the lowest."""
    excess = [
        _Batch(recognizer, labels, seen).excess()
        for _, labels, seen in _batches(recognizer, dataset, rows, batch_size)
    ]
    order = torch.cat(excess).argsort(descending=True, stable=True)[:most]
    return [rows[i] for i in order.tolist()]


def _batches(
    recognizer: Recognizer, dataset: Dataset, rows: Sequence[tuple[int, int]], size: int
) -> Iterator[tuple[Sequence[tuple[int, int]], torch.Tensor, Seen]]:
    """Yield rows, their true categories (B,), -1 for background, and what the model sees."""
    place = {name: i for i, name in enumerate(recognizer.categories)}
    places = np.array([place.get(name, -1) for name in dataset.categories])
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        index = [i for i, _ in part]
        loaded, _ = load_images(dataset.subset(index), recognizer.preprocessing)
        read = [part[i] for i in loaded.index.tolist()]
        labels = places[dataset.labels[[i for i, _ in read]]]
        yield read, torch.from_numpy(labels), recognizer.see(loaded.images)


@dataclass(frozen=True)
class _Batch:
    """A batch of wrong answers: true categories (B,), -1 for background, and what was seen."""

    recognizer: Recognizer
    labels: torch.Tensor
    seen: Seen

    @property
    def energies(self) -> torch.Tensor:
        """(B, K) the lowest energy of each category."""
        return self.seen.energies.per_category().double().cpu()

    def excess(self) -> torch.Tensor:
        """Return (B,): how far the energy of the truth is above the lowest one."""
        energies, nothing = self.energies, self.seen.energies.nothing
        true = energies.gather(1, self.labels.clamp(min=0)[:, None])[:, 0]
        if nothing is not None:
            true = torch.where(self.labels < 0, nothing.double().cpu(), true)
        return true - energies.amin(dim=1)

    @torch.inference_mode()
    def details(self, predictions: list[int], paint: FeatureColours | None) -> list[dict[str, Any]]:
        """Return the rows of `mistake_details` for this batch."""
        names, energies, excess = self.recognizer.categories, self.energies, self.excess()
        shown = torch.stack([self.labels, energies.argmin(dim=1)], dim=1)
        pictures = self._pictures(shown, paint)
        return [
            {
                "prediction": prediction,
                "excess": rounded(excess[b]),
                "energies": dict(zip(names, map(rounded, energies[b]), strict=True)),
                **pictures[b],
            }
            for b, prediction in enumerate(predictions)
        ]

    def _pictures(self, shown: torch.Tensor, paint: FeatureColours | None) -> list[dict[str, Any]]:
        """Return landscapes, minima and maps of the categories shown (B, 2), -1 for none."""
        if paint is None:
            return [{"landscapes": None, "minima": {}, "maps": None}] * len(shown)
        names, plane = self.recognizer.categories, _plane(self.recognizer)
        surfaces = over_plane(self.seen.energies, plane).cpu() if plane else None
        poses, colours = self._matched(shown, paint)
        made = []
        for b, pair in enumerate(shown.tolist()):
            named = {names[k]: (j, k) for j, k in enumerate(pair) if k >= 0}
            maps = {"image": colours[0][b]} | {n: colours[1 + j][b] for n, (j, _) in named.items()}
            landscapes, minima = None, {}
            if plane:
                landscapes = {n: _rounded_rows(surfaces[b, k]) for n, (_, k) in named.items()}
                minima = {
                    n: _on_plane(poses[j][b], plane) | {"energy": rounded(self.energies[b, k])}
                    for n, (j, k) in named.items()
                }
            maps = {name: hex_colours(cells) for name, cells in maps.items()}
            made.append({"landscapes": landscapes, "minima": minima, "maps": maps})
        return made

    def _matched(
        self, shown: torch.Tensor, paint: FeatureColours
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the best poses (B, A) given each of the categories, and maps (B, h, w, 3).

        The maps are the image's own and those of the references in these poses.
        """
        network, features = self.recognizer.network, self.seen.features
        poses, maps = [], [features]
        for categories in shown.clamp(min=0).to(features.device).T:
            pose = self.recognizer.poses(self.seen, categories)
            maps.append(network.matched(features, categories, pose.nan_to_num(0.0)))
            poses.append(pose.double().cpu().numpy())
        return poses, [paint(comparable(part, network.distance)) for part in maps]


def rounded(energy: torch.Tensor | float) -> float:
    """Return a number with `_DIGITS` significant digits."""
    return float(f"{float(energy):.{_DIGITS}g}")


def _rounded_rows(surface: torch.Tensor) -> list[list[float]]:
    return [[rounded(value) for value in row] for row in surface.tolist()]


def _on_plane(pose: np.ndarray, plane: Plane) -> dict[str, float]:
    """Return azimuth and elevation of a stored pose, on the scale of the landscape's axes."""
    return {axis.name: round(axis.placed(float(pose[INDEX[axis.name]])), 2) for axis in plane.axes}


def _plane(recognizer: Recognizer) -> Plane | None:
    """Return the plane of the landscapes, if it is one over azimuth."""
    if not isinstance(recognizer.network, EnergyModel):
        return None
    plane = Plane.of(recognizer.space)
    return plane if plane and plane.columns.name == "azimuth" else None


@torch.inference_mode()
def _paint(recognizer: Recognizer, seen: Seen) -> FeatureColours:
    """Choose the colours from all references, each in several poses, and the first features."""
    network: EnergyModel = recognizer.network
    grid = recognizer.space.grid().poses.to(seen.features.device)
    poses = grid[:: -(-len(grid) // _POSES)]
    categories = torch.arange(len(recognizer.categories), device=poses.device)
    references, _ = network.references.at(
        categories.repeat_interleave(len(poses)), poses.repeat(len(categories), 1)
    )
    maps = torch.cat([references.flatten(0, 1), seen.features])
    return FeatureColours.fit(comparable(maps, network.distance))
