import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from objrec.datasets import open_dataset
from objrec.energy.settings import ModelSettings
from objrec.evaluation.metrics import Bootstrap
from objrec.evaluation.novelty import novelty
from objrec.evaluation.run import run
from objrec.protocols import ProtocolSettings, plan
from objrec.protocols.measuring import Asked
from objrec.protocols.strangers import Told, distances, score_figures, tell_apart
from objrec.recognizer import Recognizer
from objrec.training import Recipe, train

BOOTSTRAP = Bootstrap(resamples=200)


@pytest.fixture
def parts(shapes):
    train = open_dataset(shapes, "train")
    # Training objects as test objects: several of each category.
    return plan("unknown-category", train, train, ProtocolSettings()).parts


@pytest.fixture
def told(parts):
    rng = np.random.default_rng(0)
    found = {}
    for number, part in enumerate(parts):
        for kind, names in (("energy", ("lowest energy",)), ("cnn", ("maximum softmax", "other"))):
            for seed in (0, 1):
                scores = {
                    name: (
                        rng.normal(size=len(part.test)).round(1),
                        rng.normal(1, size=len(part.unknown)).round(1),
                    )
                    for name in names
                }
                one = Told(scores, part.test.objects, part.unknown.objects)
                found[Asked(number, kind, seed)] = one
    return found


def test_the_distance_is_that_to_the_nearest_view():
    rng = np.random.default_rng(0)
    queries, views = rng.normal(size=(7, 5)), rng.normal(size=(9000, 5))
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    wanted = [min(1 - float(q @ v) for v in views) for q in queries]
    found = distances(torch.from_numpy(queries).float(), torch.from_numpy(views).float())
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_rows_are_means_over_seeds_and_their_mean_one_over_categories(parts, told):
    found = score_figures(parts, told, BOOTSTRAP)
    assert len(found["scores"]) == 3 * 3
    for row in found["scores"]:
        place = [part.facts["left_out"] for part in parts].index(row["left_out"])
        areas = []
        for seed in (0, 1):
            known, unknown = told[Asked(place, row["model"], seed)].scores[row["score"]]
            above = unknown[:, None] > known[None], unknown[:, None] == known[None]
            areas.append(float((above[0] + above[1] / 2).mean()))
        assert row["aurocs"] == pytest.approx(areas) and row["seeds"] == [0, 1]
        assert row["auroc"] == pytest.approx(np.mean(areas))
        assert row["auroc_ci"][0] < row["auroc"] < row["auroc_ci"][1]
        assert row["known_images"] + row["unknown_images"] == 64
    for mean in found["mean_scores"]:
        own = [
            r for r in found["scores"] if (r["model"], r["score"]) == (mean["model"], mean["score"])
        ]
        assert mean["auroc"] == pytest.approx(np.mean([row["auroc"] for row in own]))
    first, *others = found["mean_scores"]
    assert "difference" not in first
    for other in others:
        assert other["difference"] == pytest.approx(other["auroc"] - first["auroc"])
        assert other["difference_ci"][0] < other["difference"] < other["difference_ci"][1]


def test_the_interval_is_that_of_objects_drawn_with_all_their_images(parts, told):
    mean = score_figures(parts, told, BOOTSTRAP)["mean_scores"][0]
    datasets = [(part.test, part.unknown) for part in parts]
    names = sorted({name for pair in datasets for one in pair for name in one.objects.tolist()})
    strata = np.array([name.split("/")[0] for name in names])
    times = BOOTSTRAP.draws(np.array(names), strata).times
    for category in set(strata):  # each draw has as many objects of a category as there are
        own = strata == category
        assert set(times[:, own].sum(axis=1)) == {own.sum()}
    drawn = []
    for row in times:
        count = dict(zip(names, row.tolist(), strict=True))
        areas = []
        for number, (known, unknown) in enumerate(datasets):
            for seed in (0, 1):
                scores = told[Asked(number, "energy", seed)].scores["lowest energy"]
                weights = [count[name] for one in (known, unknown) for name in one.objects]
                truth = np.repeat([0, 1], [len(known), len(unknown)])
                areas.append(roc_auc_score(truth, np.concatenate(scores), sample_weight=weights))
        drawn.append(np.mean(areas))
    assert mean["auroc_ci"] == pytest.approx(np.quantile(drawn, [0.025, 0.975]))


def test_scores_of_a_model_are_those_of_its_answers(shapes, tmp_path):
    whole, test = open_dataset(shapes, "train"), open_dataset(shapes, "test")
    part = plan("unknown-category", whole, test, ProtocolSettings(leave_out=("disc",))).parts[0]
    small = ModelSettings(features="small", channels=12, volume_channels=4)
    for kind in ("energy", "cnn"):
        recipe = Recipe(kind=kind, model=small).replaced(epochs=1)
        list(train(part.trained_on(0), tmp_path / kind, recipe, device="cpu"))
        ticks = []
        sets = (part.trained_on(0), part.test, part.unknown)
        told = tell_apart(tmp_path / kind, *sets, "cpu", lambda *tick, to=ticks: to.append(tick))
        assert ticks[-1][0] == ticks[-1][1] == sum(map(len, sets[kind == "energy" :]))
        recognizer = Recognizer.load(tmp_path / kind, "cpu")
        same = novelty(recognizer, run(recognizer, part.test), part.unknown, Bootstrap(50))
        wanted = {row["score"]: row["auroc"] for row in same.figures["scores"]}
        found = score_figures([part], {Asked(0, kind, 0): told}, Bootstrap(50))["scores"]
        areas = {row["score"]: row["auroc"] for row in found}
        if kind == "cnn":
            features = [
                np.concatenate(
                    [
                        recognizer.see(
                            recognizer.preprocessed(one[i]).pixels[None]
                        ).features.numpy()
                        for i in range(len(one))
                    ]
                ).reshape(len(one), -1)
                for one in (part.trained_on(0), part.test, part.unknown)
            ]
            views, *asked = [f / np.linalg.norm(f, axis=1, keepdims=True) for f in features]
            near = [1 - (a @ views.T).max(axis=1) for a in asked]
            np.testing.assert_allclose(told.scores["nearest neighbour"][0], near[0], atol=1e-5)
            np.testing.assert_allclose(told.scores["nearest neighbour"][1], near[1], atol=1e-5)
            areas.pop("nearest neighbour")
        assert areas == pytest.approx(wanted)
