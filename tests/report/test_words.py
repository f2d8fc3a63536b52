import pytest

from objrec.report import words


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1234, "12.3 %"), (0, "0.0 %"), (1, "100.0 %"), (None, "–")],
)
def test_percent(value, text):
    assert words.percent(value).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(9999, "9999"), (24300, "24 300"), (1234567, "1 234 567")],
)
def test_count(value, text):
    assert words.count(value).replace("\N{NARROW NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.4321, "4.43"),
        (0.01234, "0.0123"),
        (329.4, "329"),
        (3294.4, "3294"),
        (0, "0"),
        (None, "–"),
    ],
)
def test_number(value, text):
    assert words.number(value) == text


@pytest.mark.parametrize(("value", "text"), [(2.6, "2.60"), (0.5, "0.500"), (123.4, "123")])
def test_energies_keep_their_zeros(value, text):
    assert words.energy(value) == text


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"value": 22.5}, "22.5"),
        ({"value": "day"}, "day"),
        ({"value": 5.0, "range": [0.0, 10.0]}, "0 to 10"),
    ],
)
def test_factor_values(row, text):
    assert words.factor_value(row) == text


def test_confusions_come_commonest_first_with_their_share(make_evaluation):
    evaluation = make_evaluation(categories=("a", "b"))
    lines = words.confusions(evaluation)
    counts = [int(line.split(": ")[1].split()[0]) for line in lines]
    assert counts == sorted(counts, reverse=True)
    assert counts == sorted((evaluation.confusion[0][1], evaluation.confusion[1][0]), reverse=True)


def test_weak_views_are_put_in_words(make_evaluation):
    evaluation = make_evaluation(elevations=(30.0, 40.0, 50.0))
    row, line = evaluation.worst_views[0], words.worst_views(evaluation)[0]
    assert line.startswith(f"{row['category']}, azimuth ")
    assert f"mostly seen as {row['seen_as']}" in line
    assert f"({row['errors']} of {row['count']} images of 4 objects)" in line


def test_pose_table_has_a_row_for_each_way_of_counting(make_evaluation):
    rows = words.pose_rows(make_evaluation())
    assert [(row["axis"], row["on"]) for row in rows] == [
        ("azimuth", "all images"),
        ("", "all, after the best offset per category"),
        ("", "right category only"),
        ("elevation", "all images"),
        ("", "right category only"),
    ]
    assert rows[0]["median"].endswith("°") and rows[3]["opposite"] == "–"
