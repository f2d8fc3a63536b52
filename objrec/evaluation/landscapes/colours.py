"""Feature maps as colours, so that equal colours mean equal features.

The three main directions in which the features of some maps vary (principal components) become
the luminance and the two colour differences of an image. The first, the largest, is lightness,
and the second is blue against yellow: what matters most is seen without colour, and with any
kind of colour vision.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from objrec.energy.distance import CosineDistance

# YCbCr → RGB, ITU-R BT.601, for Y in [0, 1] and differences in [-0.5, 0.5].
_TO_RGB = np.array([[1.0, 1.0, 1.0], [0.0, -0.344136, 1.772], [1.402, -0.714136, 0.0]])
# How far the bulk of the features spreads: full lightness, and differences that stay inside RGB.
_SPREAD = np.array([0.42, 0.26, 0.26])
_BULK = 98.0  # percent of the features that are inside; the rest is clipped


@dataclass(frozen=True)
class FeatureColours:
    """A linear map from features to colours; `fit` makes it.

    Attributes:
        mean: (C,) the features that are mid-gray.
        directions: (3, C), a colour's luminance, blue-yellow and red-green, for features less
            the mean; rows of zeros where the features vary in fewer directions.
    """

    mean: np.ndarray
    directions: np.ndarray

    @classmethod
    def fit(cls, maps: torch.Tensor) -> FeatureColours:
        """Find the main directions of all cells of feature maps (N, C, h, w)."""
        from sklearn.decomposition import PCA  # takes a second to import

        cells = _cells(maps)
        count = min(3, *cells.shape)
        with np.errstate(invalid="ignore"):  # maps that do not vary at all
            found = PCA(count, svd_solver="full").fit(cells)
        span = np.percentile(np.abs(found.transform(cells)), _BULK, axis=0)
        scale = np.divide(_SPREAD[:count], span, out=np.zeros(count), where=span > 1e-9)
        directions = np.zeros((3, cells.shape[1]))
        directions[:count] = scale[:, None] * found.components_
        return cls(found.mean_, directions)

    def __call__(self, maps: torch.Tensor) -> np.ndarray:
        """Return the colours (N, h, w, 3) uint8 of feature maps (N, C, h, w)."""
        differences = (_cells(maps) - self.mean) @ self.directions.T
        colours = (0.5 + differences @ _TO_RGB).clip(0, 1)
        n, _, h, w = maps.shape
        return (255 * colours).round().astype(np.uint8).reshape(n, h, w, 3)


def comparable(maps: torch.Tensor, distance: torch.nn.Module) -> torch.Tensor:
    """Return feature maps (N, C, h, w) of which equal ones are at distance 0.

    To the cosine distance, the size of a whole map means nothing: all are brought to the same
    mean square. Other distances see maps as they are.
    """
    if not isinstance(distance, CosineDistance):
        return maps
    square = maps.square().mean(dim=(1, 2, 3), keepdim=True)
    return maps * torch.rsqrt(square + 1e-12)


def hex_colours(colours: np.ndarray) -> list[list[str]]:
    """Return colours (h, w, 3) uint8 as rows of "#rrggbb"."""
    return [[f"#{cell.tobytes().hex()}" for cell in row] for row in colours]


def _cells(maps: torch.Tensor) -> np.ndarray:
    return maps.permute(0, 2, 3, 1).flatten(0, 2).double().cpu().numpy()
