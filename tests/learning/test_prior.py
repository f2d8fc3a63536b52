"""The prior over maps, compared with a Gaussian process written out over single features."""

from __future__ import annotations

import numpy as np
import torch

from objrec.learning import prior
from objrec.learning.prior import Prior

K, P, D = 3, 5, 4


def made(seed: int = 0) -> tuple[Prior, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(K, P, D, generator=generator, dtype=torch.float64)
    views = torch.randn(4, D, generator=generator, dtype=torch.float64)
    return Prior(maps), views, torch.tensor([1, 3, 3, 0])


def test_posterior_is_that_of_a_gaussian_process_feature_by_feature():
    given, views, poses = made()
    maps, x, z = given.maps.numpy(), views.numpy(), poses.numpy()
    fits = np.array([np.mean([x[i] @ maps[k, z[i]] for i in range(4)]) for k in range(K)])
    weights = np.exp(fits / prior.TEMPERATURE) / np.exp(fits / prior.TEMPERATURE).sum()
    mean = sum(w * m for w, m in zip(weights, maps, strict=True))
    change = maps - maps.mean(1, keepdims=True)
    apart = change - change.mean(0)
    kernel = np.zeros((P, P))
    for p in range(P):
        for q in range(P):
            kernel[p, q] = sum(apart[k, p] @ apart[k, q] for k in range(K)) / (K - 1)
    variance = np.trace(kernel) / P
    kernel += prior.CONSTANT * variance
    # Every view an observation of its own, repeated poses included.
    observed = kernel[np.ix_(z, z)] + prior.NOISE * variance * np.eye(4)
    wanted = mean + kernel[:, z] @ np.linalg.inv(observed) @ (x - mean[z])
    np.testing.assert_allclose(given.posterior(views, poses).numpy(), wanted, rtol=1e-9)


def test_many_equal_views_are_reproduced():
    given, views, _ = made()
    poses = torch.full((5000,), 2)
    found = given.posterior(views[:1].expand(5000, D), poses)
    torch.testing.assert_close(found[2], views[0], atol=0.02, rtol=0)


def test_one_known_category_is_prior_enough():
    given, views, poses = made()
    assert Prior(given.maps[:1]).posterior(views, poses).isfinite().all()


def test_poses_are_those_of_the_best_known_category_among_the_allowed():
    given, views, _ = made()
    allowed = torch.tensor([[True] * P, [True] * P, [False, False, True, False, True], [True] * P])
    found = given.poses(views, allowed).tolist()
    for i in range(4):
        choices = [p for p in range(P) if allowed[i, p]]
        best = max(choices, key=lambda p: max(float(views[i] @ given.maps[k, p]) for k in range(K)))
        assert found[i] == best
