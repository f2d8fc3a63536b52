"""`Energies` and `Hypotheses` against exhaustive search with numpy."""

import itertools

import numpy as np
import pytest
import torch

from objrec.energy.energies import Energies
from objrec.pose import AXES, INDEX, PoseSpace

CATEGORIES = ("boat", "car", "cup")
SPACE = PoseSpace(
    {
        "azimuth": tuple(45.0 * i for i in range(8)),
        "elevation": (30.0, 45.0, 60.0),
        "shift_x": (-0.1, 0.0, 0.1),
    }
)


def random_energies(seed=0, batch=4, space=SPACE, categories=CATEGORIES):
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(batch, len(categories), space.size, generator=generator)
    return Energies(values, categories, space.grid())


def surfaces_of(energies):
    return energies.values.numpy().reshape(*energies.values.shape[:2], *energies.grid.shape)


def answers_by_search(energies, i):
    """All (energy, category, pose values) of image i that no neighbouring cell undercuts."""
    surfaces, grid = surfaces_of(energies), energies.grid
    found = []
    for k in range(len(energies.categories)):
        for cell in np.ndindex(*grid.shape):
            own, lowest = surfaces[(i, k, *cell)], np.inf
            for move in itertools.product((-1, 0, 1), repeat=len(cell)):
                other = [c + m for c, m in zip(cell, move, strict=True)]
                for axis, name in enumerate(grid.axes):
                    if grid.wraps(name):
                        other[axis] %= grid.shape[axis]
                if all(0 <= o < n for o, n in zip(other, grid.shape, strict=True)):
                    lowest = min(lowest, surfaces[(i, k, *other)])
            if own <= lowest:
                values = [grid.space.values[n][c] for n, c in zip(grid.axes, cell, strict=True)]
                found.append((float(own), k, values))
    return sorted(found)


def test_best_is_the_joint_argmin():
    energies = random_energies()
    best = energies.best()
    surfaces = surfaces_of(energies)
    for i in range(len(energies)):
        k, *cell = np.unravel_index(surfaces[i].argmin(), surfaces[i].shape)
        assert best.energy[i, 0] == surfaces[i].min()
        assert best.category[i, 0] == k
        for name, c in zip(SPACE.axes, cell, strict=True):
            assert best.pose[i, 0, INDEX[name]] == pytest.approx(SPACE.values[name][c])
        assert best.names()[i] == CATEGORIES[k]


def test_poses_of_hypotheses_are_neutral_on_the_other_axes():
    best = random_energies().best()
    others = [INDEX[name] for name in AXES if name not in SPACE.axes]
    assert best.axes == SPACE.axes
    assert (best.pose[:, :, others] == 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_hypotheses_are_the_distinct_minima_best_first(seed):
    energies = random_energies(seed)
    found = energies.hypotheses(5)
    for i in range(len(energies)):
        wanted = answers_by_search(energies, i)[:5]
        for n, (energy, k, values) in enumerate(wanted):
            assert found.energy[i, n] == pytest.approx(energy)
            assert found.category[i, n] == k
            pose = [float(found.pose[i, n, INDEX[name]]) for name in SPACE.axes]
            assert pose == pytest.approx(values)


def test_hypotheses_beyond_the_last_minimum_have_infinite_energy():
    # One bowl a category: two minima in all, and three hypotheses asked for.
    bowl = (torch.arange(6.0) - 2).square()
    grid = PoseSpace({"elevation": tuple(10.0 * i for i in range(6))}).grid()
    energies = Energies(torch.stack([bowl, bowl + 1])[None], ("a", "b"), grid)
    found = energies.hypotheses(3)
    assert found.energy.tolist() == [[0.0, 1.0, float("inf")]]
    assert found.pose[0, :2, INDEX["elevation"]].tolist() == [20.0, 20.0]


def test_no_more_hypotheses_than_answers():
    assert random_energies(space=PoseSpace({})).hypotheses(10).energy.shape == (4, 3)


def test_per_category_is_the_minimum_over_poses():
    energies = random_energies()
    np.testing.assert_array_equal(energies.per_category(), energies.values.numpy().min(axis=2))


def test_given_a_category_and_axes_keeps_that_part_only():
    energies = random_energies()
    # 320 is nearest to 315, -0.02 to 0; elevation stays open.
    part = energies.given(category="cup", azimuth=320.0, shift_x=-0.02)
    wanted = surfaces_of(energies)[:, 2:3, 7, :, 1]
    np.testing.assert_array_equal(part.values.numpy(), wanted.reshape(4, 1, 3))
    assert part.categories == ("cup",)
    assert part.grid.space.values == {
        "azimuth": (315.0,),
        "elevation": (30.0, 45.0, 60.0),
        "shift_x": (0.0,),
    }
    best = part.best()
    assert best.pose[0, 0, INDEX["azimuth"]] == 315
    np.testing.assert_array_equal(best.energy[:, 0], wanted.min(axis=(1, 2)))


def test_given_azimuth_is_taken_the_short_way_round():
    energies = random_energies()
    expected = energies.given(azimuth=0.0)
    for azimuth in (359.0, -10.0, 370.0):
        assert torch.equal(energies.given(azimuth=azimuth).values, expected.values)


def test_given_nothing_changes_nothing():
    energies = random_energies()
    same = energies.given()
    assert torch.equal(same.values, energies.values) and same.grid == energies.grid


@pytest.mark.parametrize("first, second", list(itertools.permutations(SPACE.axes, 2)))
def test_surface_is_the_minimum_over_the_other_axes(first, second):
    energies = random_energies()
    a, b = SPACE.axes.index(first), SPACE.axes.index(second)
    other = ({0, 1, 2} - {a, b}).pop()
    wanted = surfaces_of(energies)[:, 1].min(axis=other + 1)
    wanted = wanted if a < b else wanted.transpose(0, 2, 1)
    np.testing.assert_array_equal(energies.surface("car", first, second), wanted)


def test_surface_of_two_searched_axes_is_the_grid_itself():
    space = SPACE.part(("azimuth", "elevation"))
    energies = random_energies(space=space)
    wanted = energies.values[:, 0].view(4, 8, 3)
    torch.testing.assert_close(energies.surface("boat", "azimuth", "elevation"), wanted)


def test_energies_of_two_images_add():
    one, two = random_energies(0), random_energies(1)
    total = one + two
    np.testing.assert_array_equal(total.values, one.values.numpy() + two.values.numpy())
    assert len(total) == 4 and total.categories == CATEGORIES and total.grid == SPACE.grid()


def test_energies_of_other_categories_or_grids_do_not_add():
    one = random_energies()
    other_grid = random_energies(space=PoseSpace({"azimuth": tuple(5.0 * i for i in range(72))}))
    other_names = random_energies(categories=("boat", "cup", "car"))
    for other in (other_grid, other_names):
        with pytest.raises(ValueError, match="different categories or pose grids"):
            one + other


@pytest.mark.parametrize("shape", [(4, 3, 71), (4, 2, 72), (3, 72), (4, 3, 8, 3, 3)])
def test_values_that_do_not_fit_are_refused(shape):
    with pytest.raises(ValueError, match=r"energies must be \(B, 3, 72\), got"):
        Energies(torch.zeros(shape), CATEGORIES, SPACE.grid())


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (lambda e: e.given(category="dog"), "unknown category 'dog'; there are boat, car, cup"),
        (lambda e: e.given(roll=3.0), "axis 'roll' is not searched"),
        (lambda e: e.surface("dog", "azimuth", "elevation"), "unknown category 'dog'"),
        (lambda e: e.surface("cup", "azimuth", "scale"), "axis 'scale' is not searched"),
        (lambda e: e.surface("cup", "azimuth", "azimuth"), "got 'azimuth' twice"),
    ],
)
def test_questions_about_what_is_not_there_are_refused(question, message):
    with pytest.raises(ValueError, match=message):
        question(random_energies())


def test_a_mistaken_axis_name_is_refused():
    with pytest.raises(ValueError, match="axis 'azimut' is not searched"):
        random_energies().given(azimut=3.0)


def test_among_keeps_one_category_of_each_image_and_its_meaning():
    energies = random_energies()
    chosen = torch.tensor([2, 0, 1, 2])
    found = energies.among(chosen).best()
    assert found.category[:, 0].tolist() == chosen.tolist()
    for i, k in enumerate(chosen.tolist()):
        assert found.energy[i, 0] == surfaces_of(energies)[i, k].min()
        alone = energies.given(category=CATEGORIES[k]).best()
        assert torch.equal(found.pose[i], alone.pose[i])


def test_among_needs_a_category_for_each_image():
    with pytest.raises(ValueError, match=r"one category an image: \(4,\), got"):
        random_energies().among(torch.tensor([0]))
