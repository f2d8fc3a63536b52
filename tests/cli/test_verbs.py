"""The verbs on a small set: what they print, for people and for programs, and what they write."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from objrec.cli.classify import why_unknown
from objrec.cli.recognitions import write_csv, write_json, write_table
from objrec.datasets import open_dataset
from objrec.errors import Failure
from objrec.pose import AXES, Pose
from objrec.recognizer import Hypothesis, Original, Recognition, Recognizer
from objrec.saving import Calibration

TOYS = Path(__file__).parents[2] / "data" / "toys"


def json_lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def broken(photos, tmp_path):
    """A folder of a good image, a text file named .png, and a good image."""
    good = sorted((photos / "test").glob("*.png"))
    folder = tmp_path / "broken"
    folder.mkdir()
    shutil.copy(good[0], folder / "a.png")
    (folder / "b.png").write_text("no image")
    shutil.copy(good[1], folder / "c.png")
    return folder


@pytest.mark.slow
def test_train_writes_a_model_and_says_where(command, photos, tmp_path):
    out = tmp_path / "model"
    words = ["--epochs", 2, "--batch-size", 16, "--azimuth-step", 90, "--baseline", "cnn-pose"]
    ran = command("train", photos, "--out", out, *words, "--tensorboard", tmp_path / "curves")
    assert (ran.code, ran.out) == (0, f"model: {out}\n")
    assert [line.split("  ")[0] for line in ran.err.splitlines()] == ["epoch 1/2", "epoch 2/2"]
    assert Recognizer.load(out).kind == "cnn-pose"
    assert list((tmp_path / "curves").iterdir())


def test_train_on_a_finished_run(command, photos, small_model):
    again = command("train", photos, "--out", small_model)
    assert again.code == 2
    assert "--force" in again.err
    resumed = command("train", photos, "--out", small_model, "--resume")
    assert resumed.code == 0
    assert resumed.out == f"model: {small_model}\n"
    assert "was trained already" in resumed.err


def test_train_names_the_images_it_left_out(command, photos, tmp_path):
    shutil.copytree(photos, tmp_path / "set")
    file = tmp_path / "set/train/box-0-000.png"
    file.write_text("no image")
    out = tmp_path / "model"
    ran = command("train", tmp_path / "set", "--out", out, "--epochs", 1, "--baseline")
    assert ran.code == 0
    assert f"objrec: {file}: is not an image" in ran.err


@pytest.fixture
def three_splits(photos, tmp_path):
    """The photos with objects of their own to validate with: the test objects, named anew."""
    root = shutil.copytree(photos, tmp_path / "three")
    shutil.copytree(root / "test", root / "val")
    table = root / "val" / "labels.csv"
    table.write_text(table.read_text().replace(",3,", ",9,"))
    return root


def quickly(command, data, out, *words):
    small = ["--epochs", 1, "--batch-size", 16, "--azimuth-step", 90, "--device", "cpu"]
    return command("train", data, "--out", out, *small, *words)


def test_train_calibrates_on_the_split_val(command, three_splits, tmp_path):
    ran = quickly(command, three_splits, tmp_path / "m")
    assert (ran.code, ran.out) == (0, f"model: {tmp_path / 'm'}\n")
    assert ran.err.splitlines()[-1] == "calibrated on the split val: 16 images of 2 objects"
    found = Recognizer.load(tmp_path / "m").calibration
    assert (found.source, found.objects) == ("validation", 2)
    again = quickly(command, three_splits, tmp_path / "m", "--resume")
    assert "calibrated" not in again.err


@pytest.mark.parametrize("words", [("--folds", 2), ("--split", "all")], ids=str)
def test_train_leaves_the_split_val_alone(command, three_splits, tmp_path, words):
    ran = quickly(command, three_splits, tmp_path / "m", *words)
    assert ran.code == 0
    assert "split val" not in ran.err
    found = Recognizer.load(tmp_path / "m").calibration
    assert (found.source if found else None) == ("folds" if "--folds" in words else None)


def test_train_does_not_calibrate_on_what_it_trains_on(command, three_splits, tmp_path):
    shutil.rmtree(three_splits / "val")
    shutil.copytree(three_splits / "train", three_splits / "val")
    ran = quickly(command, three_splits, tmp_path / "m")
    assert ran.code == 0
    assert ran.err.startswith(
        f"note: not calibrated: {three_splits}: the val split shows objects that are trained on "
        "(box/0, box/1, box/2 and 3 more); divide by object"
    )
    assert Recognizer.load(tmp_path / "m").calibration is None


def test_calibrate_fits_a_model_that_is_there(command, three_splits, small_model, tmp_path):
    model = shutil.copytree(small_model, tmp_path / "m")
    weights = (model / "model.safetensors").read_bytes()
    ran = command("calibrate", three_splits, "--model", model, "--false-alarms", 0.25)
    assert (ran.code, ran.err) == (0, "")
    found = Recognizer.load(model).calibration
    assert (found.source, found.folds, found.objects) == ("validation", 0, 2)
    assert found.false_alarm_rate == 0.25
    answers = Recognizer.load(model).recognize_many(sorted((three_splits / "val").glob("*.png")))
    lowest = [min(answer.energies.values()) for answer in answers]
    assert found.threshold == pytest.approx(np.quantile(lowest, 0.75), rel=1e-5)
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert lines[2:] == [
        "images 16 of 2 objects",
        f"error rate {found.error_rate:.1%}",
        f"beta {found.beta:.3g}",
        f"unknown above an energy of {found.threshold:.4g}",
        "known, yet called unknown 25.0%",
        f"model: {model}",
    ]
    assert (model / "model.safetensors").read_bytes() == weights
    assert "of a validation split (2 objects)" in (model / "README.md").read_text()

    told = command("classify", three_splits / "val", "--model", model)
    assert told.out.count("unknown (nearest: ") == 4
    assert told.err == (
        f"note: 'unknown' means that every energy is above {found.threshold:.4g}, as on 25.0% of "
        "the images of objects of a validation split (2 objects)\n"
    )
    assert command("classify", three_splits / "val", "--model", model, "--csv").err == ""


def test_calibrate_says_what_it_left_out_and_what_looks_wrong(
    command, photos, small_model, tmp_path
):
    model = shutil.copytree(small_model, tmp_path / "m")
    data = shutil.copytree(photos, tmp_path / "photos")
    (data / "train" / "box-0-000.png").write_text("no image")
    ran = command("calibrate", data, "--model", model, "--split", "train")
    assert ran.code == 0
    broken, note = ran.err.splitlines()
    assert broken.startswith(f"objrec: {data / 'train' / 'box-0-000.png'}: is not an image")
    assert note.startswith("note: the model was trained on photos (train): if these are the same")
    assert "47 of 6 objects" in ran.out


def test_classify_names_both_reasons_of_unknown():
    model = SimpleNamespace(background=("sky",), calibration=None)
    assert why_unknown(model) == "'unknown' means that background (sky) fits better"
    model.calibration = Calibration(1.0, 7.25, 0.05, 0.125, 3, 9)
    assert why_unknown(model) == (
        "'unknown' means that every energy is above 7.25, as on 5.0% of the images of objects held "
        "out of training in 3 folds (9 objects), or that background (sky) fits better"
    )


def test_classify_for_people(command, photos, small_model):
    ran = command("classify", f"{photos}@test:0-3", "--model", small_model)
    assert ran.code == 0
    header, _, *rows = ran.out.splitlines()
    columns = ["file", "category", "probability", "energy", "azimuth", "elevation", "truth"]
    assert header.split() == columns
    assert len(rows) == 4
    assert rows[1].endswith("box, 45°")
    assert "not calibrated" in ran.err


def test_classify_lists_other_hypotheses_beneath(command, photos, small_model):
    ran = command("classify", f"{photos}@test:0", "--model", small_model, "--hypotheses", 2)
    _, _, first, *others = ran.out.splitlines()
    assert first.startswith(str(photos))
    assert len(others) == 1
    assert all(line.startswith(" ") for line in others)


def test_classify_as_json_is_what_python_says(command, photos, small_model):
    files = sorted((photos / "test").glob("*.png"))[:3]
    ran = command("classify", *files, "--model", small_model, "--json")
    assert (ran.code, ran.err) == (0, "")
    expected = [r.to_dict() for r in Recognizer.load(small_model).recognize_many(files)]
    assert json_lines(ran.out) == expected
    keys = ["file", "category", "energy", "energies", "probabilities", "pose", "hypotheses"]
    assert list(expected[0])[:7] == keys


def test_classify_of_samples_as_json_has_the_truth(command, photos, small_model):
    ran = command("classify", f"{photos}@test:1", "--model", small_model, "--json")
    (record,) = json_lines(ran.out)
    assert record["truth"] == {"category": "box", "pose": {"azimuth": 45.0}}


def test_classify_as_csv(command, photos, small_model):
    ran = command("classify", f"{photos}@test:0-1", "--model", small_model, "--csv")
    assert ran.err == ""
    first, second = csv.DictReader(io.StringIO(ran.out))
    columns = ["file", "category", "probability", "energy", "unknown", *AXES, "symmetric"]
    columns += ["shift_x_px", "shift_y_px", "side_px", "truth", "error"]
    assert list(first) == columns
    assert second["truth"] == "box"
    assert 0 <= float(second["azimuth"]) < 360
    assert second["roll"] == ""


@pytest.mark.parametrize("form", [None, "--json", "--csv"])
def test_classify_goes_on_after_an_unreadable_image(command, broken, small_model, form):
    ran = command("classify", broken, "--model", small_model, *([form] if form else []))
    assert ran.code == 1
    (line,) = [line for line in ran.err.splitlines() if line.startswith("objrec: ")]
    assert line.startswith(f"objrec: {broken / 'b.png'}: is not an image")
    if form == "--json":
        good, bad, last = json_lines(ran.out)
        assert set(bad) == {"file", "error"}
        assert bad["file"] == str(broken / "b.png")
        assert good["file"] < bad["file"] < last["file"]
    elif form == "--csv":
        rows = list(csv.DictReader(io.StringIO(ran.out)))
        assert [bool(row["error"]) for row in rows] == [False, True, False]
    else:
        assert len(ran.out.splitlines()) == 4


def test_classify_with_nothing_readable_prints_no_table(command, broken, small_model):
    ran = command("classify", broken / "b.png", "--model", small_model)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.count("\n") == 1


def recognition(best, **facts):
    energies, likely = {"cup": 9.0, "car": 9.5}, {"cup": 0.6, "car": 0.4}
    return Recognition(
        "x.png", best.category, best.pose, best.energy, energies, likely, (best,), **facts
    )


def test_symmetric_categories_are_marked_and_shifts_given_in_pixels(capsys):
    pose = Pose(azimuth=12.0, scale=0.5, shift_x=0.1, shift_y=-0.05)
    best = Hypothesis("cup", pose, 9.0, symmetric=True)
    answer = recognition(best, unknown=None, original=Original(640, 480, colour=True))
    write_table([("x.png", answer)])
    heading, *_, line = capsys.readouterr().out.strip().splitlines()
    assert heading.split()[-4:] == ["azimuth", "scale", "shift_x", "shift_y"]
    assert line.split()[-4:] == ["any", "0.50", "+0.10", "-0.05"]
    write_csv([("x.png", answer)])
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["symmetric"], row["azimuth"]) == ("true", "12.0")
    assert [row[n] for n in ("shift_x_px", "shift_y_px", "side_px")] == ["64.0", "-32.0", "320.0"]
    write_json([("x.png", answer)])
    (record,) = json_lines(capsys.readouterr().out)
    assert record["symmetric"] is True
    assert record["hypotheses"][0]["symmetric"] is True
    assert record["pixels"] == {"shift_x": 64.0, "shift_y": -32.0, "side": 320.0}


def test_colour_images_are_converted_with_one_note(command, small_model, tmp_path):
    for name in "abc":
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((9, 9, 3), (10, 90, 200), np.uint8))
    cv2.imwrite(str(tmp_path / "gray.png"), np.full((9, 9), 90, np.uint8))
    for form in ((), ("--json",), ("--csv",)):
        ran = command("classify", tmp_path, "--model", small_model, *form)
        assert ran.code == 0
        assert ran.err.count("colour images were converted") == 1
    ran = command("classify", tmp_path / "gray.png", "--model", small_model, "--csv")
    assert "colour" not in ran.err


def test_unknown_objects_are_called_unknown(capsys):
    answer = recognition(Hypothesis("cup", Pose(azimuth=12.0), 9.0), unknown=True)
    answers = [("x.png", answer), ("y.png", Failure("y.png", "is broken"))]
    write_table(answers)
    assert "unknown (nearest: cup)" in capsys.readouterr().out
    write_csv(answers)
    assert "x.png,cup,0.6,9.0,true,12.0" in capsys.readouterr().out
    write_json(answers)
    known, failed = json_lines(capsys.readouterr().out)
    assert known["unknown"] is True
    assert failed == {"file": "y.png", "error": "is broken"}


def test_evaluate_writes_figures_and_report(command, photos, small_model, tmp_path):
    out = tmp_path / "report"
    ran = command("evaluate", photos, "--model", small_model, "--out", out, "--resamples", 50)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[-1] == f"report: {out / 'report.html'}"
    stored = json.loads((out / "evaluation.json").read_text())
    assert f"{stored['error_rate']:.1%}" in ran.out
    assert "azimuth, median error" in ran.out
    assert "16 of 2 objects" in ran.out
    assert stored["bootstrap"]["resamples"] == 50
    assert stored["provenance"]["command"].startswith(f"objrec evaluate {photos} --model ")
    assert "</html>" in (out / "report.html").read_text()


def test_evaluate_overwrites_only_by_force_and_only_its_own_files(
    command, photos, small_model, tmp_path
):
    words = ("evaluate", photos, "--model", small_model, "--out", tmp_path, "--resamples", 10)
    (tmp_path / "mine.txt").write_text("mine")
    assert command(*words).code == 0
    refused = command(*words)
    assert refused.code == 2
    assert refused.err == (
        f"objrec: {tmp_path / 'evaluation.json'}: exists; add --force to overwrite it\n"
    )
    forced = command(*words, "--force", "--exclude-pose", "box,cross")
    assert forced.code == 0
    assert "azimuth" not in forced.out
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_classification_of_a_file_equals_evaluation_of_the_sample(
    command, photos, small_model, tmp_path
):
    words = ("evaluate", photos, "--model", small_model, "--out", tmp_path, "--resamples", 10)
    assert command(*words).code == 0
    evaluated = json.loads((tmp_path / "evaluation.json").read_text())["predictions"]
    ran = command("classify", photos / "test", "--model", small_model, "--json")
    classified = {record["file"]: record for record in json_lines(ran.out)}
    assert len(evaluated) == len(classified) == 16
    for row in evaluated:
        record = classified[row["file"]]
        assert record["category"] == row["predicted"]
        assert record["energy"] == pytest.approx(row["energy"], abs=1e-4)
        assert record["pose"] == pytest.approx(row["pose"], abs=1e-2)


def test_data_info(command, photos):
    ran = command("data", "info", photos)
    assert (ran.code, ran.err) == (0, "")
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert "split train: 48 samples, one camera, gray, 32 x 32" in lines
    assert "box 3 24 8" in lines
    assert "azimuth 100% 8, 0 to 315°" in lines
    as_json = json.loads(command("data", "info", photos, "--json").out)
    assert [split["images"] for split in as_json["splits"]] == [48, 16]


def test_data_info_names_what_it_could_not_read(command, broken):
    ran = command("data", "info", broken.parent, "--check")
    assert ran.code == 0
    assert f"objrec: {broken / 'b.png'}: is not an image" in ran.err
    assert "no pose labels" in ran.out


def test_data_convert_makes_a_set_of_the_same_images(command, photos, small_model, tmp_path):
    out = tmp_path / "samples"
    words = ("--to", "folder", "--split", "test", "--count", 4)
    ran = command("data", "convert", photos, out, *words)
    assert (ran.code, ran.out) == (0, f"4 images: {out}\n")
    rows = list(csv.DictReader((out / "labels.csv").open()))
    assert list(rows[0]) == ["file", "category", "instance", "azimuth"]
    assert [row["category"] for row in rows] == ["box", "box", "cross", "cross"]
    words = ("--model", small_model, "--json")
    exported = json_lines(command("classify", *(out / row["file"] for row in rows), *words).out)
    original = json_lines(command("classify", f"{photos}@test:0,5,10,15", *words).out)
    assert [r["energies"] for r in exported] == [r["energies"] for r in original]


def test_data_convert_does_not_write_into_a_set(command, photos):
    ran = command("data", "convert", photos, photos / "test", "--to", "folder")
    assert ran.code == 2
    assert "lies in" in ran.err or "inside" in ran.err


def test_make_toys_makes_a_set_that_trains(command, tmp_path):
    pytest.importorskip("embreex")
    small = ["--train-instances", 1, "--test-instances", 1, "--azimuth-step", 180]
    small += ["--elevations", 1, "--categories", "cup,car", "--samples", 1, "--size", 16]
    ran = command("data", "make-toys", tmp_path / "toys", *small)
    assert (ran.code, ran.out) == (0, f"set: {tmp_path / 'toys'}\n")
    info = command("data", "info", tmp_path / "toys").out
    assert "2 cameras" in info
    again = command("data", "make-toys", tmp_path / "toys", *small)
    assert again.code == 2


def test_mirror_averages_the_energies_of_the_mirror_image(command):
    ran = command("classify", f"{TOYS}@test:0", "--mirror", "--json")
    (record,) = json_lines(ran.out)
    plain = Recognizer.load(device="cpu")
    image = open_dataset(TOYS, split="test")[0]
    wanted = plain.mirroring().recognize(image).energies
    assert record["energies"] == pytest.approx(wanted, abs=1e-3)
    assert record["energies"] != pytest.approx(plain.recognize(image).energies, abs=1e-3)
