"""The distance D between a feature map and every warped reference, as one matrix product.

Both distances are bounded below by 0, and both make a reference that was pushed out of view pay
for it, so that the search cannot win by looking away.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Compare:
    """The comparison of features (B, C, h, w) with some references: distances (B, Q).

    Attributes:
        image: What the product needs of features, the same for all references: computed once
            where many blocks of references are asked.
        answers: From that to the distances.
    """

    image: Callable[[torch.Tensor], torch.Tensor]
    answers: Callable[[torch.Tensor], torch.Tensor]

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """Return the distances (B, Q)."""
        return self.answers(self.image(features))


LARGEST = 1e15
"""Numbers of features and references up to this size, at least, give right distances."""

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
        # Clamped before it too: an infinite exponential has the gradient NaN, cap or not.
        return self.log_scale.clamp(max=math.log(self.cap) + 1).exp().clamp(max=self.cap)

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

    @staticmethod
    @abstractmethod
    def image(features: torch.Tensor) -> torch.Tensor:
        """Return what the comparison with any references needs of features (B, C, h, w)."""

    def direction(self, features: torch.Tensor) -> torch.Tensor:
        """Return (B, R): what the vectors of `linear` are multiplied with."""
        return self.image(features).flatten(1)

    @abstractmethod
    def linear(
        self, maps: torch.Tensor, coverage: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return vectors r (Q, R) and offsets o (Q,) by which answers can be ranked.

        o - g . r, with g from `direction`, is the distance over its scale; of the local distance,
        only about.
        """

    @abstractmethod
    def against(self, maps: torch.Tensor, coverage: torch.Tensor) -> Compare:
        """Return the comparison of features with references, whose own part is computed once."""


class CosineDistance(ScaledDistance):
    """s (1 - cosine) of whole maps.

    Where a warp leaves the map bare the reference is zero, while the image keeps its whole norm:
    uncovered cells count as mismatch, and coverage is not looked at. Distances are in [0, 2 s].
    """

    @staticmethod
    def image(features: torch.Tensor) -> torch.Tensor:
        """Return the whole maps at unit length, (B, C h w)."""
        return _unit(features.flatten(1))

    def linear(
        self, maps: torch.Tensor, coverage: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the maps at unit length."""
        return _unit(maps.flatten(1)), maps.new_ones(len(maps))

    def against(self, maps: torch.Tensor, coverage: torch.Tensor) -> Compare:
        """Return the comparison with references; arguments are those of `forward`."""
        r = maps.flatten(1)
        # The product is divided by their lengths, not they themselves: in training, to read all
        # references at all poses and write them again takes longer than the product.
        inverse = _inverse_length(r)

        def answers(g: torch.Tensor) -> torch.Tensor:
            # Under autocast the product comes in half precision, which energies near 10 cannot be.
            return self.scale() * (1 - (g @ r.T).to(g.dtype) * inverse)

        return Compare(self.image, answers)

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

    @staticmethod
    def image(features: torch.Tensor) -> torch.Tensor:
        """Return [g^2, g], (B, 2 C h w)."""
        g = features.flatten(1)
        # Large terms cancel in the product: never in half precision.
        with torch.autocast(features.device.type, enabled=False):
            return torch.cat([g.square(), g], dim=1)

    def linear(
        self, maps: torch.Tensor, coverage: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the matrix of the product, negated, and what it lacks."""
        right, own, counted = _product(maps, coverage)
        return -right / counted[:, None], own / counted

    def against(self, maps: torch.Tensor, coverage: torch.Tensor) -> Compare:
        """Return the comparison with references; arguments are those of `forward`."""
        right, own, counted = _product(maps, coverage)

        def answers(g: torch.Tensor) -> torch.Tensor:
            with torch.autocast(g.device.type, enabled=False):
                total = g @ right.T + own
            # Clamped against rounding.
            return self.scale() * total.clamp(min=0) / counted

        return Compare(self.image, answers)

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

    @staticmethod
    def image(features: torch.Tensor) -> torch.Tensor:
        """Return each cell's features at unit length, (B, C, cells)."""
        return _unit(features.flatten(2))

    def linear(
        self, maps: torch.Tensor, coverage: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what is left where no mismatch is saturated."""
        r, w = maps.flatten(2), _length(maps.flatten(2))
        share = coverage.flatten(1).mean(1).clamp(min=1 / w.shape[1])
        whole = w.sum(1) / share
        return (_unit(r) * (w / whole[:, None])[:, None]).flatten(1), maps.new_ones(len(maps))

    def against(self, maps: torch.Tensor, coverage: torch.Tensor) -> Compare:
        """Return the comparison with references; arguments are those of `forward`."""
        r = maps.flatten(2)
        unit, length, covered = _unit(r), _length(r), coverage.flatten(1)

        def answers(g: torch.Tensor) -> torch.Tensor:
            cosine = torch.einsum("bcl,qcl->bql", g, unit).to(g.dtype)
            return self._mean(cosine, length, covered)

        return Compare(self.image, answers)

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


def _product(
    maps: torch.Tensor, coverage: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return [w + u, -2 w r] (Q, 2 C h w), the sums of w r^2 (Q,), and how many numbers count."""
    r, w = maps.flatten(1), coverage.expand_as(maps).flatten(1)
    counted, missing = _counted(w)
    right = torch.cat([w + missing[:, None], -2 * w * r], dim=1)
    return right, (w * r.square()).sum(1), counted


def _inverse_length(vectors: torch.Tensor) -> torch.Tensor:
    """Return 1 / length of (Q, D); of a zero vector, what `_unit` multiplies it by."""
    precision = torch.promote_types(vectors.dtype, torch.float32)
    return torch.rsqrt(torch.linalg.vector_norm(vectors, dim=1, dtype=precision).square() + 1e-8)


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    # eps inside the root: the gradient exists at a zero map too.
    return vectors * torch.rsqrt(vectors.square().sum(1, keepdim=True) + 1e-8)


DISTANCES: dict[str, type[ScaledDistance]] = {
    "cosine": CosineDistance,
    "squared": SquaredDistance,
    "local": LocalDistance,
}
