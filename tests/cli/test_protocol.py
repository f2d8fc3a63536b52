import json
import shutil

import pytest

SMALL = ("--epochs", "1", "--channels", "12", "--volume-channels", "4", "--device", "cpu")


def test_a_protocol_prints_its_rows_and_says_where_they_are(command, photos, tmp_path):
    out = tmp_path / "sparse"
    words = ["protocol", "sparse-azimuth", photos, "--out", out, "--step", 90]
    ran = command(*words, "--seeds", 0, 1, *SMALL)
    assert ran.code == 0, ran.err
    stored = json.loads((out / "protocol.json").read_text())
    assert [(r["model"], r["views"]) for r in stored["rows"]] == [
        ("energy", "familiar"),
        ("energy", "novel"),
        ("cnn", "familiar"),
        ("cnn", "novel"),
    ]
    assert all(row["seeds"] == [0, 1] for row in stored["rows"])
    assert stored["provenance"]["command"].startswith("objrec protocol sparse-azimuth")
    lines = ran.out.splitlines()
    assert lines[0].split()[:3] == ["model", "views", "error"] and len(lines) == 7
    assert lines[-1] == f"result: {out / 'protocol.json'}"
    assert "cnn, seed 1: epoch 1/1" in ran.err
    again = command(*words, "--seeds", 0, 1, *SMALL)
    assert again.code == 2 and "go on with --resume or start anew with --force" in again.err
    assert command(*words, "--seeds", 0, 1, *SMALL, "--resume").code == 0


def heads(text):
    return [word for word in text.splitlines()[0].split("  ") if word]


def test_tables_have_the_columns_that_are_filled(command, photos, tmp_path):
    few = ["protocol", "few-objects", photos, "--out", tmp_path / "few", "--objects", 1, 2]
    ran = command(*few, "--models", "cnn", *SMALL)
    assert ran.code == 0, ran.err
    assert [word.strip() for word in heads(ran.out)] == [
        *("model", "objects", "views", "error", "95 %")
    ]
    assert [line.split()[:3] for line in ran.out.splitlines()[2:4]] == [
        ["cnn", "1", "all"],
        ["cnn", "2", "all"],
    ]
    ran = command(
        *("protocol", "latent-pose", photos, "--out", tmp_path / "latent"),
        *("--models", "energy", *SMALL),
    )
    assert [word.strip() for word in heads(ran.out)][-3:] == [
        *("azimuth within 30°", "aligned", "median")
    ]
    [row] = json.loads((tmp_path / "latent" / "protocol.json").read_text())["rows"]
    azimuth = row["pose"]["azimuth"]
    shown = ran.out.splitlines()[2].split()[-2:]
    assert shown == [f"{azimuth['acc30_aligned']:.1%}", f"{azimuth['median_error_deg']:.1f}°"]


def test_leave_one_out_reads_no_test_split(command, photos, tmp_path):
    shutil.copytree(photos / "train", tmp_path / "set" / "train")
    words = ["protocol", "leave-one-out", tmp_path / "set", "--out", tmp_path / "out"]
    ran = command(*words, "--models", "cnn", "--folds", 2, *SMALL)
    assert ran.code == 0, ran.err
    assert len(ran.out.splitlines()) == 4 and "cnn, seed 0, fold 1: epoch 1/1" in ran.err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("protocol novel-elevation {photos} --out {out}", "have no elevation label; this protocol"),
        ("protocol sparse {photos} --out {out}", "'sparse' is not one of 'novel-azimuth'"),
        ("protocol latent-pose {photos} --out {out} --seeds 1 1", "--seeds: name at least one"),
        (
            "protocol latent-pose {photos} --out {out} --models tree",
            "--models: models 'tree' is",
        ),
        ("protocol sparse-azimuth {photos} --out {out} --step 45", "train has no novel view for"),
        ("protocol few-objects {photos} --out {out} --objects 4", "has 3 objects, fewer than 4"),
        ("protocol few-objects {photos} --out {out} --objects 1 1", "--objects: name at least"),
        ("protocol leave-one-out {photos} --out {out} --folds 4", "use at most 3 folds"),
        ("protocol unknown-category {photos} --out {out}", "fewer than two categories are left"),
        (
            "protocol unknown-category {photos} --out {out} --leave-out box,box",
            "--leave-out: name no category twice",
        ),
        ("protocol latent-pose {out}/none --out {out}", "no such folder"),
    ],
)
def test_mistakes_are_one_line(command, photos, tmp_path, words, expected):
    ran = command(*words.format(photos=photos, out=tmp_path / "out").split())
    assert ran.code == 2 and ran.out == "" and len(ran.err.splitlines()) == 1
    assert expected in ran.err
