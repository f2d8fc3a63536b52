"""Offsets of relative azimuth labels, recovered with a model whose references are known."""

import pytest
import torch

from objrec.answers import AnswerSettings
from objrec.energy.model import EnergyModel
from objrec.energy.references import VolumeReferences
from objrec.energy.settings import ModelSettings
from objrec.pose import AXES, AXIS, PoseSpace
from objrec.preprocessing import Preprocessing
from objrec.training.data import TrainingData
from objrec.training.relative import AZIMUTH, RelativeAzimuth

SIDE = 10
SPACE = PoseSpace({"azimuth": tuple(20.0 * i for i in range(18)), "elevation": (20.0, 40.0)})
OFFSETS = torch.tensor([0.0, 47.0, 181.3, 356.0, 268.9])
LABELS_OF_OBJECTS = torch.tensor([0, 0, 1, 1, 1])
VIEWS = 14


class Lookup(torch.nn.Module):
    """An extractor that knows the features of each image by the number in its only pixel."""

    def __init__(self, features):
        super().__init__()
        self.features = features

    def forward(self, images):
        return self.features[(images.flatten() * 255).round().long()]


def planted(missing=()):
    """A model, and a set of its own references at known poses, labelled less an offset.

    Args:
        missing: Objects without azimuth labels.
    """
    torch.manual_seed(0)
    settings = ModelSettings(channels=8, volume_channels=4)
    model = EnergyModel(("a", "b"), SPACE, 1, False, settings)
    model.references = VolumeReferences(2, 1, 4, SIDE, 8, SIDE)
    coarse = torch.randn(2, 4, 4, 4, 4)
    model.references.volumes.data = torch.nn.functional.interpolate(
        coarse, (SIDE, SIDE, SIDE), mode="trilinear", align_corners=True
    )[:, None]
    objects = torch.arange(5).repeat_interleave(VIEWS)
    azimuths = (torch.arange(5 * VIEWS) * 47.0) % 360
    poses = torch.zeros(5 * VIEWS, len(AXES))
    poses[:, 0], poses[:, 1] = azimuths, torch.tensor([20.0, 40.0]).repeat(5 * VIEWS // 2)
    with torch.no_grad():
        features = model.references.at(LABELS_OF_OBJECTS[objects], poses)[0][:, 0]
    model.extractor = Lookup(features + 0.1 * features.std() * torch.randn_like(features))
    labelled = poses.clone()
    labelled[:, AZIMUTH] = (azimuths - OFFSETS[objects]) % 360
    labelled[torch.isin(objects, torch.tensor(missing, dtype=torch.long)), AZIMUTH] = torch.nan
    data = TrainingData(
        images=torch.arange(5 * VIEWS, dtype=torch.uint8).view(-1, 1, 1, 1, 1),
        labels=LABELS_OF_OBJECTS[objects],
        poses=labelled,
        objects=objects,
        preprocessing=Preprocessing(size=8, mean=0.0, deviation=1.0),
        front_azimuth=None,
        failures=(),
    )
    return model.eval(), data, poses


def test_offsets_are_recovered():
    model, data, poses = planted()
    relative = RelativeAzimuth.of(data)
    relative.estimate(model, data, AnswerSettings(), batch_size=32)
    apart = AXIS["azimuth"].difference(relative.offsets, OFFSETS).abs()
    assert apart.max() < 3.0
    applied = relative.applied(data.poses, torch.arange(len(data)))
    apart = AXIS["azimuth"].difference(applied[:, AZIMUTH], poses[:, AZIMUTH]).abs()
    assert apart.max() < 3.0


def test_the_batch_size_does_not_matter():
    model, data, _ = planted()
    found = []
    for batch_size in (7, 1000):
        relative = RelativeAzimuth.of(data)
        relative.estimate(model, data, AnswerSettings(), batch_size)
        found.append(relative.offsets)
    torch.testing.assert_close(found[0], found[1], atol=0.05, rtol=0)


def test_an_object_without_labels_keeps_an_unknown_offset():
    model, data, _ = planted(missing=(2,))
    relative = RelativeAzimuth.of(data)
    relative.estimate(model, data, AnswerSettings())
    assert relative.offsets.isnan().tolist() == [False, False, True, False, False]
    applied = relative.applied(data.poses, torch.arange(len(data)))
    assert torch.equal(applied[:, AZIMUTH].isnan(), data.objects == 2)


def test_single_images_without_a_label_are_left_out():
    model, data, _ = planted()
    data.poses[::VIEWS, AZIMUTH] = torch.nan
    relative = RelativeAzimuth.of(data)
    relative.estimate(model, data, AnswerSettings())
    assert AXIS["azimuth"].difference(relative.offsets, OFFSETS).abs().max() < 3.0


def test_azimuth_is_latent_before_the_first_estimate():
    _, data, _ = planted()
    relative = RelativeAzimuth.of(data)
    index = torch.tensor([3, 20])
    applied = relative.applied(data.poses[index], index)
    assert applied[:, AZIMUTH].isnan().all()
    assert torch.equal(applied[:, 1:], data.poses[index, 1:])


@pytest.mark.parametrize("offset", [0.0, 30.0, 359.0])
def test_applied_adds_the_offset_of_the_image_s_object_and_wraps(offset):
    _, data, _ = planted()
    relative = RelativeAzimuth.of(data)
    relative.offsets = torch.arange(5.0) + offset
    index = torch.tensor([60, 0, 31])
    before = data.poses.clone()
    applied = relative.applied(data.poses[index], index)
    for row, i in zip(applied, index.tolist(), strict=True):
        wanted = (float(data.poses[i, AZIMUTH]) + int(data.objects[i]) + offset) % 360
        assert float(row[AZIMUTH]) == pytest.approx(wanted, abs=1e-3)
        assert 0 <= row[AZIMUTH] < 360
    assert torch.equal(data.poses, before)
