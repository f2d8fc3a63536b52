"""A whole model's energies against loops over images, categories, references and poses."""

import math

import pytest
import torch

from objrec.energy.distance import MIN_COVERED_SHARE
from objrec.energy.model import EnergyModel
from objrec.energy.settings import ModelSettings
from objrec.errors import SettingsError
from objrec.pose import AXES, AXIS, INDEX, PoseSpace
from objrec.warping import turn_volumes, warp_maps

NAMES = ("boat", "car")
# The shifts leave 30 % and 65 % of the map bare, one on either side of the floor of coverage.
SPACE = PoseSpace({"azimuth": (0.0, 130.0), "roll": (-25.0, 25.0), "shift_x": (-0.65, 0.0, 0.3)})

families = pytest.mark.parametrize("references", ["volume", "planar"])
distances = pytest.mark.parametrize("distance", ["cosine", "squared"])


def model_of(space=SPACE, names=NAMES, seed=0, **settings):
    torch.manual_seed(seed)
    small = {"channels": 3, "volume_channels": 2, "depth": 3} | settings
    return (
        EnergyModel(names, space, 1, False, ModelSettings(**{"features": "small", **small}))
        .double()
        .eval()
    )


def features_of(model, batch=3, seed=1):
    generator = torch.Generator().manual_seed(seed)
    side = model.extractor.side
    return torch.randn(batch, 3, side, side, generator=generator, dtype=torch.float64)


def reference_map(model, k, m, pose):
    """The map of one reference at one pose, and its coverage, by single warps."""
    pose = pose[None].double()
    if hasattr(model.references, "maps"):
        azimuths = SPACE.values["azimuth"]
        source = model.references.maps[k, m, azimuths.index(float(pose[0, INDEX["azimuth"]]))][None]
    else:
        turned = turn_volumes(model.references.volumes[k, m][None], pose)
        source = torch.einsum(
            "nrhw,cr->nchw", turned.flatten(1, 2), model.references.projection.weight
        )
    warped, coverage = warp_maps(source, pose)
    return warped[0], coverage[0, 0]


def distance_by_loop(name, g, r, coverage, scale):
    dot = square_g = square_r = total = covered = 0.0
    for c, i, j in torch.cartesian_prod(*(torch.arange(n) for n in g.shape)).tolist():
        a, b, weight = float(g[c, i, j]), float(r[c, i, j]), float(coverage[i, j])
        dot, square_g, square_r = dot + a * b, square_g + a * a, square_r + b * b
        total, covered = total + weight * (a - b) ** 2, covered + weight
    if name == "cosine":
        return scale * (1 - dot / math.sqrt(square_g * square_r))
    missing = max(0.0, MIN_COVERED_SHARE * g.numel() - covered)
    return scale * (total + missing * square_g / g.numel()) / (covered + missing)


@torch.no_grad()
@families
@distances
def test_energies_are_those_of_a_loop_over_images_categories_references_and_poses(
    references, distance
):
    model = model_of(references=references, distance=distance, models_per_category=2, scale=3.0)
    features = features_of(model, batch=2)
    energies = model.energies(features, model.prepare())
    assert energies.categories == NAMES and energies.grid == SPACE.grid()
    for k in range(2):
        for p, pose in enumerate(SPACE.grid().poses):
            maps = [reference_map(model, k, m, pose) for m in range(2)]
            for b in range(2):
                wanted = min(
                    distance_by_loop(distance, features[b], r, covered, 3.0) for r, covered in maps
                )
                assert energies.values[b, k, p].item() == pytest.approx(wanted, rel=1e-4)


@torch.no_grad()
@families
@distances
def test_the_energy_of_single_answers_agrees_on_the_grid(references, distance):
    model = model_of(references=references, distance=distance, models_per_category=3)
    features = features_of(model)
    values = model.energies(features, model.prepare()).values
    poses = SPACE.grid().poses.double()
    for b in range(3):
        for k in range(2):
            image = features[b].expand(len(poses), -1, -1, -1)
            single = model.energy_at(image, torch.full((len(poses),), k), poses)
            torch.testing.assert_close(single, values[b, k], rtol=1e-4, atol=1e-5)


@families
@distances
def test_gradients_of_the_energies_in_features_and_references(references, distance):
    model = model_of(references=references, distance=distance, models_per_category=2, channels=2)
    operators = model.operators(PoseSpace(dict(SPACE.values) | {"roll": (10.0,)}).grid())
    names = [name for name, _ in model.references.named_parameters(prefix="references")]
    weights = [dict(model.named_parameters())[name] for name in names]
    features = torch.randn(1, 2, 6, 6, dtype=torch.float64, requires_grad=True)

    def energies(features, *weights):
        changed = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(Bare(model, operators), changed, (features,))

    slopes = torch.autograd.grad(energies(features, *weights).sum(), weights)
    assert all(slope.abs().sum() > 0 for slope in slopes)
    assert torch.autograd.gradcheck(energies, (features, *weights), fast_mode=True)


class Bare(torch.nn.Module):
    """A model without its extractor: features → the energies' values."""

    def __init__(self, model, operators):
        super().__init__()
        self.references, self.model, self.operators = model.references, [model], operators

    def forward(self, features):
        (model,) = self.model
        return model.energies(features, self.references.warp(self.operators)).values


@families
@distances
def test_zero_features_have_finite_energies_and_gradients(references, distance):
    model = model_of(references=references, distance=distance)
    features = torch.zeros(2, 3, 6, 6, dtype=torch.float64, requires_grad=True)
    values = model.energies(features, model.prepare()).values
    values.sum().backward()
    assert torch.isfinite(values).all() and torch.isfinite(features.grad).all()
    for parameter in (*model.references.parameters(), *model.distance.parameters()):
        assert torch.isfinite(parameter.grad).all()


@torch.no_grad()
@families
@distances
def test_an_object_in_view_is_not_beaten_by_its_reference_out_of_view(references, distance):
    space = PoseSpace({"shift_x": tuple(i / 6 for i in range(-7, 8))})
    model = model_of(space, references=references, distance=distance)
    maps, _ = model.references.at(torch.tensor([0, 1]), torch.zeros(2, 6).double())
    features = maps[:, 0] + 0.3 * maps[:, 0].std() * torch.randn_like(maps[:, 0])
    best = model.energies(features, model.prepare()).best()
    assert best.category[:, 0].tolist() == [0, 1]
    assert best.pose[:, 0, INDEX["shift_x"]].abs().max() < 1e-6
    own = model.energy_at(features, torch.tensor([0, 1]), torch.zeros(2, 6).double())
    torch.testing.assert_close(best.energy[:, 0], own, rtol=1e-4, atol=1e-6)


@torch.no_grad()
def test_an_image_does_not_change_the_energies_of_another():
    model = model_of()
    features = features_of(model, batch=4)
    together = model.energies(features, model.prepare()).values
    for i in range(4):
        alone = model.energies(features[i : i + 1], model.prepare()).values
        torch.testing.assert_close(together[i : i + 1], alone)


@torch.no_grad()
def test_energies_carry_the_grid_they_were_asked_for():
    model = model_of()
    other = PoseSpace({"azimuth": (0.0, 10.0, 20.0)}).grid()
    energies = model.energies(features_of(model), model.warp(model.operators(other)))
    assert energies.grid == other and energies.values.shape == (3, 2, 3)


@torch.no_grad()
@families
@distances
def test_refined_hypotheses_leave_the_grid_where_references_vary(references, distance):
    model = model_of(references=references, distance=distance, models_per_category=2)
    features = features_of(model)
    energies = model.energies(features, model.prepare())
    plain = model.hypotheses(features, energies, 3, refined=False)
    refined = model.hypotheses(features, energies, 3)
    axes = ("roll", "shift_x") if references == "planar" else SPACE.axes
    assert torch.equal(plain.pose, energies.hypotheses(3).pose)
    assert torch.equal(refined.pose, energies.hypotheses(3, between=axes).pose)
    assert not torch.equal(refined.pose, plain.pose)
    if references == "planar":
        azimuth = INDEX["azimuth"]
        assert torch.equal(refined.pose[..., azimuth], plain.pose[..., azimuth])


@torch.no_grad()
def test_a_reference_turned_to_a_pose_between_grid_points_is_found_there():
    space = PoseSpace({"azimuth": range(0, 360, 20), "elevation": (30.0, 40.0, 50.0, 60.0)})
    model = model_of(space, depth=6, volume_channels=4, channels=6).float()
    smooth = torch.nn.functional.avg_pool3d(model.references.volumes.flatten(0, 2), 3, 1, 1)
    model.references.volumes.copy_(smooth.view_as(model.references.volumes))
    poses = torch.zeros(20, len(AXES))
    generator = torch.Generator().manual_seed(3)
    poses[:, INDEX["azimuth"]] = 360 * torch.rand(20, generator=generator)
    poses[:, INDEX["elevation"]] = 32 + 26 * torch.rand(20, generator=generator)
    features = model.references.at(torch.zeros(20, dtype=torch.long), poses)[0][:, 0]
    energies = model.energies(features, model.prepare())
    off = {}
    for refined in (False, True):
        found = model.hypotheses(features, energies, 1, refined=refined)
        assert (found.category == 0).all()
        azimuth = AXIS["azimuth"].difference(found.pose[:, 0, 0], poses[:, 0]).abs()
        off[refined] = azimuth.mean(), (found.pose[:, 0, 1] - poses[:, 1]).abs().mean()
    for on_grid, between in zip(off[False], off[True], strict=True):
        assert between < 0.6 * on_grid


@torch.no_grad()
@families
@distances
def test_the_reference_matched_is_the_one_whose_distance_the_energy_is(references, distance):
    model = model_of(references=references, distance=distance, models_per_category=3, scale=3.0)
    features = features_of(model, batch=2)
    category, pose = torch.tensor([1, 0]), SPACE.grid().poses[[0, 7]].double()
    matched = model.matched(features, category, pose)
    energies = model.energy_at(features, category, pose)
    for b in range(2):
        maps = [reference_map(model, category[b], m, pose[b]) for m in range(3)]
        far = [distance_by_loop(distance, features[b], r, covered, 3.0) for r, covered in maps]
        assert energies[b].item() == pytest.approx(min(far), rel=1e-4)
        torch.testing.assert_close(matched[b], maps[far.index(min(far))][0], atol=1e-6, rtol=1e-4)


@torch.no_grad()
def test_a_space_without_axes_has_one_pose():
    model = model_of(PoseSpace({}), references="planar")
    features = features_of(model)
    energies = model.energies(features, model.prepare())
    assert energies.values.shape == (3, 2, 1)
    assert (model.hypotheses(features, energies).pose == 0).all()


def test_images_become_features_of_the_references_size():
    model = model_of().float()
    features = model.extractor(torch.rand(2, 1, 1, 48, 48))
    assert features.shape == (2, 3, model.references.side, model.references.side)


def test_a_volume_is_as_deep_as_wide_unless_told_otherwise():
    assert model_of(depth=None).references.volumes.shape[-3:] == (6, 6, 6)
    assert model_of(depth=4).references.volumes.shape[-3:] == (4, 6, 6)


def test_a_scale_above_its_cap_is_refused():
    with pytest.raises(SettingsError, match=r"scale 30\.0 is above scale_cap 20\.0"):
        ModelSettings(scale=30.0)
