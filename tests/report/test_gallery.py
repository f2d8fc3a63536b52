import base64
import io

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from objrec.evaluation.result import Evaluation
from objrec.report.gallery import FIRST, excess, gallery, pages, wrong_rows
from objrec.report.pictures import read_pictures


def pixels(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGB"))


@pytest.fixture
def items(everything, tmp_path):
    return gallery(everything, read_pictures(everything.images, tmp_path, 10**7))


def test_failures_come_most_wrong_first(everything, items):
    rows = everything.predictions
    wrong = [r for r in rows if r["category"] != r["predicted"]]
    assert len(items) == len(wrong)
    above = [rows[item["row"]]["energy_true"] - rows[item["row"]]["energy"] for item in items]
    assert above == sorted(above, reverse=True) and above[-1] > 0


def test_each_has_its_picture_energies_landscapes_and_maps(everything, items):
    item, row = items[0], everything.predictions[items[0]["row"]]
    assert item["picture"][0] == row["tile"] // 16
    assert [land["name"] for land in item["landscapes"]] == [row["category"], row["predicted"]]
    assert [part["name"] for part in item["maps"]] == ["image", row["category"], row["predicted"]]
    marks = {e["mark"]: e for e in item["energies"]}
    assert marks["answered"]["share"] == 0.0 and marks["true"]["name"] == row["category"]
    assert [e["energy"] for e in item["energies"]] == sorted(e["energy"] for e in item["energies"])


def test_landscapes_share_a_scale_and_stand_with_low_elevations_below(everything, items):
    details = everything.mistakes[0]
    row = everything.predictions[details["prediction"]]
    surfaces = [np.array(details["landscapes"][row[key]]) for key in ("category", "predicted")]
    low, high = min(s.min() for s in surfaces), max(s.max() for s in surfaces)
    for land, surface in zip(items[0]["landscapes"], surfaces, strict=True):
        wanted = colormaps["viridis"]((surface[::-1] - low) / (high - low), bytes=True)[..., :3]
        np.testing.assert_allclose(pixels(land["image"]).astype(int), wanted.astype(int), atol=1)


def test_maps_have_the_colours_they_are_given(items):
    assert pixels(items[0]["maps"][0]["image"]).tolist() == [[[16, 32, 48], [255] * 3]] * 2


def test_marks_lie_where_the_pose_is(items):
    land = items[0]["landscapes"][0]
    minimum, label = land["marks"]
    # 350 degrees is a ninth of a step before the middle of the first of four columns, at 0.
    assert minimum["left"] == pytest.approx(100 * (0.5 - 10 / 90) / 4, abs=0.1)
    assert minimum["top"] == 75.0  # the lower of two rows
    assert label["kind"] == "label" and [m["kind"] for m in items[0]["landscapes"][1]["marks"]] == [
        "minimum"
    ]


def test_a_label_is_not_marked_where_the_model_has_another_zero(everything, tmp_path):
    aligned = everything.pose_given["azimuth"]["aligned"]
    aligned["offsets"] = dict.fromkeys(everything.categories, 120.0)
    found = gallery(everything, read_pictures(everything.images, tmp_path, 10**7))
    kinds = {
        mark["kind"] for item in found for land in item["landscapes"] for mark in land["marks"]
    }
    assert kinds == {"minimum"}


def test_without_details_the_gallery_says_what_there_is(make_evaluation, tmp_path):
    evaluation = make_evaluation(kind="cnn", axes=())
    items = gallery(evaluation, read_pictures(None, tmp_path, 0))
    assert items and all(not i["landscapes"] and not i["energies"] for i in items)
    assert items[0]["picture"] is None and items[0]["pose"] == ""


def test_an_energy_that_is_not_known_comes_last(make_evaluation):
    evaluation = make_evaluation()
    first = wrong_rows(evaluation)[0]
    evaluation.predictions[first]["energy_true"] = None
    assert wrong_rows(evaluation)[-1] == first
    assert excess(evaluation.predictions[first]) is None


def test_the_true_category_is_among_the_energies_however_high(everything, tmp_path):
    details = everything.mistakes[0]
    row = everything.predictions[details["prediction"]]
    energies = {f"other {i}": 2.0 + i / 10 for i in range(20)} | {row["predicted"]: 1.5}
    details["energies"] = energies | {row["category"]: 9.0}
    (item, *_) = gallery(everything, read_pictures(None, tmp_path, 0))
    assert [e["mark"] for e in item["energies"]] == ["answered", *[""] * 5, "true"]


def test_pages_hold_all_but_the_first():
    items = [{"row": i} for i in range(100)]
    parts = pages(items)
    assert [item["row"] for _, part in parts for item in part] == list(range(FIRST, 100))
    assert parts[0][0] == FIRST + 1
    assert pages(items[:FIRST]) == []


def test_a_gallery_of_an_evaluation_without_predictions_is_empty(make_evaluation, tmp_path):
    evaluation = Evaluation(**(vars(make_evaluation()) | {"predictions": []}))
    assert gallery(evaluation, read_pictures(None, tmp_path, 0)) == []
