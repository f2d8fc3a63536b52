"""Local minima against exhaustive search over neighbours; parabolas against closed forms."""

import itertools

import numpy as np
import pytest
import torch

from objrec.energy.minima import local_minima, neighbours, parabola_vertex


def minima_by_search(surface, wraps):
    """Mark the cells of one surface that none of their up to 3^a - 1 neighbours undercuts."""
    marked = np.zeros(surface.shape, bool)
    for cell in np.ndindex(*surface.shape):
        around = []
        for move in itertools.product((-1, 0, 1), repeat=surface.ndim):
            other = [c + m for c, m in zip(cell, move, strict=True)]
            if all(
                wrap or 0 <= o < n for o, n, wrap in zip(other, surface.shape, wraps, strict=True)
            ):
                around.append(tuple(o % n for o, n in zip(other, surface.shape, strict=True)))
        marked[cell] = all(surface[cell] <= surface[other] for other in around)
    return marked


@pytest.mark.parametrize(
    ("shape", "wraps"),
    [
        ((9,), [True]),
        ((9,), [False]),
        ((8, 5), [True, False]),
        ((5, 4), [False, False]),
        ((3, 3), [True, True]),
        ((6, 1, 4), [True, False, False]),
        ((2, 5), [False, True]),
    ],
)
def test_minima_are_those_of_exhaustive_search(shape, wraps):
    generator = torch.Generator().manual_seed(0)
    surfaces = torch.rand(3, 2, *shape, generator=generator)
    marked = local_minima(surfaces, wraps)
    for i, k in np.ndindex(3, 2):
        wanted = minima_by_search(surfaces[i, k].numpy(), wraps)
        np.testing.assert_array_equal(marked[i, k], wanted)


def test_integer_surfaces_with_ties_too():
    generator = torch.Generator().manual_seed(1)
    surfaces = torch.randint(0, 3, (4, 1, 7, 4), generator=generator).float()
    marked = local_minima(surfaces, [True, False])
    for i in range(4):
        wanted = minima_by_search(surfaces[i, 0].numpy(), [True, False])
        np.testing.assert_array_equal(marked[i, 0], wanted)


def test_a_dip_beside_a_deeper_diagonal_one_is_no_minimum():
    surface = torch.ones(1, 1, 4, 4)
    surface[0, 0, 1, 1], surface[0, 0, 2, 2] = 0.5, 0.0
    assert local_minima(surface, [False, False])[0, 0].nonzero().tolist() == [
        [0, 3],
        [2, 2],
        [3, 0],
    ]


def test_a_dip_across_the_seam_is_a_neighbour_only_where_the_axis_wraps():
    surface = torch.tensor([0.0, 2.0, 3.0, 2.0, 1.0]).view(1, 1, 5)
    assert local_minima(surface, [True])[0, 0].nonzero().tolist() == [[0]]
    assert local_minima(surface, [False])[0, 0].nonzero().tolist() == [[0], [4]]


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_single_pose_is_a_minimum(shape):
    assert local_minima(torch.rand(2, 3, *shape), [False] * len(shape)).all()


def test_every_surface_has_a_minimum_even_a_flat_one():
    assert local_minima(torch.zeros(1, 1, 5, 3), [True, False]).all()


def test_neighbours_leave_their_input_alone():
    values = torch.arange(4.0)
    before, after = neighbours(values, 0, around=False)
    assert before.tolist() == [float("inf"), 0, 1, 2]
    assert after.tolist() == [1, 2, 3, float("inf")]
    assert values.tolist() == [0, 1, 2, 3]
    before, after = neighbours(values, 0, around=True)
    assert (before.tolist(), after.tolist()) == ([3, 0, 1, 2], [1, 2, 3, 0])


def test_the_vertex_of_sampled_parabolas_is_found():
    vertex = torch.linspace(-0.9, 0.9, 7, dtype=torch.float64)
    steepness = torch.tensor([[0.01], [1.0], [50.0]], dtype=torch.float64)
    values = [steepness * (x - vertex) ** 2 + 3 for x in (-1, 0, 1)]
    torch.testing.assert_close(parabola_vertex(*values), vertex.expand(3, 7))


def test_a_vertex_farther_than_one_step_is_clamped():
    values = [torch.tensor([(x - 4.0) ** 2]) for x in (-1, 0, 1)]
    assert parabola_vertex(*values).item() == 1


INF = float("inf")


@pytest.mark.parametrize(
    "values", [(1, 1, 1), (0, 1, 0), (2, 1, 0), (INF, 0, 1), (INF, INF, INF), (0, INF, 1)]
)
def test_no_vertex_where_nothing_curves_upwards(values):
    assert parabola_vertex(*(torch.tensor([float(v)]) for v in values)).item() == 0
