"""``objrec classify --together``: one answer about several images, as the recogniser gives it."""

from __future__ import annotations

import csv
import io
import json
import unicodedata

import pytest

from objrec import Recognizer


@pytest.fixture
def boxes(photos):
    return sorted((photos / "test").glob("box-*.png"))


@pytest.fixture
def recognizer(small_model) -> Recognizer:
    return Recognizer.load(small_model, device="cpu")


@pytest.fixture
def answered(command, small_model):
    """Classify files together; return the exit code, the record and what was said beside it."""

    def run(*words):
        ran = command("classify", *words, "--together", "--json", "--model", small_model)
        return ran.code, json.loads(ran.out.splitlines()[-1]), ran.err

    return run


def test_files_of_a_glob_are_one_object_in_the_order_of_their_names(
    answered, recognizer, photos, boxes
):
    code, record, _ = answered(photos / "test" / "box-*.png")
    assert code == 0
    assert record["files"] == [str(box) for box in boxes]
    assert record["energies"] == pytest.approx(recognizer.together(boxes).energies, abs=1e-5)


def test_step_turns_each_image_further_also_past_one_that_cannot_be_read(
    answered, recognizer, boxes, tmp_path
):
    broken = tmp_path / "broken.png"
    broken.write_text("no image")
    code, record, err = answered(boxes[0], broken, *boxes[2:5], "--step", "45")
    assert code == 1
    assert str(broken) in err
    wanted = recognizer.together(
        [boxes[0], *boxes[2:5]], [{"azimuth": a} for a in (0, 90, 135, 180)]
    )
    assert record["files"] == list(wanted.sources)
    assert record["energies"] == pytest.approx(wanted.energies, abs=1e-5)
    assert record["pose"] == pytest.approx(wanted.pose.to_dict(), abs=1e-3)


def test_poses_are_found_by_path_or_by_name_and_only_differences_count(
    answered, recognizer, boxes, tmp_path
):
    poses = tmp_path / "poses.csv"
    lines = [f"{boxes[0]},10,5", f"{boxes[1].name},65,-5", "other.png,0,0"]
    poses.write_text("\n".join(["file,azimuth,elevation", *lines]))
    _, record, _ = answered(*boxes[:2], "--poses", poses)
    wanted = recognizer.together(boxes[:2], [{}, {"azimuth": 55, "elevation": -10}])
    assert record["energies"] == pytest.approx(wanted.energies, abs=1e-5)


def test_table_and_csv_have_one_row(command, small_model, boxes):
    words = ("classify", *boxes, "--together", "--model", small_model)
    (row,) = csv.DictReader(io.StringIO(command(*words, "--csv").out))
    assert row["file"] == f"{boxes[0]} and {len(boxes) - 1} more"
    table = command(*words).out.strip().splitlines()
    assert len(table) == 3
    assert row["category"] in table[-1]


def test_samples_of_a_set_can_be_named_by_the_file_of_poses(answered, photos):
    _, record, _ = answered(f"{photos}@test:0-3", "--poses", photos / "test" / "labels.csv")
    assert len(record["files"]) == 4
    assert record["truth"]["category"] == "box"


def test_evaluate_measures_several_images_together(command, small_model, photos, tmp_path):
    words = ("evaluate", photos, "--model", small_model, "--sweep", 0, "--resamples", 50)
    ran = command(*words, "--together", "1", "4", "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    stored = json.loads((tmp_path / "out" / "evaluation.json").read_text())["together"]
    assert stored["counts"] == [1, 4] and len(stored["rows"]) == 2
    assert "Several images of one object" in (tmp_path / "out" / "report.html").read_text()


def test_poses_as_spreadsheets_write_them(answered, boxes, photos, tmp_path):
    """Semicolons, a decimal comma, a typographic minus, a name of another Unicode form."""
    names = []
    for number in range(2):
        image = tmp_path / f"Tässchen {number}.png"
        image.write_bytes((photos / "test" / f"box-3-{45 * number:03d}.png").read_bytes())
        names.append(image)
    table = tmp_path / "poses.csv"
    plain = [f"{name.name},{azimuth}" for name, azimuth in zip(names, (-45.5, 0), strict=True)]
    table.write_text("\n".join(["file,azimuth", *plain]), encoding="utf-8")
    wanted = answered(*names, "--poses", table)
    odd = unicodedata.normalize("NFD", "\n".join(plain))
    odd = odd.replace("-45.5", "\N{MINUS SIGN}45,5").replace(".png,", ".png;")
    table.write_text("file;azimuth\n" + odd, encoding="utf-16")
    assert answered(*names, "--poses", table) == wanted
