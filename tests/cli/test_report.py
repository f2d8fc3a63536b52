"""``objrec report``: the page again, from evaluation.json alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from objrec.evaluation.result import Evaluation


@pytest.fixture
def measured(tmp_path) -> Path:
    """An evaluation.json of two images and nothing that is optional."""
    row = {
        **{"file": "a.png", "object": "cup/0", "category": "cup", "predicted": "car"},
        **{"probability": 0.9, "energy": 1.0, "energy_true": 2.0, "unknown": None},
        **{"pose": {}, "pose_true": {}, "pose_given": {}, "cell": None, "tile": None},
    }
    error = {"error_rate": 0.5, "error_rate_ci": [0.0, 1.0], "errors": 1, "count": 2}
    evaluation = Evaluation(
        model={"name": "toy", "kind": "cnn", "parameters": None, "axes": []},
        data={"name": "s", "split": None, "images": 2, "objects": 2, "categories": ["cup"]},
        categories=["cup", "car"],
        error_rate=0.5,
        error_rate_ci=[0.0, 1.0],
        chance_error=0.5,
        bootstrap={"resamples": 9, "seed": 0, "level": 0.95, "over": "images"},
        per_category={"cup": {**error, "objects": 2, "seen_as": "car"}},
        **{name: [] for name in ("per_object", "pose_excluded", "worst_views", "notes")},
        confusion=[[1, 1], [0, 0]],
        **{name: {} for name in ("pose", "pose_given", "by_factor", "hardware", "provenance")},
        **{name: None for name in ("both_right", "viewpoint", "unknown_rate")},
        images_per_second=1.0,
        images_per_second_recognition=2.0,
        predictions=[row, row | {"predicted": "cup", "file": "b.png"}],
        failures=[],
    )
    evaluation.save(tmp_path / "evaluation.json")
    return tmp_path / "evaluation.json"


def test_the_page_is_drawn_beside_the_evaluation(command, measured):
    done = command("report", measured)
    assert (done.code, done.out) == (0, f"report: {measured.parent / 'report.html'}\n")
    assert "toy on s" in (measured.parent / "report.html").read_text(encoding="utf-8")


def test_or_wherever_it_is_wanted(command, measured, tmp_path):
    done = command("report", measured, "--out", tmp_path / "new" / "page.html")
    assert done.code == 0 and (tmp_path / "new" / "page.html").is_file()


def test_a_page_that_exists_is_kept_unless_forced(command, measured):
    (measured.parent / "report.html").write_text("mine")
    done = command("report", measured)
    assert done.code == 2 and "exists; add --force" in done.err
    assert (measured.parent / "report.html").read_text() == "mine"
    assert command("report", measured, "--force").code == 0


def test_what_is_no_evaluation_is_refused_in_one_line(command, measured):
    assert "cannot be read" in command("report", measured.parent / "missing.json").err
    values = json.loads(measured.read_text())
    measured.write_text(json.dumps(values | {"format_version": 1}))
    done = command("report", measured)
    assert done.code == 2 and "evaluation format 1 is not 2" in done.err
    measured.write_text(json.dumps(values | {"per_category": {"cup": {}}}))
    done = command("report", measured)
    assert done.code == 2 and done.err.count("\n") == 1
    assert f"{measured}: per_category: cup.errors is missing; evaluate again" in done.err
    measured.write_text(json.dumps(values | {"categories": []}))  # of the right type, but not these
    done = command("report", measured)
    assert done.code == 2 and done.err.count("\n") == 1
    assert f"{measured}: a value is damaged" in done.err
