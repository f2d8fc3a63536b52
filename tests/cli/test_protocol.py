import json

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
        ("protocol latent-pose {out}/none --out {out}", "no such folder"),
    ],
)
def test_mistakes_are_one_line(command, photos, tmp_path, words, expected):
    ran = command(*words.format(photos=photos, out=tmp_path / "out").split())
    assert ran.code == 2 and ran.out == "" and len(ran.err.splitlines()) == 1
    assert expected in ran.err
