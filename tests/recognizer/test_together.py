"""`Recognizer.together`: what several images of one object say, compared with loops over them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from objrec import Recognizer
from objrec.energy.settings import ModelSettings
from objrec.errors import DataError, SettingsError
from objrec.pose import Pose, PoseSpace
from objrec.preprocessing import Preprocessing
from objrec.saving import Calibration, SavedModel, build_network

SPACE = PoseSpace({"azimuth": tuple(range(0, 360, 20)), "elevation": (20.0, 40.0)})
BETA, THRESHOLD = 2.5, 9.5


def recognizer_of(kind: str = "energy", background: tuple[str, ...] = ()) -> Recognizer:
    """Make an untrained model; what it answers is random, but always the same."""
    torch.manual_seed(0)
    settings, preprocessing = (
        ModelSettings(features="small", channels=8, volume_channels=4),
        Preprocessing(),
    )
    names = ("box", "cross", "disc")
    network = build_network(
        kind, names, SPACE, preprocessing, settings, background=bool(background)
    )
    calibration = Calibration(BETA, THRESHOLD, 0.05, 0.1, 3, 9)
    saved = SavedModel(
        kind, network, settings, preprocessing, calibration, {}, background=background
    )
    return Recognizer(saved, "cpu")


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return recognizer_of()


@pytest.fixture
def files(photos) -> list[Path]:
    return sorted((photos / "train").glob("box-0-*.png"))[:4]


def softmax(energies: dict[str, float], beta: float) -> dict[str, float]:
    weights = {name: np.exp(-beta * energy) for name, energy in energies.items()}
    return {name: weight / sum(weights.values()) for name, weight in weights.items()}


@pytest.mark.parametrize("kind", ["energy", "cnn", "cnn-pose"])
@pytest.mark.parametrize("poses", [None, [Pose()]])
def test_one_image_together_is_one_image(kind, poses, files):
    recognizer = recognizer_of(kind)
    alone, together = recognizer.recognize(files[0]), recognizer.together(files[:1], poses)
    assert together.sources == (str(files[0]),)
    assert together.category == alone.category
    assert together.unknown == alone.unknown
    assert together.energies == pytest.approx(alone.energies, abs=1e-5)
    assert together.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
    assert together.pose.to_dict() == pytest.approx(alone.pose.to_dict(), abs=1e-3)


@pytest.mark.parametrize("kind", ["energy", "cnn", "cnn-pose"])
def test_energies_are_means_and_probabilities_those_of_the_sum(kind, files):
    recognizer = recognizer_of(kind)
    answer = recognizer.together(files)
    each = [recognizer.recognize(file) for file in files]
    for name in recognizer.categories:
        mean = np.mean([one.energies[name] for one in each])
        assert answer.energies[name] == pytest.approx(mean, abs=1e-5)
    assert answer.category == min(answer.energies, key=answer.energies.get)
    assert answer.energy == pytest.approx(min(answer.energies.values()), abs=1e-6)
    summed = {name: energy * len(files) for name, energy in answer.energies.items()}
    assert answer.probabilities == pytest.approx(softmax(summed, BETA), abs=1e-4)
    assert answer.unknown == (answer.energy > THRESHOLD)


def test_known_poses_are_searched_together_by_whole_steps(recognizer, files):
    steps = [0, 3, 7, 1]
    answer = recognizer.together(
        files, [{"azimuth": 100 + 20 * s} for s in steps], refine=False, hypotheses=1
    )
    surfaces = recognizer.energies(list(files)).surfaces().numpy()  # (B, K, 18, 2)
    best = {}
    for k, name in enumerate(recognizer.categories):
        for a in range(18):
            for e in range(2):
                values = [surfaces[i, k, (a + s) % 18, e] for i, s in enumerate(steps)]
                best[np.mean(values)] = (name, 20.0 * a, (20.0, 40.0)[e])
    assert answer.energy == pytest.approx(min(best), abs=1e-5)
    found = (answer.category, answer.pose.azimuth, answer.pose.elevation)
    assert found == best[min(best)]


def test_the_pose_is_that_of_the_first_image(recognizer, files):
    forth = recognizer.together(files[:2], [{"azimuth": 0}, {"azimuth": 47}], refine=False)
    back = recognizer.together(files[1::-1], [{"azimuth": 47}, {"azimuth": 7}], refine=False)
    assert forth.energy != back.energy  # 47 - 7 is not 47
    again = recognizer.together(files[:2], [Pose(azimuth=300), Pose(azimuth=347)], refine=False)
    assert again == forth


def test_refinement_changes_the_pose_only(recognizer, files):
    poses = [{"azimuth": 13 * i} for i in range(4)]
    on, off = (recognizer.together(files, poses, refine=refine) for refine in (False, True))
    assert (on.category, on.energies) == (off.category, off.energies)
    assert on.pose != off.pose
    assert (on.pose.azimuth - off.pose.azimuth + 180) % 360 - 180 == pytest.approx(0, abs=20)


def test_relative_poses_say_nothing_to_a_classifier(files):
    recognizer = recognizer_of("cnn")
    turned = recognizer.together(files, [{"azimuth": 90 * i} for i in range(4)])
    assert turned == recognizer.together(files)


def test_background_is_told_by_the_mean(files):
    recognizer = recognizer_of("energy", background=("nothing",))
    answer = recognizer.together(files)
    nothing = recognizer.energies(files[0]).nothing.item()
    assert answer.unknown == (answer.energy > min(nothing, THRESHOLD))


def test_files_pixels_and_opened_images_go_together(recognizer, files):
    pixels = cv2.imread(str(files[1]), cv2.IMREAD_GRAYSCALE)
    mixed = recognizer.together([files[0], pixels, recognizer.preprocessed(files[2])])
    assert mixed.sources == (str(files[0]), None, str(files[2]))
    assert mixed.source == f"{files[0]}, {files[2]}"
    assert mixed.energies == recognizer.together(files[:3]).energies
    assert recognizer.together([pixels, pixels]).source is None
    assert recognizer.together([*files, *files]).source == f"{files[0]} and 7 more"


def test_the_answer_is_json(recognizer, files):
    stored = json.loads(json.dumps(recognizer.together(files).to_dict()))
    assert stored["files"] == [str(file) for file in files]
    assert "files" not in recognizer.recognize(files[0]).to_dict()


def test_what_cannot_be(recognizer, files):
    with pytest.raises(ValueError, match="at least one image"):
        recognizer.together([])
    with pytest.raises(SettingsError, match="2 relative poses for 4 images"):
        recognizer.together(files, [{}, {}])
    with pytest.raises(SettingsError, match="did you mean 'azimuth'"):
        recognizer.together(files[:1], [{"azimut": 3}])
    with pytest.raises(DataError, match=r"missing\.png"):
        recognizer.together([files[0], "missing.png"])
