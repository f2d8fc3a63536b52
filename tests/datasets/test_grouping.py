"""Which rows of labels.csv are one sample, and in which order its cameras are."""

import itertools
import random

import numpy as np
import pytest

from objrec.datasets.grouping import group_cameras, natural
from objrec.datasets.labels import read_labels
from objrec.errors import DataError
from objrec.pose import INDEX


def grouped(folder, *lines):
    path = folder / "labels.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return group_cameras(read_labels(path))


def names(result):
    return [[file.name for file in group.files] for group in result.groups]


def failures(result):
    return [(split, str(failure).rpartition("/")[2]) for split, failure in result.failures]


def test_rows_of_equal_pair_are_one_sample(tmp_path):
    result = grouped(
        tmp_path,
        "file,category,pair",
        *("b,cup,7", "c,jug,007", "a,cup,7", "d,jug,007", "e,cup,x y 🍎", "f,cup,x y 🍎"),
    )
    assert names(result) == [["b", "a"], ["c", "d"], ["e", "f"]], "rows in their own order"
    assert (result.cameras, result.failures) == (2, ())
    assert [group.label.category for group in result.groups] == ["cup", "jug", "cup"]
    assert [group.label.texts["pair"] for group in result.groups] == ["7", "007", "x y 🍎"]


def test_cameras_are_in_natural_order(tmp_path):
    head = "file,category,pair,camera"
    cameras = ["cam10", "Cam2", "cam1"]
    for order in itertools.permutations(cameras):
        result = grouped(tmp_path, head, *(f"{c},cup,1,{c}" for c in order))
        assert names(result) == [["cam1", "Cam2", "cam10"]]
        result = grouped(tmp_path, "file,category,camera", *(f"{c},cup,{c}" for c in order))
        assert names(result) == [["cam1", "Cam2", "cam10"]]


def test_natural_order():
    words = ["", "1", "2", "10", "a", "A2", "a10", "a10b", "b", "é"]
    shuffled = random.Random(0).sample(words, len(words))
    assert sorted(shuffled, key=natural) == words
    assert sorted(["²", "x", "1"], key=natural)[0] == "1", "a digit that is no number"


def test_without_pair_rows_that_agree_in_all_else_are_one_sample(tmp_path):
    rows = [
        f"{category}{instance}{azimuth}{lamp}{camera},{category},{instance},{azimuth},{lamp},{camera}"
        for category, instance, azimuth, lamp, camera in itertools.product(
            ("cup", "jug"), ("1", ""), ("0", "90", ""), ("on", ""), ("left", "right")
        )
    ]
    random.Random(0).shuffle(rows)
    result = grouped(tmp_path, "file,category,instance,azimuth,lamp,camera", *rows)
    assert (result.cameras, len(result.groups), result.failures) == (2, 24, ())
    for left, right in names(result):
        assert left.replace("left", "right") == right
    first_rows = [min(row.line for row in group.rows) for group in result.groups]
    assert first_rows == sorted(first_rows)


def test_equal_poses_may_be_written_differently(tmp_path):
    result = grouped(
        tmp_path, "file,category,azimuth,camera", "a,cup,10,0", "b,cup,370.0,1", "c,cup,1e1,2"
    )
    assert names(result) == [["a", "b", "c"]]


def test_splits_are_not_mixed(tmp_path):
    head = "file,category,split,pair,camera"
    rows = ("a,cup,train,1,0", "b,cup,test,1,0", "c,cup,train,1,1", "d,cup,test,1,1")
    assert names(grouped(tmp_path, head, *rows)) == [["a", "c"], ["b", "d"]]
    head, rows = head.replace("pair", "x"), [row.replace(",1,", ",,") for row in rows]
    assert names(grouped(tmp_path, head, *rows)) == [["a", "c"], ["b", "d"]]


@pytest.mark.parametrize(
    "rows",
    [
        ("a,cup,1,0,A", "b,cup,1,90,B", "c,cup,2,,A"),
        ("a,cup,1,0,A", "b,cup,1,0,A", "c,cup,1,0,A"),
        ("a,cup,,,A", "b,cup,,,A", "c,jug,,,B"),
        ("a,cup,1,0,A", "b,cup,1,0,B", "c,cup,1,10,A", "d,cup,1,20,B"),
        ("a,cup,1,0,", "b,cup,1,0,", "c,cup,1,0,A"),
    ],
    ids=["poses", "one_phone", "categories", "twice_by_chance", "mostly_not_known"],
)
def test_a_note_of_which_phone_it_was_is_no_camera_pair(tmp_path, rows):
    result = grouped(tmp_path, "file,category,instance,azimuth,camera", *rows)
    assert names(result) == [[row[0]] for row in rows]
    assert (result.cameras, result.failures) == (1, ())


def test_most_samples_say_how_many_cameras_there_are(tmp_path):
    result = grouped(
        tmp_path,
        "file,category,split,pair",
        *("a,cup,train,1", "b,cup,train,1", "c,cup,train,2", "d,cup,train,2"),
        *("e,jug,test,3", "f,jug,test,", "g,jug,test,4", "h,jug,test,4", "i,jug,test,4"),
    )
    assert names(result) == [["a", "b"], ["c", "d"]]
    assert failures(result) == [
        ("test", "e: labels.csv:6: has 1 of 2 cameras; add the rows of the others, or remove it"),
        ("test", "f: labels.csv:7: has 1 of 2 cameras; add the rows of the others, or remove it"),
        (
            "test",
            "i: labels.csv:8, 9, 10: has 3 cameras, while most samples have 2; "
            "remove the surplus rows",
        ),
    ]
    assert result.failures[2][1].source == "+".join(str(tmp_path / name) for name in "ghi")


def test_an_incomplete_sample_without_pair(tmp_path):
    rows = ("a,cup,0,L", "b,cup,0,R", "c,cup,9,L", "d,cup,8,", "e,cup,7,R", "f,cup,7,L")
    result = grouped(tmp_path, "file,category,azimuth,camera", *rows)
    assert names(result) == [["a", "b"], ["f", "e"]]
    assert [text.split(": has")[0] for _, text in failures(result)] == [
        "c: labels.csv:4", "d: labels.csv:5"
    ]  # fmt: skip


def test_a_pair_knows_what_either_row_knows(tmp_path):
    result = grouped(
        tmp_path,
        "file,category,instance,azimuth,elevation,scale,lamp,pair,camera",
        "a,cup,,350,,2,,1,left",
        "b,cup,red,-10.0,5,,on,1,right",
    )
    (group,) = result.groups
    assert (group.label.texts["instance"], group.label.texts["lamp"]) == ("red", "on")
    wanted = {"azimuth": 350, "elevation": 5, "scale": np.log(2)}
    for axis, value in wanted.items():
        assert group.label.pose[INDEX[axis]] == value
    assert np.isnan(group.label.pose[INDEX["roll"]])


HEAD = "file,category,instance,azimuth,scale,lamp,camera,pair"


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("cup,1,0,,,,", "jug,1,0,,,,", r"csv:3: category 'jug' is not 'cup' as on line 2, of the"),
        ("cup,1,0,,,,", "cup,01,0,,,,", r"csv:3: instance '01' is not '1' as on line 2, of the sa"),
        ("cup,1,0,,,,", "cup,1,90,,,,", r"csv:3: azimuth '90' is not '0' as on line 2, of the sam"),
        ("cup,1,0,2,,,", "cup,1,,3,,,", r"csv:3: scale '3' is not '2' as on line 2, of the same"),
        ("cup,1,,,a,,", "cup,1,,,b,,", r"csv:3: lamp 'b' is not 'a' .* pair '7 8'; correct one of"),
        ("cup,1,,,,L,", "cup,1,,,,L,", r"csv:3: camera 'L' is already on line 2 of pair '7 8'; na"),
        ("cup,1,,,,L,", "cup,1,,,,,", r"csv:3: of line 2 and this one, both of pair '7 8', only"),
        ("cup,1,,,,,", "cup,1,,,,L,", r"csv:3: of line 2 and this one, both of pair '7 8', only"),
    ],
)  # fmt: skip
def test_contradictions_name_both_lines(tmp_path, first, second, message):
    with pytest.raises(DataError, match=message) as error:
        grouped(tmp_path, HEAD, f"a,{first}7 8", f"b,{second}7 8")
    assert str(error.value).startswith(f"{tmp_path}/labels.csv:3")


def test_a_third_row_is_compared_with_all_that_is_known(tmp_path):
    rows = ("a,cup,,0,,,,7", "b,cup,1,,,,,7", "c,cup,2,,,,,7")
    with pytest.raises(DataError, match=r"csv:4: instance '2' is not '1' as on line 3, of the"):
        grouped(tmp_path, HEAD, *rows)


def test_one_camera_twice_needs_a_pair(tmp_path):
    rows = ("a,cup,L", "b,cup,R", "c,cup,R", "d,cup,L")
    message = (
        r"labels\.csv:4: differs only in its file from line 3, which is of the same camera 'R'; "
        "add a column 'pair' that says which images belong together, or rename the column 'camera'"
    )
    with pytest.raises(DataError, match=message):
        grouped(tmp_path, "file,category,camera", *rows)
    pairs = [f"{row},{pair}" for row, pair in zip(rows, "1122", strict=True)]
    assert names(grouped(tmp_path, "file,category,camera,pair", *pairs)) == [["a", "b"], ["d", "c"]]


def test_against_a_slow_plain_twin(tmp_path):
    """Any table of pairs: every row is in one sample or one failure, grouped by equal pair."""
    draw = random.Random(1)
    for _ in range(20):
        pairs = [draw.choice(["", "1", "2", "3"]) for _ in range(draw.randint(1, 9))]
        rows = [f"{i},cup,{pair}" for i, pair in enumerate(pairs)]
        result = grouped(tmp_path, "file,category,pair", *rows)
        plain = {}
        for i, pair in enumerate(pairs):
            plain.setdefault(pair or f"alone{i}", []).append(str(i))
        sizes = [len(group) for group in plain.values()]
        most = max(sorted(set(sizes), reverse=True), key=sizes.count)
        assert result.cameras == most
        assert names(result) == [group for group in plain.values() if len(group) == most]
        assert len(result.failures) == sum(size != most for size in sizes)
