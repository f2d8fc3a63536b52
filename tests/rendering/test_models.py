"""Mesh files as objects: their colours, textures and shape in the picture, and what is refused."""

import math

import cv2
import numpy as np
import pytest

trimesh = pytest.importorskip("trimesh")
pytest.importorskip("embreex")

from objrec.errors import DataError  # noqa: E402
from objrec.rendering.cameras import DISTANCE, MARGIN  # noqa: E402
from objrec.rendering.lights import Lighting  # noqa: E402
from objrec.rendering.models import read_model  # noqa: E402
from objrec.rendering.paint import Plain  # noqa: E402
from objrec.rendering.scenes import GROUND_GRAY, Look, Scene  # noqa: E402
from objrec.rendering.settings import FrameSettings  # noqa: E402

SIZE = 64
# All light comes from everywhere: colours are seen as they are on upright faces, times 0.75.
SKY = Lighting(azimuth=0, elevation=90, strength=0.0, ambient=1 / 0.75)
RED, GREEN, BLUE, YELLOW = (200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0)
AS_STATED = FrameSettings(up="z", front="x")

SLAB = """mtllib slab.mtl
v 0 -1 -1
v 0 1 -1
v 0 1 1
v 0 -1 1
v -0.2 -1 -1
v -0.2 1 -1
v -0.2 1 1
v -0.2 -1 1
vt 0 0
vt 1 0
vt 1 1
vt 0 1
usemtl poster
f 1/1 2/2 3/3 4/4
usemtl back
f 5 8 7 6
f 1 4 8 5
f 2 6 7 3
f 4 3 7 8
f 1 5 6 2
"""


def view(model, azimuth=0.0, elevation=0.0, size=SIZE, colour=True, lamp=SKY):
    look = Look(size, cameras=1, ground=False, shadows=False, colour=colour)
    return Scene(model).photograph(azimuth, elevation, [lamp], look)[0, 0].astype(int)


def quarters():
    """A picture: red at the top left, green at the top right, then blue and yellow."""
    rows = [[RED, GREEN], [BLUE, YELLOW]]
    return np.array(rows, np.uint8).repeat(16, 0).repeat(16, 1)


@pytest.fixture
def slab(tmp_path):
    """A poster of four quarters on the front of a slab, as people's OBJ files are."""
    (tmp_path / "slab.obj").write_text(SLAB)
    (tmp_path / "slab.mtl").write_text(
        "newmtl poster\nKd 0 0 0\nmap_Kd quarters.png\nnewmtl back\nKd 0.2 0.8 0.8\n"
    )
    cv2.imwrite(str(tmp_path / "quarters.png"), quarters()[..., ::-1])
    return tmp_path / "slab.obj"


def assert_upright(picture):
    for (row, column), wanted in {
        (24, 24): RED,
        (24, 40): GREEN,
        (40, 24): BLUE,
        (40, 40): YELLOW,
    }.items():
        np.testing.assert_allclose(picture[row, column], wanted, atol=3)


def test_a_texture_is_neither_mirrored_nor_upside_down(slab):
    model = read_model(slab, AS_STATED, 0.5)
    assert model.paint.coloured
    assert model.remarks == ()
    assert_upright(view(model))
    behind = view(model, 180)
    np.testing.assert_allclose(behind[32, 32], np.array([0.2, 0.8, 0.8]) * 255, atol=2)


def test_a_texture_of_a_glb_file(slab, tmp_path):
    # In glTF a texture is multiplied by its material's colour, and trimesh takes Kd for that.
    mtl = slab.with_suffix(".mtl")
    mtl.write_text(mtl.read_text().replace("Kd 0 0 0", "Kd 1 1 1"))
    trimesh.load(slab, force="scene").export(tmp_path / "slab.glb")
    assert_upright(view(read_model(tmp_path / "slab.glb", AS_STATED, 0.5)))


@pytest.mark.parametrize(
    "line",
    [
        "map_Kd C:\\Users\\Zoë\\quarters.png",
        "map_Kd -s 1 1 1 quarters.png",
        "map_Kd textures/Quarters.PNG",
        "map_Kd other/quarters.png",
    ],
)
def test_textures_are_found_whoever_wrote_the_path(slab, line):
    (slab.parent / "textures").mkdir()
    text = f"# größe\nnewmtl poster\n{line}\nnewmtl back\nKd 0.2 0.8 0.8\n"
    (slab.parent / "slab.mtl").write_text(text, encoding="latin-1")
    assert_upright(view(read_model(slab, AS_STATED, 0.5)))


def test_a_texture_that_is_missing_is_named(slab):
    (slab.parent / "quarters.png").unlink()
    model = read_model(slab, AS_STATED, 0.5)
    assert model.remarks == ("quarters.png was not found; drawn without it",)


def test_a_name_in_latin_1_does_not_stop_an_obj_file(tmp_path):
    mesh = trimesh.creation.box().export(file_type="obj")
    (tmp_path / "a.obj").write_bytes("# Würfel\n".encode("latin-1") + mesh.encode())
    assert len(read_model(tmp_path / "a.obj", AS_STATED, 0.5).mesh.faces) == 12


def test_gltf_colours_are_linear_and_textures_are_not(tmp_path):
    box = trimesh.creation.box()
    material = trimesh.visual.material.PBRMaterial(baseColorFactor=[128, 128, 128, 255])
    box.visual = trimesh.visual.TextureVisuals(material=material)
    box.export(tmp_path / "box.glb")
    picture = view(read_model(tmp_path / "box.glb", AS_STATED, 0.5))
    linear = 128 / 255
    np.testing.assert_allclose(
        picture[32, 32], 255 * (1.055 * linear ** (1 / 2.4) - 0.055), atol=1.5
    )


def test_vertex_colours_are_blended(tmp_path):
    box = trimesh.creation.box((1, 1, 1))
    low = box.vertices[:, 2] < 0
    box.visual.vertex_colors = np.where(low[:, None], (0, 0, 0, 255), (200, 100, 0, 255))
    box.export(tmp_path / "box.ply")
    column = view(read_model(tmp_path / "box.ply", AS_STATED, 0.5))[:, 32]
    rows = np.flatnonzero(np.abs(column - round(GROUND_GRAY * 255)).max(axis=1) > 3)
    middle = column[rows.mean().round().astype(int)]
    np.testing.assert_allclose(middle, (100, 50, 0), atol=5)
    assert column[rows[1], 0] > 180
    assert column[rows[-2], 0] < 20


def test_what_has_no_colour_gets_the_paint_that_was_drawn(tmp_path):
    trimesh.creation.box().export(tmp_path / "box.stl")
    model = read_model(tmp_path / "box.stl", AS_STATED, 0.6)
    assert model.paint == Plain(0.6)
    assert view(model, colour=False)[32, 32] == pytest.approx(0.6 * 255, abs=1)


def test_gray_images_of_colours_have_their_luma(slab):
    model = read_model(slab, AS_STATED, 0.5)
    gray, colour = view(model, colour=False), view(model)
    np.testing.assert_allclose(gray, colour @ [0.299, 0.587, 0.114], atol=1)


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (37, 25), (120, -50), (300, 80)])
def test_the_outline_of_a_box_is_the_projection_of_its_corners(tmp_path, azimuth, elevation):
    box = trimesh.creation.box((1.0, 0.7, 0.4))
    box.export(tmp_path / "box.off")
    picture = view(
        read_model(tmp_path / "box.off", AS_STATED, 0.0), azimuth, elevation, 200, colour=False
    )
    corners = box.vertices / np.linalg.norm(box.vertices, axis=1).max()
    a, e = math.radians(azimuth), math.radians(elevation)
    back = np.array([math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)])
    right = np.array([-math.sin(a), math.cos(a), 0])
    up = np.cross(back, right)
    depth = DISTANCE - corners @ back
    reach = MARGIN / math.sqrt(DISTANCE**2 - 1)
    x, y = corners @ right / depth / reach, -(corners @ up) / depth / reach
    points = np.stack([x + 1, y + 1], 1) * 100 - 0.5
    wanted = np.zeros((200, 200), np.uint8)
    hull = cv2.convexHull(points.astype(np.float32))
    cv2.fillConvexPoly(wanted, np.rint(hull).astype(int), 1)
    found = picture < 0.5 * GROUND_GRAY * 255
    assert (found != wanted.astype(bool)).mean() < 0.012
    assert found.sum() == pytest.approx(cv2.contourArea(hull), rel=0.03)


@pytest.mark.parametrize(("scale", "offset"), [(1e-7, 0), (1e6, 0), (1.0, 5e3), (1e30, 0)])
def test_size_and_place_in_the_file_change_nothing(tmp_path, scale, offset):
    mesh = trimesh.creation.cone(0.5, 1.0)
    mesh.export(tmp_path / "a.ply")
    moved = mesh.vertices * scale + np.array([offset, -offset, offset / 3])
    lines = [f"v {x!r} {y!r} {z!r}" for x, y, z in moved.tolist()]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in mesh.faces.tolist()]
    (tmp_path / "b.obj").write_text("\n".join(lines))
    one, other = (
        view(read_model(tmp_path / n, AS_STATED, 0.5), 30, 20) for n in ("a.ply", "b.obj")
    )
    assert np.abs(one - other).mean() < 0.2


def test_faces_that_look_inwards_are_seen_from_outside(tmp_path):
    lamp = Lighting(azimuth=-40, elevation=45, strength=0.7, ambient=0.3)
    mesh = trimesh.creation.capsule(1.0, 0.4)
    mesh.export(tmp_path / "a.ply")
    mesh.invert()
    mesh.export(tmp_path / "b.ply")
    one, other = (
        view(read_model(tmp_path / n, AS_STATED, 0.5), 20, 30, lamp=lamp)
        for n in ("a.ply", "b.ply")
    )
    assert np.abs(one - other).mean() < 0.3


def test_repeated_vertices_do_not_show(tmp_path):
    """STL repeats every vertex; shading is as smooth as where they are shared."""
    lamp = Lighting(azimuth=-40, elevation=45, strength=0.7, ambient=0.3)
    ball = trimesh.creation.icosphere(subdivisions=2)
    for name in ("ball.stl", "ball.off"):
        ball.export(tmp_path / name)
    one, other = (
        view(read_model(tmp_path / n, AS_STATED, 0.5), lamp=lamp) for n in ("ball.stl", "ball.off")
    )
    assert np.abs(one - other).max() <= 2


def test_degenerate_faces_and_faces_of_no_use_are_passed_over(tmp_path):
    text = trimesh.creation.box().export(file_type="obj")
    (tmp_path / "a.obj").write_text(text + "\nf 1 1 2\nf 3 3 3\n")
    assert len(read_model(tmp_path / "a.obj", AS_STATED, 0.5).mesh.faces) == 12


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.obj", b"", "the file is empty"),
        ("a.obj", b"hello world", "holds no faces"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\n", "holds no faces"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nf 1 2 9\n", "cannot be read as OBJ"),
        ("a.obj", b"v 0 0 nan\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\nf 1 3 4\n", "no numbers"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0\nf 1 2 3\nf 2 4 3\n", "in one plane"),
        ("a.obj", b"v 1 1 1\nv 1 1 1\nv 1 1 1\nf 1 2 3\n", "in one point"),
        ("a.obj", b"v 0 0 0\nv 1 1 1\nv 2 2 2\nf 1 2 3\n", "in one plane"),
        ("a.ply", b"hello", "cannot be read as PLY"),
        ("a.stl", b"\xff\xfe" * 60, "STL|no faces"),
        ("a.off", b"OFF\n8 12 0\n0 0 0\n", "cannot be read as OFF"),
        ("a.glb", b"glTF\x02\x00\x00\x00", "cannot be read as GLB"),
        ("a.gltf", b'{"asset": {"version": "2.0"}}', "holds no faces"),
    ],
)
def test_what_cannot_be_rendered_is_refused_in_one_line(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=sentence) as refused:
        read_model(tmp_path / name, AS_STATED, 0.5)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path / name))


def test_a_gltf_file_without_its_buffer_says_what_is_missing(tmp_path):
    for name, content in trimesh.creation.box().export(file_type="gltf").items():
        if name.endswith(".gltf"):
            (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"names .*bin, which is not there; copy it beside"):
        read_model(tmp_path / "model.gltf", AS_STATED, 0.5)


@pytest.mark.slow
def test_half_a_million_faces_are_no_matter(tmp_path):
    fine = trimesh.creation.torus(0.7, 0.3, major_sections=704, minor_sections=384)
    coarse = trimesh.creation.torus(0.7, 0.3, major_sections=88, minor_sections=48)
    fine.export(tmp_path / "fine.ply")
    coarse.export(tmp_path / "coarse.ply")
    lamp = Lighting(azimuth=-40, elevation=45, strength=0.7, ambient=0.3)
    one, other = (
        view(read_model(tmp_path / f"{name}.ply", AS_STATED, 0.5), 20, 40, lamp=lamp)
        for name in ("fine", "coarse")
    )
    assert np.abs(one - other).mean() < 1
