"""A recogniser whose answers are searched answers like one that holds them all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from objrec import Recognizer, open_dataset
from objrec.energy import search
from objrec.errors import SettingsError
from objrec.pose import PoseSpace

FINE = PoseSpace({"azimuth": tuple(range(0, 360, 10)), "elevation": tuple(range(30, 71, 5))})


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer.load(device="cpu")


@pytest.fixture(scope="module")
def images() -> list:
    dataset = open_dataset(Path(__file__).parents[2] / "data/toys", "test")
    return [dataset[i] for i in range(0, len(dataset), 81)]


@pytest.mark.parametrize("method", ["exhaustive", "coarse-to-fine"])
@pytest.mark.parametrize("space", [None, FINE], ids=["own", "finer"])
def test_answers_are_those_of_all_energies(recognizer, images, method, space):
    searching = recognizer.searching(space, method, 64_000_000)
    wanted = (recognizer.searching(space) if space else recognizer).recognize_many(images)
    for own, other in zip(searching.recognize_many(images), wanted, strict=True):
        assert own.category == other.category
        assert own.energy == pytest.approx(other.energy, abs=1e-4)
        assert own.pose.to_dict() == pytest.approx(other.pose.to_dict(), abs=0.05)
        assert (own.unknown, own.source) == (other.unknown, other.source)
        assert min(own.energies, key=own.energies.get) == own.category
        tolerance = 1e-4 if method == "exhaustive" else 1.0
        assert own.energies == pytest.approx(other.energies, abs=tolerance)


def test_a_model_that_does_not_fit_is_searched_without_being_asked(monkeypatch, images):
    from objrec.energy.search import choice

    held = Recognizer.load(device="cpu")
    monkeypatch.setattr(choice, "fits", lambda model, memory: False)
    recognizer = Recognizer.load(device="cpu")
    answer = recognizer.recognize(images[0])
    assert answer.category == held.recognize(images[0]).category
    for question in (
        lambda: recognizer.energies(images[0]),
        lambda: recognizer.together(images[:2]),
        lambda: recognizer.mirroring(),
    ):
        with pytest.raises(SettingsError, match="6 categories x 162 poses are searched, not held"):
            question()


def test_the_method_and_the_memory_are_checked(recognizer):
    with pytest.raises(SettingsError, match="no method 'fast'; choose auto"):
        recognizer.searching(method="fast")
    with pytest.raises(SettingsError, match="too few poses; give more"):
        recognizer.searching(FINE, "coarse-to-fine", 1000)
    assert search.MEMORY == 2 << 30


def test_searching_changes_nothing_of_the_recognizer(recognizer, images):
    before = recognizer.recognize(images[0])
    state = torch.random.get_rng_state()
    recognizer.searching(FINE, "coarse-to-fine").recognize(images[0])
    assert recognizer.recognize(images[0]) == before
    assert torch.equal(torch.random.get_rng_state(), state)
