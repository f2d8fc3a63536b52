"""Columns of info files against values worked out by hand, and the way back."""

from dataclasses import replace

import numpy as np
import pytest

from objrec.datasets.description import IndexScale, SetDescription
from objrec.datasets.norb.info import info_of, poses_and_factors
from objrec.datasets.norb.reading import read_norb, write_norb
from objrec.errors import DataError
from objrec.pose import AXES, INDEX

NAN = np.nan
# instance, elevation, azimuth, lighting, shifts, lumination, contrast, scale, rotation
CLUTTERED = [
    [4, 0, 0, 0, -6, 6, -20, 0.8, 0.78, -5],
    [6, 8, 34, 5, 3, 0, 20, 1.3, 1.0, 5],
    [7, 3, 18, 2, 0, -3, 0, 1.05, 0.875, 0],
]
# As distributed, numbers are whole: contrast and scale have lost their fractions.
TRUNCATED = [
    [4, 0, 0, 0, -5, 5, -19, 0, 0, -4],
    [6, 8, 34, 5, 3, 0, 19, 1, 1, 4],
    [-1, -1, -1, -1, 0, 0, 0, 0, 0, 0],
]


def described(info, side=108, description=None, nothing=None):
    info = np.asarray(info)
    nothing = np.zeros(len(info), bool) if nothing is None else np.array(nothing)
    return poses_and_factors(info, nothing, side, description or SetDescription(), "x-info.mat")


def read_back(tmp_path, info, labels=None, size=(108, 108), description=None):
    """Write a set with this info and read it: what info_of takes apart again."""
    images = np.zeros((len(info), 1, *size), np.uint8)
    labels = np.zeros(len(info), int) if labels is None else np.array(labels)
    write_norb(tmp_path, "x-training", images, labels, np.asarray(info))
    return read_norb(tmp_path, "train", description)


def test_ten_columns_become_six_axes_and_four_factors():
    poses, factors = described(CLUTTERED)
    axes = {axis: poses[:, INDEX[axis]] for axis in AXES}
    assert axes["azimuth"].tolist() == [0, 340, 180]
    assert axes["elevation"].tolist() == [30, 70, 45]
    assert axes["roll"].tolist() == [-5, 5, 0]
    assert axes["shift_x"] == pytest.approx([-6 / 108, 3 / 108, 0])
    assert axes["shift_y"] == pytest.approx([6 / 108, 0, -3 / 108])
    assert np.exp(axes["scale"]) == pytest.approx([0.78, 1, 0.875])
    assert {name: column.tolist() for name, column in factors.items()} == {
        "instance": ["4", "6", "7"],
        "lighting": ["0", "5", "2"],
        "lumination": ["-20", "20", "0"],
        "contrast": ["0.8", "1.3", "1.05"],
    }


def test_four_columns_say_nothing_of_the_plane():
    poses, factors = described(np.array(CLUTTERED)[:, :4])
    assert np.isnan(poses[:, [INDEX[a] for a in ("roll", "scale", "shift_x", "shift_y")]]).all()
    assert set(factors) == {"instance", "lighting"}


def test_shifts_are_fractions_of_the_longer_side():
    assert described(CLUTTERED, side=200)[0][0, INDEX["shift_x"]] == -0.03


def test_whole_numbers_have_lost_the_scale_unless_it_is_one():
    poses, factors = described(np.array(TRUNCATED, np.int32))
    assert np.array_equal(poses[:, INDEX["scale"]], [NAN, 0, NAN], equal_nan=True)
    assert poses[:, INDEX["roll"]].tolist() == [-4, 4, 0]
    assert factors["contrast"].tolist() == ["0", "1", "0"]
    assert factors["instance"].tolist() == ["4", "6", ""]
    assert np.isnan(poses[2, :2]).all()


def test_samples_of_nothing_have_neither_pose_nor_factors():
    poses, factors = described(CLUTTERED, nothing=[False, True, False])
    assert np.isnan(poses[1]).all()
    assert not np.isnan(poses[[0, 2]]).any()
    assert {column[1] for column in factors.values()} == {""}


def test_nan_means_not_known_and_texts_are_those_of_the_files_precision():
    info = np.array(CLUTTERED, np.float32)
    info[0, 4:] = NAN
    poses, factors = described(info)
    assert np.isnan(poses[0, 2:]).all()
    assert factors["contrast"].tolist() == ["", "1.3", "1.05"]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (0, 2.5, r"x-info\.mat: instance 2\.5 of sample 1 is not a whole number; copy the file"),
        (1, 0.25, r"x-info\.mat: elevation index 0\.25 of sample 1 is not a whole number; copy"),
        (2, np.inf, r"x-info\.mat: azimuth index inf of sample 1 is not a finite number; copy"),
        (9, -np.inf, r"x-info\.mat: number -inf of sample 1 is not a finite number; copy"),
        (1, 13, r"x-info\.mat: elevation index 13 of sample 1 means 95 degrees; state first and"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(column, value, message):
    info = np.array(CLUTTERED)
    info[1, column] = value
    with pytest.raises(DataError, match=message):
        described(info)


def test_samples_of_nothing_may_hold_anything():
    info = np.array(CLUTTERED)
    info[1] = [2.5, 99, np.inf, NAN, -np.inf, 1, 1, 1, -1, 1]
    assert np.isnan(described(info, nothing=[False, True, False])[0][1]).all()


@pytest.mark.parametrize("dtype", ["i4", "f4", "f8"])
@pytest.mark.parametrize("width", [4, 10])
def test_the_way_back_gives_the_numbers_of_the_file(tmp_path, dtype, width):
    rng = np.random.default_rng(0)
    n = 200
    info = np.column_stack(
        [
            rng.integers(0, 10, n),
            rng.integers(0, 9, n),
            rng.integers(0, 18, n) * 2,
            rng.integers(0, 6, n),
            rng.uniform(-6, 6, (n, 2)),
            rng.uniform(-20, 20, n),
            rng.uniform(0.8, 1.3, n),
            rng.uniform(0.78, 1, n),
            rng.uniform(-5, 5, n),
        ]
    )[:, :width].astype(dtype)
    info[::7, :4] = -1
    found = info_of(read_back(tmp_path, info, size=(81, 107)), SetDescription(), 107)
    assert found.dtype == (np.float64 if dtype != "i4" and width == 10 else np.int32)
    if dtype == "f8":
        assert found == pytest.approx(info, rel=1e-14)
    else:
        assert np.array_equal(found.astype(dtype), info)


def test_the_way_back_of_the_distributed_numbers(tmp_path):
    info = np.array([*TRUNCATED, [9, 9, 9, 9, 9, 9, 9, 9, 9, 9], [-1] * 4 + [0] * 6])
    found = info_of(read_back(tmp_path, info, [0, 1, 5, 5, 2]), SetDescription(), 108)
    assert found.dtype == np.int32
    assert found[[0, 1, 2, 4]].tolist() == info[[0, 1, 2, 4]].tolist()
    # What a sample of background held is gone.
    assert found[3].tolist() == [-1] * 4 + [0] * 6


def test_what_is_not_known_stays_unknown(tmp_path):
    info = np.array(CLUTTERED)
    info[0] = [-1, 8, -1, 0, NAN, 2.5, NAN, NAN, 0, NAN]
    first = read_back(tmp_path, info)
    second = read_back(tmp_path, info_of(first, SetDescription(), 108))
    assert np.array_equal(first.poses, second.poses, equal_nan=True)
    assert all(np.array_equal(first.factors[name], second.factors[name]) for name in first.factors)


@pytest.mark.parametrize(
    ("elevation", "azimuth"),
    [((0, 7.5), (5, 7.2)), ((-90, 45), (90, -10)), ((10, 0), (0, 120)), ((0, 0.1), (0.05, 0.1))],
)
def test_the_way_back_on_other_scales(tmp_path, elevation, azimuth):
    scales = (IndexScale(*map(float, elevation)), IndexScale(*map(float, azimuth)))
    description = SetDescription(elevation=scales[0], azimuth=scales[1])
    turn = round(360 / abs(azimuth[1]))
    steps = np.arange(turn)
    info = np.column_stack([steps, steps % 5 * bool(elevation[1]), steps, steps])
    dataset = read_back(tmp_path, info, description=description)
    assert info_of(dataset, description, 108).tolist() == info.tolist()


def test_azimuths_come_back_within_one_turn(tmp_path):
    info = [[0, 0, 36, 0], [0, 0, 71, 0]]
    assert info_of(read_back(tmp_path, info), SetDescription(), 9)[:, 2].tolist() == [0, 35]


@pytest.mark.parametrize(
    ("axis", "value", "message"),
    [
        ("azimuth", 45.0, r"-dat\.mat#1: azimuth 45 is not on the scale 0, 10, …; state another"),
        ("azimuth", 40.00001, r"-dat\.mat#1: azimuth 40 is not on the scale 0, 10, …; state"),
        ("elevation", 25.0, r"-dat\.mat#1: elevation 25 is not on the scale 30, 35, …; state"),
    ],
)
def test_a_pose_beside_the_scale_is_refused(tmp_path, axis, value, message):
    dataset = read_back(tmp_path, np.array(TRUNCATED)[:, :4])
    dataset.poses[1, INDEX[axis]] = value
    with pytest.raises(DataError, match=message):
        info_of(dataset, SetDescription(), 108)


def test_a_pose_a_trace_beside_the_scale_is_on_it(tmp_path):
    dataset = read_back(tmp_path, np.array(TRUNCATED)[:, :4])
    for trace in (-9e-7, -1e-14, 1e-14, 9e-7):
        dataset.poses[:2, 0] = [360 + trace, 20 + trace]
        dataset.poses[:2, 1] = [30 + trace, 35 + trace]
        assert info_of(dataset, SetDescription(), 108)[:2, 1:3].tolist() == [[0, 0], [1, 2]]


@pytest.mark.parametrize(
    ("factor", "text", "message"),
    [
        ("instance", "007", r"-dat\.mat#1: instance '007' is not a whole number, which is all"),
        ("instance", "Becher 🍵", r"-dat\.mat#1: instance 'Becher 🍵' is not a whole number"),
        ("instance", "٣", r"-dat\.mat#1: instance '٣' is not a whole number"),
        ("instance", "3000000000", r"-dat\.mat#1: instance '3000000000' is not a whole number"),
        ("lighting", "-1", r"-dat\.mat#1: lighting '-1' is not a whole number"),
        ("contrast", "high", r"-dat\.mat#1: contrast 'high' is not a number, which is all that"),
        ("lumination", "nan", r"-dat\.mat#1: lumination 'nan' is not a number"),
    ],
)
def test_a_factor_that_is_no_number_is_refused(tmp_path, factor, text, message):
    dataset = read_back(tmp_path, np.array(TRUNCATED))
    column = dataset.factors[factor].astype("U20")
    column[1] = text
    with pytest.raises(DataError, match=message):
        info_of(replace(dataset, factors=dataset.factors | {factor: column}), SetDescription(), 9)


def test_texts_stay_narrow_in_a_large_set():
    info = np.tile(np.array(CLUTTERED), (1000, 1))
    _, factors = described(info)
    assert sum(column.nbytes for column in factors.values()) < 4 * len(info) * (1 + 1 + 3 + 4 + 1)
