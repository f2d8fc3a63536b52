"""One contract for both reference families: `warp` on a grid is `at` one pose at a time."""

import pytest
import torch

from objrec.energy.references import PlanarReferences, VolumeReferences
from objrec.pose import AXES, INDEX, PoseSpace
from objrec.warping import turn_volumes, warp_maps

CATEGORIES, MODELS, CHANNELS, SIDE, DEPTH = 3, 2, 4, 5, 3
ROUND_AND_UP = {"azimuth": (0.0, 90.0, 180.0, 270.0), "elevation": (20.0, 50.0)}
SPACES = {
    "views": PoseSpace(ROUND_AND_UP),
    "azimuth": PoseSpace({"azimuth": (-40.0, -20.0, 0.0, 20.0)}),
    "plane": PoseSpace({"roll": (-30.0, 0.0, 30.0), "shift_x": (-0.2, 0.0), "shift_y": (0.0, 0.4)}),
    "all": PoseSpace(
        ROUND_AND_UP
        | {"roll": (-20.0, 15.0), "scale": (-0.3, 0.2), "shift_x": (0.0, 0.3), "shift_y": (-0.1, 0)}
    ),
    "no axes": PoseSpace({}),
}


def references_of(family, space):
    torch.manual_seed(0)
    if family == "planar":
        return PlanarReferences(CATEGORIES, MODELS, space, CHANNELS, SIDE)
    return VolumeReferences(CATEGORIES, MODELS, 3, DEPTH, CHANNELS, SIDE)


family = pytest.mark.parametrize("family", ["volume", "planar"])
every_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


@family
@every_space
def test_at_equals_warp_at_every_pose_of_the_grid(family, space):
    references, grid = references_of(family, space), space.grid()
    warped = references.warp(references.operators(grid))
    assert warped.maps.shape == (CATEGORIES, MODELS, grid.size, CHANNELS, SIDE, SIDE)
    assert warped.coverage.shape == (grid.size, 1, SIDE, SIDE)
    assert warped.grid == grid
    for k in range(CATEGORIES):
        maps, coverage = references.at(torch.full((grid.size,), k), grid.poses)
        torch.testing.assert_close(maps, warped.maps[k].transpose(0, 1), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(coverage, warped.coverage, atol=1e-5, rtol=1e-4)


@family
def test_at_takes_answers_in_any_order(family):
    space = SPACES["all"]
    references, poses = references_of(family, space), space.grid().poses[[7, 0, 33, 7]]
    categories = torch.tensor([2, 0, 1, 1])
    maps, coverage = references.at(categories, poses)
    for i in range(4):
        one, covered = references.at(categories[i : i + 1], poses[i : i + 1])
        torch.testing.assert_close(maps[i : i + 1], one)
        torch.testing.assert_close(coverage[i : i + 1], covered)


def test_a_volume_is_turned_then_projected_along_the_line_of_sight_then_warped_in_the_plane():
    references, space = references_of("volume", SPACES["all"]), SPACES["all"]
    pose = space.grid().poses[45:46].double()
    references.double()
    turned = turn_volumes(references.volumes[1], pose.expand(MODELS, -1))
    weight = references.projection.weight.view(CHANNELS, 3, DEPTH)
    projected = torch.zeros(MODELS, CHANNELS, SIDE, SIDE, dtype=torch.float64)
    for c in range(CHANNELS):
        for i in range(3):
            for d in range(DEPTH):
                projected[:, c] += weight[c, i, d] * turned[:, i, d]
    wanted, _ = warp_maps(projected, pose.expand(MODELS, -1))
    torch.testing.assert_close(references.at(torch.tensor([1]), pose)[0][0], wanted)


def test_a_volume_can_be_asked_about_another_grid():
    references = references_of("volume", SPACES["views"])
    fine = PoseSpace({"azimuth": tuple(5.0 * i for i in range(72)), "elevation": (20.0, 50.0)})
    coarse = references.warp(references.operators(SPACES["views"].grid())).maps
    finer = references.warp(references.operators(fine.grid())).maps
    torch.testing.assert_close(
        finer.unflatten(2, (72, 2))[:, :, ::18].flatten(2, 3), coarse, atol=1e-5, rtol=1e-4
    )


def test_planar_references_refuse_views_they_do_not_hold():
    references = references_of("planar", SPACES["all"])
    with pytest.raises(ValueError, match="other views"):
        references.operators(SPACES["azimuth"].grid())


def test_planar_references_take_the_nearest_view():
    references = references_of("planar", SPACES["views"])
    poses = torch.zeros(3, len(AXES))
    poses[:, INDEX["azimuth"]] = torch.tensor([-10.0, 100.0, 640.0])
    poses[:, INDEX["elevation"]] = torch.tensor([20.0, 44.0, 90.0])
    maps, _ = references.at(torch.tensor([0, 1, 2]), poses)
    views = (0 * 2 + 0, 1 * 2 + 1, 3 * 2 + 1)
    for i, view in enumerate(views):
        torch.testing.assert_close(maps[i], references.maps[i, :, view], atol=1e-6, rtol=1e-5)


def test_which_axes_vary_continuously():
    space = SPACES["all"]
    assert references_of("volume", space).continuous_axes(space) == AXES
    assert references_of("planar", space).continuous_axes(space) == AXES[2:]


@family
def test_coverage_says_how_much_a_shift_leaves_bare(family):
    space = PoseSpace({"shift_x": (0.0, 0.2, 0.6, 1.2)})
    references = references_of(family, space)
    coverage = references.warp(references.operators(space.grid())).coverage
    torch.testing.assert_close(coverage.mean(dim=(1, 2, 3)), torch.tensor([1.0, 0.8, 0.4, 0.0]))


@family
def test_gradients_reach_every_reference(family):
    space = PoseSpace({"azimuth": (-30.0, 0.0, 30.0), "roll": (-10.0, 10.0)})
    references = references_of(family, space)
    references.warp(references.operators(space.grid())).maps.square().sum().backward()
    models = references.volumes if family == "volume" else references.maps
    assert (models.grad.flatten(2).abs().sum(dim=2) > 0).all()
