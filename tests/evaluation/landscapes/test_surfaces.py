"""Landscapes: which axes they have, and that they are minimal over the others, by loops."""

from itertools import product

import numpy as np
import pytest
import torch

from objrec.energy.energies import Energies
from objrec.evaluation.landscapes.surfaces import Landscape, Plane, near, over_plane
from objrec.pose import PoseSpace

ROUND = tuple(30.0 * i for i in range(12))
SPACES = {
    "azimuth and elevation": {"azimuth": ROUND, "elevation": (30.0, 40.0, 60.0)},
    "with others": {"azimuth": ROUND, "elevation": (30.0, 60.0), "roll": (-10.0, 0.0, 10.0)},
    "azimuth alone": {"azimuth": ROUND},
    "one elevation": {"azimuth": ROUND, "elevation": (40.0,), "scale": (-0.1, 0.1)},
    "in the plane": {"roll": (-10.0, 0.0, 10.0), "scale": (-0.2, 0.2), "shift_x": (-0.1, 0.1)},
    "elevation alone": {"elevation": (30.0, 60.0)},
}
AXES_OF = {
    "azimuth and elevation": ["azimuth", "elevation"],
    "with others": ["azimuth", "elevation"],
    "azimuth alone": ["azimuth"],
    "one elevation": ["azimuth"],
    "in the plane": ["roll", "scale"],
    "elevation alone": ["elevation"],
}


def energies_of(space, images=2, seed=0):
    grid = space.grid()
    values = torch.rand(images, 3, grid.size, generator=torch.Generator().manual_seed(seed))
    return Energies(values, ("a", "b", "c"), grid)


@pytest.mark.parametrize("name", SPACES)
def test_each_cell_is_the_lowest_energy_of_the_poses_that_agree_with_it(name):
    space = PoseSpace(SPACES[name])
    plane = Plane.of(space)
    assert [axis.name for axis in plane.axes] == AXES_OF[name]
    energies = energies_of(space)
    found = over_plane(energies, plane)
    rows = space.values[plane.rows.name] if plane.rows else (None,)
    columns = space.values[plane.columns.name]
    assert found.shape == (2, 3, len(rows), len(columns))
    for (i, row), (j, column) in product(enumerate(rows), enumerate(columns)):
        fixed = {plane.columns.name: column} | ({plane.rows.name: row} if plane.rows else {})
        wanted = energies.given(**fixed).per_category()
        assert torch.equal(found[:, :, i, j], wanted)


@pytest.mark.parametrize("values", [{}, {"azimuth": (0.0,), "elevation": (40.0,)}])
def test_without_an_axis_of_several_values_there_is_no_landscape(values):
    assert Plane.of(PoseSpace(values)) is None


def test_values_are_those_that_people_use():
    plane = Plane.of(PoseSpace({"roll": (-10.0, 10.0), "scale": (float(np.log(0.5)), 0.0)}))
    assert plane.to_dict() == {"roll": [-10.0, 10.0], "scale": pytest.approx([0.5, 1.0])}


@pytest.mark.parametrize("wraps", [True, False])
def test_minima_are_the_cells_below_all_their_neighbours(wraps):
    azimuths = ROUND if wraps else ROUND[:6]
    plane = Plane.of(PoseSpace({"azimuth": azimuths, "elevation": (30.0, 40.0, 50.0)}))
    assert plane.columns.wraps == wraps
    values = np.random.default_rng(3).random((3, len(azimuths)))
    wanted = set()
    for i, j in product(range(3), range(len(azimuths))):
        around = [(i + di, j + dj) for di, dj in product((-1, 0, 1), repeat=2) if di or dj]
        if wraps:
            around = [(a, b % len(azimuths)) for a, b in around]
        inside = [(a, b) for a, b in around if 0 <= a < 3 and 0 <= b < len(azimuths)]
        if all(values[i, j] <= values[a, b] for a, b in inside):
            wanted.add((i, j))
    found = Landscape.of(torch.from_numpy(values), plane)
    assert {(m.row, m.column) for m in found.minima} == wanted
    assert [m.energy for m in found.minima] == sorted(values[cell] for cell in wanted)
    lowest = found.to_dict(plane)["minima"][0]
    row, column = np.unravel_index(values.argmin(), values.shape)
    assert lowest == {
        "azimuth": azimuths[column],
        "elevation": (30.0, 40.0, 50.0)[row],
        "energy": values.min(),
    }


def test_poses_are_placed_on_the_scale_of_the_axis():
    round_ = Plane.of(PoseSpace({"azimuth": ROUND})).columns
    assert [round_.placed(v) for v in (0.0, 340.0, 350.0, -5.0, 725.0)] == [0, 340, -10, -5, 5]
    front = Plane.of(PoseSpace({"azimuth": (-40.0, 0.0, 40.0)})).columns
    assert front.placed(330.0) == -30
    assert near("elevation", 70.0, 0.0) == 70
