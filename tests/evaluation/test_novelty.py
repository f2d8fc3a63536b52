"""Unknown objects: which images count, what a row says, and a trained model on real files."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from objrec import Recognizer
from objrec.datasets import open_dataset
from objrec.errors import DataError
from objrec.evaluation.metrics import Bootstrap
from objrec.evaluation.novelty import novelty
from objrec.evaluation.novelty_scores import auroc, energy_score, fpr_at_tpr, softmax_surprise
from objrec.evaluation.run import run
from objrec.preprocessing import Preprocessing
from objrec.saving import Calibration

CALIBRATION = Calibration(1.0, 30.0, 0.05, 0.1, 0, 6, "validation")


class Gray:
    """Its lowest energy is the gray value of an image; the category is its parity."""

    name, preprocessing = "gray", Preprocessing(size=8)

    def __init__(self, kind="energy", calibration=None, background=(), categories=("car", "cup")):
        self.kind, self.calibration, self.background = kind, calibration, background
        self.categories = categories

    def see(self, images):
        return [int(image.flatten()[0]) for image in images]

    def recognitions(self, seen, *, refine, hypotheses):
        assert (refine, hypotheses) == (False, 1)
        return [self.answer(gray) for gray in seen]

    def answer(self, gray):
        energies = dict(zip(self.categories, energies_of(gray), strict=True))
        unknown = None if self.calibration is None else gray > self.calibration.threshold
        return SimpleNamespace(energies=energies, unknown=unknown)


def energies_of(gray):
    return (gray, gray + 1.5) if gray % 2 else (gray + 1.0, gray)


@pytest.fixture
def strangers(fake_set):
    """Images 0, 2, … 58 of six objects of two categories that nobody knows."""
    objects = [f"{category}/{i}" for category in ("dog", "fox") for i in range(3)]
    return fake_set(objects, categories=("dog", "fox"), grays=list(range(0, 60, 2)))


def known_run(recognizer, grays=range(40), background=0):
    """What `run` would return of images of these gray values, the last of them background."""
    grays = np.array(grays)
    labels = np.arange(len(grays)) % 2
    labels[len(grays) - background :] = 2
    return SimpleNamespace(
        outcomes=SimpleNamespace(labels=labels, objects=labels * 10 + np.arange(len(grays)) // 10),
        energies=np.array([energies_of(gray) for gray in grays]),
        answers=[recognizer.answer(gray) for gray in grays],
    )


def test_figures_are_those_of_the_scores(strangers):
    recognizer = Gray(calibration=CALIBRATION)
    found = novelty(recognizer, known_run(recognizer), strangers, Bootstrap(100))
    assert (found.notes, found.failures) == ([], [])
    figures = found.figures
    assert figures["data"] == {
        "name": "toys", "split": "test", "images": 30, "categories": ["dog", "fox"],
    }  # fmt: skip
    assert (figures["known_images"], figures["unknown_images"]) == (40, 30)
    (row,) = figures["scores"]
    known, unknown = np.arange(40.0), np.arange(0, 60.0, 2)
    assert (row["model"], row["kind"], row["score"]) == ("gray", "energy", "lowest energy")
    assert row["auroc"] == auroc(known, unknown)
    assert row["fpr95"] == fpr_at_tpr(known, unknown)
    assert row["auroc_ci"][0] < row["auroc"] < row["auroc_ci"][1]
    assert row["fpr95_ci"][0] <= row["fpr95"] <= row["fpr95_ci"][1]
    histogram = figures["histogram"]
    assert (len(histogram["edges"]), histogram["edges"][0], histogram["edges"][-1]) == (31, 0, 58)
    assert (sum(histogram["known"]), sum(histogram["unknown"])) == (40, 30)
    assert figures["threshold"] == 30.0
    assert figures["false_alarm_rate"] == 9 / 40
    assert figures["detection_rate"] == 14 / 30
    low, high = figures["detection_rate_ci"]
    assert low < 14 / 30 < high
    assert figures["threshold_from"] == (
        "objects of a validation split (6 objects), of whose images 5.0 % lie above it"
    )


def test_without_calibration_nothing_is_called_unknown(strangers):
    figures = novelty(Gray(), known_run(Gray()), strangers, Bootstrap(10)).figures
    for name in ("threshold", "false_alarm_rate", "detection_rate", "detection_rate_ci"):
        assert figures[name] is None
    assert figures["threshold_from"] == "not calibrated: nothing is called unknown"


def test_a_classifier_has_the_scores_of_its_field_and_a_row_each(strangers):
    main, other = Gray(), Gray("cnn")
    others = [("the cnn", other, known_run(other, range(0, 80, 2)))]
    figures = novelty(main, known_run(main), strangers, Bootstrap(10), others).figures
    rows = [(row["model"], row["kind"], row["score"]) for row in figures["scores"]]
    assert rows == [
        ("gray", "energy", "lowest energy"),
        ("the cnn", "cnn", "maximum softmax"),
        ("the cnn", "cnn", "energy score"),
    ]
    known = np.array([energies_of(gray) for gray in range(0, 80, 2)])
    unknown = np.array([energies_of(gray) for gray in range(0, 60, 2)])
    for row, score in zip(figures["scores"][1:], (softmax_surprise, energy_score), strict=True):
        assert row["auroc"] == pytest.approx(auroc(score(known), score(unknown)))


def test_images_of_known_categories_are_left_out_with_a_note(fake_set):
    objects = ("dog/1", "car/1", "boat/1", "sky/1")
    mixed = fake_set(objects, categories=("dog", "car", "boat", "sky"), grays=list(range(20)))
    mixed.background = ("sky",)
    main, other = Gray(), Gray(categories=("dog", "fox"))
    others = [("other", other, known_run(other))]
    found = novelty(main, known_run(main), mixed, Bootstrap(10), others)
    assert found.figures["unknown_images"] == 5
    assert found.figures["data"]["categories"] == ["boat"]
    assert found.notes == [
        "15 images of toys are of categories that a model knows, or of background, and were left "
        "out of the unknown objects: dog, car, sky."
    ]


def test_a_set_of_known_things_is_refused(fake_set):
    with pytest.raises(DataError, match=r"some/toys: shows nothing unknown: .* car, cup; name a"):
        novelty(Gray(), known_run(Gray()), fake_set(), Bootstrap(10))


def test_the_cameras_must_be_those_of_the_model(strangers):
    strangers.cameras = 2
    with pytest.raises(DataError, match="some/toys: "):
        novelty(Gray(), known_run(Gray()), strangers, Bootstrap(10))


def test_background_is_neither_known_nor_a_score(strangers):
    recognizer = Gray(calibration=CALIBRATION, background=("sky",))
    done = known_run(recognizer, background=4)
    figures = novelty(recognizer, done, strangers, Bootstrap(10)).figures
    assert figures["known_images"] == 36
    assert figures["false_alarm_rate"] == 5 / 36
    assert figures["scores"][0]["auroc"] == auroc(np.arange(36.0), np.arange(0, 60.0, 2))
    assert figures["threshold_from"].endswith("; the energy of background (sky)")
    with pytest.raises(DataError, match="background only; evaluate images of known objects"):
        novelty(recognizer, known_run(recognizer, background=40), strangers, Bootstrap(10))


def test_unreadable_images_are_failures_and_the_rest_goes_on(fake_set):
    objects = [f"dog/{i}" for i in range(4)]
    broken = fake_set(objects, categories=("dog",), broken=(0, 7))
    done, ticks = known_run(Gray()), []
    others = [("other", Gray("cnn"), done)]
    found = novelty(
        Gray(), done, broken, Bootstrap(10), others, on_progress=lambda *at: ticks.append(at)
    )
    assert [failure.source for failure in found.failures] == ["0.png", "7.png"]
    assert found.figures["unknown_images"] == 18
    assert (ticks[0][1], ticks[-1]) == (40, (40, 40))
    with pytest.raises(DataError, match=r"none of 20 images could be read; the first is 0\.png"):
        novelty(
            Gray(), done, fake_set(objects, categories=("dog",), broken=range(20)), Bootstrap(10)
        )


def test_chunks_do_not_change_what_is_measured(strangers, monkeypatch):
    whole = novelty(Gray(), known_run(Gray()), strangers, Bootstrap(10))
    monkeypatch.setattr("objrec.evaluation.novelty._CHUNK", 7)
    assert novelty(Gray(), known_run(Gray()), strangers, Bootstrap(10), batch_size=3) == whole


def test_a_trained_model_on_files(photos, small_model, tmp_path):
    rng = np.random.default_rng(0)
    for i in range(6):
        (tmp_path / "noise").mkdir(exist_ok=True)
        noise = rng.integers(0, 256, (32, 32), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "noise" / f"{i}.png"), noise)
    (tmp_path / "more").mkdir()
    (tmp_path / "noise" / "5.png").rename(tmp_path / "more" / "5.png")
    recognizer = Recognizer.load(small_model, device="cpu")
    known, unknown = open_dataset(photos, "test"), open_dataset(tmp_path)
    done = run(recognizer, known)
    figures = novelty(recognizer, done, unknown, Bootstrap(20)).figures
    lowest = [
        np.array([min(a.energies.values()) for a in recognizer.recognize_many(part)])
        for part in (known, unknown)
    ]
    assert figures["scores"][0]["auroc"] == pytest.approx(auroc(*lowest))
    assert (figures["known_images"], figures["unknown_images"]) == (16, 6)
