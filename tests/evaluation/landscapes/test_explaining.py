"""An explanation says what the model says: answers, energies, paths, and the maps compared."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from objrec.datasets import Sample, open_dataset
from objrec.datasets.frame import AxisNote, PoseFrame
from objrec.energy.settings import ModelSettings
from objrec.errors import DataError, SettingsError
from objrec.evaluation.landscapes.explaining import explain
from objrec.pose import INDEX, Pose, PoseSpace
from objrec.preprocessing import Preprocessing
from objrec.recognizer import Recognizer
from objrec.saving import SavedModel, build_network

SPACE = PoseSpace({"azimuth": tuple(range(0, 360, 30)), "elevation": (20.0, 30.0, 40.0)})


def recognizer_of(kind="energy", space=SPACE, cameras=1, colour=False, **settings):
    """Make an untrained model; what it answers is random, but always the same."""
    torch.manual_seed(0)
    settings = ModelSettings(
        **{"features": "small", "channels": 8, "volume_channels": 4} | settings
    )
    preprocessing = Preprocessing(cameras=cameras, colour=colour)
    network = build_network(kind, ("box", "cross", "disc"), space, preprocessing, settings)
    return Recognizer(SavedModel(kind, network, settings, preprocessing, None, {}), "cpu", "mine")


@pytest.fixture
def image(photos):
    return open_dataset(photos, "test")[3]


def stored(pose):
    return torch.from_numpy(np.nan_to_num(pose.to_vector())).float()[None]


def test_answers_and_energies_are_those_of_the_recogniser(image):
    recognizer = recognizer_of()
    explained = explain(recognizer, image, hypotheses=4)
    answer = recognizer.recognize(image, hypotheses=4)
    assert explained.recognition.to_dict() == answer.to_dict()
    assert tuple(fit.hypothesis for fit in explained.fits) == answer.hypotheses
    energies = recognizer.energies(image)
    for name, landscape in explained.landscapes.items():
        surface = energies.surface(name, "elevation", "azimuth")[0]
        assert np.array_equal(landscape.energy, surface.double().numpy())
        assert landscape.minima[0].energy == pytest.approx(answer.energies[name])
    assert explained.model == "mine"


@pytest.mark.parametrize(("distance", "references"), [("cosine", "volume"), ("squared", "planar")])
def test_paths_lead_from_the_grid_to_the_answer(image, distance, references):
    recognizer = recognizer_of(distance=distance, references=references, models_per_category=2)
    features = recognizer.see(recognizer.preprocessing.images(image.images)[None]).features
    for fit in explain(recognizer, image).fits:
        start, end = fit.path[0], fit.path[-1]
        assert len(fit.path) == (2 if references == "volume" else 1)
        assert start.energy == pytest.approx(fit.hypothesis.energy)
        assert start.pose.azimuth in SPACE.values["azimuth"]
        assert end.pose == fit.hypothesis.pose
        category = torch.tensor([recognizer.categories.index(fit.hypothesis.category)])
        with torch.inference_mode():
            there = recognizer.network.energy_at(features, category, stored(end.pose))
        assert end.energy == pytest.approx(float(there), rel=1e-4)


def test_the_neighbourhood_has_the_energies_around_the_start(image):
    recognizer = recognizer_of()
    features = recognizer.see(recognizer.preprocessing.images(image.images)[None]).features
    fit = explain(recognizer, image).fits[0]
    around, start = fit.around, fit.path[0].pose
    assert around.columns[[0, -1]] == pytest.approx([start.azimuth - 30, start.azimuth + 30])
    assert around.rows.min() >= 20 and around.rows.max() <= 40
    assert np.ptp(around.rows) in (pytest.approx(10), pytest.approx(20))
    category = torch.tensor([recognizer.categories.index(fit.hypothesis.category)])
    for i, j in ((0, 0), (2, 7), (14, 14)):
        pose = Pose(azimuth=around.columns[j] % 360, elevation=around.rows[i])
        with torch.inference_mode():
            there = recognizer.network.energy_at(features, category, stored(pose))
        assert around.energy[i, j] == pytest.approx(float(there), rel=1e-3)


def test_mismatches_sum_to_the_refined_energy_of_the_cosine_distance(image):
    for fit in explain(recognizer_of(models_per_category=2), image).fits:
        assert fit.mismatch.shape == (6, 6) and fit.mismatch.min() >= 0
        assert fit.mismatch.sum() == pytest.approx(fit.path[-1].energy, rel=1e-4)
    assert explain(recognizer_of(distance="squared"), image).fits[0].mismatch is None


def test_an_image_whose_features_are_a_reference_has_its_colours(image, monkeypatch):
    recognizer = recognizer_of()
    pose = torch.zeros(1, 6)
    pose[0, INDEX["azimuth"]], pose[0, INDEX["elevation"]] = 60, 30
    with torch.inference_mode():
        maps, _ = recognizer.network.references.at(torch.tensor([1]), pose)
    monkeypatch.setattr(recognizer.network.extractor, "forward", lambda images: 3 * maps[:, 0])
    explained = explain(recognizer, image)
    best = explained.fits[0]
    assert best.hypothesis.category == "cross"
    assert best.hypothesis.pose.azimuth == pytest.approx(60, abs=3)
    assert best.path[0].energy == pytest.approx(0, abs=1e-4)  # turned to 60 exactly
    assert best.mismatch.max() < 0.1 * explained.fits[1].mismatch.max()
    own, other = (
        np.abs(fit.reference.astype(int) - explained.colours).mean() for fit in explained.fits[:2]
    )
    assert own < 0.3 * other


def test_other_pose_spaces_have_the_landscape_of_what_they_search(image):
    alone = explain(recognizer_of(space=PoseSpace({"azimuth": (0.0, 90.0, 180.0, 270.0)})), image)
    assert alone.landscapes["box"].energy.shape == (1, 4)
    assert alone.fits[0].around.energy.shape == (1, 15)
    flat = PoseSpace({"roll": (-20.0, 0.0, 20.0), "scale": (-0.2, 0.2)})
    explained = explain(recognizer_of(space=flat, references="planar"), image)
    assert [axis.name for axis in explained.plane.axes] == ["roll", "scale"]
    assert explained.landscapes["box"].energy.shape == (2, 3)
    assert explained.fits[0].around.rows.min() == pytest.approx(np.exp(-0.2))


def test_pixels_are_shown_as_the_network_takes_them():
    noise = np.random.default_rng(0).integers(0, 255, (2, 60, 40, 3), np.uint8)
    gray = explain(recognizer_of(cameras=2), noise)
    assert gray.image.shape == (2, 48, 48) and gray.image.dtype == np.uint8
    assert gray.recognition.source is None and gray.truth is None
    colourful = explain(recognizer_of(cameras=1, colour=True), noise[0])
    assert colourful.image.shape == (1, 48, 48, 3)


def test_a_sample_of_a_set_brings_its_truth_but_no_azimuth_of_another_zero(image):
    recognizer = recognizer_of()
    assert isinstance(image, Sample)
    assert explain(recognizer, image).truth == (image.category, Pose(azimuth=135.0))
    recognizer.frame = PoseFrame({"azimuth": AxisNote(labels="relative")})
    assert explain(recognizer, image).truth == (image.category, Pose())


def test_as_plain_values_it_is_json(image):
    plain = explain(recognizer_of(distance="squared"), image).to_dict()
    again = json.loads(json.dumps(plain))
    assert again["landscape_axes"]["elevation"] == [20.0, 30.0, 40.0]
    assert np.shape(again["landscapes"]["box"]["energy"]) == (3, 12)
    assert np.shape(again["features"]) == (6, 6) and again["features"][0][0].startswith("#")
    first = again["hypotheses"][0]
    assert first["path"][-1]["energy"] == first["refined_energy"]
    assert again["truth"] == {"category": image.category, "pose": {"azimuth": 135.0}}


@pytest.mark.parametrize("kind", ["cnn", "cnn-pose"])
def test_a_classifier_has_no_landscape(image, kind):
    with pytest.raises(SettingsError, match=r"mine: is a classifier .*explain an energy model"):
        explain(recognizer_of(kind), image)


def test_a_model_without_poses_has_no_landscape(image):
    with pytest.raises(SettingsError, match="searches no poses"):
        explain(recognizer_of(space=PoseSpace({}), references="planar"), image)


def test_images_are_refused_as_by_the_recogniser(image, tmp_path):
    with pytest.raises(DataError, match="the model takes stereo pairs"):
        explain(recognizer_of(cameras=2), image)
    with pytest.raises(DataError, match=r"nowhere\.png"):
        explain(recognizer_of(), tmp_path / "nowhere.png")


def test_symmetric_categories_are_said_to_be(image):
    recognizer = recognizer_of()
    recognizer.frame = replace(recognizer.frame, symmetric=recognizer.categories)
    assert all(fit.hypothesis.symmetric for fit in explain(recognizer, image).fits)
