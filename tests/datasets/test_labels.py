"""labels.csv: what each cell becomes, and the sentence for each mistake."""

import math

import numpy as np
import pytest

from objrec.datasets.labels import read_labels
from objrec.errors import DataError
from objrec.pose import AXES, Pose


def listed(folder, text, encoding="utf-8"):
    (folder / "labels.csv").write_bytes(text.encode(encoding))
    return read_labels(folder)


def test_every_column_finds_its_place(tmp_path):
    listing = listed(
        tmp_path,
        "file,category,instance,azimuth,elevation,roll,scale,shift_x,shift_y,Lighting\n"
        "a/1.png,cup,red one,370,-10,190,2,0.1,-0.2,lamp\n"
        "a/2.png,cup,,,,,,,,\n",
    )
    assert listing.files == (tmp_path / "a/1.png", tmp_path / "a/2.png")
    assert listing.categories == ("cup", "cup")
    assert listing.factors["instance"].tolist() == ["red one", ""]
    assert listing.factors["lighting"].tolist() == ["lamp", ""]
    wanted = {"azimuth": 10, "elevation": -10, "roll": -170, "scale": 2, "shift_x": 0.1}
    assert np.allclose(listing.poses[0], Pose(**wanted, shift_y=-0.2).to_vector())
    assert listing.poses[0][AXES.index("scale")] == pytest.approx(math.log(2))
    assert np.isnan(listing.poses[1]).all()


@pytest.mark.parametrize(
    ("written", "stored"),
    [("0", 0), ("360", 0), ("-30", 330), ("725.5", 5.5), ("-1e-20", 0), ("1e1", 10), (" 90 ", 90)],
)
def test_any_azimuth_is_wrapped(tmp_path, written, stored):
    listing = listed(tmp_path, f"file,category,azimuth\na.png,cup,{written}\n")
    assert listing.poses[0, 0] == stored
    assert 0 <= listing.poses[0, 0] < 360


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_byte_order_mark_and_line_ends_do_not_matter(tmp_path, encoding, end):
    text = end.join(["Category, File ,instance", "Tässchen,b.png,1", "", ",,", "Teller,c.png,2"])
    listing = listed(tmp_path, text, encoding)
    assert listing.categories == ("Tässchen", "Teller")
    assert listing.places == ("labels.csv:2", "labels.csv:5")


def test_quoted_cells_may_hold_commas_and_windows_paths_work(tmp_path):
    listing = listed(tmp_path, 'file,category,note\na\\b.png,007,"dim, blue"\n')
    assert listing.files == (tmp_path / "a" / "b.png",)
    assert listing.categories == ("007",)
    assert listing.factors["note"].tolist() == ["dim, blue"]


HEAD = "file,category,azimuth,elevation,scale,shift_x\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"labels\.csv: has no column 'file'; add it to the first line"),
        ("filename,category\n", r"labels\.csv: has no column 'file'; is it 'filename'\?"),
        ("file,categroy\n", r"labels\.csv: has no column 'category'; is it 'categroy'\?"),
        ("file,label\n", r"labels\.csv: has no column 'category'; add it to the first line"),
        ("file;category\n", r"labels\.csv: its columns are not separated by commas; save it with"),
        ("file,category,file\n", r"labels\.csv: has two columns 'file'; remove or rename one"),
        ("file,category,hue,HUE\n", r"labels\.csv: has two columns 'hue'; remove or rename one"),
        ("file,category,,x\n", r"labels\.csv: column 3 has no name; name it in the first line"),
        ("file,category,azimut\n", r"labels\.csv: unknown column 'azimut'; did you mean 'azimuth'"),
        ("file,category,shift\n", r"unknown column 'shift'; did you mean 'shift_"),
        (HEAD, r"labels\.csv: lists no images; add one line for each image"),
        (HEAD + "a,b,abc,,,\n", r"labels\.csv:2: azimuth 'abc' is not a number; write degrees or"),
        (HEAD + "\na,b,1,2,3,\nc,b,1,x,,\n", r"labels\.csv:4: elevation 'x' is not a number; "),
        (HEAD + "a,b,nan,,,\n", r"labels\.csv:2: azimuth 'nan' is not a finite number; write"),
        (HEAD + "a,b,-inf,,,\n", r"labels\.csv:2: azimuth '-inf' is not a finite number; write"),
        (HEAD + 'a,b,"1,5",,,\n', r"labels\.csv:2: azimuth '1,5' is not a number; write degrees"),
        (HEAD + "a,b,,91,,\n", r"labels\.csv:2: elevation 91 is not between -90 and 90; write"),
        (HEAD + "a,b,,,0,\n", r"labels\.csv:2: scale 0 is not positive; write a ratio or leave"),
        (HEAD + "a,b,,,-1,\n", r"labels\.csv:2: scale -1 is not positive; write a ratio"),
        (HEAD + "a,b,,,,12\n", r"labels\.csv:2: shift_x 12 is not between -1 and 1; divide by"),
        (HEAD + "a,b,1\n", r"labels\.csv:2: has 3 cells, the first line 6; leave unknown cells"),
        (HEAD + "a,b,1,2,3,0,7\n", r"labels\.csv:2: has 7 cells, the first line 6; leave"),
        (HEAD + ",b,1,,,\n", r"labels\.csv:2: file is empty; fill it in or remove the line"),
        (HEAD + "a,,1,,,\n", r"labels\.csv:2: category is empty; fill it in or remove the line"),
        (HEAD + "a,b,,,,\n\na,b,,,,\n", r"labels\.csv:4: a is already on line 2; list each file"),
        (HEAD + 'a,"b"x,,,,\n', r"labels\.csv:2: .*; correct the quotes"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as error:
        listed(tmp_path, text)
    assert str(error.value).startswith(str(tmp_path / "labels.csv"))
    assert "\n" not in str(error.value)


def test_other_encodings_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"labels\.csv: is not UTF-8 text; save it as 'CSV UTF-8'"):
        listed(tmp_path, "file,category\na.png,Tässchen\n", "latin-1")


@pytest.mark.parametrize("name", ["position", "rotation", "illumination", "split", "scene", "pose"])
def test_ordinary_factor_names_are_not_taken_for_misspelt_axes(tmp_path, name):
    assert name in listed(tmp_path, f"file,category,{name}\na.png,cup,x\n").factors
