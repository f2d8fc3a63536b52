"""Every recipe and style: sound, well placed, and no two members alike."""

import numpy as np
import pytest

pytest.importorskip("trimesh")

from objrec.rendering.meshes import RECIPES, make_toy

MEMBERS = [(name, i) for name, recipe in RECIPES.items() for i in range(2 * len(recipe.styles))]


@pytest.fixture(scope="module")
def toys():
    return {key: make_toy(*key, seed=0) for key in MEMBERS}


@pytest.mark.parametrize("key", MEMBERS)
def test_a_toy_is_closed_and_stands_in_its_place(toys, key):
    mesh = toys[key].mesh
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    low, high = mesh.bounds
    assert low[2] == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose((low + high)[:2], 0, atol=1e-9)
    reach = np.linalg.norm(mesh.vertices - [0, 0, high[2] / 2], axis=1).max()
    assert 0.85 < reach <= 1 + 1e-9


@pytest.mark.parametrize("key", MEMBERS)
def test_a_toy_is_its_own_mirror_image(toys, key):
    mesh = toys[key].mesh
    mirrored = mesh.vertices * [1, -1, 1]
    # Every mirrored vertex has a vertex of the toy close by.
    nearest = [np.abs(mesh.vertices - point).max(1).min() for point in mirrored[::7]]
    assert np.max(nearest) < 0.03


@pytest.mark.parametrize("category", RECIPES)
def test_the_first_instances_cover_the_styles(toys, category):
    styles = RECIPES[category].styles
    found = [toys[category, i].style for i in range(len(styles))]
    assert sorted(found) == sorted(styles)


@pytest.mark.parametrize("category", RECIPES)
def test_members_of_one_style_differ_in_proportion(toys, category):
    count = len(RECIPES[category].styles)
    for i in range(count):
        one, other = toys[category, i], toys[category, i + count]
        assert one.style == other.style
        shapes = [np.ptp(toy.mesh.bounds, axis=0) for toy in (one, other)]
        shapes = [size / size.max() for size in shapes]
        assert np.abs(shapes[0] - shapes[1]).max() > 0.01 or one.mesh.volume != pytest.approx(
            other.mesh.volume, rel=0.05
        )
        assert one.gray != other.gray


def test_the_numbers_decide_the_toy():
    one, again, other = make_toy("car", 3, 7), make_toy("car", 3, 7), make_toy("car", 3, 8)
    np.testing.assert_array_equal(one.mesh.vertices, again.mesh.vertices)
    assert one.gray == again.gray != other.gray
