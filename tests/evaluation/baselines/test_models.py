from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from objrec.evaluation.baselines import models
from objrec.evaluation.baselines.models import (
    PENALTIES,
    WIDTHS,
    Views,
    best_matches,
    fit_nearest,
    fit_retrieval,
    fit_svm,
    spread,
)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Compare in parts far smaller than the views."""
    monkeypatch.setattr(models, "_VIEWS_AT_ONCE", 7)
    monkeypatch.setattr(models, "_IMAGES_AT_ONCE", 5)


@pytest.fixture
def views():
    """60 noisy stereo views of 12 objects of 3 categories."""
    return noisy_views(objects=12, each=5)


def noisy_views(objects, each, seed=0, own=25, other=25):
    rng = np.random.default_rng(seed)
    kinds = rng.integers(60, 200, (3, 1, 2, 1, 6, 6))
    index = np.repeat(np.arange(objects), each)
    marks = rng.normal(0, own, (objects, 2, 1, 6, 6))
    pixels = kinds[index % 3, 0] + marks[index] + rng.normal(0, other, (len(index), 2, 1, 6, 6))
    images = torch.from_numpy(pixels.clip(0, 255).astype(np.uint8))
    return Views(images, index % 3, rng.normal(0, 50, (len(index), 6)), index.astype(str))


class Features:
    """A recogniser whose features are a fixed random map of the pixels."""

    def __init__(self, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.matrix = torch.randn(72, 48, generator=generator)

    def see(self, images):
        features = (images.flatten(1).float() @ self.matrix).view(-1, 3, 4, 4)
        return SimpleNamespace(features=features, energies=None)


def test_nearest_agrees_with_a_loop(views):
    queries = noisy_views(8, 4, seed=9).images
    labels, poses = fit_nearest(views, None, 0).answer(queries)
    for image, label, pose in zip(queries, labels, poses, strict=True):
        distances = [
            sum((int(a) - int(b)) ** 2 for a, b in zip(image.ravel(), view.ravel(), strict=True))
            for view in views.images
        ]
        best = int(np.argmin(distances))
        assert label == views.labels[best]
        np.testing.assert_array_equal(pose, views.poses[best])


def test_retrieval_agrees_with_a_loop(views):
    recognizer = Features()
    queries = noisy_views(8, 4, seed=9).images
    labels, poses = fit_retrieval(views, recognizer, 0).answer(queries)
    known = recognizer.see(views.images).features.double().numpy()
    asked = recognizer.see(queries).features.double().numpy()
    for one, label, pose in zip(asked, labels, poses, strict=True):
        cosines = [(one * k).sum() / np.sqrt((one**2).sum() * (k**2).sum()) for k in known]
        best = int(np.argmax(cosines))
        assert label == views.labels[best]
        np.testing.assert_array_equal(pose, views.poses[best])


def test_a_training_view_finds_itself(views):
    for fit in (fit_nearest, fit_retrieval):
        labels, poses = fit(views, Features(), 0).answer(views.images)
        np.testing.assert_array_equal(labels, views.labels)
        np.testing.assert_array_equal(poses, views.poses)


def test_of_equally_good_views_the_first_is_found():
    views = torch.tensor([[0.0], [1.0], [1.0]] + [[0.0]] * 6 + [[1.0]])
    found = best_matches(torch.tensor([[1.0], [-1.0]]), views, lambda q, v: q @ v.T)
    assert found.tolist() == [1, 0]


def best_by_loops(folds, z, labels, unit):
    """Try every C and gamma in plain loops."""
    right = {}
    for penalty, width in product(PENALTIES, WIDTHS):
        machine = SVC(C=penalty, gamma=width * unit)
        shares = [
            (machine.fit(z[a], labels[a]).predict(z[b]) == labels[b]).mean() for a, b in folds
        ]
        right[penalty, width] = np.mean(shares)
    return max(right, key=right.get)


def test_svm_takes_what_is_best_on_objects_left_out():
    # What marks an object misleads about others.
    views = noisy_views(12, 5, seed=2, own=60, other=40)
    fitted = fit_svm(views, None, seed=3)
    pixels = views.images.flatten(1).numpy() / 255 - 0.5
    scaler = StandardScaler().fit(pixels)
    analysis = PCA(59, svd_solver="full").fit(scaler.transform(pixels))
    z = analysis.transform(scaler.transform(pixels))
    unit = 1 / (z.shape[1] * z.var())
    by_object = StratifiedGroupKFold(4, shuffle=True, random_state=3)
    folds = list(by_object.split(z, views.labels, views.objects))
    penalty, width = best_by_loops(folds, z, views.labels, unit)
    by_view = list(StratifiedKFold(4, shuffle=True, random_state=3).split(z, views.labels))
    assert best_by_loops(by_view, z, views.labels, unit) != (penalty, width)
    (note,) = fitted.notes
    assert f"C {penalty:g} and gamma {width:g} / (components x variance)" in note
    assert "chosen in 4 folds over training objects; it saw 59 components of 60" in note
    queries = noisy_views(8, 4, seed=9).images
    asked = analysis.transform(scaler.transform(queries.flatten(1).numpy() / 255 - 0.5))
    machine = SVC(C=penalty, gamma=width * unit).fit(z, views.labels)
    labels, poses = fitted.answer(queries)
    np.testing.assert_array_equal(labels, machine.predict(asked))
    assert poses.shape == (32, 6) and np.isnan(poses).all()


def test_svm_learns_from_drawn_views_of_every_object(monkeypatch):
    monkeypatch.setattr(models, "SEARCH_VIEWS", 24)
    monkeypatch.setattr(models, "FIT_VIEWS", 36)
    views = noisy_views(12, 8)
    fitted = fit_svm(views, None, seed=0)
    assert "it saw 23 components of 36 training views" in fitted.notes[0]
    labels, _ = fitted.answer(views.images)
    assert (labels == views.labels).mean() > 0.8
    again, _ = fit_svm(views, None, seed=0).answer(views.images)
    np.testing.assert_array_equal(labels, again)


def test_svm_does_not_choose_where_a_category_has_one_object():
    fitted = fit_svm(noisy_views(4, 5), None, seed=0)
    assert "C 10 and gamma 2 / (components x variance), not chosen, since" in fitted.notes[0]


def test_spread_takes_as_many_views_of_each_object_as_can_be():
    rng = np.random.default_rng(0)
    objects = rng.permutation(np.repeat(np.array(list("abcd")), [40, 3, 10, 7]))
    taken = spread(objects, 24, rng)
    assert len(set(taken.tolist())) == 24 and (np.diff(taken) > 0).all()
    names, counts = np.unique(objects[taken], return_counts=True)
    assert dict(zip(names.tolist(), counts.tolist(), strict=True)) == {
        "a": 7,
        "b": 3,
        "c": 7,
        "d": 7,
    }
    np.testing.assert_array_equal(spread(objects, 60, rng), np.arange(60))
    assert len(spread(objects, 2, rng)) == 2


def test_spread_leaves_to_chance_which_views_are_taken():
    objects = np.repeat(np.arange(4), 25)
    times = np.zeros(100)
    for seed in range(400):
        times[spread(objects, 10, np.random.default_rng(seed))] += 1
    assert times.sum() == 4000 and times.min() >= 15 and times.max() <= 70  # 40 expected
