"""Sets rendered from meshes: what is found, what is written, and that nothing else decides it."""

import csv

import numpy as np
import pytest

trimesh = pytest.importorskip("trimesh")
pytest.importorskip("embreex")

from objrec.datasets import open_dataset, read_image  # noqa: E402
from objrec.errors import DataError, SettingsError  # noqa: E402
from objrec.pose import INDEX  # noqa: E402
from objrec.rendering import making  # noqa: E402
from objrec.rendering.making import find_meshes, render_set  # noqa: E402
from objrec.rendering.settings import (  # noqa: E402
    FrameSettings,
    PictureSettings,
    RenderSettings,
    SetSettings,
    ViewSettings,
)

SMALL = {"azimuth_step": 90.0, "elevations": (20.0, 60.0)}


def settings(views=None, pictures=None, frame=None, **the_set):
    return RenderSettings(
        ViewSettings(**(SMALL | (views or {}))),
        PictureSettings(**({"size": 32} | (pictures or {}))),
        FrameSettings(**(frame or {})),
        SetSettings(**the_set),
    )


def painted_box(extents=(1.0, 0.8, 0.6)):
    """A box whose sides +x, -x, +y, -y, +z, -z have six colours."""
    box = trimesh.creation.box(extents)
    colours = {(1, 0, 0): RED, (-1, 0, 0): GREEN, (0, 1, 0): BLUE, (0, -1, 0): YELLOW}
    normals = [tuple(np.rint(n).astype(int)) for n in box.face_normals]
    box.visual.face_colors = [colours.get(n, WHITE) for n in normals]
    return box


RED, GREEN, BLUE = (200, 0, 0, 255), (0, 200, 0, 255), (0, 0, 200, 255)
YELLOW, WHITE = (200, 200, 0, 255), (220, 220, 220, 255)


@pytest.fixture
def meshes(tmp_path):
    root = tmp_path / "meshes"
    for category in ("ball", "crate"):
        (root / category).mkdir(parents=True)
    trimesh.creation.icosphere(subdivisions=2).export(root / "ball" / "one.stl")
    trimesh.creation.icosphere(subdivisions=1).export(root / "ball" / "zwei ö.ply")
    painted_box().export(root / "crate" / "painted.ply")
    trimesh.creation.box((1, 1, 1)).export(root / "crate" / "plain.off")
    return root


def contents(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def test_meshes_are_found_by_category_and_instance(meshes):
    (meshes / "crate" / "deep").mkdir()
    trimesh.creation.box().export(meshes / "crate" / "deep" / "model.obj")
    trimesh.creation.box().export(meshes / "crate" / "plain.stl")  # the same in another format
    (meshes / "crate" / ".hidden.obj").write_text("v 0 0 0")
    (meshes / "readme.txt").write_text("hello")
    found = [(m.category, m.instance, m.path.name) for m in find_meshes([meshes])]
    assert found == [
        ("ball", "one", "one.stl"),
        ("ball", "zwei ö", "zwei ö.ply"),
        ("crate", "painted", "painted.ply"),
        ("crate", "plain", "plain.off"),
        ("crate", "deep", "model.obj"),
    ]
    files = find_meshes([meshes / "ball" / "one.stl", meshes / "crate"], "thing")
    assert {m.category for m in files} == {"thing"}
    assert [m.instance for m in files] == ["one", "painted", "plain", "deep"]


def test_what_holds_no_meshes_is_refused(tmp_path, meshes):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: holds no meshes; it needs category/instance"):
        find_meshes([tmp_path / "empty"])
    with pytest.raises(DataError, match="nothing: no such file or folder"):
        find_meshes([tmp_path / "nothing"])
    with pytest.raises(DataError, match=r"one\.stl: is a file; say what it is with --category"):
        find_meshes([meshes / "ball" / "one.stl"])


def test_a_labelled_folder(meshes, tmp_path):
    made = render_set(find_meshes([meshes]), tmp_path / "set", settings(test_instances=1))
    assert (made.images, made.objects, made.failures) == (32, 4, ())
    train, test = (open_dataset(tmp_path / "set", split) for split in ("train", "test"))
    assert len(train) == len(test) == 16
    assert not set(train.objects) & set(test.objects)
    assert set(train.poses[:, INDEX["azimuth"]]) == {0, 90, 180, 270}
    assert set(train.poses[:, INDEX["elevation"]]) == {20, 60}
    assert train.frame.front_azimuth == 0
    assert set(train.factors["lighting"]) <= set("012345")
    assert train[0].images.shape == (1, 32, 32, 3), "one object has colour, so all images have"
    assert (tmp_path / "set" / "render.json").is_file()
    assert not list(tmp_path.glob(".*")), "nothing is left behind"


@pytest.mark.parametrize(("azimuth", "side"), [(0, RED), (90, BLUE), (180, GREEN), (270, YELLOW)])
def test_sides_are_seen_from_where_the_conventions_say(tmp_path, azimuth, side):
    painted_box().export(tmp_path / "box.ply")
    mesh = find_meshes([tmp_path / "box.ply"], "box")
    views = {"elevations": (0.0,)}
    render_set(mesh, tmp_path / "set", settings(views, {"ground": False}))
    dataset = open_dataset(tmp_path / "set")
    (row,) = np.flatnonzero(dataset.poses[:, INDEX["azimuth"]] == azimuth)
    middle = dataset[int(row)].images[0, 16, 16].astype(float)
    wanted = np.array(side[:3], float)
    np.testing.assert_allclose(middle / middle.max(), wanted / wanted.max(), atol=0.06)


def test_up_and_front_turn_the_mesh(tmp_path):
    painted_box().export(tmp_path / "box.ply")
    mesh = find_meshes([tmp_path / "box.ply"], "box")
    views = {"elevations": (0.0,)}
    frame = {"up": "x", "front": "-y"}
    render_set(mesh, tmp_path / "set", settings(views, {"ground": False}, frame))
    dataset = open_dataset(tmp_path / "set")
    (row,) = np.flatnonzero(dataset.poses[:, INDEX["azimuth"]] == 0)
    red, green, blue = dataset[int(row)].images[0, 16, 16].astype(int)
    assert red == green > 3 * blue, "-y, the yellow side, is the front"


def test_two_cameras_and_norb_files(meshes, tmp_path):
    pictures = {"cameras": 2}
    found = find_meshes([meshes])
    render_set(found, tmp_path / "folder", settings(pictures=pictures | {"colour": "gray"}))
    render_set(found, tmp_path / "norb", settings(pictures=pictures, format="norb"))
    folder, norb = open_dataset(tmp_path / "folder"), open_dataset(tmp_path / "norb")
    assert (folder.cameras, norb.cameras) == (2, 2)
    assert len(folder) == len(norb) == 32
    for i in (0, 13, 31):
        np.testing.assert_array_equal(folder[i].images, norb[i].images)
        assert not (folder[i].images[0] == folder[i].images[1]).all()
    np.testing.assert_array_equal(folder.poses, norb.poses)
    assert folder.objects.tolist() == norb.objects.tolist()


def test_a_near_thing_is_farther_to_the_right_in_the_left_camera(tmp_path):
    post = trimesh.creation.box((0.2, 0.2, 1.0))
    post.apply_translation([1.0, 0, 0])
    behind = trimesh.creation.box((0.2, 1.0, 0.2))
    behind.apply_translation([-1.0, 0, 0])
    trimesh.util.concatenate([post, behind]).export(tmp_path / "t.ply")
    views = {"azimuth_step": 360.0, "elevations": (0.0,)}
    pictures = {"cameras": 2, "ground": False, "size": 96, "shadows": False}
    render_set(
        find_meshes([tmp_path / "t.ply"], "t"),
        tmp_path / "set",
        settings(views, pictures),
    )
    left, right = open_dataset(tmp_path / "set")[0].images.astype(int)

    def column(view):
        rows, columns = np.nonzero(np.abs(view - view[0, 0]) > 3)
        return columns[rows <= rows.min() + 3].mean()

    assert column(left) > 48 > column(right)


def test_workers_and_interruptions_change_nothing(meshes, tmp_path, monkeypatch):
    found, chosen = (
        find_meshes([meshes]),
        settings(pictures={"background": "noise"}, seed=3),
    )
    render_set(found, tmp_path / "whole", chosen)
    render_set(found, tmp_path / "shared" / "whole", chosen, workers=2)
    whole = contents(tmp_path / "whole")
    assert contents(tmp_path / "shared" / "whole") == whole
    again = tmp_path / "again" / "whole"

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_set(found, again, chosen, stop)
    assert not again.exists()
    calls = []
    real = making._images
    monkeypatch.setattr(making, "_images", lambda *a: calls.append(a) or real(*a))
    render_set(found, again, chosen)
    assert len(calls) == 2, "the first two are not rendered again"
    assert contents(again) == whole


def test_how_views_are_divided_changes_nothing(meshes, tmp_path, monkeypatch):
    """The views of one object are divided too, so that one mesh alone uses all cores."""
    found, chosen = find_meshes([meshes]), settings(pictures={"background": "noise"})
    render_set(found, tmp_path / "whole", chosen)
    monkeypatch.setattr(making, "_MOST_VIEWS", 3)
    counts = []
    render_set(found, tmp_path / "parts" / "whole", chosen, lambda *done: counts.append(done))
    assert counts[-1] == (12, 12), "eight views are three blocks"
    assert contents(tmp_path / "parts" / "whole") == contents(tmp_path / "whole")


def test_large_images_are_kept_in_smaller_blocks(meshes):
    found = find_meshes([meshes])[:1]
    large = settings({"views": "sphere", "count": 1000, "lamps": 6}, {"size": 1024, "cameras": 2})
    blocks = making.blocks_of(found, large)
    assert max(b.stop - b.start for b in blocks) * 6 * 2 * 1024**2 * 3 < 2**28
    assert [b.start for b in blocks[1:]] == [b.stop for b in blocks[:-1]]
    small = making.blocks_of(found, settings({"views": "sphere", "count": 1000}))
    assert [b.start for b in small] == [0, 256, 512, 768]


def test_other_settings_begin_anew(meshes, tmp_path):
    found = find_meshes([meshes])
    with pytest.raises(KeyboardInterrupt):
        render_set(found, tmp_path / "set", settings(seed=1), _interrupt)
    render_set(found, tmp_path / "set", settings(seed=2))
    render_set(found, tmp_path / "other" / "set", settings(seed=2))
    assert contents(tmp_path / "set") == contents(tmp_path / "other" / "set")


def _interrupt(done, total):
    raise KeyboardInterrupt


def test_a_broken_mesh_does_not_stop_the_others(meshes, tmp_path):
    (meshes / "ball" / "bad.obj").write_text("v 0 0\nf 1 2")
    made = render_set(find_meshes([meshes]), tmp_path / "set", settings())
    (failure,) = made.failures
    assert failure.source.endswith("bad.obj")
    assert "\n" not in failure.message
    assert made.objects == 4
    for path in (meshes / "ball").glob("*"):
        path.write_text("nothing")
    with pytest.raises(DataError, match=r"bad\.obj: "):
        render_set(find_meshes([meshes / "ball"], "x"), tmp_path / "none", settings())
    assert not (tmp_path / "none").exists()


def test_views_spread_over_a_band_of_the_sphere(meshes, tmp_path):
    views = {
        "views": "sphere",
        "count": 60,
        "min_elevation": -30.0,
        "max_elevation": 70.0,
    }
    found = find_meshes([meshes / "ball"], "ball")
    render_set(found, tmp_path / "set", settings(views, {"ground": False, "size": 16}))
    dataset = open_dataset(tmp_path / "set")
    first = dataset.subset(dataset.objects == "ball/one")
    heights = np.sort(np.sin(np.radians(first.poses[:, INDEX["elevation"]])))
    low, high = np.sin(np.radians([-30, 70]))
    np.testing.assert_allclose(heights, low + (high - low) * (np.arange(60) + 0.5) / 60, atol=1e-4)
    sectors = np.bincount((first.poses[:, INDEX["azimuth"]] // 60).astype(int), minlength=6)
    assert sectors.min() >= 7


def test_pictures_stand_behind_the_object(meshes, tmp_path):
    import cv2

    (tmp_path / "sky").mkdir()
    cv2.imwrite(str(tmp_path / "sky" / "a.png"), np.full((40, 60, 3), (250, 120, 10), np.uint8))
    found = find_meshes([meshes / "ball"], "ball")
    render_set(
        found,
        tmp_path / "set",
        settings(pictures={"background": str(tmp_path / "sky"), "ground": False}),
    )
    with (tmp_path / "set" / "labels.csv").open() as file:
        pixels = read_image(tmp_path / "set" / next(csv.DictReader(file))["file"])
    assert pixels[0, 0].tolist() == [10, 120, 250]
    assert np.ptp(pixels[16, 16].astype(int)) < 10, "the ball is gray"
    (tmp_path / "sky" / "broken.png").write_text("no image")
    made = render_set(
        found,
        tmp_path / "more",
        settings(pictures={"background": str(tmp_path / "sky")}),
    )
    assert [failure.source for failure in made.failures] == [str(tmp_path / "sky" / "broken.png")]
    assert made.objects == 2
    with pytest.raises(DataError, match="nowhere: holds no images for backgrounds"):
        render_set(found, tmp_path / "x", settings(pictures={"background": "nowhere"}))


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        (
            {"views": {"elevations": (-10.0,)}},
            "elevation -10 is below the ground; add --no-ground",
        ),
        (
            {"views": {"views": "sphere"}, "format": "norb"},
            "hold a grid of views, not a sphere",
        ),
        ({"pictures": {"colour": "colour"}, "format": "norb"}, "hold gray images"),
    ],
)
def test_settings_that_contradict_each_other(meshes, tmp_path, chosen, sentence):
    with pytest.raises(SettingsError, match=sentence):
        render_set(find_meshes([meshes]), tmp_path / "set", settings(**chosen))
    with pytest.raises(SettingsError, match="azimuth_step 70 does not divide 360"):
        settings({"azimuth_step": 70.0})


SHAPES = {
    "sphere": lambda: trimesh.creation.icosphere(subdivisions=2),
    "box": lambda: trimesh.creation.box((1, 0.6, 0.4)),
    "cylinder": lambda: trimesh.creation.cylinder(0.4, 1.0),
    "capsule": lambda: trimesh.creation.capsule(1.0, 0.3),
    "annulus": lambda: trimesh.creation.annulus(0.3, 0.5, 0.6),
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_format_gives_the_same_picture(tmp_path, name):
    pictures = []
    for suffix in ("obj", "ply", "stl", "off", "glb"):
        folder = tmp_path / suffix
        folder.mkdir()
        SHAPES[name]().export(folder / f"shape.{suffix}")
        frame = {"up": "z", "front": "x"}
        render_set(
            find_meshes([folder], "shape"),
            folder / "set",
            settings({"azimuth_step": 180.0}, {"colour": "gray"}, frame),
        )
        dataset = open_dataset(folder / "set")
        pictures.append(np.stack([sample.images for sample in dataset]).astype(int))
    for other in pictures[1:]:
        assert np.abs(other - pictures[0]).mean() < 1.0


@pytest.mark.parametrize(("wanted", "tested"), [(1, 1), (0.5, 1), (2, 1), (9, 1)])
def test_one_object_of_each_category_remains_for_training(meshes, tmp_path, wanted, tested):
    views = {"azimuth_step": 360.0, "elevations": (30.0,)}
    chosen = settings(views, {"size": 16}, test_instances=wanted)
    render_set(find_meshes([meshes]), tmp_path / "set", chosen)
    train, test = (open_dataset(tmp_path / "set", split) for split in ("train", "test"))
    assert (len(train), len(test)) == (4 - 2 * tested, 2 * tested)
