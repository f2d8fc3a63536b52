"""The mirror image as a second view of the same object."""

from dataclasses import replace

import pytest
import torch

from objrec.datasets.frame import AxisNote, PoseFrame
from objrec.energy.settings import ModelSettings
from objrec.errors import SettingsError
from objrec.mirroring import mirrored_images, mirrored_poses
from objrec.pose import PoseSpace
from objrec.preprocessing import Preprocessing
from objrec.recognizer import Recognizer
from objrec.saving import SavedModel, build_network

FRONT = 90.0
SPACE = PoseSpace({"azimuth": tuple(range(0, 360, 20)), "elevation": (20.0, 40.0)})
FACING = PoseFrame({"azimuth": AxisNote(front=FRONT)})


def recognizer_of(kind="energy", frame=FACING, space=SPACE) -> Recognizer:
    """Make an untrained stereo model; what it answers is random, but always the same."""
    torch.manual_seed(0)
    settings = ModelSettings(features="small", channels=8, volume_channels=4)
    preprocessing = Preprocessing(cameras=2)
    network = build_network(kind, ("box", "cross", "disc"), space, preprocessing, settings)
    return Recognizer(SavedModel(kind, network, settings, preprocessing, None, {}, frame), "cpu")


@pytest.fixture(scope="module")
def images():
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (4, 2, 1, 48, 48), generator=generator, dtype=torch.uint8)


def test_energies_are_the_mean_of_both_images_each_in_the_pose_it_shows(images):
    recognizer = recognizer_of()
    found = recognizer.mirroring().see(images).energies
    own, other = (recognizer.see(x).energies.values for x in (images, mirrored_images(images)))
    poses = found.grid.poses
    for p, shown in enumerate(mirrored_poses(poses, FRONT)):
        q = int((poses - shown).abs().sum(1).argmin())
        torch.testing.assert_close(found.values[:, :, p], (own[:, :, p] + other[:, :, q]) / 2)


def test_a_mirror_image_gets_the_mirrored_answers(images):
    recognizer = recognizer_of().mirroring()
    one, other = recognizer.see(images).energies, recognizer.see(mirrored_images(images)).energies
    torch.testing.assert_close(one.per_category(), other.per_category())
    wanted = mirrored_poses(one.best().pose[:, 0], FRONT)
    torch.testing.assert_close(other.best().pose[:, 0], wanted)


@pytest.mark.parametrize("kind", ["cnn", "cnn-pose"])
def test_a_classifier_averages_its_logits(images, kind):
    recognizer = recognizer_of(kind, PoseFrame())
    found = recognizer.mirroring().see(images).energies.values
    pair = [recognizer.see(x).energies.values for x in (images, mirrored_images(images))]
    torch.testing.assert_close(found, (pair[0] + pair[1]) / 2)


def test_searching_other_poses_keeps_the_mirror():
    finer = PoseSpace({"azimuth": tuple(range(0, 360, 10)), "elevation": (20.0,)})
    image = torch.zeros(1, 2, 1, 48, 48, dtype=torch.uint8)
    one = recognizer_of().mirroring().searching(finer).see(image).energies
    other = recognizer_of().searching(finer).mirroring().see(image).energies
    torch.testing.assert_close(one.values, other.values)


def test_without_a_front_there_is_no_telling_what_a_mirror_image_shows():
    with pytest.raises(SettingsError, match=r"front.*train with --front-azimuth"):
        recognizer_of(frame=PoseFrame()).mirroring()


def test_poses_without_their_mirror_images_are_refused():
    space = PoseSpace({"azimuth": (0.0, 20.0, 40.0)})
    with pytest.raises(SettingsError, match=r"mirror: the azimuths .* recognise without"):
        recognizer_of(space=space).mirroring()


def test_recognitions_go_on_as_usual(images):
    recognizer = recognizer_of().mirroring()
    answer = recognizer.recognize(images[0])
    assert answer.energy == pytest.approx(min(answer.energies.values()))
    assert replace(answer, source=None) == replace(recognizer.recognize(images[0]), source=None)
