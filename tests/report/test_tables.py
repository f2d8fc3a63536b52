import pytest

from objrec.report import tables
from objrec.report.words import SPACE


def test_confusions_come_commonest_first_with_their_cell(make_evaluation):
    evaluation = make_evaluation()
    rows = tables.confusions(evaluation)
    counts = [int(row["detail"].split()[0]) for row in rows]
    matrix = evaluation.confusion
    wrong = [matrix[i][j] for i in range(3) for j in range(3) if i != j and matrix[i][j]]
    assert counts == sorted(wrong, reverse=True)
    i, j = map(int, rows[0]["key"].split(","))
    assert rows[0]["text"] == f"{evaluation.categories[i]} taken for {evaluation.categories[j]}"
    assert matrix[i][j] == counts[0]


def test_weak_views_are_put_in_words(make_evaluation):
    evaluation = make_evaluation()
    row, line = evaluation.worst_views[0], tables.worst_views(evaluation)[0]
    assert line["text"].startswith(f"{row['category']}, azimuth ")
    assert f"seen as {row['seen_as']}: " in line["detail"]
    assert f"{row['errors']} of {row['count']} images of 4 objects, 95" in line["detail"]
    category, low, high = line["key"].split(",")
    assert evaluation.categories[int(category)] == row["category"]
    assert [float(low), float(high)] == row["azimuth"]


def test_the_pose_given_the_category_and_of_the_answer_are_both_there(make_evaluation):
    rows = tables.pose_rows(make_evaluation())
    assert [(row["axis"], row["on"]) for row in rows] == [
        ("azimuth", "given the true category"),
        ("", "… after the best offset per category"),
        ("", "of the answer, right category only"),
        ("", "… after the best offset per category"),
        ("", "of the answer, all images"),
        ("", "… after the best offset per category"),
    ]
    assert rows[0]["median"].endswith("°") and rows[0]["mean_ci"] == "1.0 to 9.0"


def test_axes_without_degrees_keep_their_unit(make_evaluation):
    figures = {
        "count": 5,
        "unit": "log ratio",
        "median_error": 0.0123,
        "mean_error": 0.02,
        "mean_error_ci": [0.01, 0.03],
    }
    evaluation = make_evaluation(pose_given={"scale": figures}, pose={})
    (row,) = tables.pose_rows(evaluation)
    assert (row["median"], row["mean_ci"]) == ("0.0123 log ratio", "0.01 to 0.03")
    assert row["acc10"] == "–" and row["opposite"] == ""


def test_category_and_pose_both_right(make_evaluation):
    evaluation = make_evaluation()
    names = [name for name, _, _ in tables.both_rows(evaluation)]
    assert names == ["within 10°", "within 30°", "within 30°, after the best offset per category"]
    assert tables.both_rows(make_evaluation(axes=())) == []


def test_scores_of_unknown_objects(everything, make_evaluation):
    rows = tables.score_rows(everything)
    assert [row["auroc"] for row in rows] == ["0.912", "0.912"]
    assert rows[0]["auroc_ci"] == "0.890 to 0.930"
    assert tables.score_rows(make_evaluation()) == []


def test_several_images_together(everything, make_evaluation):
    first, _, last = tables.together_rows(everything)
    assert (first["model"], first["how"]) == ("toy-model", "relative poses known")
    assert [share.replace(SPACE, " ") for share, _ in first["cells"]] == [
        "12.0 %",
        "6.0 %",
        "2.0 %",
    ]
    assert last["cells"][0][1].replace(SPACE, " ") == "7.0 to 20.0 %"
    assert tables.together_rows(make_evaluation()) == []


@pytest.mark.parametrize(("error", "top"), [(0.0, 0.1), (1.0, 1.0)])
def test_bars_share_one_scale(make_evaluation, error, top):
    assert tables.bar_top(make_evaluation(error=error)) == top


def test_it_says_how_it_was_measured(make_evaluation):
    facts = dict(tables.facts(make_evaluation(pose_excluded=["cup"])))
    assert facts["command"] == "objrec evaluate toys"
    assert facts["intervals"].replace(SPACE, " ").startswith("95 %, percentile bootstrap over")
    assert "seed 7" in facts["intervals"]
    assert facts["not in pose figures"] == "cup" and facts["cpu"] == "a processor"
