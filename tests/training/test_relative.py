"""Offsets of relative azimuth labels, recovered with a model whose references are known."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from objrec.answers import AnswerSettings
from objrec.datasets.frame import AxisNote, PoseFrame
from objrec.energy.model import EnergyModel
from objrec.energy.references import VolumeReferences
from objrec.energy.settings import ModelSettings
from objrec.pose import AXES, AXIS, PoseSpace
from objrec.preprocessing import Preprocessing
from objrec.training.data import TrainingData
from objrec.training.relative import AZIMUTH, RelativeAzimuth

SIDE = 10
MAP = (8, SIDE, SIDE)
SPACE = PoseSpace({"azimuth": tuple(20.0 * i for i in range(18)), "elevation": (20.0, 40.0)})
OFFSETS = torch.tensor([0.0, 47.0, 181.3, 356.0, 268.9])
LABELS_OF_OBJECTS = torch.tensor([0, 0, 1, 1, 1])
VIEWS = 14


class Halves(nn.Module):
    """An extractor of two functions."""

    def __init__(self, stem, head, frozen=False):
        super().__init__()
        self.stem, self.head, self.frozen = stem, head, frozen


def lookup(features):
    """An extractor that knows the features of each image by the number in its only pixel."""
    return Halves(nn.Identity(), lambda images: features[(images.flatten() * 255).round().long()])


def planted(missing=()):
    """A model, and a set of its own references at known poses, labelled less an offset.

    Args:
        missing: Objects without azimuth labels.
    """
    torch.manual_seed(0)
    settings = ModelSettings(features="small", channels=8, volume_channels=4)
    model = EnergyModel(("a", "b"), SPACE, 1, False, settings)
    model.references = VolumeReferences(2, 1, 4, SIDE, 8, SIDE)
    coarse = torch.randn(2, 4, 4, 4, 4)
    model.references.volumes.data = nn.functional.interpolate(
        coarse, (SIDE, SIDE, SIDE), mode="trilinear", align_corners=True
    )[:, None]
    objects = torch.arange(5).repeat_interleave(VIEWS)
    azimuths = (torch.arange(5 * VIEWS) * 47.0) % 360
    poses = torch.zeros(5 * VIEWS, len(AXES))
    poses[:, 0], poses[:, 1] = azimuths, torch.tensor([20.0, 40.0]).repeat(5 * VIEWS // 2)
    with torch.no_grad():
        features = model.references.at(LABELS_OF_OBJECTS[objects], poses)[0][:, 0]
    model.extractor = lookup(features + 0.1 * features.std() * torch.randn_like(features))
    labelled = poses.clone()
    labelled[:, AZIMUTH] = (azimuths - OFFSETS[objects]) % 360
    labelled[torch.isin(objects, torch.tensor(list(missing), dtype=torch.long)), AZIMUTH] = (
        torch.nan
    )
    data = TrainingData(
        images=torch.arange(5 * VIEWS, dtype=torch.uint8).view(-1, 1, 1, 1, 1),
        labels=LABELS_OF_OBJECTS[objects],
        poses=labelled,
        objects=objects,
        object_names=tuple(f"{'aabbb'[i]}/{i}" for i in range(5)),
        categories=("a", "b"),
        background=(),
        frame=PoseFrame({"azimuth": AxisNote(labels="relative")}),
        preprocessing=Preprocessing(size=8, mean=0.0, deviation=1.0),
        front_azimuth=None,
        failures=(),
    )
    return model.eval(), data, poses


def recovered(model, data):
    relative = RelativeAzimuth(data, model, AnswerSettings())
    relative.estimate()
    return relative


def distance(a, b):
    return AXIS["azimuth"].difference(a, b).abs()


def test_offsets_are_recovered():
    model, data, poses = planted()
    relative = recovered(model, data)
    assert distance(relative.offsets[0], OFFSETS).max() < 3.0
    plain = torch.zeros(len(data), dtype=torch.bool)
    applied = relative.applied(data.poses, torch.arange(len(data)), plain)
    assert distance(applied[:, AZIMUTH], poses[:, AZIMUTH]).max() < 3.0
    named = relative.by_object()
    assert list(named) == ["a/0", "a/1", "b/2", "b/3", "b/4"]
    assert named["b/4"] == pytest.approx(float(relative.offsets[0, 4]), abs=0.01)


def test_mirror_images_have_an_offset_of_their_own():
    model, data, poses = planted()
    # Features are the same whichever way round an image is, and labels run backwards: what is
    # seen in the mirror then turns as the references do.
    data.poses[:, AZIMUTH] = (140 - poses[:, AZIMUTH] + OFFSETS[data.objects]) % 360
    relative = recovered(model, data)
    assert distance(relative.offsets[1], 140 + OFFSETS).max() < 3.0
    mirrored = torch.ones(len(data), dtype=torch.bool)
    applied = relative.applied(data.poses, torch.arange(len(data)), mirrored)
    assert distance(applied[:, AZIMUTH], poses[:, AZIMUTH]).max() < 3.0


def test_mirrored_images_are_those_that_are_looked_at():
    model, data, _ = planted()
    seen = []
    model.extractor = Halves(lambda x: seen.append(x) or x, lambda x: torch.randn(len(x), *MAP))
    images = torch.randint(0, 255, (len(data), 2, 1, 8, 8)).byte()
    recovered(model, replace(data, images=images))
    plain, mirrored = seen
    assert torch.equal(mirrored, plain.flip(1).flip(-1))


def test_a_frozen_stem_is_run_once_on_each_image_and_its_mirror_image():
    model, data, _ = planted()
    calls = []
    model.extractor = Halves(lambda x: calls.append(len(x)) or x, model.extractor.head, frozen=True)
    relative = recovered(model, data)
    first = relative.offsets.clone()
    relative.estimate()
    assert sum(calls) == 2 * len(data)
    assert torch.equal(first, relative.offsets)
    assert distance(first[0], OFFSETS).max() < 3.0


def test_an_offset_rests_on_views_spread_over_the_object(monkeypatch):
    monkeypatch.setattr("objrec.training.relative.MOST_VIEWS", 9)
    model, data, _ = planted()
    relative = recovered(model, data)
    used = torch.cat(relative._batches)
    assert data.objects[used].bincount().tolist() == [9] * 5
    assert {0, VIEWS - 1} <= set(used.tolist())
    assert distance(relative.offsets[0], OFFSETS).max() < 4.0


def test_an_object_without_labels_keeps_an_unknown_offset():
    model, data, _ = planted(missing=(2,))
    relative = recovered(model, data)
    assert relative.offsets[0].isnan().tolist() == [False, False, True, False, False]
    plain = torch.zeros(len(data), dtype=torch.bool)
    applied = relative.applied(data.poses, torch.arange(len(data)), plain)
    assert torch.equal(applied[:, AZIMUTH].isnan(), data.objects == 2)
    assert "b/2" not in relative.by_object()


def test_without_any_azimuth_label_there_is_nothing_to_estimate():
    model, data, _ = planted(missing=range(5))
    relative = recovered(model, data)
    assert relative.offsets.isnan().all()
    assert relative.by_object() == {}


def test_background_has_no_offset():
    model, data, _ = planted()
    data.labels[data.objects == 4] = 2
    assert recovered(model, data).offsets[0].isnan().tolist() == [False] * 4 + [True]


def test_single_images_without_a_label_are_left_out():
    model, data, _ = planted()
    data.poses[::VIEWS, AZIMUTH] = torch.nan
    assert distance(recovered(model, data).offsets[0], OFFSETS).max() < 3.0


def test_it_begins_with_the_offsets_that_looks_suggest(monkeypatch):
    model, data, _ = planted(missing=(3,))
    asked = []

    def align(images, poses, objects):
        asked.append((images, poses, objects))
        return {number: 10.0 * number for number in objects.unique().tolist()}

    monkeypatch.setattr("objrec.training.relative.align_objects", align)
    relative = RelativeAzimuth(data, model, AnswerSettings())
    # Numbers from 5 on are mirror images of objects 0 to 4; object 3 has no labels.
    nan = torch.nan
    wanted = torch.tensor([[0.0, 10, 20, nan, 40], [50, 60, 70, nan, 90]])
    torch.testing.assert_close(relative.offsets, wanted, equal_nan=True)
    (images, poses, objects), second = asked
    assert set(objects.tolist()) == {0, 1, 5, 6}, "one category at a time"
    assert set(second[2].tolist()) == {2, 4, 7, 9}
    half = len(images) // 2
    assert torch.equal(images[half:], images[:half].flip(-1))
    assert torch.equal(poses[half:, AZIMUTH], -poses[:half, AZIMUTH])
    assert torch.equal(poses[half:, 1], poses[:half, 1])


@pytest.mark.parametrize("offset", [0.0, 30.0, 359.0])
def test_applied_adds_the_offset_of_the_image_s_object_and_wraps(offset):
    model, data, _ = planted()
    relative = RelativeAzimuth(data, model, AnswerSettings())
    relative.offsets = torch.stack([torch.arange(5.0) + offset, torch.arange(5.0) - offset])
    index = torch.tensor([60, 0, 31, 31])
    mirrored = torch.tensor([False, False, False, True])
    before = data.poses.clone()
    applied = relative.applied(data.poses[index], index, mirrored)
    for row, i, turned in zip(applied, index.tolist(), mirrored.tolist(), strict=True):
        label, number = float(data.poses[i, AZIMUTH]), int(data.objects[i])
        wanted = (number - offset - label) if turned else (label + number + offset)
        assert float(row[AZIMUTH]) == pytest.approx(wanted % 360, abs=1e-3)
        assert 0 <= row[AZIMUTH] < 360
    assert torch.equal(data.poses, before)
