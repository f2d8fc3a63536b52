import json

from objrec.report.pictures import read_pictures
from objrec.report.rows import axes_of, folder_of, script_rows


def test_every_image_is_a_row_wrong_ones_first(everything, tmp_path):
    text = script_rows(everything, read_pictures(everything.images, tmp_path, 10**7))
    data = json.loads(text)
    count = len(data["rows"])
    assert count == len(everything.predictions) == data["images"]
    wrong = [row[2] != row[3] for row in data["rows"]]
    assert wrong == sorted(wrong, reverse=True)
    assert sorted(row[11] for row in data["rows"]) == list(range(count))


def test_a_row_says_what_the_prediction_said(everything, tmp_path):
    text = script_rows(everything, read_pictures(everything.images, tmp_path, 10**7))
    data = json.loads(text)
    row = data["rows"][0]
    source = everything.predictions[row[11]]
    assert data["folder"] + row[0] == source["file"]
    assert data["objects"][row[1]] == source["object"]
    assert data["categories"][row[2]] == source["category"]
    assert data["categories"][row[3]] == source["predicted"]
    assert data["axes"] == [["azimuth", "°"], ["elevation", "°"]]
    assert row[7] == [source["pose_true"]["azimuth"], source["pose_true"]["elevation"]]
    assert row[9] == source["cell"] and row[10][0] == source["tile"] // 16


def test_nothing_in_it_ends_the_script_element(make_evaluation, tmp_path):
    evaluation = make_evaluation(categories=("</script><b>", "a&b", "<!--"))
    text = script_rows(evaluation, read_pictures(None, tmp_path, 0))
    assert not set("<>&") & set(text)
    assert json.loads(text)["categories"] == ["</script><b>", "a&b", "<!--"]


def test_the_common_folder_ends_at_a_slash(make_evaluation):
    assert folder_of(make_evaluation(source="set/views/im{}.png")) == "set/views/"
    assert folder_of(make_evaluation(source="im{}.png")) == ""


def test_axes_are_those_labelled_or_answered(make_evaluation):
    assert axes_of(make_evaluation(axes=("azimuth", "roll"))) == ["azimuth", "elevation", "roll"]
    assert axes_of(make_evaluation(axes=(), labelled=False)) == []
