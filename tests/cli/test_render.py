"""``objrec render`` as one calls it."""

import numpy as np
import pytest

trimesh = pytest.importorskip("trimesh")
pytest.importorskip("embreex")

from objrec.datasets import open_dataset  # noqa: E402

FAST = ["--size", 16, "--azimuth-step", 180, "--elevations", "20", "--samples", 1, "--workers", 1]


@pytest.fixture
def meshes(tmp_path):
    for name in ("cup/007.stl", "cup/grün 🍵.ply", "car/a b.off"):
        path = tmp_path / "meshes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        trimesh.creation.cone(0.4 + 0.01 * len(name), 1.0).export(path)
    return tmp_path / "meshes"


def test_a_folder_of_meshes_becomes_a_set(command, meshes, tmp_path):
    out = tmp_path / "sets" / "rendered"
    ran = command("render", meshes, "--out", out, *FAST)
    assert (ran.code, ran.out, ran.err) == (0, f"6 images of 3 objects: {out}\n", "")
    dataset = open_dataset(out)
    assert set(dataset.objects) == {"cup/007", "cup/grün 🍵", "car/a b"}
    assert command("data", "info", out).code == 0
    again = command("render", meshes, "--out", out, *FAST)
    assert again.code == 2
    assert "is not empty; name another folder or add --force" in again.err
    assert command("render", meshes, "--out", out, "--force", *FAST).code == 0


def test_what_cannot_be_rendered_is_named_and_the_rest_goes_on(command, meshes, tmp_path):
    (meshes / "cup" / "bad.obj").write_text("hello")
    ran = command("render", meshes, "--out", tmp_path / "out", *FAST)
    assert ran.code == 1
    assert ran.err == (
        f"objrec: {meshes / 'cup' / 'bad.obj'}: holds no faces; "
        "export triangles, not points or lines\n"
    )
    assert "6 images of 3 objects" in ran.out


def test_principal_axes_and_missing_textures_are_said(command, tmp_path):
    text = trimesh.creation.cone(0.4, 1.0).export(file_type="obj")
    (tmp_path / "a.obj").write_text("mtllib gone.mtl\n" + text)
    out = tmp_path / "out"
    ran = command(
        "render", tmp_path / "a.obj", "--category", "x", "--out", out, "--frame=principal", *FAST
    )
    assert ran.code == 0
    assert "note: the meshes were turned by their principal axes" in ran.err
    assert f"note: {tmp_path / 'a.obj'}: gone.mtl was not found; drawn without it" in ran.err
    assert "principal" in open_dataset(out).frame.note("azimuth").zero


def test_axes_that_begin_with_a_dash(command, meshes, tmp_path):
    words = ["render", meshes, *FAST, "--no-ground"]
    words += ["--up", "-z", "--front", "-y", "--elevations", "-30,0"]
    assert command(*words, "--out", tmp_path / "out").code == 0
    poses = open_dataset(tmp_path / "out").poses
    assert set(poses[:, 1]) == {-30, 0, 20}, "a list may be given in parts"
    assert not np.isnan(poses[:, 0]).any()


def test_a_run_that_is_stopped_says_how_to_go_on(command, meshes, tmp_path, monkeypatch):
    from objrec.rendering import making

    real, calls = making.render_block, []

    def stopped(*arguments):
        if len(calls) == 1:
            raise KeyboardInterrupt
        calls.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(making, "render_block", stopped)
    ran = command("render", meshes, "--out", tmp_path / "out", *FAST)
    assert ran.code == 130
    assert f"{tmp_path / 'out'}: rendering stopped; the same command goes on" in ran.err
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(making, "render_block", real)
    assert command("render", meshes, "--out", tmp_path / "out", *FAST).code == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["meshes", "out"]
