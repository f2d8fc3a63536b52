"""The energy model E(W, Y, X, Z) = D(G(X), T_Z(R_Y)), put together from its parts.

The model holds weights and no state: warped references are a value that the caller makes (at each
training step, or once per recogniser) and passes back in.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import nn

from objrec.energy.distance import DISTANCES, Compare, LocalDistance, ScaledDistance
from objrec.energy.energies import Energies, Hypotheses
from objrec.energy.network import Network
from objrec.energy.references import PlanarReferences, VolumeReferences, Warped
from objrec.energy.settings import ModelSettings
from objrec.errors import SettingsError
from objrec.pose import VIEW_AXES, PoseGrid, PoseSpace
from objrec.warping import Operators

# Where the energy of "nothing fits" starts, in units of the distance's scale: for the cosine
# distance, half way between a perfect match and none.
_NOTHING = 0.5


class EnergyModel(Network):
    """Feature extractor G, reference models R and distance D; arguments as for `Network`."""

    def build(self, settings: ModelSettings) -> None:
        """Make the reference models and the distance."""
        self.references = _build_references(
            len(self.categories), self.space, self.extractor.side, settings
        )
        self.distance = _build_distance(settings)
        if self.background:
            self.nothing = nn.Parameter(torch.tensor(_NOTHING))

    def searching(self, space: PoseSpace) -> EnergyModel:
        """Return the same model, its weights shared, searching other poses than it was trained on.

        A volume can be turned to any view; discrete views (planar references) are what they are.

        Raises:
            SettingsError: The references hold other views than the space has.
        """
        planar = isinstance(self.references, PlanarReferences)
        if planar and space.part(VIEW_AXES) != self.references.view_grid.space:
            raise SettingsError("planar references cannot be turned to other views; use volume")
        other = copy.copy(self)
        other.space = space
        return other

    def operators(self, grid: PoseGrid | None = None) -> Operators:
        """Return the constant warps of a grid (default: the model's own)."""
        return self.references.operators(grid or self.space.grid())

    def warp(self, operators: Operators) -> Warped:
        """Return every reference at every pose."""
        return self.references.warp(operators)

    def prepare(self) -> Warped:
        """Return the warped references of the model's own grid, once for many images."""
        warped = self.warp(self.operators())
        return replace(warped, compare=self._against(warped))

    def energies(self, features: torch.Tensor, warped: Warped) -> Energies:
        """Return the energy of every answer.

        Args:
            features: (B, C, h, w) = ``extractor(images)``.
            warped: From `warp`.

        Returns:
            Values (B, K, P); where a category owns several references, the lowest of them. With
            background, also the energy of "nothing fits", the same for every image.
        """
        compare = warped.compare or self._against(warped)
        values = compare(features).view(len(features), *warped.maps.shape[:3]).amin(dim=2)
        return Energies(values, self.categories, warped.grid, self.nothing_fits(len(features)))

    def nothing_fits(self, count: int) -> torch.Tensor | None:
        """Return (count,): the energy of "nothing fits"; None from a model without background."""
        if not self.background:
            return None
        return (self.distance.scale() * self.nothing).expand(count)

    def _against(self, warped: Warped) -> Compare:
        k, m = warped.maps.shape[:2]
        coverage = warped.coverage.expand(k, m, -1, -1, -1, -1)
        return self.distance.against(warped.maps.flatten(0, 2), coverage.flatten(0, 2))

    def hypotheses(
        self, features: torch.Tensor, energies: Energies, count: int = 3, refined: bool = True
    ) -> Hypotheses:
        """Return the best distinct answers, their poses refined between grid points.

        Parabolas through the energies of the grid are enough: turning the references to the poses
        between and comparing anew was no better (azimuth median 2.5° instead of 2.3°, unseen toys)
        and cost thirty times as much.

        Args:
            features: Not used; as classifiers read their poses off them.
            energies: From `energies`.
            count: N.
            refined: Whether to leave the grid, along the axes that references vary along.
        """
        axes = self.references.continuous_axes(energies.grid.space) if refined else ()
        return energies.hypotheses(count, between=axes)

    def energy_at(
        self, features: torch.Tensor, category: torch.Tensor, pose: torch.Tensor
    ) -> torch.Tensor:
        """Return (N,): the energy of one answer, at any continuous pose, for each feature map.

        Args:
            features: (N, C, h, w).
            category: (N,) indices.
            pose: (N, A) stored units.
        """
        return self._candidates(features, category, pose)[1].amin(dim=1)

    def matched(
        self, features: torch.Tensor, category: torch.Tensor, pose: torch.Tensor
    ) -> torch.Tensor:
        """Return (N, C, h, w): the warped references that `energy_at` compares with.

        Where a category owns several references, the one of lowest energy; arguments as there.
        """
        maps, energies = self._candidates(features, category, pose)
        return maps[torch.arange(len(maps), device=maps.device), energies.argmin(dim=1)]

    def _candidates(
        self, features: torch.Tensor, category: torch.Tensor, pose: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the maps (N, M, C, h, w) of all references of a category, and energies (N, M)."""
        maps, coverage = self.references.at(category, pose)
        return maps, self.paired(features, maps, coverage)

    def paired(
        self, features: torch.Tensor, maps: torch.Tensor, coverage: torch.Tensor
    ) -> torch.Tensor:
        """Return (N, M): the energies of the i-th features and each of the i-th references.

        Args:
            features: (N, C, h, w).
            maps: (N, M, C, h, w), the references of a category, warped.
            coverage: (N, 1, h, w) in [0, 1].
        """
        m = maps.shape[1]
        repeated = features.repeat_interleave(m, dim=0)
        coverage = coverage.repeat_interleave(m, dim=0)
        return self.distance.paired(repeated, maps.flatten(0, 1), coverage).view(-1, m)


def _build_distance(settings: ModelSettings) -> ScaledDistance:
    kind = DISTANCES[settings.distance]
    extra = {"saturation": settings.saturation} if kind is LocalDistance else {}
    return kind(settings.scale, settings.scale_cap, **extra)


def _build_references(
    categories: int, space: PoseSpace, side: int, settings: ModelSettings
) -> nn.Module:
    models, channels = settings.models_per_category, settings.channels
    if settings.references == "planar":
        return PlanarReferences(categories, models, space, channels, side)
    return VolumeReferences(
        categories, models, settings.volume_channels, settings.depth or side, channels, side
    )
