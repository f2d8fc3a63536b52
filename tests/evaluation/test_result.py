import dataclasses
import json
import math

import pytest

from objrec.errors import DataError
from objrec.evaluation import Evaluation


def row(file):
    texts = {"file": file, "object": "a/1", "category": "a", "predicted": "a"}
    numbers = {"energy": 0.1234567891, "probability": 1.0, "energy_true": None}
    poses = {"pose": {}, "pose_true": {}, "pose_given": {}}
    return texts | numbers | poses | {"unknown": None, "cell": None, "tile": None}


@pytest.fixture
def small():
    return Evaluation(
        model={"name": None, "kind": "cnn", "parameters": 1, "axes": []},
        data={"name": "ü", "split": "test", "images": 2, "objects": 2, "categories": ["a"]},
        categories=["a", "b"],
        error_rate=1 / 3,
        error_rate_ci=[0.0, math.nan],
        chance_error=0.5,
        bootstrap={"resamples": 1, "seed": 0, "level": 0.95, "over": "objects"},
        per_category={},
        per_object=[],
        confusion=[[2, 0], [0, 0]],
        pose={},
        pose_excluded=[],
        pose_given={},
        both_right=None,
        by_factor={},
        viewpoint=None,
        worst_views=[],
        unknown_rate=None,
        images_per_second=10.0,
        images_per_second_recognition=20.0,
        hardware={},
        provenance={},
        notes=[],
        predictions=[row(f"{i}.png") for i in range(9)],
        failures=[],
    )


@pytest.fixture
def stored(small, tmp_path):
    """Write the evaluation with some keys changed (None: removed) and return the path."""

    def write(**changes):
        values = small.to_dict()
        for key, value in changes.items():
            values.pop(key, None) if value is None else values.update({key: value})
        path = tmp_path / "evaluation.json"
        path.write_text(json.dumps(values))
        return path

    return write


def test_the_version_comes_first_and_numbers_are_plain(small):
    values = small.to_dict()
    assert next(iter(values)) == "format_version"
    assert values["error_rate"] == 0.333333
    assert values["error_rate_ci"] == [0.0, None]
    assert values["predictions"][0]["energy"] == 0.123457
    assert set(values) == {f.name for f in dataclasses.fields(Evaluation)}


def test_saving_and_loading_keeps_everything(small, tmp_path):
    path = tmp_path / "new" / "evaluation.json"
    small.save(path)
    assert Evaluation.load(path).to_dict() == small.to_dict()
    assert [p.name for p in path.parent.iterdir()] == ["evaluation.json"]


def test_the_file_is_laid_out_for_people(small, tmp_path):
    small.save(tmp_path / "e.json")
    lines = (tmp_path / "e.json").read_text(encoding="utf-8").splitlines()
    assert any(line.startswith('    {"file": "3.png", "object": "a/1", ') for line in lines)
    assert any('"name": "ü"' in line for line in lines)


def test_broken_file_names_survive(small, tmp_path):
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    changed = dataclasses.replace(small, predictions=[row(name)])
    changed.save(tmp_path / "e.json")
    assert Evaluation.load(tmp_path / "e.json").predictions[0]["file"] == name


def test_a_place_that_cannot_be_written_is_one_line(small, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        small.save(tmp_path / "file" / "evaluation.json")


def test_a_file_from_elsewhere_is_refused(tmp_path, stored):
    with pytest.raises(DataError, match="cannot be read"):
        Evaluation.load(tmp_path / "none.json")
    path = tmp_path / "broken.json"
    path.write_text("{")
    with pytest.raises(DataError, match=r"broken\.json: not valid JSON"):
        Evaluation.load(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="not valid JSON"):
        Evaluation.load(path)
    path.write_text("[1]")
    with pytest.raises(DataError, match="not an evaluation"):
        Evaluation.load(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 99}, "evaluation format 99 is not 2"),
        ({"confusion": None}, "missing key confusion"),
        ({"extra": 1}, "unknown key extra"),
        ({"error_rate": "low"}, "error_rate: it must be a number; evaluate again"),
        ({"error_rate": True}, "error_rate: it must be a number"),
        ({"error_rate": 1.5}, "error_rate: it must be at most 1"),
        ({"images_per_second": 10**400}, "images_per_second: it must be a number"),
        ({"viewpoint": 3}, "viewpoint: it must be an object"),
        ({"viewpoint": {"azimuth": [0, "left"]}}, r"viewpoint: azimuth\[1\] must be a number"),
        ({"predictions": {}}, "predictions: it must be a list"),
        ({"predictions": [{"file": "a"}]}, r"predictions: \[0\].object is missing"),
        ({"predictions": [row("a") | {"pose": {"azimuth": "x"}}]}, r"\[0\].pose.azimuth must be a"),
        ({"per_category": {"a": {"errors": 0.5}}}, "per_category: a.errors must be a whole number"),
    ],
)
def test_loading_is_strict(stored, changes, message):
    with pytest.raises(DataError, match=message):
        Evaluation.load(stored(**changes))


def test_a_file_from_before_a_key_was_added_is_read(small, tmp_path):
    values = small.to_dict()
    assert values.pop("together") is None
    assert Evaluation.from_dict(values).to_dict() == small.to_dict()


def test_whole_numbers_are_numbers_too(stored):
    assert Evaluation.load(stored(error_rate=0)).error_rate == 0
