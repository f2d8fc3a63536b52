"""``objrec learn``: the folder it writes, what it says of it, and images that cannot be read."""

from __future__ import annotations

from objrec import Recognizer


def test_learns_from_labelled_samples_and_from_files(command, photos, small_model, tmp_path):
    views = sorted((photos / "test").glob("cross-3-*.png"))[:3]
    out = tmp_path / "more"
    ran = command("learn", *views, "--name", "star", "--model", small_model, "--out", out)
    assert (ran.code, ran.out) == (0, f"model: {out}\n")
    assert "note: star: 3 views, poses found" in ran.err
    assert "five or more are far better" in ran.err
    assert Recognizer.load(out).categories == ("box", "cross", "star")
    assert (
        "| added by objrec learn | star: 3 views, poses found |" in (out / "README.md").read_text()
    )
    again = tmp_path / "again"
    ran = command("learn", f"{photos}@test:0-5", "--name", "x", "--model", out, "--out", again)
    assert "note: x: 6 views, poses given" in ran.err
    card = (again / "README.md").read_text()
    assert "done without star, x, added later" in card


def test_poses_come_from_a_file(command, photos, small_model, tmp_path):
    poses = tmp_path / "poses.csv"
    poses.write_text("file,azimuth\ncross-3-045.png,45\n")
    view = photos / "test" / "cross-3-045.png"
    words = ("--name", "star", "--model", small_model, "--out", tmp_path / "more")
    ran = command("learn", view, *words, "--poses", poses)
    assert ran.code == 0
    assert "note: star: 1 view, poses given" in ran.err


def test_a_bad_image_is_named_and_the_others_go_on(command, photos, small_model, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no image")
    view = photos / "test" / "cross-3-045.png"
    words = ("--name", "star", "--model", small_model, "--out", tmp_path / "more")
    ran = command("learn", bad, view, *words)
    assert ran.code == 1
    assert f"objrec: {bad}: " in ran.err and "; left out" in ran.err
    assert Recognizer.load(tmp_path / "more").categories[-1] == "star"
    assert command("learn", view, *words).code == 2  # what exists is not overwritten …
    assert command("learn", view, *words, "--force").code == 0  # … unless it is asked for
