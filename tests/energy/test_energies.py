"""`Energies` and `Hypotheses` against exhaustive search with numpy."""

import itertools

import numpy as np
import pytest
import torch

from objrec.energy.energies import Energies
from objrec.pose import AXES, AXIS, INDEX, PoseSpace

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


ROUND = tuple(20.0 * i for i in range(18))
UNEVEN = PoseSpace({"azimuth": ROUND, "elevation": (30.0, 35.0, 45.0, 60.0, 70.0)})


def bowl(space, height=0.0, **lowest):
    """Two categories: a quadratic about a pose, the short way round; and a constant above it."""
    poses = space.grid().poses.double()
    energy = torch.full((len(poses),), height, dtype=torch.float64)
    for name, (centre, width) in lowest.items():
        energy += (AXIS[name].difference(poses[:, INDEX[name]], centre) / width) ** 2
    return Energies(torch.stack([energy, energy + 1])[None], ("a", "b"), space.grid())


@pytest.mark.parametrize("azimuth", [0.0, 3.0, 97.0, 190.1, 351.0, 357.0])
def test_a_bowl_off_an_uneven_grid_is_found_even_across_the_seam(azimuth):
    energies = bowl(UNEVEN, azimuth=(azimuth, 30.0), elevation=(48.0, 8.0))
    found = energies.hypotheses(2, between=UNEVEN.axes)
    for pose in found.pose[0]:
        assert AXIS["azimuth"].difference(float(pose[0]), azimuth) == pytest.approx(0, abs=1e-3)
        assert float(pose[1]) == pytest.approx(48.0, abs=1e-3)


@pytest.mark.parametrize(("centre", "wanted"), [(20.0, 30.0), (90.0, 70.0), (33.0, 33.0)])
def test_poses_between_stay_inside_the_range_of_the_grid(centre, wanted):
    found = bowl(UNEVEN, elevation=(centre, 10.0)).hypotheses(1, between=("elevation",))
    assert found.pose[0, 0, 1].item() == pytest.approx(wanted, abs=1e-3)


def test_a_grid_of_front_views_does_not_wrap():
    space = PoseSpace({"azimuth": (-40.0, -20.0, 0.0, 20.0, 40.0)})
    found = bowl(space, azimuth=(55.0, 20.0)).hypotheses(1, between=("azimuth",))
    assert found.pose[0, 0, 0] == 40


def test_only_named_axes_leave_the_grid_and_order_and_energies_stay():
    energies = random_energies(seed=5)
    on, off = energies.hypotheses(4), energies.hypotheses(4, between=("azimuth", "shift_x"))
    assert torch.equal(on.energy, off.energy) and torch.equal(on.category, off.category)
    moved = [
        name for name in AXES if not torch.equal(*(h.pose[..., INDEX[name]] for h in (on, off)))
    ]
    assert moved == ["azimuth", "shift_x"]


def test_poses_between_are_vertices_of_parabolas_through_three_energies():
    energies = random_energies(seed=6, space=UNEVEN)
    on, off = energies.hypotheses(3), energies.hypotheses(3, between=UNEVEN.axes)
    surfaces, heights = surfaces_of(energies), UNEVEN.values["elevation"]
    for i, n in np.ndindex(4, 3):
        azimuth, elevation = (float(v) for v in on.pose[i, n, :2])
        a, e = int(azimuth // 20), heights.index(elevation)
        surface = surfaces[i, int(on.category[i, n])]
        fit = np.polyfit([-20, 0, 20], [surface[(a + d) % 18, e] for d in (-1, 0, 1)], 2)
        assert off.pose[i, n, 0] - azimuth == pytest.approx(-fit[1] / (2 * fit[0]), abs=1e-3)
        if 0 < e < 4:
            fit = np.polyfit(heights[e - 1 : e + 2], surface[a, e - 1 : e + 2], 2)
            assert off.pose[i, n, 1] == pytest.approx(-fit[1] / (2 * fit[0]), abs=1e-3)
        else:
            assert off.pose[i, n, 1] == elevation


def test_missing_hypotheses_have_finite_poses():
    energies = bowl(PoseSpace({"azimuth": ROUND}), azimuth=(7.0, 20.0))
    found = energies.hypotheses(4, between=("azimuth",))
    assert found.energy[0, 2:].tolist() == [float("inf")] * 2
    assert torch.isfinite(found.energy[0, :2]).all() and torch.isfinite(found.pose).all()
