from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from objrec.datasets.frame import RELATIVE, AxisNote, PoseFrame
from objrec.datasets.sample import Dataset
from objrec.errors import DataError, SettingsError
from objrec.evaluation.baselines import running
from objrec.evaluation.baselines.running import BASELINES, run_baselines
from objrec.evaluation.comparison import compare
from objrec.evaluation.metrics import Bootstrap
from objrec.pose import AXES, INDEX
from objrec.preprocessing import Preprocessing

KINDS = ("car", "cup", "van", "blank")
SHADES = dict(zip(KINDS, (40, 100, 160, 220), strict=True))


@pytest.fixture
def split():
    """Make a split whose images have a shade for the category and a bright bar for the azimuth."""

    def build(name, categories, instances, broken=(), background=(), labels=None):
        rows = [(c, i, a) for c in categories for i in instances for a in range(6)]
        poses = np.full((len(rows), len(AXES)), np.nan)
        poses[:, INDEX["azimuth"]] = [a * 60 + (name == "test") for _, _, a in rows]
        rng = np.random.default_rng(len(name))
        noise = rng.integers(0, 12, (len(rows), 1, 16, 16))

        def read(row):
            if row in broken:
                raise DataError(f"{name}-{row}.png: not an image; remove it")
            category, _, azimuth = rows[row]
            pixels = np.full((1, 16, 16), SHADES[category], np.uint8)
            pixels[:, :, azimuth * 2 : azimuth * 2 + 3] += 20
            return pixels + noise[row].astype(np.uint8)

        return Dataset(
            name="toys",
            split=name,
            root=Path("some/toys"),
            categories=tuple(categories),
            labels=np.array([categories.index(c) for c, _, _ in rows]),
            poses=poses,
            factors={"instance": np.array([str(i) for _, i, _ in rows])},
            sources=tuple(f"{name}-{row}.png" for row in range(len(rows))),
            cameras=1,
            colour=False,
            read=read,
            rows=np.arange(len(rows)),
            frame=PoseFrame({"azimuth": AxisNote(labels=labels)}),
            background=tuple(background),
        )

    return build


class Recognizer:
    """Knows categories in an order of its own; its features are the pixels less their mean."""

    preprocessing = Preprocessing(size=8)

    def __init__(self, categories=("van", "cup", "car")):
        self.categories = tuple(categories)

    def see(self, images):
        features = images.flatten(1).float() / 255 - 0.5
        return SimpleNamespace(features=features.view(-1, 1, 8, 8), energies=None)


def test_categories_are_matched_by_name_and_poses_are_those_of_views(split):
    train = split("train", ("cup", "car", "van"), range(3))
    test = split("test", ("van", "car", "cup"), range(7, 9))
    found = run_baselines(Recognizer(), train, test)
    assert [one.kind for one in found] == list(BASELINES)
    for one in found:
        assert one.outcomes.categories == ("van", "cup", "car")
        assert not one.outcomes.wrong.any() and one.images_per_second > 0
        assert list(one.sources) == list(test.sources)
        assert one.outcomes.objects[0] == "van/7" and "instance" not in one.outcomes.factors
        assert one.confidences is None and one.parameters is None and one.azimuths
        assert np.isnan(one.outcomes.given).all()
    nearest, svm, retrieval = (one.outcomes.poses[:, INDEX["azimuth"]] for one in found)
    np.testing.assert_array_equal(nearest, np.tile(np.arange(6) * 60.0, 6))
    np.testing.assert_array_equal(retrieval, nearest)
    assert np.isnan(svm).all()
    rows = compare(found[0], found[1:], Bootstrap(50)).rows
    assert [row["azimuth_acc30"] for row in rows] == [1, None, 1]
    assert [row["difference"] for row in rows] == [None, 0, 0]


def test_unknown_categories_background_and_unreadable_images_are_passed_over(split):
    train = split("train", ("blank", "car", "cup", "van"), range(2), {13}, background=["blank"])
    test = split("test", KINDS, (7,), broken={0, 7}, background=["blank"])
    (one,) = run_baselines(Recognizer(("boat", "car", "cup", "blank")), train, test, ["nearest"])
    assert one.outcomes.categories == ("car", "cup")
    assert list(one.sources) == [f"test-{i}.png" for i in range(12) if i not in (0, 7)]
    assert not one.outcomes.wrong.any()


def test_a_category_without_training_views_is_not_asked_for(split):
    test = split("test", ("car", "cup", "van"), (7,))
    (one,) = run_baselines(Recognizer(), split("train", ("car", "van"), (1,)), test, ["nearest"])
    assert one.outcomes.categories == ("van", "car") and len(one.sources) == 12


def test_chunks_change_nothing_and_one_without_readable_images_is_survived(split, monkeypatch):
    train = split("train", ("car", "cup", "van"), range(2))
    test = split("test", ("car", "cup", "van"), range(7, 9), broken=range(5, 10))
    whole = run_baselines(Recognizer(), train, test)
    monkeypatch.setattr(running, "_CHUNK", 5)
    parts = run_baselines(Recognizer(), train, test)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one.outcomes.predicted, other.outcomes.predicted)
        np.testing.assert_array_equal(one.outcomes.poses, other.outcomes.poses)
        assert one.sources == other.sources and len(one.sources) == 31


def test_progress_goes_through_both_sets(split):
    steps = []
    train, test = split("train", ("car", "cup"), range(2)), split("test", ("car", "van"), (7,))
    run_baselines(Recognizer(), train, test, ["nearest"], on_progress=lambda *s: steps.append(s))
    assert steps == [(24, 30), (30, 30)]


def test_of_many_training_views_some_are_drawn(split, monkeypatch):
    train, test = split("train", ("car", "cup"), range(4)), split("test", ("car", "cup"), (7,))
    monkeypatch.setattr(running, "MOST_VIEWS", 20)
    first, second = run_baselines(Recognizer(), train, test, ["nearest", "retrieval"], seed=5)
    note = "The baselines learned from 20 of 48 training views, drawn evenly over the objects"
    assert first.notes == (f"{note} (seed 5).",) and second.notes == ()
    monkeypatch.setattr(running, "MOST_BYTES", 16 * 8 * 8)
    (first,) = run_baselines(Recognizer(), train, test, ["nearest"])
    assert "from 16 of 48" in first.notes[0]


@pytest.mark.parametrize("which", ["train", "test"])
def test_relative_azimuths_are_not_held_against_the_labels(split, which):
    said = {which: RELATIVE}
    train = split("train", ("car", "cup"), (1,), labels=said.get("train"))
    test = split("test", ("car", "cup"), (7,), labels=said.get("test"))
    (one,) = run_baselines(Recognizer(), train, test, ["nearest"])
    assert not one.azimuths
    assert compare(one, [], Bootstrap(20)).rows[0]["azimuth_acc30"] is None


def test_baselines_are_not_tested_on_what_they_learned(split):
    train = split("train", ("car", "cup"), range(2))
    with pytest.raises(DataError, match="some/toys: baselines would learn the images that"):
        run_baselines(Recognizer(), train, train.subset([3]))


def test_what_cannot_be_done_is_refused(split):
    train, test = split("train", ("car", "cup"), range(2)), split("test", ("car", "cup"), (7,))
    with pytest.raises(SettingsError, match="none called 'forest'; choose nearest or svm or retr"):
        run_baselines(Recognizer(), train, test, ["forest"])
    with pytest.raises(DataError, match="show 1 of the model's categories; baselines need two"):
        run_baselines(Recognizer(("cup", "boat")), train, test)
    with pytest.raises(DataError, match="there is no image that the baselines could answer"):
        run_baselines(Recognizer(), train, split("test", ("van",), (7,)))
    with pytest.raises(DataError, match="there is no image that the baselines could answer"):
        broken = split("test", ("car", "cup"), (7,), broken=range(12))
        run_baselines(Recognizer(), train, broken, ["nearest"])
    stereo = Recognizer()
    stereo.preprocessing = Preprocessing(size=8, cameras=2)
    with pytest.raises(DataError, match="the model takes stereo pairs"):
        run_baselines(stereo, train, test)


def test_pixels_are_those_of_the_recogniser(split, monkeypatch):
    """The nearest view is sought in letterboxed, resized pixels."""
    train, test = split("train", ("car", "cup"), range(2)), split("test", ("car", "cup"), (7,))
    seen = []
    monkeypatch.setitem(
        BASELINES, "nearest", ("nearest", lambda views, *_: seen.append(views) or fit())
    )

    def fit():
        def answer(images):
            seen.append(images)
            return np.zeros(len(images), int), np.full((len(images), 6), np.nan)

        return SimpleNamespace(answer=answer, notes=())

    run_baselines(Recognizer(), train, test, ["nearest"])
    preprocessing = Recognizer.preprocessing
    for images, dataset in ((seen[0].images, train), (seen[1], test)):
        expected = torch.stack([preprocessing.images(sample.images) for sample in dataset])
        assert torch.equal(images, expected)
