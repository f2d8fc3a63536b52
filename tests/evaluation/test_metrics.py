import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, confusion_matrix

from objrec.evaluation.metrics import Bootstrap, confusion, error_by_group


@pytest.fixture
def views():
    """300 images of 12 objects of 3 categories; most errors are those of two objects."""
    rng = np.random.default_rng(0)
    objects = rng.integers(0, 12, 300)
    wrong = rng.random(300) < np.where(np.isin(objects, [2, 7]), 0.9, 0.05)
    return wrong, objects.astype(str), objects % 3


def slow_means(values, objects, strata, resamples, seed):
    """Draw objects one by one and pool all their images, as the method is described in words."""
    rng = np.random.default_rng(seed)
    means = []
    for _ in range(resamples):
        pooled = []
        for stratum in np.unique(strata):
            names = np.unique(objects[strata == stratum])
            for name in rng.choice(names, len(names)):
                pooled.append(values[objects == name])
        means.append(np.concatenate(pooled).mean())
    return np.array(means)


def test_bootstrap_agrees_with_drawing_objects_one_by_one(views):
    fast = Bootstrap(4000, seed=1).means(*views)
    slow = slow_means(*views, resamples=1500, seed=2)
    assert fast.mean() == pytest.approx(slow.mean(), abs=0.01)
    assert fast.std() == pytest.approx(slow.std(), rel=0.1)


def test_bootstrap_of_single_images_agrees_with_scipy():
    values = np.random.default_rng(3).random(80)
    ours = Bootstrap(5000, seed=0).interval(values, np.arange(80), np.zeros(80))
    drawn = stats.bootstrap((values,), np.mean, n_resamples=5000, method="percentile", rng=1)
    assert ours == pytest.approx(tuple(drawn.confidence_interval), abs=0.005)


def test_bootstrap_over_objects_is_wider_than_over_images(views):
    wrong, objects, strata = views
    low, high = Bootstrap(1000).interval(wrong, objects, strata)
    low_images, high_images = Bootstrap(1000).interval(wrong, np.arange(300), strata)
    assert high - low > 2 * (high_images - low_images)


def test_bootstrap_repeats_with_its_seed_and_ignores_the_order_of_images(views):
    order = np.random.default_rng(5).permutation(300)
    shuffled = [part[order] for part in views]
    first = Bootstrap(200, seed=4).interval(*views)
    assert Bootstrap(200, seed=4).interval(*views) == first
    assert Bootstrap(200, seed=4).interval(*shuffled) == pytest.approx(first, abs=1e-12)
    assert Bootstrap(200, seed=5).interval(*views) != first


def test_bootstrap_in_parts_draws_what_it_draws_at_once(views, monkeypatch):
    whole = Bootstrap(300, seed=6).means(*views)
    monkeypatch.setattr("objrec.evaluation.metrics._LARGEST_DRAW", 50)
    np.testing.assert_allclose(Bootstrap(300, seed=6).means(*views), whole)


def test_draws_are_those_of_the_means_and_keep_the_objects_of_each_category(views):
    wrong, objects, strata = views
    bootstrap = Bootstrap(150, seed=3)
    draws = bootstrap.draws(objects, strata)
    assert draws.times.shape == (150, 12)
    weights = draws.times[:, draws.index].astype(float)
    means = (weights * wrong).sum(axis=1) / weights.sum(axis=1)
    np.testing.assert_allclose(bootstrap.means(*views), means)
    for stratum in range(3):
        numbers = np.unique(draws.index[strata == stratum])
        assert (draws.times[:, numbers].sum(axis=1) == 4).all()
    for number in range(12):
        assert len(np.unique(objects[draws.index == number])) == 1


def test_sums_and_weights_of_draws_agree_with_a_loop(views, monkeypatch):
    wrong, objects, strata = views
    monkeypatch.setattr("objrec.evaluation.metrics._LARGEST_DRAW", 700)
    draws = Bootstrap(40, seed=3).draws(objects, strata)
    values = np.stack([wrong, np.arange(300), np.ones(300)], axis=1)
    expected = [
        sum(draws.times[draw, draws.index[image]] * values[image] for image in range(300))
        for draw in range(40)
    ]
    np.testing.assert_allclose(draws.sums(values), expected)
    picked = np.array([7, 299, 0, 7])
    found = np.concatenate([weights for _, weights in draws.weights(picked)])
    np.testing.assert_array_equal(found, draws.times[:, draws.index[picked]])


def test_objects_of_one_name_in_two_categories_are_drawn_apart():
    draws = Bootstrap(50).draws(np.array(list("abab")), np.array([0, 0, 1, 1]))
    assert draws.index.tolist() == [0, 1, 2, 3]
    assert (draws.times[:, 0] != draws.times[:, 2]).any()


def test_one_object_a_category_leaves_nothing_to_draw():
    low, high = Bootstrap(50).interval(np.array([1, 0, 0, 0]), np.array(list("aabb")), [0, 0, 1, 1])
    assert low == high == 0.25


def test_interval_covers_the_true_error_about_as_often_as_it_says():
    rng = np.random.default_rng(7)
    covered, objects = 0, np.repeat(np.arange(40), 6)
    for trial in range(200):
        difficulty = rng.beta(1, 4, 40)  # mean 0.2
        wrong = rng.random(240) < difficulty[objects]
        low, high = Bootstrap(300, seed=trial).interval(wrong, objects, objects % 4)
        covered += low <= 0.2 <= high
    assert 0.88 <= covered / 200 <= 0.99


@pytest.mark.parametrize("settings", [{"resamples": 0}, {"level": 1.0}])
def test_bootstrap_refuses_impossible_settings(settings):
    with pytest.raises(ValueError, match="at least 1 resample"):
        Bootstrap(**settings)


def test_bootstrap_of_nothing_is_refused():
    with pytest.raises(ValueError, match="nothing to draw"):
        Bootstrap().interval(np.array([]), np.array([]), np.array([]))
    with pytest.raises(ValueError, match="nothing to draw"):
        Bootstrap().draws(np.array([]), np.array([]))


def test_confusion_has_true_rows_and_keeps_unused_categories():
    labels, predicted = np.array([0, 0, 2, 2, 2]), np.array([0, 2, 2, 0, 0])
    found = confusion(labels, predicted, 4)
    assert found.tolist() == [[1, 0, 1, 0], [0, 0, 0, 0], [2, 0, 1, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(found, confusion_matrix(labels, predicted, labels=range(4)))


def test_error_by_group_agrees_with_a_loop_and_with_sklearn():
    rng = np.random.default_rng(8)
    labels, predicted = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    groups = rng.integers(-1, 5, 200)
    found = error_by_group(labels != predicted, groups, 6)
    for group in range(5):
        inside = groups == group
        assert found.counts[group] == inside.sum()
        right = accuracy_score(labels[inside], predicted[inside])
        assert found.rates[group] == pytest.approx(1 - right)
    assert found.counts[5] == 0 and np.isnan(found.rates[5])
