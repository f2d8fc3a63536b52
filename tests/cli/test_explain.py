"""``objrec explain`` end to end, on a small model."""

import cv2
import pytest

from objrec import Recognizer


def test_a_file_becomes_a_page_and_a_table(command, photos, small_model, tmp_path):
    image = sorted((photos / "test").glob("*.png"))[2]
    out = tmp_path / "new" / "page.html"
    ran = command("explain", image, "--model", small_model, "--out", out, "--hypotheses", 2)
    assert (ran.code, ran.err) == (0, "")
    answer = Recognizer.load(small_model).recognize(image, hypotheses=2)
    head, _, first, second, last = ran.out.splitlines()
    assert head.split()[:5] == ["file", "category", "probability", "energy", "azimuth"]
    assert first.startswith(str(image)) and f"{answer.energy:.3f}" in first
    assert answer.hypotheses[1].category in second
    assert last == f"explanation: {out}"
    page = out.read_text(encoding="utf-8")
    assert page.count('class="fit"') == 2 and str(image) in page


def test_a_sample_of_a_set_becomes_a_picture_with_its_truth(command, photos, small_model, tmp_path):
    out = tmp_path / "picture.png"
    ran = command("explain", f"{photos}@test:3", "--model", small_model, "--out", out)
    assert (ran.code, ran.err) == (0, "")
    assert "box, 135°" in ran.out
    assert cv2.imread(str(out)) is not None


@pytest.mark.parametrize("suffix", ["html", "png"])
def test_an_output_is_overwritten_by_force_only(command, photos, small_model, tmp_path, suffix):
    out = tmp_path / f"it.{suffix}"
    out.write_text("old")
    words = ["explain", f"{photos}@test:3", "--model", small_model, "--out", out]
    ran = command(*words)
    assert ran.code == 2 and ran.err == f"objrec: {out}: exists; add --force to overwrite it\n"
    assert out.read_text() == "old"
    assert command(*words, "--force").code == 0
    assert out.stat().st_size > 1000


def test_the_verb_is_listed_and_explains_itself(command):
    assert "explain" in command("--help").out
    assert "SET@SPLIT" not in command("explain", "--help").err
    assert "--out FILE" in command("explain", "--help").out


def test_a_classifier_is_refused_in_one_line(command, photos, tmp_path):
    model, out = tmp_path / "cnn", tmp_path / "it.html"
    words = ["--epochs", 1, "--baseline", "cnn", "--device", "cpu"]
    assert command("train", photos, "--out", model, *words).code == 0
    ran = command("explain", f"{photos}@test:3", "--model", model, "--out", out)
    assert ran.code == 2 and not out.exists()
    assert ran.err.startswith("objrec: cnn: is a classifier (cnn), which has no energy landscape")
    assert ran.err.count("\n") == 1
