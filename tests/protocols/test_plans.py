import dataclasses

import numpy as np
import pytest

from objrec.datasets import open_dataset
from objrec.datasets.frame import AxisNote, PoseFrame
from objrec.errors import DataError
from objrec.pose import INDEX
from objrec.protocols import PROTOCOLS, ProtocolSettings, plan

AZIMUTH, ELEVATION = INDEX["azimuth"], INDEX["elevation"]


@pytest.fixture
def norb_like(photos):
    """Make a set of small NORB's views: azimuths every 20 degrees, nine elevations."""
    base = open_dataset(photos, "train")
    views = [(a, e) for a in range(0, 360, 20) for e in range(30, 71, 5)]

    def build(front=None, **changes):
        count = 2 * len(views)
        dataset = base.subset(np.arange(count) % len(base))
        poses = np.full((count, 6), np.nan)
        poses[:, [AZIMUTH, ELEVATION]] = views * 2
        labels = np.repeat([0, 1], len(views))
        note = AxisNote(front=front, **changes)
        return dataclasses.replace(
            dataset, poses=poses, labels=labels, frame=PoseFrame({"azimuth": note})
        )

    return build


def azimuths(dataset):
    return sorted(set(dataset.poses[:, AZIMUTH].tolist()))


def test_novel_azimuth_is_the_published_protocol(norb_like):
    found = plan("novel-azimuth", norb_like(), norb_like())
    assert azimuths(found.train) == [0, 20, 40, 300, 320, 340]
    novel = norb_like().subset(~found.familiar)
    assert azimuths(novel) == list(range(60, 281, 20))
    assert found.matched and found.widened


def test_novel_azimuth_is_about_the_front_of_the_set(norb_like):
    found = plan("novel-azimuth", norb_like(front=90), norb_like(front=90))
    assert azimuths(found.train) == [40, 60, 80, 100, 120, 140]


def test_novel_elevation_trains_on_the_three_lowest_of_nine(norb_like):
    found = plan("novel-elevation", norb_like(), norb_like())
    assert sorted(set(found.train.poses[:, ELEVATION].tolist())) == [30, 35, 40]
    novel = norb_like().subset(~found.familiar)
    assert sorted(set(novel.poses[:, ELEVATION].tolist())) == [45, 50, 55, 60, 65, 70]


@pytest.mark.parametrize(("step", "kept"), [(60, 6), (120, 3), (40, 9)])
def test_sparse_azimuth_trains_on_every_kth(norb_like, step, kept):
    found = plan("sparse-azimuth", norb_like(), norb_like(), step)
    assert azimuths(found.train) == [step * i for i in range(kept)]
    assert not found.matched and (found.familiar.sum() + (~found.familiar).sum()) == 324


def test_few_labels_keep_those_of_the_first_object(photos):
    train, test = open_dataset(photos, "train"), open_dataset(photos, "test")
    found = plan("few-pose-labels", train, test)
    labelled = ~np.isnan(found.train.poses[:, AZIMUTH])
    assert set(found.train.objects[labelled]) == {"box/0", "cross/0"} and labelled.sum() == 16
    assert len(found.train) == len(train) and found.familiar.all()
    assert not np.isnan(train.poses[:, AZIMUTH]).any()


def test_latent_poses_have_no_view_labels(photos):
    found = plan("latent-pose", open_dataset(photos, "train"), open_dataset(photos, "test"))
    assert np.isnan(found.train.poses[:, [AZIMUTH, ELEVATION]]).all()


@pytest.mark.parametrize(
    ("protocol", "change", "message"),
    [
        ("novel-elevation", {}, "photos: 48 of 48 images of split train have no elevation label"),
        ("sparse-azimuth", {"azimuth": 7.0}, "split train has no familiar view for sparse-azimuth"),
        ("sparse-azimuth", {"azimuth": 60.0}, "split train has no novel view for sparse-azimuth"),
        ("novel-elevation", {"elevation": 30.0}, "a single elevation"),
        ("few-pose-labels", {"azimuth": np.nan}, "has no pose labels"),
        ("novel-azimuth", {"labels": "relative"}, "azimuth labels are relative"),
    ],
)
def test_what_a_set_lacks_is_said(photos, protocol, change, message):
    change = dict(change)
    train, test = open_dataset(photos, "train"), open_dataset(photos, "test")
    frame = PoseFrame({"azimuth": AxisNote(labels=change.pop("labels", None))})
    for axis, value in change.items():
        for dataset in (train, test):
            dataset.poses[:, INDEX[axis]] = value
    train, test = (dataclasses.replace(d, frame=frame) for d in (train, test))
    with pytest.raises(DataError, match=message):
        plan(protocol, train, test)


def test_a_category_without_familiar_views_is_named(norb_like):
    train = norb_like()
    train = train.subset((train.labels == 1) | (train.poses[:, AZIMUTH] == 180))
    with pytest.raises(DataError, match="no familiar view of box for novel-azimuth"):
        plan("novel-azimuth", train, norb_like())


def test_the_command_lists_the_protocols():
    from objrec.cli.protocol import NAMES

    assert tuple(PROTOCOLS) == NAMES


def test_few_objects_draws_by_the_seed_and_tests_on_all(photos):
    train, test = open_dataset(photos, "train"), open_dataset(photos, "test")
    found = plan("few-objects", train, test, ProtocolSettings(objects=(1, 3)))
    assert [part.facts for part in found.parts] == [{"training_objects": n} for n in (1, 3)]
    assert found.drawn and "1 and 3 objects a category" in found.says
    with pytest.raises(ValueError, match="has 2 parts"):
        _ = found.train
    drawn = {tuple(sorted(set(found.parts[0].trained_on(seed).objects))) for seed in range(9)}
    assert len(drawn) > 2 and all(len(part.test) == 16 for part in found.parts)
    with pytest.raises(DataError, match="'box' has 3 objects, fewer than 4"):
        plan("few-objects", train, test, ProtocolSettings(objects=(1, 4)))


def test_leave_one_out_needs_no_test_split(photos):
    train = open_dataset(photos, "train")
    found = plan("leave-one-out", train, None)
    assert found.pooled and [part.facts["fold"] for part in found.parts] == [0, 1, 2]
    assert len(plan("leave-one-out", train, None, ProtocolSettings(folds=2)).parts) == 2
    with pytest.raises(ValueError, match="few-objects needs a test split"):
        plan("few-objects", train, None)


def test_categories_are_left_out_in_turn_or_as_named(shapes):
    sets = open_dataset(shapes, "train"), open_dataset(shapes, "test")
    found = plan("unknown-category", *sets)
    assert [part.facts["left_out"] for part in found.parts] == ["box", "cross", "disc"]
    assert all(part.trained_on(0) is part.trained_on(1) for part in found.parts)
    named = plan("unknown-category", *sets, ProtocolSettings(leave_out=("disc",)))
    assert [part.folder for part in named.parts] == ["without-02-disc"]
    with pytest.raises(DataError, match="no objects of category 'tree'"):
        plan("unknown-category", *sets, ProtocolSettings(leave_out=("tree",)))


def test_background_is_tested_on_by_no_protocol(shapes):
    train, test = (
        dataclasses.replace(open_dataset(shapes, split), background=("disc",))
        for split in ("train", "test")
    )
    for name in ("few-objects", "leave-one-out", "latent-pose"):
        for part in plan(name, train, test, ProtocolSettings(objects=(1,))).parts:
            assert set(part.test.labels) == {0, 1}
            assert all(len(shown) == len(part.test) for shown in part.views.values())
            assert 2 in part.trained_on(0).labels
