"""Pose conventions: ranges, the short way round, vectors, grids and positions on them."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from objrec.errors import SettingsError
from objrec.pose import AXES, AXIS, INDEX, Pose, PoseGrid, PoseSpace

angles = st.floats(-2000, 2000, allow_nan=False)
FULL_AZIMUTHS = tuple(float(a) for a in range(0, 360, 20))
FRONT_AZIMUTHS = (300.0, 320.0, 340.0, 0.0, 20.0, 40.0)


def on_circle(degrees: float) -> complex:
    return complex(math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))


def test_the_axes_and_their_order():
    assert AXES == ("azimuth", "elevation", "roll", "scale", "shift_x", "shift_y")
    assert [INDEX[name] for name in AXES] == [0, 1, 2, 3, 4, 5]
    assert {name for name in AXES if AXIS[name].period} == {"azimuth", "roll"}


@given(angles, angles)
def test_the_difference_goes_the_short_way_round(a, b):
    difference = AXIS["azimuth"].difference(a, b)
    turned = on_circle(a) / on_circle(b)
    expected = math.degrees(math.atan2(turned.imag, turned.real))
    assert -180 <= difference < 180
    assert abs(on_circle(difference) - on_circle(expected)) < 1e-6


def test_the_difference_of_an_axis_without_period_is_plain():
    assert AXIS["elevation"].difference(80.0, -80.0) == 160.0


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_differences_of_arrays_and_tensors(kind):
    difference = AXIS["azimuth"].difference(kind([350.0, 10.0]), kind([10.0, 350.0]))
    assert difference.tolist() == [-20.0, 20.0]


@given(angles)
def test_wrapped_values_are_the_same_angle_in_the_stated_range(value):
    azimuth, roll = AXIS["azimuth"].wrapped(value), AXIS["roll"].wrapped(value)
    assert 0 <= azimuth < 360
    assert -180 <= roll <= 180
    assert abs(on_circle(azimuth) - on_circle(value)) < 1e-6
    assert abs(on_circle(roll) - on_circle(value)) < 1e-6


@pytest.mark.parametrize(("value", "roll"), [(180.0, 180.0), (-180.0, 180.0), (190.0, -170.0)])
def test_the_open_end_of_roll_is_minus_180(value, roll):
    assert AXIS["roll"].wrapped(value) == roll


def test_a_pose_is_stored_with_the_logarithm_of_its_scale():
    vector = Pose(azimuth=350.0, scale=2.0, shift_x=-0.1).to_vector()
    expected = [350.0, math.nan, math.nan, math.log(2.0), -0.1, math.nan]
    np.testing.assert_array_equal(vector, expected)


@given(
    azimuth=st.none() | st.floats(0, 359.999),
    elevation=st.none() | st.floats(-90, 90),
    scale=st.none() | st.floats(0.01, 100),
)
def test_pose_and_vector_round_trip(**values):
    back = Pose.from_vector(Pose(**values).to_vector()).to_dict()
    assert back == pytest.approx({k: v for k, v in values.items() if v is not None})


def test_a_pose_keeps_only_the_axes_that_are_answered():
    pose = Pose.from_vector([-10.0, 30.0, 5.0, 0.0, 0.1, 0.2], axes=("azimuth", "scale"))
    assert pose == Pose(azimuth=350.0, scale=1.0)


def test_a_scale_that_is_not_positive_cannot_be_stored():
    with pytest.raises(ValueError, match="scale must be positive, not 0"):
        Pose(scale=0.0).to_vector()


def test_a_pose_prints_the_axes_it_knows():
    assert str(Pose(azimuth=40.0, elevation=30.0)) == "azimuth 40, elevation 30"
    assert str(Pose()) == ""


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"azimut": (0.0,)}, "unknown axis 'azimut'"),
        ({"azimuth": ()}, "azimuth needs at least one finite value"),
        ({"azimuth": (math.nan,)}, "azimuth needs at least one finite value"),
        ({"elevation": ("high",)}, "elevation has a value that is not a number"),
        ({"azimuth": (0.0, 360.0)}, "azimuth lists one value twice"),
        ({"elevation": (5.0, 5.0)}, "elevation lists one value twice"),
    ],
)
def test_impossible_spaces_are_refused(values, sentence):
    with pytest.raises(SettingsError, match=sentence):
        PoseSpace(values)


def test_a_space_orders_its_axes_and_values():
    space = PoseSpace({"elevation": (60.0, 30.0), "azimuth": (240.0, 0.0, 120.0)})
    assert space.axes == ("azimuth", "elevation")
    assert space.values == {"azimuth": (0.0, 120.0, 240.0), "elevation": (30.0, 60.0)}
    assert (space.shape, space.size) == ((3, 2), 6)


def test_a_sector_ascends_without_crossing_its_gap():
    space = PoseSpace({"azimuth": FRONT_AZIMUTHS})
    assert space.values["azimuth"] == (-60.0, -40.0, -20.0, 0.0, 20.0, 40.0)


def test_spaces_round_trip_through_json():
    space = PoseSpace({"azimuth": FRONT_AZIMUTHS, "scale": (-0.1, 0.0, 0.1)})
    stored = json.loads(json.dumps(space.to_json()))
    assert PoseSpace.from_json(stored, "config.json") == space


@pytest.mark.parametrize(
    ("stored", "sentence"),
    [
        ({"azimut": {"unit": "deg", "values": [0]}}, "pose_space.azimut is not a pose axis"),
        ({"azimuth": [0]}, "pose_space.azimuth is not a pose axis with values"),
        ({"azimuth": {"unit": "rad", "values": [0]}}, "pose_space.azimuth must be in 'deg'"),
    ],
)
def test_a_stored_space_is_read_strictly(stored, sentence):
    with pytest.raises(SettingsError, match=f"config.json: {sentence}"):
        PoseSpace.from_json(stored, "config.json")


def test_a_grid_lists_all_combinations_in_row_major_order():
    values = {"azimuth": (0.0, 120.0, 240.0), "elevation": (30.0, 60.0), "shift_x": (-0.1, 0.1)}
    grid = PoseSpace(values).grid()
    expected = [(a, e, 0.0, 0.0, x, 0.0) for a, e, x in itertools.product(*values.values())]
    np.testing.assert_allclose(grid.poses, expected)
    assert grid.poses.dtype == torch.float32
    for name, index in grid.unravel(torch.arange(len(grid))).items():
        picked = torch.tensor(values[name])[index]
        torch.testing.assert_close(grid.poses[:, INDEX[name]], picked)


def test_a_space_without_axes_has_one_neutral_pose():
    grid = PoseSpace({}).grid()
    assert len(grid) == 1
    assert grid.poses.tolist() == [[0.0] * 6]
    assert grid.unravel(torch.tensor([0])) == {}


def test_grids_of_equal_spaces_are_equal():
    one, other = (PoseGrid(PoseSpace({"azimuth": FULL_AZIMUTHS})) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert one != PoseGrid(PoseSpace({"azimuth": FULL_AZIMUTHS[:-1]}))


@pytest.mark.parametrize(
    ("azimuths", "wraps"),
    [
        (FULL_AZIMUTHS, True),
        (FRONT_AZIMUTHS, False),
        ((0.0, 180.0), False),
        ((0.0, 120.0, 240.0), True),
        (FULL_AZIMUTHS[:-1], False),
    ],
)
def test_a_grid_wraps_where_it_goes_all_the_way_round(azimuths, wraps):
    assert PoseSpace({"azimuth": azimuths}).grid().wraps("azimuth") is wraps


def test_elevation_never_wraps():
    assert not PoseSpace({"elevation": (0.0, 30.0, 60.0)}).grid().wraps("elevation")


@given(st.lists(angles, min_size=1, max_size=20))
def test_positions_all_the_way_round_count_steps(values):
    grid = PoseSpace({"azimuth": FULL_AZIMUTHS}).grid()
    positions = grid.positions("azimuth", torch.tensor(values, dtype=torch.float64))
    assert ((positions >= 0) & (positions < 18)).all()
    for value, position in zip(values, positions.tolist(), strict=True):
        assert abs(on_circle(position * 20) - on_circle(value)) < 1e-6


@given(st.lists(st.floats(-30, 120), min_size=1, max_size=20))
def test_positions_on_a_plain_axis_are_interpolated_and_clamped(values):
    knots = (0.0, 10.0, 40.0, 90.0)
    grid = PoseSpace({"elevation": knots}).grid()
    positions = grid.positions("elevation", torch.tensor(values, dtype=torch.float64))
    np.testing.assert_allclose(positions, np.interp(values, knots, range(4)), atol=1e-9)


@pytest.mark.parametrize(
    ("azimuth", "position"),
    [(300.0, 0.0), (330.0, 1.5), (10.0, 3.5), (40.0, 5.0), (90.0, 5.0), (250.0, 0.0)],
)
def test_positions_in_a_sector_take_the_nearer_end(azimuth, position):
    grid = PoseSpace({"azimuth": FRONT_AZIMUTHS}).grid()
    assert grid.positions("azimuth", torch.tensor([azimuth])).item() == pytest.approx(position)


def test_positions_on_a_single_value_and_of_nan():
    grid = PoseSpace({"elevation": (30.0,), "azimuth": FULL_AZIMUTHS}).grid()
    single = grid.positions("elevation", torch.tensor([0.0, math.nan]))
    assert single[0] == 0 and single[1].isnan()
    assert grid.positions("azimuth", torch.tensor([math.nan])).isnan().all()


@pytest.mark.parametrize(
    ("axis", "values", "steps"),
    [
        ("azimuth", FULL_AZIMUTHS, [20.0] * 18),
        ("azimuth", FRONT_AZIMUTHS, [20.0] * 6),
        ("elevation", (0.0, 10.0, 40.0), [10.0, 20.0, 30.0]),
        ("elevation", (30.0,), [0.0]),
        ("azimuth", (0.0, 100.0, 240.0), [110.0, 120.0, 130.0]),
    ],
)
def test_local_steps(axis, values, steps):
    assert PoseSpace({axis: values}).grid().steps(axis).tolist() == steps


@pytest.mark.parametrize(
    ("axis", "values", "gaps"),
    [
        ("azimuth", (0.0, 100.0, 240.0), [[120, 100], [100, 140], [140, 120]]),
        ("azimuth", (-40.0, 0.0, 20.0), [[math.inf, 40], [40, 20], [20, math.inf]]),
        ("elevation", (30.0, 35.0, 45.0), [[math.inf, 5], [5, 10], [10, math.inf]]),
        ("elevation", (30.0,), [[math.inf, math.inf]]),
    ],
)
def test_gaps_to_the_neighbours(axis, values, gaps):
    assert PoseSpace({axis: values}).grid().gaps(axis).tolist() == gaps
