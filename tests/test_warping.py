"""Warps against a float64 brute force on an analytic function, for every axis and sign."""

import math

import pytest
import torch

from objrec.pose import INDEX, PoseSpace
from objrec.warping import apply_plane, apply_turns, operators, turn_volumes, warp_maps


def pose(**axes):
    vector = torch.zeros(1, 6, dtype=torch.float64)
    for name, value in axes.items():
        vector[0, INDEX[name]] = value
    return vector


def blob(centre, coordinates, width=3.0):
    """A smooth asymmetric bump; wide enough that bilinear sampling is nearly exact."""
    squared = sum((x - c) ** 2 for x, c in zip(coordinates, centre, strict=True))
    return torch.exp(-squared / (2 * width**2))


def axis_coordinates(*sizes):
    ranges = [torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in sizes]
    return torch.meshgrid(*ranges, indexing="ij")


@pytest.mark.parametrize("roll", [35.0, -35.0, 90.0, 180.0])
@pytest.mark.parametrize("scale", [0.0, 0.2, -0.2])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.1, 0.0), (-0.05, 0.15)])
def test_in_plane_warp_is_the_stated_map_of_points(roll, scale, shift):
    h, w = 41, 37
    y, x = axis_coordinates(h, w)
    cx, cy = 5.0, -3.0
    r, s = math.radians(roll), math.exp(scale)
    moved_x = s * (cx * math.cos(r) + cy * math.sin(r)) + shift[0] * w
    moved_y = s * (-cx * math.sin(r) + cy * math.cos(r)) + shift[1] * h
    wanted = blob((moved_x, moved_y), (x, y), width=3.0 * s)

    vector = pose(roll=roll, scale=scale, shift_x=shift[0], shift_y=shift[1])
    warped, coverage = warp_maps(blob((cx, cy), (x, y))[None, None], vector)

    inside = coverage[0, 0] == 1
    assert (warped[0, 0] - wanted)[inside].abs().max() < 0.03


@pytest.mark.parametrize("azimuth", [0.0, 30.0, -30.0, 90.0, 200.0])
@pytest.mark.parametrize("elevation", [0.0, 25.0, -25.0, 90.0])
def test_turned_volume_is_the_stated_map_of_points(azimuth, elevation):
    n = 25
    z, y, x = axis_coordinates(n, n, n)
    px, py, pz = 3.0, -2.0, -4.0
    a, e = math.radians(azimuth), math.radians(elevation)
    x1 = px * math.cos(a) + pz * math.sin(a)
    z1 = -px * math.sin(a) + pz * math.cos(a)
    z2 = z1 * math.cos(e) + py * math.sin(e)
    y2 = -z1 * math.sin(e) + py * math.cos(e)
    wanted = blob((x1, y2, z2), (x, y, z), width=2.5)

    volume = blob((px, py, pz), (x, y, z), width=2.5)[None, None]
    turned = turn_volumes(volume, pose(azimuth=azimuth, elevation=elevation))[0, 0]

    # Two bilinear steps on a bump of this width err by up to 0.08; a wrong sign errs by 1.
    assert (turned - wanted).abs().max() < 0.08


def test_camera_moving_counter_clockwise_sees_the_objects_right_side_come_nearer():
    # Camera at azimuth 90 stands at the right of where it stood: +x is now nearest (z negative).
    volume = torch.zeros(1, 1, 5, 5, 5, dtype=torch.float64)
    volume[0, 0, 2, 2, 4] = 1
    assert turn_volumes(volume, pose(azimuth=90.0))[0, 0, 0, 2, 2] == pytest.approx(1)


def test_camera_from_above_sees_the_top_nearest_and_the_far_side_at_the_top_of_the_image():
    volume = torch.zeros(1, 2, 5, 5, 5, dtype=torch.float64)
    volume[0, 0, 2, 0, 2] = 1  # the top
    volume[0, 1, 4, 2, 2] = 1  # the far side
    turned = turn_volumes(volume, pose(elevation=90.0))
    assert turned[0, 0, 0, 2, 2] == pytest.approx(1)
    assert turned[0, 1, 2, 0, 2] == pytest.approx(1)


def test_roll_is_counter_clockwise_as_seen():
    image = torch.zeros(1, 1, 5, 5, dtype=torch.float64)
    image[0, 0, 2, 4] = 1  # right of the centre
    assert warp_maps(image, pose(roll=90.0))[0][0, 0, 0, 2] == pytest.approx(1)  # goes up


def test_whole_pixel_shift_is_exact_and_coverage_says_what_it_left_bare():
    image = torch.rand(1, 2, 4, 8, dtype=torch.float64)
    warped, coverage = warp_maps(image, pose(shift_x=0.25))
    torch.testing.assert_close(warped[..., 2:], image[..., :-2])
    torch.testing.assert_close(coverage[0, 0].sum(), torch.tensor(24.0, dtype=torch.float64))


def test_operators_equal_the_warps_one_by_one():
    space = PoseSpace(
        {
            "azimuth": (0.0, 50.0, 200.0),
            "elevation": (10.0, 60.0),
            "roll": (-20.0, 20.0),
            "shift_x": (0.0, 0.1),
        }
    )
    grid = space.grid()
    volumes = torch.randn(2, 3, 4, 5, 6)
    ops = operators(grid, 4, 5, 6)
    turned = apply_turns(volumes, ops).flatten(1, 2)
    maps = apply_plane(turned.flatten(2, 3), ops)
    assert maps.shape == (2, grid.size, 12, 5, 6)
    for p, vector in enumerate(grid.poses):
        one = vector.expand(2, 6)
        wanted, coverage = warp_maps(turn_volumes(volumes, one).flatten(1, 2), one)
        torch.testing.assert_close(maps[:, p], wanted, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(ops.coverage[p % 4], coverage[0])


def test_gradients_of_the_warps_in_pose_and_map():
    torch.manual_seed(0)
    maps = torch.randn(1, 2, 5, 5, dtype=torch.float64, requires_grad=True)
    volumes = torch.randn(1, 1, 4, 4, 4, dtype=torch.float64, requires_grad=True)
    vector = pose(azimuth=17.3, elevation=21.7, roll=11.1, scale=0.07, shift_x=0.031)
    vector.requires_grad_()
    assert torch.autograd.gradcheck(lambda m, p: warp_maps(m, p)[0], (maps, vector))
    assert torch.autograd.gradcheck(turn_volumes, (volumes, vector))
