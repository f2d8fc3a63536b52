"""Details of mistakes against the recogniser, asked one image at a time."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from objrec.datasets import open_dataset
from objrec.energy.settings import ModelSettings
from objrec.evaluation.landscapes.details import landscape_axes, mistake_details, rounded
from objrec.pose import PoseSpace
from objrec.preprocessing import Preprocessing
from objrec.recognizer import Recognizer
from objrec.saving import SavedModel, build_network

SPACE = PoseSpace({"azimuth": tuple(range(0, 360, 30)), "elevation": (20.0, 30.0, 40.0)})
ROWS = [(1, 10), (5, 11), (6, 12), (9, 13), (14, 14)]


def recognizer_of(kind="energy", space=SPACE, names=("disc", "box", "cross"), **settings):
    """Make an untrained model; what it answers is random, but always the same."""
    background = settings.pop("background", ())
    torch.manual_seed(0)
    settings = ModelSettings(
        **{"features": "small", "channels": 8, "volume_channels": 4} | settings
    )
    network = build_network(
        kind, names, space, Preprocessing(), settings, background=bool(background)
    )
    saved = SavedModel(kind, network, settings, Preprocessing(), None, {}, background=background)
    return Recognizer(saved, "cpu")


@pytest.fixture(scope="module")
def dataset(photos):
    return open_dataset(photos, "test")


def test_each_row_is_what_the_recogniser_says_of_the_image(dataset):
    recognizer = recognizer_of()
    found = mistake_details(recognizer, dataset, ROWS, batch_size=2)
    assert sorted(row["prediction"] for row in found) == [10, 11, 12, 13, 14]
    index = {prediction: i for i, prediction in ROWS}
    for row in found:
        image = dataset[index[row["prediction"]]]
        energies = recognizer.recognize(image).energies
        assert row["energies"] == pytest.approx(energies, rel=1e-3)
        lowest = min(energies.values())
        assert row["excess"] == pytest.approx(energies[image.category] - lowest, abs=1e-3)
        shown = {image.category, min(energies, key=energies.get)}
        assert set(row["landscapes"]) == set(row["minima"]) == shown
        assert set(row["maps"]) == {"image", *shown}
        for name in shown:
            surface = recognizer.energies(image).surface(name, "elevation", "azimuth")[0]
            assert np.allclose(row["landscapes"][name], surface, rtol=1e-3)
            assert row["minima"][name]["energy"] == np.min(row["landscapes"][name])


def test_minima_are_the_best_poses_given_the_category_on_the_scale_of_the_axes(dataset):
    recognizer = recognizer_of()
    (row,) = mistake_details(recognizer, dataset, [(5, 0)])
    seen = recognizer.see(recognizer.preprocessing.images(dataset[5].images)[None])
    for name, minimum in row["minima"].items():
        category = torch.tensor([recognizer.categories.index(name)])
        azimuth, elevation = recognizer.poses(seen, category)[0, :2].tolist()
        assert (minimum["azimuth"] - azimuth) % 360 == pytest.approx(0, abs=0.01)
        assert minimum["elevation"] == pytest.approx(elevation, abs=0.01)
        assert -15 <= minimum["azimuth"] < 345


def test_the_most_wrong_come_first_and_only_so_many(dataset):
    recognizer = recognizer_of()
    everything = mistake_details(recognizer, dataset, ROWS)
    excess = [row["excess"] for row in everything]
    assert excess == sorted(excess, reverse=True)
    few = mistake_details(recognizer, dataset, ROWS, most=2, batch_size=2)
    assert [row["prediction"] for row in few] == [row["prediction"] for row in everything[:2]]
    assert mistake_details(recognizer, dataset, []) == []


def test_rows_do_not_depend_on_the_batches_but_for_rounding(dataset):
    one, other = (mistake_details(recognizer_of(), dataset, ROWS, batch_size=n) for n in (1, 8))
    for a, b in zip(one, other, strict=True):
        assert a["prediction"] == b["prediction"]
        assert a["energies"] == pytest.approx(b["energies"], rel=1e-3)


def test_equal_features_have_equal_colours_in_all_rows(dataset):
    found = mistake_details(recognizer_of(), dataset, [(1, 0), (5, 1), (1, 2)], batch_size=3)
    maps = {row["prediction"]: row["maps"] for row in found}
    assert maps[0] == maps[2] != maps[1]
    assert np.shape(maps[0]["image"]) == (6, 6)
    assert all(len(colour) == 7 for colour in maps[0]["image"][0])


def test_a_classifier_has_energies_only(dataset):
    for kind in ("cnn", "cnn-pose"):
        recognizer = recognizer_of(kind)
        assert landscape_axes(recognizer) is None
        (row,) = mistake_details(recognizer, dataset, [(5, 3)])
        energies = recognizer.recognize(dataset[5]).energies
        assert row.pop("energies") == pytest.approx(energies, rel=1e-3)
        assert row.pop("excess") >= 0
        assert row == {"prediction": 3, "landscapes": None, "minima": {}, "maps": None}


def test_landscape_axes_of_each_kind_of_space():
    assert landscape_axes(recognizer_of()) == {
        "azimuth": [*range(0, 360, 30)],
        "elevation": [20.0, 30.0, 40.0],
    }
    single = PoseSpace({"azimuth": (0.0, 120.0, 240.0), "elevation": (35.0,)})
    assert landscape_axes(recognizer_of(space=single))["elevation"] == [35.0]
    turned = PoseSpace({"roll": (-10.0, 0.0, 10.0)})
    assert landscape_axes(recognizer_of(space=turned, references="planar")) is None


def test_without_azimuth_there_are_maps_but_no_landscape(dataset):
    turned = PoseSpace({"roll": (-10.0, 0.0, 10.0)})
    recognizer = recognizer_of(space=turned, references="planar", distance="squared")
    (row,) = mistake_details(recognizer, dataset, [(5, 0)])
    assert row["landscapes"] is None and row["minima"] == {}
    assert {"image", "box"} <= set(row["maps"])


def test_one_row_where_elevation_is_not_searched(dataset):
    space = PoseSpace({"azimuth": (0.0, 90.0, 180.0, 270.0), "roll": (-10.0, 10.0)})
    (row,) = mistake_details(recognizer_of(space=space), dataset, [(5, 0)])
    assert np.shape(row["landscapes"]["box"]) == (1, 4)
    assert set(row["minima"]["box"]) == {"azimuth", "energy"}


def test_background_is_as_far_above_as_nothing_fits(dataset):
    recognizer = recognizer_of(names=("disc", "box"), background=("cross",))
    (row,) = mistake_details(recognizer, dataset, [(14, 0)])  # a cross
    energies = recognizer.energies(dataset[14])
    lowest = float(energies.per_category().min())
    assert row["excess"] == pytest.approx(float(energies.nothing[0]) - lowest, abs=1e-3)
    assert len(row["landscapes"]) == 1 and set(row["maps"]) == {"image", *row["landscapes"]}


def test_progress_and_rounded_numbers_in_json(dataset):
    steps = []
    found = mistake_details(
        recognizer_of(),
        dataset,
        ROWS,
        batch_size=2,
        on_progress=lambda done, total: steps.append((done, total)),
    )
    assert steps == [(2, 5), (4, 5), (5, 5)]
    assert json.loads(json.dumps(found)) == found
    assert [rounded(v) for v in (12.34567, 0.000123456, 0.0, -98765.0)] == [
        *(12.35, 0.0001235, 0.0, -98760.0)
    ]
