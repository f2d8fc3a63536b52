"""Energies of several images: moved by their shifts and added, compared with plain loops."""

from __future__ import annotations

import pytest
import torch

from objrec.energy.energies import Energies
from objrec.energy.model import EnergyModel
from objrec.energy.settings import ModelSettings
from objrec.energy.several import Shifted, added, added_apart, moved, places, searched
from objrec.errors import SettingsError
from objrec.pose import AXES, INDEX, PoseSpace

SPACE = PoseSpace({"azimuth": tuple(range(0, 360, 40)), "elevation": (20.0, 35.0, 50.0)})
SHIFTS = {
    "none": {},
    "two steps": {"azimuth": 80.0},
    "backwards, once round": {"azimuth": -40.0 - 360},
    "between grid points": {"azimuth": 13.0},
    "higher": {"elevation": 15.0},
    "higher and round": {"azimuth": 40.0, "elevation": -7.5},
    "rolled, an axis that is not searched": {"roll": 30.0},
    "all": {"azimuth": 200.0, "elevation": 5.0, "roll": -10.0, "scale": 0.1, "shift_x": 0.05},
}


def vector(shift: dict[str, float]) -> torch.Tensor:
    values = torch.zeros(len(AXES), dtype=torch.float64)
    for name, value in shift.items():
        values[INDEX[name]] = value
    return values


def model_of(space: PoseSpace = SPACE, **settings) -> EnergyModel:
    torch.manual_seed(0)
    chosen = ModelSettings(features="small", channels=8, volume_channels=4, **settings)
    return EnergyModel(("cup", "car"), space, 1, False, chosen).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def model() -> EnergyModel:
    return model_of()


@pytest.fixture(scope="module")
def features(model) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(len(SHIFTS), 8, model.extractor.side, model.extractor.side)


@pytest.mark.parametrize(
    "space",
    [
        SPACE,
        PoseSpace({"azimuth": (300, 320, 340, 0, 20, 40)}),  # views of one side only
        PoseSpace({"azimuth": (0.0, 120.0, 240.0), "roll": (-10.0, 0.0, 10.0)}),
        PoseSpace({}),
    ],
    ids=repr,
)
@pytest.mark.parametrize("shift", SHIFTS.values(), ids=SHIFTS)
def test_every_moved_pose_is_found_in_the_moved_space(space, shift):
    by = vector(shift)
    grid, target = space.grid(), moved(space, by.tolist()).grid()
    there = target.poses[places(grid, target, by.tolist())].double()
    away = there - (grid.poses.double() + by)
    angles = [INDEX["azimuth"], INDEX["roll"]]
    away[:, angles] = (away[:, angles] + 180) % 360 - 180
    assert away.abs().max() < 1e-4


def test_a_whole_number_of_steps_all_round_asks_nothing_anew():
    assert moved(SPACE, vector({"azimuth": 80.0}).tolist()) == SPACE
    assert moved(SPACE, vector({"azimuth": 81.0}).tolist()) != SPACE
    side = PoseSpace({"azimuth": (-20.0, 0.0, 20.0)})
    assert moved(side, vector({"azimuth": 20.0}).tolist()).values["azimuth"] == (0.0, 20.0, 40.0)


def test_energies_at_moved_poses_are_those_of_a_loop_over_single_answers(model, features):
    energies = model.energies(features, model.prepare())
    shifts = torch.stack([vector(shift) for shift in SHIFTS.values()])
    found = Shifted(model).energies(features, energies, shifts).values
    poses = SPACE.grid().poses
    for image, shift in enumerate(shifts):
        for category in range(2):
            for number in range(0, len(poses), 5):
                at = (poses[number].double() + shift).float()
                wanted = model.energy_at(
                    features[image : image + 1], torch.tensor([category]), at[None]
                )
                assert found[image, category, number].item() == pytest.approx(
                    wanted.item(), abs=2e-4
                )


def test_added_energies_are_means_and_the_best_pose_is_that_of_the_first():
    values = torch.tensor([[[1.0, 5.0, 3.0], [4.0, 0.0, 9.0]], [[3.0, 1.0, 9.0], [2.0, 6.0, 1.0]]])
    grid = PoseSpace({"azimuth": (0.0, 120.0, 240.0)}).grid()
    energies = Energies(values, ("cup", "car"), grid, torch.tensor([1.0, 3.0]))
    together, apart = added(energies), added_apart(energies)
    assert together.values.tolist() == [[[2.0, 3.0, 6.0], [3.0, 3.0, 5.0]]]
    assert together.nothing.tolist() == apart.nothing.tolist() == [2.0]
    assert apart.per_category().tolist() == [[1.0, 0.5]]  # (1 + 1) / 2, (0 + 1) / 2
    assert apart.values.argmin(dim=2).tolist() == [[0, 1]]


@pytest.mark.parametrize(
    "space", [SPACE, PoseSpace({"azimuth": (-60.0, -40.0, -20.0, 0.0, 20.0)})], ids=repr
)
def test_poses_beyond_the_searched_ones_are_told(space):
    shifts = [{}, {"elevation": 15.0}, {"elevation": -8.0}, {"azimuth": 350.0}, {"azimuth": 60.0}]
    found = searched(space.grid(), torch.stack([vector(shift) for shift in shifts]))
    for shift, row in zip(shifts, found.tolist(), strict=True):
        for pose, within in zip(space.grid().poses.tolist(), row, strict=True):
            wanted = True
            if "elevation" in space.axes:  # 20 to 50, step 15
                height = pose[INDEX["elevation"]] + shift.get("elevation", 0)
                wanted = 12.5 <= height <= 57.5
            else:  # -60 to 20, step 20
                azimuth = pose[INDEX["azimuth"]] + shift.get("azimuth", 0)
                wanted = -70 <= (azimuth + 180) % 360 - 180 <= 30
            assert within == wanted, (pose, shift)


def test_poses_beyond_are_ruled_out_unless_nothing_is_left():
    grid = PoseSpace({"elevation": (30.0, 40.0)}).grid()
    energies = Energies(torch.tensor([[[1.0, 2.0]], [[3.0, 5.0]]]), ("cup",), grid)
    some = added(energies, torch.tensor([[True, True], [False, True]]))
    assert some.values.tolist() == [[[torch.inf, 3.5]]]
    none = added(energies, torch.tensor([[True, False], [False, True]]))
    assert none.values.tolist() == [[[2.0, 3.5]]]


def test_planar_references_move_by_whole_steps_only():
    model = model_of(references="planar")
    features = torch.randn(2, 8, model.extractor.side, model.extractor.side)
    energies = model.energies(features, model.prepare())
    shifts = torch.stack([vector({}), vector({"azimuth": 80.0})])
    found = Shifted(model).energies(features, energies, shifts).surfaces()
    assert torch.equal(found[1], energies.surfaces()[1].roll(-2, dims=1))
    with pytest.raises(SettingsError, match="planar references cannot be turned"):
        Shifted(model).energies(features, energies, shifts + vector({"azimuth": 1.0}))
