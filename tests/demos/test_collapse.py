"""The recogniser under every loss: what is measured, against loops over the stored weights."""

from __future__ import annotations

import math
import tempfile

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from objrec import DataError, Recognizer, SettingsError, evaluate, train
from objrec.answers import answer_set
from objrec.demos.collapse import training as collapse_training
from objrec.demos.collapse.figures import spread
from objrec.demos.collapse.lesson import DEMO
from objrec.demos.collapse.training import (
    CASES,
    FLAT,
    MERGED,
    SHARED,
    TOYS,
    Case,
    counted_margins,
    sample_set,
    toys,
    train_case,
    verdict,
)
from objrec.demos.lesson import Context
from objrec.losses import LOSSES, LossSettings
from objrec.pose import PoseSpace
from objrec.training import Recipe

CASE = Case("hinge", watched=True)
SIX = [0, 60, 120, 180, 240, 300]


@pytest.fixture(scope="module")
def data():
    return toys(TOYS, 1 / 6)


@pytest.fixture(scope="module")
def trained(data):
    return train_case(CASE, data, 2, 3, lambda: None)


@pytest.fixture(scope="module")
def folder(data, tmp_path_factory):
    """The same training, done here, for its files."""
    out = tmp_path_factory.mktemp("collapse") / "model"
    recipe = Recipe().replaced(**SHARED | {"loss": "hinge", "epochs": 2, "seed": 3})
    list(train(data.seen, out, recipe, device="cpu"))
    return out


def turned(plane, azimuth):
    """Turn an image of rows z and columns x about its middle, cell by cell, bilinearly."""
    n = len(plane)
    middle, a = (n - 1) / 2, math.radians(azimuth)
    out = np.zeros_like(plane)
    for row in range(n):
        for column in range(n):
            z1, x1 = row - middle, column - middle
            x = x1 * math.cos(a) - z1 * math.sin(a) + middle
            z = x1 * math.sin(a) + z1 * math.cos(a) + middle
            for i in (math.floor(z), math.floor(z) + 1):
                for j in (math.floor(x), math.floor(x) + 1):
                    if 0 <= i < n and 0 <= j < n:
                        out[row, column] += (1 - abs(z - i)) * (1 - abs(x - j)) * plane[i, j]
    return out


def distances_by_loop(folder):
    weights = load_file(folder / "model.safetensors")
    volumes = weights["references.volumes"][:, 0].astype(float)  # (K, C_v, depth, h, w)
    projection = weights["references.projection.weight"].astype(float)
    k, c, d, h, w = volumes.shape
    total, norms = np.zeros((k, k)), []
    for azimuth in SIX:
        maps = []
        for volume in volumes:
            stacked = np.array(
                [[turned(volume[i, :, y], azimuth) for y in range(h)] for i in range(c)]
            )
            depths = stacked.transpose(0, 2, 1, 3).reshape(c * d, h, w)
            maps.append(np.tensordot(projection, depths, 1).ravel())
        norms += [float(m @ m) for m in maps]
        for i in range(k):
            for j in range(k):
                total[i, j] += sum((maps[i] - maps[j]) ** 2) / len(SIX)
    return total / np.mean(norms)


def test_distances_of_references_are_those_of_the_stored_volumes(trained, folder):
    wanted = distances_by_loop(folder)
    np.testing.assert_allclose(trained.moments[-1].distances, wanted, atol=2e-3)
    others = wanted[~np.eye(len(wanted), dtype=bool)]
    assert trained.reference_gap == pytest.approx(others.min(), abs=2e-3)


def test_error_contrast_and_variance_are_those_of_the_recogniser(trained, folder, data):
    model = Recognizer.load(folder, "cpu")
    assert trained.error_rate == pytest.approx(evaluate(model, data.unseen).error_rate)
    images = [data.unseen[i] for i in range(len(data.unseen))]
    energies = [list(answer.energies.values()) for answer in model.recognize_many(images)]
    contrast = np.mean([max(row) - min(row) for row in energies])
    assert trained.contrast == pytest.approx(contrast, abs=1e-4)
    prepared = torch.stack([model.preprocessed(image).pixels for image in images])
    features = model.see(prepared).features.numpy().astype(float)
    assert trained.feature_variance == pytest.approx(features.var(0, ddof=1).mean(), rel=1e-4)


def test_the_landscape_is_that_of_the_asked_picture(trained, folder, data):
    model = Recognizer.load(folder, "cpu")
    wanted = model.energies(data.unseen[data.asked]).values[0].numpy()
    found = trained.moments[-1].landscape
    assert found.shape == (6, 36) and len(trained.moments) == len(trained.reports) == 2
    np.testing.assert_allclose(found[:, ::6], wanted, atol=1e-4)


def test_objects_measured_on_are_not_trained_on():
    data = toys(TOYS)
    assert not set(data.seen.objects) & set(data.unseen.objects)
    assert data.seen.split == data.unseen.split == "train"
    assert len(set(data.unseen.objects)) == 12 and len(set(data.seen.objects)) == 36
    asked = data.unseen[data.asked]
    assert asked.category == "cup" and asked.pose[0] == 20


@pytest.mark.parametrize(
    ("gap", "contrast", "expected"),
    [
        (MERGED - 0.01, 9.0, "collapsed"),
        (MERGED, FLAT - 0.01, "stalled"),
        (MERGED, FLAT, "learned"),
        (0.0, 0.0, "collapsed"),
    ],
)
def test_the_rule_of_the_verdict(gap, contrast, expected):
    assert verdict(gap, contrast) == expected


def test_every_loss_is_tried_once_and_the_perceptron_twice():
    assert [case.title for case in CASES] == [*LOSSES, "perceptron, free energies"]


def test_the_counted_margin_is_the_soft_perceptron_loss_of_flat_energies(data):
    grid = PoseSpace({"azimuth": tuple(SIX)}).grid()
    labels, poses = (torch.from_numpy(a) for a in (data.seen.labels, data.seen.poses))
    answers = answer_set(labels, poses.float(), grid, 6)
    flat = torch.zeros(len(labels), 6, 6)
    loss, soft = LOSSES["perceptron"], LossSettings(soft=True, beta=1.0)
    both, category = counted_margins(data)
    assert both == pytest.approx(float(loss(flat, answers, soft).mean()), rel=1e-5)
    coarser = loss(flat, answers.category_only(), soft)
    assert category == pytest.approx(float(coarser.mean()), rel=1e-5)
    assert category == pytest.approx(math.log(5), rel=1e-5)
    assert float(loss(flat, answers, LossSettings(soft=False)).max()) == 0.0


def test_nothing_is_left_in_the_temporary_folder(data, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    train_case(Case("energy"), data, 1, 0, lambda: None)
    assert not list(tmp_path.iterdir())


def test_without_sample_set_and_renderer_it_says_what_to_do(tmp_path, monkeypatch):
    def no_renderer(*_):
        raise SettingsError("rendering: trimesh is not installed")

    monkeypatch.setattr(collapse_training, "TOYS", tmp_path / "none")
    monkeypatch.setattr(collapse_training, "make_toys", no_renderer)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with (
        pytest.raises(DataError, match=r"data/toys is not here .*; run it from a checkout"),
        sample_set(lambda done, total: None),
    ):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_without_sample_set_toys_are_rendered(tmp_path, monkeypatch):
    pytest.importorskip("embreex")
    monkeypatch.setattr(collapse_training, "TOYS", tmp_path / "none")
    with sample_set(lambda done, total: None) as folder:
        data = toys(folder)
    assert len(data.seen) == 648 and len(data.unseen) == 216
    assert not folder.exists()


def test_labels_are_spread_no_more_than_they_must():
    random = np.random.default_rng(0)
    for _ in range(50):
        wanted = random.uniform(0, 10, 8)
        places = spread(wanted, 0.7, 10.0)
        assert np.diff(np.sort(places)).min() > 0.7 - 1e-9 and places.max() < 10 + 1e-9
        assert (np.argsort(places) == np.argsort(wanted)).all()
    np.testing.assert_allclose(spread(np.array([3.0, 1.0, 9.0]), 0.7), [3.0, 1.0, 9.0])
    np.testing.assert_allclose(spread(np.array([1.0, 1.2]), 1.0), [0.6, 1.6])


@pytest.mark.slow
def test_the_lesson_tells_what_was_measured():
    done = []
    context = Context(seed=1, effort=0.05, on_progress=lambda *step: done.append(step))
    lesson = DEMO.run(context)
    losses = lesson.numbers["losses"]
    assert list(losses) == [case.title for case in CASES]
    assert done == [(i + 1, 22) for i in range(22)] and lesson.numbers["epochs"] == 2
    (table,) = lesson.sections[2].tables
    rows = {row[0]: row[1:] for row in table.rows}
    for name, numbers in losses.items():
        assert numbers["verdict"] == verdict(numbers["reference_gap"], numbers["contrast"])
        assert rows[name][-1] == numbers["verdict"] and name in lesson.summary
        assert rows[name][2] == f"{100 * numbers['error_on_unseen_objects']:.0f} %"
        assert rows[name][1] == ("yes" if numbers["condition_holds"] else "no")
        # What metrics.csv says of the last epoch is near what the averaged weights have.
        assert numbers["reference_gap_by_epoch"][-1] == pytest.approx(
            numbers["reference_gap"], abs=0.2
        )
    steps = len(lesson.numbers["losses"]["energy"]["loss_by_epoch"])
    assert steps == 2 and len(lesson.sections[1].figures[0].frames) == 2
