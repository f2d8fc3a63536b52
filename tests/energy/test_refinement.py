"""Refinement: never worse, within its bounds, and nearer to planted poses than the grid."""

from itertools import pairwise

import pytest
import torch

from objrec.energy.distance import DISTANCES
from objrec.energy.energies import Energies
from objrec.energy.model import EnergyModel
from objrec.energy.references import PlanarReferences, VolumeReferences
from objrec.energy.refinement import refine, refinement_path
from objrec.energy.settings import ModelSettings
from objrec.pose import AXES, AXIS, INDEX, PoseSpace

ROUND = tuple(20.0 * i for i in range(18))
SPACE = PoseSpace({"azimuth": ROUND, "elevation": (30.0, 35.0, 45.0, 60.0, 70.0)})


def energies_of(function, space, images, categories=2):
    """Evaluate a function of (image, category, pose) on a grid."""
    poses = space.grid().poses
    cells = torch.cartesian_prod(torch.arange(images), torch.arange(categories))
    image, category = (c.repeat_interleave(len(poses)) for c in cells.T)
    values = function(image, category, poses.repeat(len(cells), 1))
    names = tuple("abcdefgh"[:categories])
    return Energies(values.view(images, categories, -1), names, space.grid())


def bowl(centres, widths):
    """A quadratic in the given axes, the short way round: centres (images, axes)."""

    def energy(image, category, poses):
        total = torch.zeros(len(poses))
        for j, (name, width) in enumerate(widths.items()):
            apart = AXIS[name].difference(poses[:, INDEX[name]], centres[image, j])
            total = total + (apart / width) ** 2
        return total + category

    return energy


def noise(image, category, poses):
    """A rough, deterministic function of the pose: refinement must not trust it."""
    phase = 12.9898 * poses.double().sum(1) + 78.233 * poses[:, 0].double() + image + 3 * category
    return ((phase.sin() * 43758.5453) % 1).float()


def assert_within_bounds(start, refined, grid):
    for name in grid.axes:
        i = INDEX[name]
        step = grid.steps(name)[grid.nearest(name, start.pose[..., i])]
        assert ((refined.pose[..., i] - start.pose[..., i]).abs() <= step + 1e-4).all()
        if not grid.wraps(name):
            values = grid.space.values[name]
            assert refined.pose[..., i].min() >= values[0] - 1e-5
            assert refined.pose[..., i].max() <= values[-1] + 1e-5


BOWLS = bowl(torch.tensor([[3.0], [57.7], [110.0], [231.1], [359.0]]), {"azimuth": 20.0})


@pytest.mark.parametrize("function", [noise, BOWLS], ids=["noise", "bowls"])
@pytest.mark.parametrize("rounds", [0, 1, 3])
def test_the_energy_never_rises_and_is_that_of_the_pose(function, rounds):
    energies = energies_of(function, SPACE, images=5)
    start = energies.hypotheses(4)
    refined = refine(start, energies, function, SPACE.axes, rounds)
    assert (refined.energy <= start.energy).all()
    assert torch.equal(refined.category, start.category)
    image = torch.arange(5).repeat_interleave(4)
    again = function(image, refined.category.flatten(), refined.pose.flatten(0, 1))
    finite = refined.energy.flatten().isfinite()
    torch.testing.assert_close(refined.energy.flatten()[finite], again[finite])
    assert_within_bounds(start, refined, energies.grid)


@pytest.mark.parametrize("azimuth", [0.0, 3.0, 97.0, 190.1, 351.0, 357.0])
def test_a_bowl_off_the_grid_is_found_at_once_even_across_the_seam(azimuth):
    space = PoseSpace({"azimuth": ROUND, "elevation": (30.0, 40.0, 50.0, 60.0)})
    function = bowl(torch.tensor([[azimuth, 47.0]]), {"azimuth": 30.0, "elevation": 8.0})
    energies = energies_of(function, space, images=1)
    best = refine(energies.hypotheses(1), energies, function, space.axes, rounds=0)
    assert AXIS["azimuth"].difference(best.pose[0, 0, 0].item(), azimuth) == pytest.approx(
        0, abs=0.01
    )
    assert best.pose[0, 0, 1].item() == pytest.approx(47.0, abs=0.01)
    assert best.energy.item() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(("centre", "wanted"), [(20.0, 30.0), (90.0, 70.0), (33.0, 33.0)])
def test_poses_stay_inside_the_range_of_the_grid(centre, wanted):
    function = bowl(torch.tensor([[centre]]), {"elevation": 10.0})
    energies = energies_of(function, SPACE, images=1)
    best = refine(energies.hypotheses(1), energies, function, SPACE.axes, rounds=3)
    assert best.pose[0, 0, 1].item() == pytest.approx(wanted, abs=0.5)
    assert 30 <= best.pose[0, 0, 1] <= 70


def test_a_grid_of_front_views_does_not_wrap():
    space = PoseSpace({"azimuth": (-40.0, -20.0, 0.0, 20.0, 40.0)})
    function = bowl(torch.tensor([[55.0]]), {"azimuth": 20.0})
    energies = energies_of(function, space, images=1)
    best = refine(energies.hypotheses(1), energies, function, space.axes)
    assert best.pose[0, 0, 0] == 40


def test_only_the_named_axes_with_several_values_move():
    space = PoseSpace({"azimuth": ROUND, "elevation": (40.0,), "roll": (-10.0, 0.0, 10.0)})
    function = bowl(
        torch.tensor([[7.0, 43.0, 3.0]]), {"azimuth": 20.0, "elevation": 5.0, "roll": 10.0}
    )
    energies = energies_of(function, space, images=1)
    best = refine(energies.hypotheses(1), energies, function, ("elevation", "roll"))
    assert best.pose[0, 0, :3].tolist() == pytest.approx([0.0, 40.0, 3.0], abs=0.05)


def test_without_axes_nothing_moves_and_nothing_is_evaluated():
    def refused(image, category, poses):
        raise AssertionError("evaluated")

    energies = energies_of(noise, SPACE, images=2)
    start = energies.hypotheses(2)
    assert refine(start, energies, refused, ()) is start
    assert list(refinement_path(start, energies, refused, ())) == [start]


def test_missing_hypotheses_stay_infinite():
    function = bowl(torch.tensor([[7.0]]), {"azimuth": 20.0})
    space = PoseSpace({"azimuth": ROUND})
    energies = energies_of(function, space, images=1)
    found = refine(energies.hypotheses(4), energies, function, space.axes)
    assert found.energy[0, 2:].tolist() == [float("inf")] * 2
    assert torch.isfinite(found.energy[0, :2]).all() and torch.isfinite(found.pose).all()


@pytest.mark.parametrize("rounds", [0, 1, 3])
def test_the_path_leads_from_the_grid_to_the_refined_pose_downhill(rounds):
    energies = energies_of(noise, SPACE, images=5)
    start = energies.hypotheses(4)
    stages = list(refinement_path(start, energies, noise, SPACE.axes, rounds))
    assert len(stages) == 2 + rounds
    assert stages[0] is start
    refined = refine(start, energies, noise, SPACE.axes, rounds)
    assert torch.equal(stages[-1].pose, refined.pose)
    assert torch.equal(stages[-1].energy, refined.energy)
    for before, after in pairwise(stages):
        assert (after.energy <= before.energy).all()
        stayed = (after.pose == before.pose).all(dim=2)
        assert torch.equal(stayed, after.energy == before.energy)


def test_the_path_of_a_bowl_is_its_grid_point_and_then_its_middle():
    function = bowl(torch.tensor([[57.7]]), {"azimuth": 20.0})
    energies = energies_of(function, PoseSpace({"azimuth": ROUND}), images=1)
    path = refinement_path(energies.hypotheses(1), energies, function, ("azimuth",))
    found = [stage.pose[0, 0, 0].item() for stage in path]
    assert found == pytest.approx([60.0, 57.7, 57.7], abs=1e-3)


# ---------------------------------------------------------------- planted poses of real references

SIDE = 12


def smooth(shape):
    """Random maps without detail finer than a third of their side."""
    coarse = torch.randn(*shape[: -len(shape) + 2], *(4 for _ in shape[2:]))
    mode = "bilinear" if len(shape) == 4 else "trilinear"
    return torch.nn.functional.interpolate(coarse, shape[2:], mode=mode, align_corners=True)


def planted_model(references, space, distance):
    model = EnergyModel(
        ("a", "b"), space, 1, False, ModelSettings(features="small", channels=8, volume_channels=4)
    )
    model.references = references
    model.distance = DISTANCES[distance]()
    return model.eval()


def errors_before_and_after(model, space, true_poses, axes):
    """Absolute errors (N, axes) of the grid's best and the refined pose, of category 0."""
    features = model.references.at(torch.zeros(len(true_poses), dtype=torch.long), true_poses)[0]
    features = features[:, 0] + 0.05 * features.std() * torch.randn_like(features[:, 0])
    energies = model.energies(features, model.warp(model.operators(space.grid())))
    found = []
    for refined in (False, True):
        best = model.hypotheses(features, energies, 1, refined)
        assert (best.category == 0).all()
        pairs = [(AXIS[n], best.pose[:, 0, INDEX[n]], true_poses[:, INDEX[n]]) for n in axes]
        found.append(torch.stack([a.difference(p, t).abs() for a, p, t in pairs], dim=1))
    return found


@torch.no_grad()
@pytest.mark.parametrize("distance", ["cosine", "squared"])
def test_a_map_rolled_off_the_grid_is_found_nearer_than_the_grid(distance):
    torch.manual_seed(0)
    space = PoseSpace({"roll": tuple(15.0 * i for i in range(-4, 5))})
    references = PlanarReferences(2, 1, space, 8, SIDE)
    references.maps.data = smooth((2, 8, SIDE, SIDE))[:, None, None]
    model = planted_model(references, space, distance)
    poses = torch.zeros(12, len(AXES))
    poses[:, INDEX["roll"]] = torch.linspace(-50.3, 50.3, 12)
    before, after = errors_before_and_after(model, space, poses, ("roll",))
    assert after.mean() < 0.2 * before.mean()
    assert after.max() < 2.0


@torch.no_grad()
@pytest.mark.parametrize("distance", ["cosine", "squared"])
def test_a_volume_turned_off_the_grid_is_found_nearer_than_the_grid(distance):
    torch.manual_seed(0)
    space = PoseSpace({"azimuth": ROUND, "elevation": (20.0, 30.0, 40.0, 50.0)})
    references = VolumeReferences(2, 1, 4, SIDE, 8, SIDE)
    references.volumes.data = smooth((2, 4, SIDE, SIDE, SIDE))[:, None]
    model = planted_model(references, space, distance)
    poses = torch.zeros(12, len(AXES))
    poses[:, INDEX["azimuth"]] = torch.arange(12) * 31.7
    poses[:, INDEX["elevation"]] = torch.linspace(22.6, 47.4, 12)
    before, after = errors_before_and_after(model, space, poses, ("azimuth", "elevation"))
    assert (after.mean(dim=0) < 0.25 * before.mean(dim=0)).all()
    assert after[:, 0].max() < 4.0 and after[:, 1].max() < 2.0
