"""The solids against closed forms: volume, orientation, size."""

import math

import numpy as np
import pytest

trimesh = pytest.importorskip("trimesh")

from objrec.rendering import solids  # noqa: E402

N = 24
POLYGON = N / 2 * math.sin(2 * math.pi / N)  # area of the N-gon in a unit circle


def sound(mesh):
    return mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0


def test_an_extrusion_has_area_times_width():
    mesh = solids.extrude([(0, 0), (2, 0), (2, 1), (0, 1)], 0.5)
    assert sound(mesh)
    assert mesh.volume == pytest.approx(2.0)
    np.testing.assert_allclose(mesh.bounds, [[0, -0.5, 0], [2, 0.5, 1]])


def test_a_bevel_takes_only_the_edges_away():
    outline = [(0, 0), (2, 0), (2, 1), (0, 1)]
    mesh = solids.extrude(outline, 0.5, bevel=0.1)
    assert sound(mesh)
    np.testing.assert_allclose(mesh.bounds, [[0, -0.5, 0], [2, 0.5, 1]])
    assert 1.6 < mesh.volume < 2.0


def test_an_extrusion_may_narrow_towards_its_top():
    mesh = solids.extrude([(0, 0), (1, 0), (1, 1), (0, 1)], [0.5, 0.5, 0.25, 0.25])
    assert mesh.volume == pytest.approx(0.75)  # a prism with a trapezium across


@pytest.mark.parametrize("end", [(0, 0, 3), (3, 0, 0), (0, -3, 0), (1, 2, 2)])
def test_a_tube_with_flat_ends_is_a_cylinder(end):
    mesh = solids.tube([(0, 0, 0), end], 0.5, n=N, round_ends=False)
    assert sound(mesh)
    assert mesh.volume == pytest.approx(POLYGON * 0.25 * 3)


def test_a_tube_with_round_ends_is_nearly_a_capsule():
    mesh = solids.tube([(0, 0, 0), (0, 0, 3)], 0.5, n=N)
    assert sound(mesh)
    capsule = math.pi * (0.25 * 3 + 4 / 3 * 0.125)
    assert mesh.volume == pytest.approx(capsule, rel=0.04)
    assert mesh.bounds[0, 2] == pytest.approx(-0.5, abs=0.01)


def test_a_bent_tube_does_not_twist():
    angle = np.linspace(0, np.pi, 40)
    path = np.stack([np.cos(angle), 0 * angle, np.sin(angle)], 1)
    mesh = solids.tube(path, 0.1, n=N, round_ends=False)
    assert sound(mesh)
    assert mesh.volume == pytest.approx(POLYGON * 0.01 * math.pi, rel=0.01)  # Pappus


def test_a_lathe_makes_a_cylinder():
    mesh = solids.lathe([(0, 0), (0.5, 0), (0.5, 2), (0, 2)])
    assert sound(mesh)
    assert mesh.volume == pytest.approx(math.pi * 0.25 * 2, rel=0.01)


def test_hulls_of_one_size_are_elliptic_cylinders():
    mesh = solids.hulls([(0, 1, 0.5, 1), (2, 1, 0.5, 1)], n=N)
    assert sound(mesh)
    assert mesh.volume == pytest.approx(POLYGON * 0.5 * 2)
    np.testing.assert_allclose(mesh.bounds, [[0, -0.5, 0], [2, 0.5, 2]], atol=1e-12)


@pytest.mark.parametrize(("upright", "thin"), [(False, 2), (True, 1)])
def test_a_blade_is_thin_across_its_span(upright, thin):
    tip = (0, 0, 1, 0.5, 0.1) if upright else (0, 1, 0, 0.5, 0.1)
    mesh = solids.blade((0, 0, 0, 0.5, 0.1), tip, upright=upright)
    assert sound(mesh)
    size = np.ptp(mesh.bounds, axis=0)
    assert size[0] == pytest.approx(0.5)
    assert size[thin] == pytest.approx(0.1)
    assert size[3 - thin] == pytest.approx(1)


@pytest.mark.parametrize(
    ("mesh", "bounds"),
    [
        (solids.box([1, 2, 3], [4, 5, 6]), [[3.5, 4, 4.5], [4.5, 6, 7.5]]),
        (solids.ellipsoid([1, 2, 3], [1, 1, 1]), [[0, -1, -2], [2, 3, 4]]),
        (solids.wheel([1, 1, 0.5], 0.5, 0.2), [[0.5, 0.9, 0], [1.5, 1.1, 1]]),
    ],
)
def test_sizes_and_places(mesh, bounds):
    assert sound(mesh)
    np.testing.assert_allclose(mesh.bounds, bounds, atol=0.01)


def test_both_gives_left_and_right():
    left, right = solids.both(solids.box([1, 1, 1], [0, 2, 0]))
    assert sound(right)
    assert left.centroid[1] == pytest.approx(2)
    assert right.centroid[1] == pytest.approx(-2)
