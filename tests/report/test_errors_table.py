import csv

import pytest

from objrec.errors import DataError
from objrec.report import write_errors


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_failure_is_a_row_most_wrong_first(everything, tmp_path):
    write_errors(everything, tmp_path / "new" / "errors.csv")
    rows = rows_of(tmp_path / "new" / "errors.csv")
    wrong = [r for r in everything.predictions if r["category"] != r["predicted"]]
    wrong.sort(key=lambda r: r["energy"] - r["energy_true"])
    assert [r["file"] for r in rows] == [*(r["file"] for r in wrong), "broken.png"]
    first, source = rows[0], wrong[0]
    assert first["predicted"] == source["predicted"] != first["category"]
    assert float(first["excess"]) == pytest.approx(source["energy_true"] - source["energy"])
    assert float(first["true_azimuth"]) == source["pose_true"]["azimuth"]
    assert float(first["answered_azimuth"]) == source["pose"]["azimuth"]
    assert rows[-1]["problem"] == "not an image; remove it"


def test_what_is_not_known_stays_empty(make_evaluation, tmp_path):
    evaluation = make_evaluation(axes=(), labelled=False)
    for row in evaluation.predictions:
        row["energy_true"] = None
    write_errors(evaluation, tmp_path / "errors.csv")
    (row, *_) = rows_of(tmp_path / "errors.csv")
    assert row["excess"] == row["unknown"] == "" and "true_azimuth" not in row


def test_names_of_any_kind_are_kept_or_marked(make_evaluation, tmp_path):
    broken = b"caf\xe9".decode("utf-8", "surrogateescape")
    write_errors(make_evaluation(source='a,"b"\n' + broken + "{}"), tmp_path / "errors.csv")
    assert rows_of(tmp_path / "errors.csv")[0]["file"].startswith('a,"b"\ncaf?')


def test_a_place_that_cannot_be_written_is_one_line(make_evaluation, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        write_errors(make_evaluation(), tmp_path / "file" / "errors.csv")
