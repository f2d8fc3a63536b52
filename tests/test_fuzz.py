"""A few broken inputs for every reader; `python scripts/fuzz.py` gives them thousands."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings

READERS = ("norb", "images", "labels", "descriptions", "models", "checkpoints", "results")


@pytest.mark.parametrize("reader", READERS)
def test_broken_input_is_refused_in_one_line(script, reader):
    complaints = script("fuzzing.case").complaints

    @settings(
        max_examples=15,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(script(f"fuzzing.{reader}").CASES)
    def run(case):
        assert complaints(case) == []

    run()


def test_every_reader_of_the_script_is_tried_here(script):
    assert script("fuzz").READERS == READERS


def test_a_complaint_names_what_went_wrong(script, monkeypatch):
    """The harness itself: a bug, a message without the file's name, and a stray file are seen."""
    case = script("fuzzing.case")
    wanted = case.Case(("data", "info", "{}/gone"), named=("gone",), good=False)
    assert case.complaints(wanted) == []
    assert "names none of" in case.complaints(case.Case(wanted.words, named=("other",)))[0]

    def broken(words):
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(case, "main", broken)
    assert case.complaints(wanted)[0].startswith("raised ZeroDivisionError: boom")

    def littering(words):
        from pathlib import Path

        Path(words[-1]).parent.parent.joinpath("stray").write_text("")
        return 0

    monkeypatch.setattr(case, "main", littering)
    assert "wrote outside its folder: stray" in case.complaints(case.Case(wanted.words))
