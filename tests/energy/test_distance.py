"""Distances against plain loops in float64, their bounds, their gradients, and coverage."""

import math

import pytest
import torch

from objrec.energy.distance import (
    DISTANCES,
    MIN_COVERED_SHARE,
    CosineDistance,
    LocalDistance,
    SquaredDistance,
)
from objrec.pose import AXES, INDEX
from objrec.warping import warp_maps

NAMES = tuple(DISTANCES)


def random_case(images=4, references=5, channels=3, side=4, dtype=torch.float64, seed=0):
    """Features, maps and coverages: none, little, half, most and all of the map is covered."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(images, channels, side, side, generator=generator, dtype=dtype)
    maps = torch.randn(references, channels, side, side, generator=generator, dtype=dtype)
    coverage = torch.rand(references, 1, side, side, generator=generator, dtype=dtype)
    for q, rows in enumerate(torch.linspace(0, side, references).round().long().tolist()):
        coverage[q, :, rows:] = 0
    coverage[-1] = 1
    return features, maps * (coverage > 0), coverage


def cosine_by_loop(g, r, coverage, scale):
    g, r = g.flatten().tolist(), r.flatten().tolist()
    lengths = math.sqrt(sum(x * x for x in g)) * math.sqrt(sum(x * x for x in r))
    return scale * (1 - (sum(x * y for x, y in zip(g, r, strict=True)) / lengths if lengths else 0))


def squared_by_loop(g, r, coverage, scale):
    channels, h, w = g.shape
    total = covered = 0.0
    for c in range(channels):
        for i in range(h):
            for j in range(w):
                weight = float(coverage[0, i, j])
                total += weight * float(g[c, i, j] - r[c, i, j]) ** 2
                covered += weight
    cells = channels * h * w
    missing = max(0.0, MIN_COVERED_SHARE * cells - covered)
    mean_square = sum(x * x for x in g.flatten().tolist()) / cells
    return scale * (total + missing * mean_square) / (covered + missing)


def local_by_loop(g, r, coverage, scale, saturation=0.5):
    channels, h, w = g.shape
    total = weights = 0.0
    for i in range(h):
        for j in range(w):
            a = [float(g[c, i, j]) for c in range(channels)]
            b = [float(r[c, i, j]) for c in range(channels)]
            long = math.sqrt(sum(x * x for x in b) + 1e-8)
            both = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
            cosine = sum(x * y for x, y in zip(a, b, strict=True)) / both if both else 0
            total += long * saturation * (1 - math.exp(-(1 - cosine) / saturation))
            weights += long
    share = max(float(coverage.mean()), 1 / (h * w))
    bare = weights * (1 - share) / share
    empty = saturation * (1 - math.exp(-1 / saturation))
    return scale * (total + bare * empty) / (weights + bare)


LOOPS = {"cosine": cosine_by_loop, "squared": squared_by_loop, "local": local_by_loop}


@pytest.mark.parametrize("name", NAMES)
def test_the_matrix_product_equals_a_loop_over_pairs(name):
    features, maps, coverage = random_case()
    distance = DISTANCES[name](3.0).double()
    values = distance(features, maps, coverage)
    assert values.shape == (4, 5)
    for i in range(4):
        for q in range(5):
            wanted = LOOPS[name](features[i], maps[q], coverage[q], 3.0)
            assert values[i, q].item() == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_paired_is_the_diagonal(name):
    features, maps, coverage = random_case(images=5)
    distance = DISTANCES[name]().double()
    paired = distance.paired(features, maps, coverage)
    torch.testing.assert_close(paired, distance(features, maps, coverage).diagonal())


@pytest.mark.parametrize("name", NAMES)
def test_a_perfect_match_has_energy_0_and_no_slope(name):
    features, _, _ = random_case(images=3)
    features = (2 * features).requires_grad_()
    values = DISTANCES[name]().double().paired(features, features.detach(), torch.ones(3, 1, 4, 4))
    torch.testing.assert_close(values, torch.zeros(3).double(), atol=1e-6, rtol=0)
    (gradient,) = torch.autograd.grad(values.sum(), features)
    torch.testing.assert_close(gradient, torch.zeros_like(features), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_distances_are_bounded_below_by_0(name, dtype):
    features, maps, coverage = random_case(20, 30, dtype=dtype)
    features = torch.cat([features, maps])  # exact matches among them: rounding must not show
    values = DISTANCES[name]().to(dtype)(features, maps, coverage)
    assert values.min() >= (-1e-5 if name == "cosine" else 0)


def test_cosine_ignores_lengths_and_spans_0_to_twice_the_scale():
    features, _, _ = random_case(images=2)
    distance, ones = CosineDistance(7.0).double(), torch.ones(2, 1, 4, 4)
    same = distance.paired(features, 30 * features, ones)
    opposite = distance.paired(features, -0.1 * features, ones)
    torch.testing.assert_close(same, torch.zeros(2).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(opposite, torch.full((2,), 14.0).double(), atol=1e-4, rtol=0)


def test_local_pays_no_more_for_a_hidden_cell_than_its_saturation():
    features, maps, ones = (torch.ones(1, 3, 4, 4).double() for _ in range(3))
    features[:, :, 1, 2] = torch.tensor([1.0, -1.0, 0.0])
    value = LocalDistance(3.0).double().paired(features, maps, ones[:, :1])
    assert 0 < value.item() < 3.0 * 0.5 / 16 + 1e-9


def test_squared_looks_only_where_the_reference_covers():
    features, _, _ = random_case(images=1)
    maps, coverage = features.clone(), torch.ones(1, 1, 4, 4).double()
    coverage[..., 3], maps[..., 3] = 0, 100
    assert SquaredDistance().double().paired(features, maps, coverage).item() == 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", [("shift_x", 1), ("shift_y", -1), ("scale", -1)])
def test_a_matching_reference_is_not_beaten_by_itself_out_of_view(name, how):
    axis, sign = how
    generator = torch.Generator().manual_seed(0)
    reference = torch.randn(1, 8, 6, 6, generator=generator, dtype=torch.float64)
    noise = torch.randn(1, 8, 6, 6, generator=generator, dtype=torch.float64)
    features = reference + 0.5 * noise
    poses = torch.zeros(25, len(AXES), dtype=torch.float64)
    poses[:, INDEX[axis]] = sign * torch.linspace(0, 3 if axis == "scale" else 1.2, 25)
    maps, coverage = warp_maps(reference.expand(25, -1, -1, -1), poses)
    values = DISTANCES[name]().double()(features, maps, coverage)[0]
    assert values.argmin() == 0
    assert (values[5:] > 2 * values[0]).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_reference_wholly_out_of_view_costs_as_much_as_an_empty_one(name):
    features, _, _ = random_case(images=3)
    empty = torch.zeros(2, 3, 4, 4).double()
    coverage = torch.stack([torch.zeros(1, 4, 4), torch.ones(1, 4, 4)]).double()
    values = DISTANCES[name](2.0).double()(features, empty, coverage)
    torch.testing.assert_close(values[:, 0], values[:, 1])
    assert (values > 0.5).all()


@pytest.mark.parametrize("name", NAMES)
def test_gradients_in_features_maps_and_scale(name):
    features, maps, coverage = random_case(images=2, channels=2, side=3)
    distance = DISTANCES[name]().double()
    tensors = [t.requires_grad_() for t in (features, maps, distance.log_scale)]

    def of(features, maps, log_scale):
        return torch.func.functional_call(
            distance, {"log_scale": log_scale}, (features, maps, coverage)
        )

    # A wholly bare reference is a kink of the cosine's length: leave it to the test below.
    maps.data[0], coverage[0] = 1.0, 0.1
    assert torch.autograd.gradcheck(of, tensors)
    paired = distance.paired(features, maps[:2], coverage[:2]).sum()
    assert torch.isfinite(
        torch.cat([g.flatten() for g in torch.autograd.grad(paired, tensors)])
    ).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("zero", ["features", "maps", "both"])
def test_zero_maps_have_finite_energies_and_gradients(name, dtype, zero):
    features, maps, coverage = random_case(2, 3, dtype=dtype)
    if zero != "maps":
        features = torch.zeros_like(features)
    if zero != "features":
        maps = torch.zeros_like(maps)
    features, maps = features.requires_grad_(), maps.requires_grad_()
    values = DISTANCES[name]().to(dtype)(features, maps, coverage)
    values.sum().backward()
    assert torch.isfinite(values).all()
    assert torch.isfinite(features.grad).all() and torch.isfinite(maps.grad).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_learned_scale_is_capped(name):
    distance = DISTANCES[name](10.0, 20.0)
    assert distance.scale().item() == pytest.approx(10)
    distance.log_scale.data.fill_(10.0)
    assert distance.scale().item() == 20
