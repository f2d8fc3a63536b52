"""What the maps of a new category are likely to be: a prior shared by the known ones, and views.

The warped maps T_Z(R) of a category are taken as one draw of a Gaussian process over poses, the
same for every feature. What the known categories teach of it:

- its mean is theirs, each counted by how well it fits the views: a cow turns much as a horse does;
- its covariance between poses is that by which their maps, each less its own mean over poses, vary
  about one another, plus a constant. The constant carries the mean of the views to all poses,
  also to those that no view shows.

The maps that are most likely given the views have a closed form (Rasmussen and Williams,
"Gaussian Processes for Machine Learning", 2006, equation 2.23). No image and no weights are here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

# Chosen on eth80: models without one category and one object of each other, measured on the
# objects left out of training, over all categories and 1, 5 and 20 views.
TEMPERATURE = 0.2  # of the weights of the known categories; distances are 1 - cosine
CONSTANT = 0.7  # variance of the constant, in mean variances of the known categories
NOISE = 4.0  # variance of a view about its category, likewise


@dataclass(frozen=True)
class Prior:
    """The maps of the known categories.

    Attributes:
        maps: (K, P, D), the maps of all poses, flattened.
    """

    maps: torch.Tensor

    def poses(self, views: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
        """Return (N,) the pose under which any known category fits each view best.

        Args:
            views: (N, D).
            allowed: (N, P) bool: the poses that a view may have.
        """
        best = torch.stack([views @ maps.T for maps in self.maps]).amax(dim=0)
        return best.masked_fill(~allowed, -torch.inf).argmax(dim=1)

    def posterior(self, views: torch.Tensor, poses: torch.Tensor) -> torch.Tensor:
        """Return (P, D): the most likely maps of the new category.

        Args:
            views: (N, D).
            poses: (N,) indices into the P poses.
        """
        seen, means, counts = _by_pose(views, poses)
        expected = torch.einsum("k,kpd->pd", self._weights(views, poses), self.maps)
        covariance = self._covariance(seen)
        # One observation a pose, of less noise the more views it is the mean of: the same result.
        noise = torch.diag(self._variance() * NOISE / counts)
        deviation = torch.linalg.solve(covariance[seen] + noise, means - expected[seen])
        return expected + covariance @ deviation

    def _weights(self, views: torch.Tensor, poses: torch.Tensor) -> torch.Tensor:
        """Return (K,) how much each known category counts, by its distance to the views."""
        fit = torch.stack([(views * maps[poses]).sum(1).mean() for maps in self.maps])
        return torch.softmax(fit / TEMPERATURE, dim=0)

    def _covariance(self, seen: torch.Tensor) -> torch.Tensor:
        """Return (P, S): the covariance of all poses with those seen, in units of a feature."""
        apart = self._apart()
        products = torch.einsum("kpd,ksd->ps", apart, apart[:, seen]) / max(1, len(apart) - 1)
        return products + CONSTANT * self._variance()

    def _variance(self) -> torch.Tensor:
        """Return the mean variance over poses; that of the maps where only one is known."""
        apart = self._apart() if len(self.maps) > 1 else self.maps
        return apart.square().sum(2).mean(1).sum() / max(1, len(apart) - 1)

    def _apart(self) -> torch.Tensor:
        """Return how each category's change with the pose differs from their mean change."""
        change = self.maps - self.maps.mean(dim=1, keepdim=True)
        return change - change.mean(dim=0)


def _by_pose(
    views: torch.Tensor, poses: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the S poses seen, the mean view of each (S, D), and the numbers of views (S,)."""
    seen, place, counts = poses.unique(return_inverse=True, return_counts=True)
    sums = views.new_zeros(len(seen), views.shape[1]).index_add(0, place, views)
    return seen, sums / counts[:, None], counts.to(views)
