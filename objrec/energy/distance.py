"""The distance D between a feature map and every warped reference, as one matrix product.

Both distances are bounded below by 0, and both make a reference that was pushed out of view pay
for it, so that the search cannot win by looking away.
"""

from __future__ import annotations

import torch
from torch import nn

MIN_COVERED_SHARE = 0.5
"""Squared distances count at least this share of the map, however little of it is covered."""


class ScaledDistance(nn.Module):
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


class CosineDistance(ScaledDistance):
    """s (1 - cosine) of whole maps.

    Where a warp leaves the map bare the reference is zero, while the image keeps its whole norm:
    uncovered cells count as mismatch.
    """

    def forward(
        self, features: torch.Tensor, maps: torch.Tensor, coverage: torch.Tensor
    ) -> torch.Tensor:
        """Return the distances of all pairs.

        Args:
            features: (B, C, h, w).
            maps: (Q, C, h, w), any number of references.
            coverage: (Q, 1, h, w); not used, the maps are already zero where it is.

        Returns:
            (B, Q) in [0, 2 s].
        """
        g, r = _unit(features.flatten(1)), _unit(maps.flatten(1))
        return self.scale() * (1 - g @ r.T)

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

    def forward(
        self, features: torch.Tensor, maps: torch.Tensor, coverage: torch.Tensor
    ) -> torch.Tensor:
        """Return the distances of all pairs, (B, Q), clamped at 0 against rounding.

        Args:
            features: (B, C, h, w).
            maps: (Q, C, h, w).
            coverage: (Q, 1, h, w), weights in [0, 1].
        """
        g, r = features.flatten(1), maps.flatten(1)
        w = coverage.expand_as(maps).flatten(1)
        counted, missing = _counted(w)
        left = torch.cat([g.square(), g], dim=1)
        right = torch.cat([w + missing[:, None], -2 * w * r], dim=1)
        total = left @ right.T + (w * r.square()).sum(1)
        return self.scale() * total.clamp(min=0) / counted

    def paired(
        self, features: torch.Tensor, maps: torch.Tensor, coverage: torch.Tensor
    ) -> torch.Tensor:
        """Return (N,): the distance of the i-th feature map to the i-th reference."""
        g, w = features.flatten(1), coverage.expand_as(maps).flatten(1)
        counted, missing = _counted(w)
        total = (w * (g - maps.flatten(1)).square()).sum(1) + missing * g.square().sum(1)
        return self.scale() * total / counted


def _counted(weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (Q,) the number of cells that count, and the share of all cells missing to it."""
    covered, cells = weights.sum(1), weights.shape[1]
    counted = covered.clamp(min=MIN_COVERED_SHARE * cells)
    return counted, (counted - covered) / cells


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    # eps inside the root: the gradient exists at a zero map too.
    return vectors * torch.rsqrt(vectors.square().sum(1, keepdim=True) + 1e-8)


DISTANCES: dict[str, type[ScaledDistance]] = {"cosine": CosineDistance, "squared": SquaredDistance}
