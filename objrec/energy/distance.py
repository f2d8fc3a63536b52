"""The distance D between a feature map and every warped reference, as one matrix product.

Both distances are bounded below by 0, and both make a reference that was pushed out of view pay
for it, so that the search cannot win by looking away.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import nn

Compare = Callable[[torch.Tensor], torch.Tensor]
"""Features (B, C, h, w) → their distances to some references, (B, Q)."""

MIN_COVERED_SHARE = 0.5
"""Squared distances count at least this share of the map, however little of it is covered."""


class ScaledDistance(nn.Module, ABC):
    """A distance with a learned, capped scale s, which plays the part of an inverse temperature.

    The scale is learned as an exponential, so that it stays positive, and capped, since left
    alone it grows without end.

    Args:
        scale: Its start.
        cap: The largest it may become.
    """

    def __init__(self, scale: float = 10.0, cap: float = 20.0) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(scale).log())
        self.cap = cap

    def scale(self) -> torch.Tensor:
        """Return the factor s, a scalar tensor."""
        return self.log_scale.exp().clamp(max=self.cap)

    def forward(
        self, features: torch.Tensor, maps: torch.Tensor, coverage: torch.Tensor
    ) -> torch.Tensor:
        """Return the distances of all pairs, (B, Q) from 0 up.

        Args:
            features: (B, C, h, w).
            maps: (Q, C, h, w), any number of references.
            coverage: (Q, 1, h, w) in [0, 1]: how much of each cell a reference covers.
        """
        return self.against(maps, coverage)(features)

    @abstractmethod
    def against(self, maps: torch.Tensor, coverage: torch.Tensor) -> Compare:
        """Return the comparison of features with references, whose own part is computed once."""


class CosineDistance(ScaledDistance):
    """s (1 - cosine) of whole maps.

    Where a warp leaves the map bare the reference is zero, while the image keeps its whole norm:
    uncovered cells count as mismatch, and coverage is not looked at. Distances are in [0, 2 s].
    """

    def against(self, maps: torch.Tensor, coverage: torch.Tensor) -> Compare:
        """Return the comparison with references; arguments are those of `forward`."""
        r = _unit(maps.flatten(1))

        def compare(features: torch.Tensor) -> torch.Tensor:
            g = _unit(features.flatten(1))
            # Under autocast the product comes in half precision, which energies near 10 cannot be.
            return self.scale() * (1 - (g @ r.T).to(g.dtype))

        return compare

    def paired(
        self, features: torch.Tensor, maps: torch.Tensor, coverage: torch.Tensor
    ) -> torch.Tensor:
        """Return (N,): the distance of the i-th feature map to the i-th reference."""
        cosine = (_unit(features.flatten(1)) * _unit(maps.flatten(1))).sum(1)
        return self.scale() * (1 - cosine)


class SquaredDistance(ScaledDistance):
    """s times the mean squared difference over the covered cells.

    Where less than half of the map is covered, the cells missing to that half count as mismatch,
    each with the image's mean square, as if the reference were zero there. With their share u of
    all cells, the sum of w (g - r)^2 + u g^2 is [g^2, g] . [w + u, -2 w r] + sum of w r^2: still
    one matrix product.
    """

    def against(self, maps: torch.Tensor, coverage: torch.Tensor) -> Compare:
        """Return the comparison with references; arguments are those of `forward`."""
        r = maps.flatten(1)
        w = coverage.expand_as(maps).flatten(1)
        counted, missing = _counted(w)
        right = torch.cat([w + missing[:, None], -2 * w * r], dim=1)
        own = (w * r.square()).sum(1)

        def compare(features: torch.Tensor) -> torch.Tensor:
            g = features.flatten(1)
            # Large terms cancel here: never in half precision; and clamped against rounding.
            with torch.autocast(features.device.type, enabled=False):
                total = torch.cat([g.square(), g], dim=1) @ right.T + own
            return self.scale() * total.clamp(min=0) / counted

        return compare

    def paired(
        self, features: torch.Tensor, maps: torch.Tensor, coverage: torch.Tensor
    ) -> torch.Tensor:
        """Return (N,): the distance of the i-th feature map to the i-th reference."""
        g, w = features.flatten(1), coverage.expand_as(maps).flatten(1)
        counted, missing = _counted(w)
        total = (w * (g - maps.flatten(1)).square()).sum(1) + missing * g.square().sum(1)
        return self.scale() * total / counted


class LocalDistance(ScaledDistance):
    """s times a weighted mean of what cells mismatch, each saturated: t (1 - exp(-d / t)).

    d = 1 - cosine of a cell's feature vector and the reference's there. A cell weighs as much as
    the reference is long there, so a reference says which cells are its object, and what covers
    some of them costs no more than the saturated mismatch (Black and Rangarajan, "On the
    Unification of Line Processes, Outlier Rejection, and Robust Statistics", IJCV 1996). Cells
    that a warp leaves bare weigh as much as the others do on average, and fit as an empty one.

    Args:
        scale: Start of s.
        cap: The largest it may become.
        saturation: t.
    """

    def __init__(self, scale: float = 10.0, cap: float = 20.0, saturation: float = 0.5) -> None:
        super().__init__(scale, cap)
        self.saturation = saturation

    def against(self, maps: torch.Tensor, coverage: torch.Tensor) -> Compare:
        """Return the comparison with references; arguments are those of `forward`."""
        r = maps.flatten(2)
        unit, length, covered = _unit(r), _length(r), coverage.flatten(1)

        def compare(features: torch.Tensor) -> torch.Tensor:
            g = _unit(features.flatten(2))
            cosine = torch.einsum("bcl,qcl->bql", g, unit).to(g.dtype)
            return self._mean(cosine, length, covered)

        return compare

    def paired(
        self, features: torch.Tensor, maps: torch.Tensor, coverage: torch.Tensor
    ) -> torch.Tensor:
        """Return (N,): the distance of the i-th feature map to the i-th reference."""
        g, r = _unit(features.flatten(2)), maps.flatten(2)
        return self._mean((g * _unit(r)).sum(1), _length(r), coverage.flatten(1))

    def _mean(
        self, cosine: torch.Tensor, weights: torch.Tensor, covered: torch.Tensor
    ) -> torch.Tensor:
        """(..., cells) → (...): the weighted mean of the saturated mismatches."""
        share = covered.mean(-1).clamp(min=1 / covered.shape[-1])
        bare = weights.sum(-1) * (1 - share) / share
        saturated = self._saturated((1 - cosine).clamp(min=0))
        empty = self._saturated(torch.ones_like(share))
        total = (weights * saturated).sum(-1) + bare * empty
        return self.scale() * total / (weights.sum(-1) + bare)

    def _saturated(self, mismatch: torch.Tensor) -> torch.Tensor:
        return -self.saturation * torch.expm1(-mismatch / self.saturation)


def _length(vectors: torch.Tensor) -> torch.Tensor:
    return (vectors.square().sum(1) + 1e-8).sqrt()


def _counted(weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (Q,) the number of cells that count, and the share of all cells missing to it."""
    covered, cells = weights.sum(1), weights.shape[1]
    counted = covered.clamp(min=MIN_COVERED_SHARE * cells)
    return counted, (counted - covered) / cells


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    # eps inside the root: the gradient exists at a zero map too.
    return vectors * torch.rsqrt(vectors.square().sum(1, keepdim=True) + 1e-8)


DISTANCES: dict[str, type[ScaledDistance]] = {
    "cosine": CosineDistance,
    "squared": SquaredDistance,
    "local": LocalDistance,
}
