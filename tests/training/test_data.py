"""What the loop reads: which labels are used, which images, and in which batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from objrec.datasets import open_dataset
from objrec.datasets.frame import AxisNote, PoseFrame
from objrec.errors import DataError, SettingsError
from objrec.pose import INDEX, PoseSpace
from objrec.training import AugmentationSettings, Recipe
from objrec.training.augmentation import Augmentation
from objrec.training.data import load_training_data, upright_plane_axes
from objrec.training.frozen import FrozenCache, frozen_source
from objrec.training.sources import ImageSource, batches_an_epoch, full_batches

AZIMUTH, ROLL = INDEX["azimuth"], INDEX["roll"]
STILL = AugmentationSettings(
    mirror=False, augment_shift=0.0, augment_scale=0.0, augment_roll=0.0, augment_light=0.0,
    augment_aspect=0.0, augment_elastic=0.0,
    augment_brightness=0.0, augment_blur=0.0, augment_noise=0.0, augment_erase=0.0,
)  # fmt: skip


def loaded(dataset, side: int = 16, standardised: bool = True, **changes):
    recipe = Recipe().replaced(**changes)
    return load_training_data(dataset, recipe, side, standardised, lambda *_: None)


def augmentation(**changes) -> Augmentation:
    return Augmentation(replace(STILL, **changes), ("azimuth", "roll"), 0.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_set_is_in_memory_with_its_labels(few):
    data = loaded(few)
    assert data.images.shape == (36, 1, 1, 16, 16)
    assert data.labels.tolist() == few.labels.tolist()
    assert np.allclose(data.poses, few.poses, equal_nan=True)
    assert len(set(zip(data.objects.tolist(), few.objects, strict=True))) == 6
    pixels = data.images.double() / 255
    assert data.preprocessing.mean == pytest.approx(float(pixels.mean()), abs=1e-5)
    assert data.preprocessing.deviation == pytest.approx(float(pixels.std()), abs=1e-4)


def test_a_backbone_keeps_its_own_normalisation(few):
    preprocessing = loaded(few, standardised=False).preprocessing
    assert (preprocessing.mean, preprocessing.deviation) == (0.0, 1.0)


def test_unreadable_images_are_left_out_with_their_labels(few):
    def read(row: int) -> np.ndarray:
        if row in few.rows[[3, 20]]:
            raise DataError("x.png: is cut off; replace it")
        return few.read(row)

    data = loaded(replace(few, read=read))
    kept = np.delete(np.arange(36), [3, 20])
    assert [failure.source for failure in data.failures] == [few.sources[3], few.sources[20]]
    assert data.labels.tolist() == few.labels[kept].tolist()
    assert np.allclose(data.poses, few.poses[kept], equal_nan=True)
    assert torch.equal(data.images, loaded(few).images[kept])


def test_one_category_is_nothing_to_learn(few):
    with pytest.raises(DataError, match=r"balls: fewer than two categories .*; add categories"):
        loaded(few.subset(few.labels == 2))


def test_labels_that_are_not_to_be_used_are_dropped(few):
    latent = loaded(few, pose=("elevation=latent",)).poses
    assert latent[:, INDEX["elevation"]].isnan().all()
    assert not latent[:, AZIMUTH].isnan().any()
    symmetric = loaded(few, symmetric=("duck",)).poses
    assert symmetric[:, AZIMUTH].isnan().tolist() == (few.labels == 0).tolist()
    with pytest.raises(SettingsError, match="no category 'dog', only duck, plane, tree"):
        loaded(few, symmetric=("dog",))


@pytest.mark.parametrize(
    ("changes", "front"),
    [
        ({}, 90.0),
        ({"front_azimuth": 30.0}, 30.0),
        ({"pose": ("azimuth=latent",)}, 0.0),
        ({"pose": ("azimuth=relative",)}, 0.0),
        ({"pose": ("azimuth=relative",), "front_azimuth": 30.0}, 0.0),
    ],
)
def test_what_a_mirror_image_does_to_the_azimuth(few, changes, front):
    described = replace(few, frame=PoseFrame({"azimuth": AxisNote(front=90.0)}))
    assert loaded(described, **changes).front_azimuth == front


@pytest.mark.parametrize("turned", [0.0, 90.0])
def test_the_front_is_found_in_the_images_if_nobody_names_it(toys, turned):
    dataset = open_dataset(toys)
    poses = dataset.poses.copy()
    poses[:, AZIMUTH] = (poses[:, AZIMUTH] + turned) % 360
    data = loaded(replace(dataset, frame=PoseFrame(), poses=poses), side=24)
    assert data.front_azimuth == pytest.approx(turned, abs=5)


def test_without_any_azimuth_all_images_may_be_mirrored(few):
    nothing = replace(few, frame=PoseFrame(), poses=np.full_like(few.poses, np.nan))
    assert loaded(nothing).front_azimuth == 0.0


@pytest.mark.parametrize(
    ("labels", "searched", "latent", "expected"),
    [
        ([np.nan, np.nan], True, (), [0, 0]),
        ([np.nan, 5.0], True, (), [np.nan, 5]),
        ([np.nan, np.nan], False, (), [np.nan, np.nan]),
        ([np.nan, np.nan], True, ("roll",), [np.nan, np.nan]),
    ],
)
def test_images_without_a_label_define_upright(labels, searched, latent, expected):
    poses = torch.full((2, 6), torch.nan)
    poses[:, ROLL] = torch.tensor(labels)
    space = PoseSpace({"roll": (-15.0, 0.0, 15.0)} if searched else {})
    found = upright_plane_axes(poses, space, latent)
    assert np.array_equal(found[:, ROLL], expected, equal_nan=True)
    assert found[:, AZIMUTH].isnan().all()


@pytest.mark.parametrize("size", [2, 3, 8])
@pytest.mark.parametrize("count", [2, 3, 7, 8, 9, 16, 17])
def test_batches_hold_every_image_once_and_never_a_single_one(count, size):
    batches = list(full_batches(torch.arange(count), size))
    assert torch.cat(batches).tolist() == list(range(count))
    assert all(2 <= len(batch) <= size + 1 for batch in batches)
    assert len(batches) == batches_an_epoch(count, size)


def test_an_epoch_shows_every_image_once_in_an_order_of_its_own(few):
    data = loaded(few)
    source = ImageSource(data, augmentation(), nn.Flatten(1, 2))
    steps = list(source.epoch(16, generator()))
    order = torch.cat([step.index for step in steps])
    assert sorted(order.tolist()) == list(range(36))
    assert order.tolist() != list(range(36))
    other = torch.cat([step.index for step in source.epoch(16, generator(1))])
    assert other.tolist() != order.tolist()
    assert torch.equal(torch.cat([step.labels for step in steps]), data.labels[order])
    assert torch.equal(torch.cat([step.poses for step in steps])[:, AZIMUTH],
                       data.poses[order][:, AZIMUTH])  # fmt: skip
    inputs = torch.cat([step.inputs for step in steps])
    unchanged = data.preprocessing.normalised(data.images[order]).flatten(1, 2)
    assert torch.allclose(inputs, unchanged, atol=1e-3)


def test_the_generator_decides_about_everything(few):
    source = ImageSource(loaded(few), augmentation(augment_noise=0.1), nn.Flatten(1, 2))
    first, again, other = (list(source.epoch(16, generator(seed))) for seed in (0, 0, 1))
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0].inputs, other[0].inputs)


def test_frozen_features_are_those_of_augmented_copies(few, tmp_path, backbone):
    """The labels move with each copy; an epoch draws among the copies, each image once."""
    data, stem, ticks = loaded(few, side=128, standardised=False), backbone(), []
    roll = augmentation(augment_roll=20.0)
    data = replace(data, poses=data.poses.nan_to_num())
    cache = FrozenCache(tmp_path, copies=3, seed=4)

    def source():
        return frozen_source(data, roll, stem, cache, lambda *counts: ticks.append(counts))

    steps = list(source().epoch(16, generator()))
    assert ticks[-1] == (108, 108)
    copies = [load_file(cache.path(copy))["poses"][:, ROLL] for copy in range(3)]
    assert len(torch.cat(copies).unique()) == 108, "the copies are not alike"
    assert sorted(torch.cat([step.index for step in steps]).tolist()) == list(range(36))
    rolls = torch.stack([c.poses[:, ROLL] for c in steps[:1]])
    assert (rolls.abs() <= 20).all()
    assert len(rolls.unique()) > 10
    image, angle = int(steps[0].index[0]), float(steps[0].poses[0, ROLL])
    # The same turn, made by hand, gives the same features.
    by_hand = Augmentation(STILL, ("roll",), None)
    by_hand._moved = lambda images, poses, draw: (turned(images, angle), poses)
    images = by_hand(data.images[[image]] / 255, data.poses[[image]], generator()).images
    assert torch.allclose(steps[0].inputs[0], stem(images)[0], atol=0.02)

    ticks.clear()
    again = list(source().epoch(16, generator()))
    assert not ticks, "the second time they are read"
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(steps, again, strict=True))
    (tmp_path / "frozen-9.safetensors.partial").touch()
    FrozenCache.remove(tmp_path)
    assert not list(tmp_path.iterdir())


def turned(images: torch.Tensor, degrees: float) -> torch.Tensor:
    import cv2

    side = images.shape[-1]
    matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), degrees, 1.0)
    pixels = cv2.warpAffine(
        images[0, 0, 0].numpy(), matrix, (side, side), borderMode=cv2.BORDER_REPLICATE
    )
    return torch.from_numpy(pixels)[None, None, None]
