from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from objrec.errors import DataError
from objrec.evaluation.calibration import expected_calibration_error
from objrec.evaluation.comparison import Candidate, candidate, compare, two_sided_p_value
from objrec.evaluation.groups import Outcomes
from objrec.evaluation.metrics import Bootstrap
from objrec.evaluation.run import run
from objrec.pose import AXES, INDEX

BOOTSTRAP = Bootstrap(999, seed=0)


@pytest.fixture
def model():
    """Make a candidate that is wrong where it is told to; 10 objects of 2 categories, 8 views."""

    def build(wrong=(), name="one", categories=("car", "cup"), azimuth=np.nan, **changes):
        labels = np.repeat([0, 1], 40)
        objects = [f"{('car', 'cup')[k]}/{i}" for k in (0, 1) for i in range(5) for _ in range(8)]
        is_wrong = np.isin(np.arange(80), wrong)
        poses = np.full((80, len(AXES)), np.nan)
        poses[:, INDEX["azimuth"]] = azimuth
        true = np.full((80, len(AXES)), np.nan)
        true[:, INDEX["azimuth"]] = np.tile(np.arange(8) * 45.0, 10)
        place = np.array([categories.index(c) for c in ("car", "cup")])
        outcomes = Outcomes(
            categories=categories,
            labels=place[labels],
            predicted=place[np.where(is_wrong, 1 - labels, labels)],
            poses=poses,
            given=np.full_like(poses, np.nan),
            true_poses=true,
            objects=np.array(objects),
            factors={"lighting": np.array(["day", "night"] * 40)},
        )
        return Candidate(name, "cnn", outcomes, [f"{i}.png" for i in range(80)], **changes)

    return build


def part(whole, images):
    """Keep some images of a candidate, in another order, as if the rest could not be read."""
    images, columns = np.asarray(images), ("labels", "predicted", "poses", "given", "true_poses")
    kept = {name: getattr(whole.outcomes, name)[images] for name in (*columns, "objects")}
    factors = {name: v[images] for name, v in whole.outcomes.factors.items()}
    outcomes = replace(whole.outcomes, **kept, factors=factors)
    changes = {"outcomes": outcomes, "sources": [whole.sources[i] for i in images]}
    if whole.confidences is not None:
        changes["confidences"] = whole.confidences[images]
        changes["likeliest_right"] = whole.likeliest_right[images]
    return replace(whole, **changes)


def slow_differences(first, second, objects, strata, resamples, seed):
    """Draw objects one by one, and give the very same ones to both models."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(resamples):
        drawn = []
        for stratum in np.unique(strata):
            names = np.unique(objects[strata == stratum])
            drawn += [np.flatnonzero(objects == n) for n in rng.choice(names, len(names))]
        images = np.concatenate(drawn)
        found.append(second[images].mean() - first[images].mean())
    return np.array(found)


def test_rows_hold_error_difference_and_interval(model):
    base, other = model(range(0, 12), "base"), model(range(4, 32), "other", parameters=7)
    rows = compare(base, [other], BOOTSTRAP).rows
    assert [row["model"] for row in rows] == ["base", "other"]
    assert rows[0]["difference"] is rows[0]["difference_ci"] is rows[0]["p_value"] is None
    assert rows[0]["error_rate"] == pytest.approx(12 / 80)
    assert rows[1]["error_rate"] == pytest.approx(28 / 80)
    assert rows[1]["difference"] == pytest.approx(16 / 80)
    outcomes = base.outcomes
    interval = BOOTSTRAP.interval(outcomes.wrong, outcomes.objects, outcomes.labels)
    assert rows[0]["error_rate_ci"] == list(interval)
    assert rows[1]["parameters"] == 7 and rows[1]["kind"] == "cnn"
    assert set(rows[0]) == set(rows[1]) >= {"ece", "images_per_second", "azimuth_acc30_ci"}


def test_interval_and_p_value_agree_with_explicit_resampling(model):
    rng = np.random.default_rng(1)
    hard = rng.random(10)
    first = np.flatnonzero(rng.random(80) < np.repeat(hard, 8) * 0.6)
    second = np.flatnonzero(rng.random(80) < np.repeat(hard, 8) * 0.8)
    base, other = model(first), model(second)
    row = compare(base, [other], Bootstrap(4000)).rows[1]
    o = base.outcomes
    slow = slow_differences(o.wrong, other.outcomes.wrong, o.objects, o.labels, 2000, seed=2)
    assert row["difference_ci"] == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=0.015)
    by_hand = 2 * min((slow <= 0).mean(), (slow >= 0).mean())
    assert row["p_value"] == pytest.approx(min(1, by_hand), abs=0.04)


def test_models_that_fail_on_the_same_objects_are_told_apart(model):
    hard = np.arange(16)  # all views of two cars
    base, other = model(hard), model([*hard, *range(17, 80, 8)])
    first, second = compare(base, [other], BOOTSTRAP).rows
    assert first["error_rate_ci"][1] > second["error_rate_ci"][0]  # the intervals overlap
    assert second["difference_ci"][0] > 0 and second["p_value"] < 0.01


def test_equal_models_have_p_one_and_one_always_worse_the_least_there_is(model):
    rows = compare(model([1, 9]), [model([9, 1]), model(range(80))], BOOTSTRAP).rows
    assert rows[1]["difference"] == 0 and rows[1]["p_value"] == 1
    assert rows[2]["p_value"] == pytest.approx(2 / 1000)


def test_p_value_is_symmetric_and_below_five_percent_where_the_interval_misses_zero():
    rng = np.random.default_rng(3)
    for shift in np.linspace(-3, 3, 41):
        means = rng.normal(shift, 1, 999)
        p = two_sided_p_value(means)
        assert p == two_sided_p_value(-means)
        low, high = np.quantile(means, [0.025, 0.975])
        if abs(p - 0.05) > 0.005:
            assert (p < 0.05) == (low > 0 or high < 0)


def test_equally_good_models_are_rarely_called_different():
    rng, objects = np.random.default_rng(4), np.repeat(np.arange(40), 5)
    called = 0
    for trial in range(200):
        hard = rng.beta(1, 4, (2, 40))[:, objects]
        one, two = rng.random((2, 200)) < hard
        means = Bootstrap(300, seed=trial).means(two.astype(float) - one, objects, objects % 4)
        called += two_sided_p_value(means) < 0.05
    assert 0.01 <= called / 200 <= 0.12


def test_images_are_matched_by_file_whatever_their_order(model):
    rng = np.random.default_rng(5)
    base, other = model(range(0, 60, 7), "base"), model(range(0, 80, 3), "other")
    straight = compare(base, [other], BOOTSTRAP)
    shuffled = compare(base, [part(other, rng.permutation(80))], BOOTSTRAP)
    assert shuffled == straight and straight.notes == []


def test_categories_are_matched_by_name(model):
    base = model([3, 50])
    turned = model([3, 50], categories=("cup", "boat", "car"))
    found = compare(base, [turned], BOOTSTRAP)
    assert found.rows[1]["difference"] == 0
    assert found.notes == [
        "one and one know different categories (3 and 2): they choose among different answers."
    ]


def test_images_that_one_model_did_not_answer_are_compared_for_none(model):
    base = part(model(range(10), "base"), range(2, 80))
    other = part(model(range(4, 20), "other"), range(77))
    found = compare(base, [other], BOOTSTRAP)
    assert found.rows[0]["error_rate"] == pytest.approx(8 / 75)
    assert found.rows[1]["error_rate"] == pytest.approx(16 / 75)
    assert found.notes == [
        "The comparison is over the 75 images that every model answered, of 80: "
        "base did not answer 2; other did not answer 3."
    ]


def test_categories_that_one_model_does_not_know_are_compared_for_none(model):
    other = part(model(range(4), "other"), range(40))
    outcomes = replace(other.outcomes, categories=("car", "van"))
    found = compare(model([0, 70], "base"), [replace(other, outcomes=outcomes)], BOOTSTRAP)
    assert [row["error_rate"] for row in found.rows] == [1 / 40, 4 / 40]
    assert "other did not answer 40 (it does not know cup)" in found.notes[0]


def test_a_file_of_two_objects_is_two_images(model):
    base, other = (replace(model(w), sources=["a.png"] * 80) for w in ([0], [0, 79]))
    assert compare(base, [other], BOOTSTRAP).rows[1]["difference"] == pytest.approx(1 / 10)


def test_models_without_a_common_image_are_refused(model):
    base = model(name="base")
    with pytest.raises(DataError, match="two: answered none of the images that base answered"):
        compare(part(base, range(40)), [part(model(name="two"), range(40, 80))], BOOTSTRAP)
    parts = [part(base, range(40)), part(base, range(40, 80))]
    with pytest.raises(DataError, match="no image was answered by all models; compare fewer"):
        compare(base, parts, BOOTSTRAP)


def test_a_single_object_of_each_category_gives_no_test(model):
    one, two = (part(model(w), [*range(8), *range(40, 48)]) for w in ([0], [0, 1, 2]))
    found = compare(one, [two], BOOTSTRAP)
    assert found.rows[1]["p_value"] is None and found.rows[1]["difference"] == 2 / 16
    assert "no test of the differences" in found.notes[0]
    assert compare(one, [], BOOTSTRAP).notes == []


def test_azimuths_within_30_degrees(model):
    near = np.tile(np.arange(8) * 45.0, 10) + np.where(np.arange(80) % 4 == 0, 31, -29)
    some = np.where(np.arange(80) < 40, near, np.nan)
    others = [model(azimuth=some), model(), model(azimuth=near, azimuths=False)]
    rows = compare(model(azimuth=near), others, BOOTSTRAP).rows
    assert [row["azimuth_acc30"] for row in rows] == [0.75, 0.375, None, None]
    assert rows[0]["azimuth_acc30_ci"] == [0.75, 0.75] and rows[2]["azimuth_acc30_ci"] is None
    rows = compare(model(azimuth=near), others, BOOTSTRAP, exclude_pose=["cup"]).rows
    assert [row["azimuth_acc30"] for row in rows] == [0.75, 0.75, None, None]
    rows = compare(model(azimuth=near), [], BOOTSTRAP, exclude_pose=["cup", "car"]).rows
    assert rows[0]["azimuth_acc30"] is None


def test_calibration_error_is_that_of_the_compared_images(model):
    sure = np.linspace(0, 1, 80)
    right = np.arange(80) % 3 > 0
    base = part(model(confidences=sure, likeliest_right=right), range(10, 80))
    # Of background there is no probability.
    other = model(confidences=np.where(sure < 0.5, np.nan, sure), likeliest_right=right)
    rows = compare(base, [other, model()], BOOTSTRAP).rows
    assert rows[0]["ece"] == pytest.approx(expected_calibration_error(sure[10:], right[10:]))
    assert rows[1]["ece"] == pytest.approx(expected_calibration_error(sure[40:], right[40:]))
    assert rows[2]["ece"] is None


def test_notes_of_models_are_kept(model):
    other = model(notes=("It learned from 3 images.",))
    assert compare(model(), [other], BOOTSTRAP).notes == ["It learned from 3 images."]


def test_a_run_becomes_a_candidate(fake_set, fake_recognizer):
    dataset = fake_set()
    answers = ["car"] * 20
    recognizer = fake_recognizer(("cup", "car"), answers, dataset.poses)
    done = run(recognizer, dataset)
    found = candidate(recognizer, done)
    assert (found.model, found.kind, found.parameters) == ("fake", "energy", 123)
    assert found.images_per_second > 0 and len(found.confidences) == 20
    row = compare(found, [candidate(recognizer, done, azimuths=False)], BOOTSTRAP).rows[1]
    assert row["error_rate"] == 0.5 and row["difference"] == 0 and row["azimuth_acc30"] is None
    nameless = SimpleNamespace(name="", kind="cnn", categories=("cup", "car"))
    assert candidate(nameless, done).model == "cnn"


def test_images_of_background_have_no_confidence(fake_set, fake_recognizer):
    dataset = fake_set(("blank/1", "car/1"), categories=("blank", "car"))
    unknown = [True] * 4 + [False] + [False] * 3 + [True] * 2
    recognizer = fake_recognizer(
        ("cup", "car"), ["car"] * 10, dataset.poses, background=("blank",), unknown=unknown
    )
    found = candidate(recognizer, run(recognizer, dataset))
    assert np.isnan(found.confidences[:5]).all()
    np.testing.assert_array_equal(found.confidences[5:], [0.7] * 5)
    # Doubted cars are wrong answers, yet the likeliest category is right.
    assert found.outcomes.wrong[5:].tolist() == [False] * 3 + [True] * 2
    assert found.likeliest_right[5:].all()
    row = compare(found, [], BOOTSTRAP).rows[0]
    assert row["error_rate"] == 0.3 and row["ece"] == pytest.approx(0.3)
