"""The pose space that is chosen for sets like those people have."""

import numpy as np
import pytest

from objrec.datasets.frame import PoseFrame
from objrec.pose import AXES, INDEX
from objrec.training.settings import PoseSettings
from objrec.training.space import choose_space


def poses_of(count=None, **axes):
    """Pose vectors with the given stored values; other axes were not observed."""
    count = count or len(next(iter(axes.values())))
    poses = np.full((count, len(AXES)), np.nan)
    for name, values in axes.items():
        poses[:, INDEX[name]] = values
    return poses


def views(azimuths, elevations):
    a, e = np.meshgrid(azimuths, elevations, indexing="ij")
    return poses_of(azimuth=a.ravel(), elevation=e.ravel())


def space_of(poses, references="volume", **settings):
    settings = PoseSettings(**settings)
    return choose_space(poses, settings, references, settings.frame(PoseFrame()))


RENDER5 = views(np.arange(0, 360, 20), np.arange(30, 71, 5))

# The 41 views of an object of eth80: even azimuths, as whole degrees, and others between them.
WHOLE = [0, 22, 45, 68, 90, 112, 135, 158, 180, 202, 225, 248, 270, 292, 315, 338]
QUARTERS = [0, 90, 180, 270]
ETH80 = np.concatenate(
    [
        views(WHOLE, [0]),
        views(QUARTERS, [22, 45, 68]),
        views([27, 63, 117, 153, 207, 243, 297, 333], [24]),
        views([45, 135, 225, 315], [55]),
        views([0], [90]),
    ]
)


@pytest.mark.parametrize("references", ["volume", "planar"])
def test_a_full_set_of_views_is_searched_as_it_is(references):
    space = space_of(RENDER5, references)
    assert space.values == {
        "azimuth": tuple(np.arange(0.0, 360, 20)),
        "elevation": tuple(np.arange(30.0, 71, 5)),
    }
    assert space.shape == (18, 9) and space.grid().wraps("azimuth")


def test_rounded_and_scattered_labels_get_an_even_grid_and_merged_elevations():
    space = space_of(ETH80)
    assert space.values["azimuth"] == tuple(22.5 * i for i in range(16))
    assert space.grid().wraps("azimuth")
    # 22 (four views) and 24 (eight views) become their mean.
    assert space.values["elevation"] == pytest.approx((0, 280 / 12, 45, 55, 68, 90))


@pytest.mark.parametrize("front", [[300, 320, 340, 0, 20, 40], [-60, -40, -20, 0, 20, 40]])
def test_where_only_front_views_were_seen_only_those_are_searched(front):
    space = space_of(views(front, [30, 40]))
    assert space.values["azimuth"] == (-60, -40, -20, 0, 20, 40)
    assert not space.grid().wraps("azimuth")


def test_a_range_of_continuous_views_is_covered_and_no_more():
    azimuths = np.random.default_rng(0).uniform(100, 220, 500)
    space = space_of(poses_of(azimuth=azimuths, elevation=30.0), azimuth_step=10.0)
    assert space.values["azimuth"] == tuple(np.arange(100.0, 221, 10))


@pytest.mark.parametrize("step", [60, 45, 36, 30, 22.5, 20, 18, 15, 12, 10])
@pytest.mark.parametrize("blur", [0.0, 0.5])
def test_the_step_is_the_one_the_labels_lie_on(step, blur):
    azimuths = np.repeat(np.arange(0, 360, step), 20)
    azimuths = azimuths + np.random.default_rng(0).uniform(-blur, blur, azimuths.shape)
    space = space_of(poses_of(azimuth=azimuths % 360, elevation=30.0))
    assert space.values["azimuth"] == pytest.approx(tuple(np.arange(0, 360, step)))


def test_azimuths_from_all_round_get_the_default_step():
    azimuths = np.random.default_rng(0).uniform(0, 360, 500)
    assert space_of(poses_of(azimuth=azimuths)).values["azimuth"] == tuple(np.arange(0.0, 360, 20))


def test_an_azimuth_step_may_be_asked_for():
    assert space_of(RENDER5, azimuth_step=20.0).shape == (18, 9)
    assert space_of(RENDER5, azimuth_step=40.0).shape == (9, 9)
    # Poses between the observed ones are pushed up in training, so they are not searched.
    assert space_of(RENDER5, azimuth_step=5.0).values == space_of(RENDER5).values


def test_an_elevation_step_may_be_asked_for():
    assert space_of(RENDER5, elevation_step=10.0).values["elevation"] == (30, 40, 50, 60, 70)


def test_without_labels_volumes_search_all_round_and_planar_references_nothing():
    nothing = poses_of(count=9)
    space = space_of(nothing)
    assert space.values == {"azimuth": tuple(np.arange(0.0, 360, 20)), "elevation": (15, 35, 55)}
    assert space_of(nothing, "planar").values == {}


def test_an_axis_without_labels_is_latent_beside_a_labelled_one():
    space = space_of(poses_of(azimuth=np.arange(0, 360, 10)))
    assert space.values["elevation"] == (15, 35, 55) and len(space.values["azimuth"]) == 36


def test_without_azimuth_labels_views_all_round_are_searched():
    unused = views([0, 20], [30, 40])
    unused[:, INDEX["azimuth"]] = np.nan
    assert space_of(unused).shape == (18, 2)
    assert space_of(unused, "planar").axes == ("elevation",)


def test_relative_azimuths_need_the_whole_round():
    space = space_of(views([0, 20, 40], [30, 40]), pose=("azimuth=relative",))
    assert space.values["azimuth"] == tuple(np.arange(0.0, 360, 20))


def test_an_axis_with_a_single_value_is_not_searched():
    space = space_of(views(np.arange(0, 360, 20), [30]))
    assert space.axes == ("azimuth",)
    assert space_of(poses_of(count=4, azimuth=0.0, elevation=10.0, scale=0.0)).axes == ()


def test_in_plane_axes_are_searched_where_they_were_observed():
    poses = poses_of(roll=[-30, 0, 30, 0], scale=np.log([0.5, 1, 2, 1]), shift_x=[0.1, 0, 0, 0])
    space = space_of(poses, "planar")
    assert space.axes == ("roll", "scale", "shift_x")
    assert space.values["scale"] == pytest.approx((-0.693147, 0, 0.693147))
    assert space.values["shift_x"] == (0, 0.1)


@pytest.mark.parametrize(
    ("axis", "most"), [("elevation", 60), ("roll", 30), ("scale", 0.5), ("shift_y", 0.1)]
)
def test_continuous_labels_get_evenly_spaced_values(axis, most):
    labels = np.random.default_rng(0).uniform(-most, most, 300)
    values = space_of(poses_of(**{axis: labels}), "planar").values[axis]
    assert values == pytest.approx(tuple(np.linspace(labels.min(), labels.max(), 12)), abs=1e-5)


@pytest.mark.parametrize(
    ("most", "step", "wanted"),
    [
        (30.0, 15.0, (-30, -15, 0, 15, 30)),
        (40.0, 15.0, (-40, -80 / 3, -40 / 3, 0, 40 / 3, 80 / 3, 40)),
        (10.0, 15.0, (-10, 0, 10)),
    ],
)
def test_rolls_on_request_are_even_and_hold_0(most, step, wanted):
    space = space_of(RENDER5, roll_range=most, roll_step=step)
    assert space.values["roll"] == pytest.approx(wanted)
    assert not space.grid().wraps("roll")


def test_rolls_all_the_way_round_hold_upside_down_once():
    space = space_of(RENDER5, roll_range=180.0, roll_step=15.0)
    assert np.sort(np.mod(space.values["roll"], 360)) == pytest.approx(np.arange(0, 360, 15))
    assert space.grid().wraps("roll")


def test_every_label_is_near_a_value_that_is_searched():
    rng = np.random.default_rng(0)
    poses = poses_of(azimuth=rng.uniform(0, 360, 200), elevation=rng.uniform(0, 90, 200))
    grid = space_of(poses).grid()
    for name, most in (("azimuth", 10.0), ("elevation", 90 / 11 / 2)):
        labels = poses[:, INDEX[name]]
        apart = np.abs(labels[:, None] - np.array(grid.space.values[name]))
        apart = np.minimum(apart, 360 - apart) if name == "azimuth" else apart
        assert apart.min(axis=1).max() <= most + 1e-6


def test_mirror_images_show_azimuths_on_the_other_side_of_the_front():
    seen = views([0, 20, 40, 300, 320, 340], [30, 40])
    mirrored = choose_space(seen, PoseSettings(), "volume", PoseFrame(), front=0.0)
    assert mirrored.values["azimuth"] == (-60, -40, -20, 0, 20, 40, 60)
    other = choose_space(views([0, 20, 40], [30]), PoseSettings(), "volume", PoseFrame(), 90.0)
    assert other.values["azimuth"] == (0, 20, 40, 140, 160, 180)
