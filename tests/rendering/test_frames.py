"""Which way objects look: stated axes, and principal axes against points drawn on the surface."""

import itertools

import numpy as np
import pytest

trimesh = pytest.importorskip("trimesh")

from objrec.rendering.frames import axis, principal_rotation, stated_rotation  # noqa: E402
from objrec.rendering.settings import DIRECTIONS, FrameSettings  # noqa: E402

PAIRS = [(u, f) for u, f in itertools.product(DIRECTIONS, DIRECTIONS) if u[-1] != f[-1]]


@pytest.mark.parametrize(("up", "front"), PAIRS)
def test_stated_axes_come_to_x_and_z(up, front):
    rotation = stated_rotation(up, front)
    np.testing.assert_array_equal(rotation @ axis(front), [1, 0, 0])
    np.testing.assert_array_equal(rotation @ axis(up), [0, 0, 1])
    assert np.linalg.det(rotation) == pytest.approx(1)


@pytest.mark.parametrize(
    ("given", "gltf", "wanted"),
    [
        ({}, False, ("z", "x")),
        ({}, True, ("y", "z")),
        ({"up": "y"}, False, ("y", "x")),
        ({"up": "x"}, False, ("x", "y")),
        ({"up": "z"}, True, ("z", "x")),
        ({"front": "-y"}, True, ("z", "-y")),
        ({"up": "-z", "front": "y"}, False, ("-z", "y")),
    ],
)
def test_defaults_are_those_of_the_format(given, gltf, wanted):
    assert FrameSettings(**given).directions(gltf=gltf) == wanted


def lopsided():
    """Long along x and thicker at one end, with one fin above: its axes are certain."""
    parts = [trimesh.creation.cone(0.4, 2.5), trimesh.creation.box((0.4, 0.1, 0.5))]
    parts[0].apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, [0, 1, 0]))
    parts[1].apply_translation([0.4, 0, 0.5])
    mesh = trimesh.util.concatenate(parts)
    return np.asarray(mesh.apply_scale([1, 1.6, 1]).triangles)


@pytest.mark.parametrize("seed", range(5))
def test_principal_axes_do_not_depend_on_how_the_file_is_turned(seed):
    triangles = lopsided()
    turn = trimesh.transformations.random_rotation_matrix(np.random.default_rng(seed).random(3))
    there = triangles @ turn[:3, :3].T * 3 + [5, -2, 1]
    one, other = (t @ principal_rotation(t)[0].T for t in (triangles, there))
    one, other = (t - t.reshape(-1, 3).mean(axis=0) for t in (one, other / 3))
    np.testing.assert_allclose(one, other, atol=1e-9)
    assert principal_rotation(there)[1] == ()
    assert np.linalg.det(principal_rotation(there)[0]) == pytest.approx(1)


def test_principal_axes_are_those_of_points_on_the_surface():
    triangles = lopsided()
    rng = np.random.default_rng(0)
    edges = triangles[:, 1:] - triangles[:, :1]
    areas = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    chosen = rng.choice(len(triangles), 200_000, p=areas / areas.sum())
    u, v = np.sort(rng.random((2, len(chosen))), axis=0)
    shares = np.stack([u, v - u, 1 - v], 1)
    points = (triangles[chosen] * shares[:, :, None]).sum(1)
    rotation, _ = principal_rotation(triangles)
    seen = (points - points.mean(axis=0)) @ rotation.T
    moments = seen.T @ seen / len(seen)
    assert moments[0, 0] > moments[1, 1] > moments[2, 2]
    off = moments - np.diag(np.diag(moments))
    assert np.abs(off).max() < 0.01 * moments[0, 0]
    assert (seen[:, 0] ** 3).mean() > 0
    assert (seen[:, 2] ** 3).mean() > 0


def test_a_known_up_stays_upright():
    triangles = lopsided()[:, :, [2, 0, 1]]  # up is x now
    rotation, _ = principal_rotation(triangles, up=np.array([1.0, 0, 0]))
    np.testing.assert_allclose(rotation[2], [1, 0, 0], atol=1e-12)
    turned = (triangles @ rotation.T).reshape(-1, 3)
    extents = np.ptp(turned, axis=0)
    assert extents[0] > extents[1]


@pytest.mark.parametrize(
    ("mesh", "doubts"),
    [
        (trimesh.creation.icosphere(subdivisions=2), 2),
        (trimesh.creation.box((3, 2, 1)), 2),
        (trimesh.creation.cylinder(1.0, 5.0), 2),
    ],
)
def test_what_is_alike_from_two_sides_is_said_to_be_uncertain(mesh, doubts):
    assert len(principal_rotation(np.asarray(mesh.triangles))[1]) == doubts
