"""Mirror images: pixels, the poses they show, and where a grid holds those."""

import pytest
import torch

from objrec.mirroring import mirrored_images, mirrored_places, mirrored_poses
from objrec.pose import AXES, INDEX, PoseSpace


def test_left_and_right_are_swapped_and_the_cameras_with_them():
    images = torch.arange(2 * 2 * 1 * 2 * 3.0).view(2, 2, 1, 2, 3)
    found = mirrored_images(images)
    for b in range(2):
        for v in range(2):
            for x in range(3):
                assert torch.equal(found[b, v, 0, :, x], images[b, 1 - v, 0, :, 2 - x])


@pytest.mark.parametrize(("front", "wanted"), [(0.0, 320.0), (90.0, 140.0), (37.0, 34.0)])
def test_azimuth_is_reflected_at_the_front(front, wanted):
    poses = torch.zeros(1, len(AXES))
    poses[0, INDEX["azimuth"]], poses[0, INDEX["elevation"]] = 40.0, 30.0
    poses[0, INDEX["roll"]], poses[0, INDEX["shift_x"]] = 7.0, 0.1
    found = mirrored_poses(poses, front)[0]
    assert found[INDEX["azimuth"]] == pytest.approx(wanted)
    assert found[INDEX["elevation"]] == 30.0
    assert found[INDEX["roll"]] == -7.0 and found[INDEX["shift_x"]] == pytest.approx(-0.1)


@pytest.mark.parametrize("front", [0.0, 90.0, 30.0])
def test_places_hold_the_mirrored_poses(front):
    azimuths, rolls = tuple(range(0, 360, 60)), (-15.0, 0.0, 15.0)
    space = PoseSpace({"azimuth": azimuths, "elevation": (30.0, 50.0), "roll": rolls})
    grid = space.grid()
    places = mirrored_places(grid, front)
    wanted = mirrored_poses(grid.poses, front)
    apart = (grid.poses[places] - wanted + 180) % 360 - 180
    assert apart.abs().max() < 1e-3
    assert torch.equal(places[places], torch.arange(grid.size)), "twice mirrored is not mirrored"


@pytest.mark.parametrize("space", [{"azimuth": (0.0, 20.0, 40.0)}, {"roll": (0.0, 10.0)}])
def test_a_grid_that_lacks_mirrored_poses_is_refused(space):
    with pytest.raises(ValueError, match="are not their own mirror images"):
        mirrored_places(PoseSpace(space).grid(), 0.0)
