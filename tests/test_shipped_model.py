"""The shipped model: what it is, and that it answers as it did when it was trained."""

import json
from pathlib import Path

import pytest

from objrec import Recognizer, open_dataset
from objrec.saving import shipped_model

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "golden" / "toys.json"


@pytest.fixture(scope="module")
def recognizer():
    return Recognizer.load(device="cpu")


def test_it_is_small_calibrated_and_knows_the_sample_set(recognizer):
    size = sum(file.stat().st_size for file in shipped_model().iterdir())
    assert size < 5_000_000
    assert recognizer.categories == open_dataset(ROOT / "data/toys").categories
    assert recognizer.calibration is not None


def test_golden_answers(recognizer):
    """Written by ``python scripts/golden_answers.py`` when the model was trained."""
    toys = open_dataset(ROOT / "data/toys", split="test")
    for golden in json.loads(GOLDEN.read_text()):
        answer = recognizer.recognize(toys[golden["index"]])
        assert answer.category == golden["category"]
        assert answer.pose.to_dict() == pytest.approx(golden["pose"], abs=0.5)
        assert answer.energies == pytest.approx(golden["energies"], abs=2e-3)


def test_most_unseen_toys_are_recognised_at_about_their_pose(recognizer):
    toys = open_dataset(ROOT / "data/toys", split="test")
    toys = toys.subset(range(0, len(toys), 9))
    answers = list(recognizer.recognize_many(toys))
    right = [a.category == s.category for a, s in zip(answers, toys, strict=True)]
    azimuth = [
        abs((a.pose.azimuth - s.pose[0] + 180) % 360 - 180)
        for a, s in zip(answers, toys, strict=True)
    ]
    assert sum(right) / len(right) > 0.85
    assert sum(error <= 30 for error in azimuth) / len(azimuth) > 0.75
