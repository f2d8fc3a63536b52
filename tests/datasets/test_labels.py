"""labels.csv: what each cell becomes, and the sentence for each mistake."""

import csv
import io
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from objrec.datasets.frame import AxisNote, PoseFrame
from objrec.datasets.labels import find_labels, read_labels, split_names
from objrec.errors import DataError
from objrec.pose import AXES, Pose

RADIANS = PoseFrame({axis: AxisNote(unit="rad") for axis in ("azimuth", "elevation", "roll")})


def table(folder, text, encoding="utf-8", frame=None):
    path = folder / "labels.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return read_labels(path, frame)


def rows(*arguments, **options):
    return table(*arguments, **options).rows


def test_every_column_finds_its_place(tmp_path):
    first, second = rows(
        tmp_path,
        "file,category,instance,azimuth,elevation,roll,scale,shift_x,shift_y,Lighting\n"
        "a/1.png,cup,red one,370,-10,190,2,0.1,-0.2,lamp\n"
        "a/2.png,cup,,,,,,,,\n",
    )
    assert (first.file, second.file) == (tmp_path / "a/1.png", tmp_path / "a/2.png")
    assert (first.line, second.line) == (2, 3)
    assert first.category == second.category == "cup"
    assert first.texts == {"instance": "red one", "lighting": "lamp"}
    assert second.texts == {"instance": "", "lighting": ""}
    wanted = {"azimuth": 10, "elevation": -10, "roll": -170, "scale": 2, "shift_x": 0.1}
    assert np.allclose(first.pose, Pose(**wanted, shift_y=-0.2).to_vector())
    assert first.pose[AXES.index("scale")] == pytest.approx(math.log(2))
    assert np.isnan(second.pose).all()


def test_splits_cameras_and_pairs(tmp_path):
    first, second = rows(
        tmp_path, "split,pair,camera,file,category\nTraining,7,left,a,cup\nVALID,,,b,cup\n"
    )
    assert (first.split, second.split) == ("train", "val")
    assert first.texts == {"instance": "", "camera": "left", "pair": "7"}
    assert second.texts == {"instance": "", "camera": "", "pair": ""}
    assert split_names(tmp_path / "labels.csv") == ("train", "val")
    (alone,) = rows(tmp_path, "file,category\na,cup\n")
    assert (alone.split, alone.texts) == ("", {"instance": ""})
    assert split_names(tmp_path / "labels.csv") == ()


@pytest.mark.parametrize(
    "text", ["007", "1.0", "NA", "nan", "None", "TRUE", "1e5", "-", "🍎", "'x'"]
)
def test_categories_and_instances_stay_text(tmp_path, text):
    (row,) = rows(tmp_path, f"file,category,instance,lamp\n{text},{text},{text},{text}\n")
    assert (row.file.name, row.category) == (text, text)
    assert row.texts == {"instance": text, "lamp": text}


@pytest.mark.parametrize(
    ("written", "stored"),
    [("0", 0), ("360", 0), ("-30", 330), ("725.5", 5.5), ("-1e-20", 0), ("1e1", 10), (" 90 ", 90),
     ("\N{MINUS SIGN}30", 330), ("+15", 15)],
)  # fmt: skip
def test_any_azimuth_is_wrapped(tmp_path, written, stored):
    (row,) = rows(tmp_path, f"file,category,azimuth\na.png,cup,{written}\n")
    assert row.pose[0] == stored
    assert 0 <= row.pose[0] < 360


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_how_the_table_was_saved_does_not_matter(tmp_path, encoding, end, separator):
    lines = [
        "",
        "Category, File ,INSTANCE,azimuth",
        "Tässchen 🍵,b.png,1,12.5",
        "",
        ",,,",
        "Teller,c.png,2,",
    ]
    text = end.join(lines).replace(",", separator)
    cup, plate = rows(tmp_path, text, encoding)
    assert (cup.category, plate.category) == ("Tässchen 🍵", "Teller")
    assert (cup.texts["instance"], plate.texts["instance"]) == ("1", "2")
    assert (cup.pose[0], cup.line, plate.line) == (12.5, 3, 6)


def test_big_endian_excel_text(tmp_path):
    data = b"\xfe\xff" + "file\tcategory\r\na\tTässchen\r\n".encode("utf-16-be")
    assert rows(tmp_path, data)[0].category == "Tässchen"


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize(("text", "value"), [("12,5", 12.5), ("-0,5", 359.5), ("12.5", 12.5)])
def test_a_decimal_comma_where_commas_do_not_separate(tmp_path, separator, text, value):
    lines = [("file", "category", "azimuth", "weight"), ("a", "cup", text, text)]
    (row,) = rows(tmp_path, "\n".join(separator.join(line) for line in lines))
    assert row.pose[0] == value
    assert row.texts["weight"] == text, "what is no pose stays as it was written"


def test_which_separator_it_is_depends_on_the_header_with_its_quotes(tmp_path):
    text = 'file;category;"note, or more, or even more";"x;y"\na;cup;dim, blue;z\n'
    (row,) = rows(tmp_path, text)
    assert row.texts == {"instance": "", "note, or more, or even more": "dim, blue", "x;y": "z"}
    (row,) = rows(tmp_path, 'file,category,"a;b;c;d;e",f\na,cup,1;2,3\n')
    assert row.texts == {"instance": "", "a;b;c;d;e": "1;2", "f": "3"}


def test_quoted_cells_may_hold_anything(tmp_path):
    text = (
        'file,category,note\na\\b.png,007,"dim, blue"\n'
        'c.png, "tea, cup", "two\nlines"\nd.png,cup,"a ""good"" one"\ne.png,cup,3" pipe\n'
    )
    found = rows(tmp_path, text)
    assert found[0].file == tmp_path / "a" / "b.png"
    assert [row.category for row in found] == ["007", "tea, cup", "cup", "cup"]
    assert [row.texts["note"] for row in found] == [
        "dim, blue", "two\nlines", 'a "good" one', '3" pipe'
    ]  # fmt: skip
    assert [row.line for row in found] == [2, 3, 5, 6], "a row is named by its first line"


def test_columns_that_a_spreadsheet_left_empty_do_not_matter(tmp_path):
    (row,) = rows(tmp_path, "file;category;;\na;cup;;;;\n")
    assert row.texts == {"instance": ""}
    with pytest.raises(DataError, match=r"labels\.csv:2: has 4 cells, the first line 2; leave"):
        rows(tmp_path, "file;category;;\na;cup;x;\n")


def test_files_elsewhere_in_the_set(tmp_path):
    (tmp_path / "train").mkdir()
    text = f"file,category\n../x.png,cup\n{tmp_path}/y.png,cup\n./z.png,cup\nz/../a..b.png,cup\n"
    (tmp_path / "train" / "labels.csv").write_text(text)
    found = read_labels(tmp_path / "train" / "labels.csv", root=tmp_path).rows
    wanted = ["x.png", "y.png", "train/z.png", "train/a..b.png"]
    assert [str(row.file) for row in found] == [f"{tmp_path}/{name}" for name in wanted]


@pytest.mark.parametrize(
    "name",
    ["../x.png", "a/../../x.png", "..", "/etc/hostname", "//x.png", "..\\x.png", "{set}/../x.png",
     "link/../../x.png", "{set}2/x.png", "/"],
)  # fmt: skip
def test_files_outside_the_set_are_refused_with_their_line(tmp_path, name):
    (tmp_path / "set" / "deep").mkdir(parents=True)
    (tmp_path / "set" / "link").symlink_to("deep")
    name = name.format(set=tmp_path / "set")
    with pytest.raises(
        DataError, match=r"labels\.csv:3: .* lies outside the set .*; move the file"
    ):
        rows(tmp_path / "set", f"file,category\na.png,cup\n{name},cup\n")


def test_a_link_is_never_gone_up_from_where_it_leads(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "store" / "deep").mkdir(parents=True)
    (tmp_path / "set" / "link").symlink_to(tmp_path / "store" / "deep")
    (row,) = rows(tmp_path / "set", "file,category\nlink/../secret.png,cup\n")
    assert row.file == tmp_path / "set" / "secret.png", "store/secret.png is none of the set's"


def test_a_set_that_is_reached_by_a_link_may_name_its_own_place(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "link").symlink_to("set")
    (row,) = rows(tmp_path / "link", f"file,category\n{tmp_path}/set/a.png,cup\n")
    assert row.file == tmp_path / "link" / "a.png"


@pytest.mark.parametrize(
    ("column", "size", "message"),
    [
        (
            "category",
            1001,
            r"labels\.csv:2: category: 'x{60}…' has 1,001 characters; shorten it to",
        ),
        ("file", 4097, r"labels\.csv:2: file: 'x{60}…' has 4,097 .* to at most 4,096"),
        ("note", 200_000, r"labels\.csv:2: a cell has more than 131,072 characters; correct the"),
    ],
)
def test_a_cell_is_no_essay(tmp_path, column, size, message):
    row = {"file": "a", "category": "b", "note": "c"}
    with pytest.raises(DataError, match=message):
        rows(tmp_path, "file,category,note\n" + ",".join((row | {column: "x" * size}).values()))
    (found,) = rows(tmp_path, "file,category,note\na,b," + "x" * 1000)
    assert len(found.texts["note"]) == 1000


CELLS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=8)
FILLED = CELLS.filter(str.strip)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(FILLED, FILLED, CELLS, CELLS), min_size=1, max_size=4),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_another_program_wrote_is_read_as_it_was(tmp_path_factory, cells, mark, coding, end):
    """Python's own writer of CSV is the other program; spaces round a cell are not kept."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=mark, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(("note", "category", "file", "instance"))
    for number, (category, note, instance, _) in enumerate(cells):
        writer.writerow((note, category, f"{number}.png", instance))
    found = rows(tmp_path_factory.mktemp("set"), text.getvalue(), coding)
    assert [(row.category, row.texts["note"], row.texts["instance"]) for row in found] == [
        tuple(cell.strip() for cell in line[:3]) for line in cells
    ]


@settings(max_examples=30, deadline=None)
@given(st.floats(-1e4, 1e4), st.floats(-90, 90), st.floats(0.01, 100))
def test_numbers_are_read_as_python_reads_them(tmp_path_factory, azimuth, elevation, scale):
    text = f"file,category,azimuth,elevation,scale\na,cup,{azimuth!r},{elevation!r},{scale!r}\n"
    (row,) = rows(tmp_path_factory.mktemp("set"), text)
    assert math.isclose(math.cos(math.radians(row.pose[0] - azimuth)), 1, abs_tol=1e-9)
    assert (row.pose[1], row.pose[3]) == (elevation, math.log(scale))


def test_radians_become_degrees(tmp_path):
    text = "file,category,azimuth,elevation,roll,scale\na,b,-1.5707963267948966,0.5,3.5,2\n"
    (row,) = rows(tmp_path, text, frame=RADIANS)
    assert row.pose[:3] == pytest.approx((270, math.degrees(0.5), math.degrees(3.5) - 360))
    assert row.pose[3] == math.log(2)
    (row,) = rows(tmp_path, "file,category,elevation\na,b,1.5708\n", frame=RADIANS)
    assert row.pose[1] == 90, "half a turn, rounded up, is no mistake"


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("x", r"labels\.csv:2: elevation 'x' is not a number; write radians or leave it empty"),
        ("1.6", r"labels\.csv:2: elevation 1\.6 is not between -1\.571 and 1\.571; write radians"),
        ("-30", r"labels\.csv:2: elevation -30 is not between -1\.571 and 1\.571; write radians"),
    ],
)
def test_messages_speak_the_unit_of_the_labels(tmp_path, cell, message):
    with pytest.raises(DataError, match=message):
        rows(tmp_path, f"file,category,elevation\na,b,{cell}\n", frame=RADIANS)


def test_the_name_of_the_file_in_any_case(tmp_path):
    assert find_labels(tmp_path) is None
    (tmp_path / "Labels.CSV").write_text("file,category\na,cup\n\nb,\n")
    path = find_labels(tmp_path)
    assert path == tmp_path / "Labels.CSV"
    with pytest.raises(DataError, match=r"/Labels\.CSV:4: category is empty; fill it in"):
        read_labels(path)
    (tmp_path / "labels.csv").touch()
    assert find_labels(tmp_path) == tmp_path / "labels.csv"


HEAD = "file,category,azimuth,elevation,scale,shift_x\n"
SPLIT = "file,category,split\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"labels\.csv: has no column 'file'; add it to the first line"),
        ("\n\n", r"labels\.csv: has no column 'file'; add it to the first line"),
        ("filename,category\n", r"labels\.csv: has no column 'file'; is it 'filename'\?"),
        ("file,categroy\n", r"labels\.csv: has no column 'category'; is it 'categroy'\?"),
        ("file,label\n", r"labels\.csv: has no column 'category'; add it to the first line"),
        ("file|category\n", r"labels\.csv: has a single column, 'file\|category'; separate colu"),
        ("file,category,file\n", r"labels\.csv: has two columns 'file'; remove or rename one"),
        ("file,category,hue,HUE\n", r"labels\.csv: has two columns 'hue'; remove or rename one"),
        ("file,category,,x\n", r"labels\.csv: column 3 has no name; name it in the first line"),
        ("file,category,azimut\n", r"labels\.csv: unknown column 'azimut'; did you mean 'azimuth'"),
        ("file,category,shift\n", r"unknown column 'shift'; did you mean 'shift_"),
        ("file,category,azimuth_deg\n", r"'azimuth_deg'; did you mean 'azimuth'\?; units are nam"),
        ('file,category,"Azimuth\n (rad)"\n', r"unknown column 'azimuth \(rad\)'; did you mean"),
        ("file,category,pair_id\n", r"unknown column 'pair_id'; did you mean 'pair'\?$"),
        ("file,category,cameras\n", r"unknown column 'cameras'; did you mean 'camera'\?$"),
        ("file,category,files\n", r"unknown column 'files'; did you mean 'file'\?$"),
        (HEAD, r"labels\.csv: lists no images; add one line for each image"),
        (HEAD + "a,b,abc,,,\n", r"labels\.csv:2: azimuth 'abc' is not a number; write degrees or"),
        (HEAD + "\na,b,1,2,3,\nc,b,1,x,,\n", r"labels\.csv:4: elevation 'x' is not a number; "),
        (HEAD + "a,b,nan,,,\n", r"labels\.csv:2: azimuth 'nan' is not a finite number; write"),
        (HEAD + "a,b,-inf,,,\n", r"labels\.csv:2: azimuth '-inf' is not a finite number; write"),
        (HEAD + "a,b,1_0,,,\n", r"labels\.csv:2: azimuth '1_0' is not a number; write degrees"),
        (HEAD + 'a,b,"1,5",,,\n', r"labels\.csv:2: azimuth '1,5' is not a number; write degrees"),
        (HEAD + "a,b,,91,,\n", r"labels\.csv:2: elevation 91 is not between -90 and 90; write"),
        (HEAD + "a,b,,,0,\n", r"labels\.csv:2: scale 0 is not positive; write a ratio or leave"),
        (HEAD + "a,b,,,-1,\n", r"labels\.csv:2: scale -1 is not positive; write a ratio"),
        (HEAD + "a,b,,,,12\n", r"labels\.csv:2: shift_x 12 is not between -1 and 1; divide by"),
        (HEAD + "a,b,1\n", r"labels\.csv:2: has 3 cells, the first line 6; leave unknown cells"),
        (HEAD + "a,b,1,2,3,0,7\n", r"has 7 cells, the first line 6; .* cells that hold commas$"),
        ("file;category\na;b;c\n", r"has 3 cells, the first line 2; .* cells that hold semicolons"),
        (HEAD + ",b,1,,,\n", r"labels\.csv:2: file is empty; fill it in or remove the line"),
        (HEAD + "a,,1,,,\n", r"labels\.csv:2: category is empty; fill it in or remove the line"),
        (HEAD + "a,b,,,,\n\na,b,,,,\n", r"labels\.csv:4: a is already on line 2; list each file"),
        (HEAD + 'a,"b"x,,,,\n', r"labels\.csv:2: text follows a closing quote; correct the quotes"),
        (HEAD + 'a,b,,,,\nc,"b,,,\nd\n\n', r"labels\.csv:3: a quote is opened and never closed; "),
        ('"file,category\na,b\n', r"labels\.csv:1: a quote is opened and never closed; correct"),
        (HEAD + 'a,b,"1\n2",,,\n', r"labels\.csv:2: azimuth '1 2' is not a number; write degrees"),
        (HEAD + f"a,b,{'x' * 999},,,\n", r"labels\.csv:2: azimuth 'x{60}…' is not a number; write"),
        (SPLIT + "a,b,train\nc,b,\n", r"labels\.csv:3: split is empty; write train, val or test"),
        (SPLIT + "a,b,tset\n", r"labels\.csv:2: split 'tset' is unknown; did you mean 'test'\?"),
        (SPLIT + "a,b,all\n", r"labels\.csv:2: split 'all' is unknown; "),
        (SPLIT + "a,b,7\n", r"labels\.csv:2: split '7' is unknown; write train, val or test"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as error:
        rows(tmp_path, text)
    assert str(error.value).startswith(str(tmp_path / "labels.csv"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "data",
    [
        "file,category\na.png,cup\r\nb.png,Tässchen\n".encode("latin-1"),
        b"file,category\na.png,cup\n" + "b.png,Tasse\n".encode("utf-16-le"),
        "file,category\na.png,cup\n".encode("utf-16-le"),
        b"\xff\xfefil",
    ],
)
def test_other_encodings_are_refused(tmp_path, data):
    with pytest.raises(DataError, match=r"labels\.csv.*: is not UTF-8 text; save it as 'CSV UTF-8"):
        rows(tmp_path, data)


def test_the_first_line_that_is_not_utf_8_is_named(tmp_path):
    with pytest.raises(DataError, match=r"labels\.csv:3: is not UTF-8 text"):
        rows(tmp_path, "file,category\ra.png,cup\r\nb.png,Tässchen\nc,ö".encode("latin-1"))


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match=r"labels\.csv: cannot be read \(Is a directory\); check"):
        (tmp_path / "labels.csv").mkdir()
        read_labels(tmp_path / "labels.csv")


@pytest.mark.parametrize(
    "name",
    ["position", "rotation", "illumination", "scene", "pose", "filter", "repair", "scroll",
     "camera_model", "file_size", "roll number", "grid"],
)  # fmt: skip
def test_ordinary_factor_names_are_not_taken_for_misspelt_columns(tmp_path, name):
    (row,) = rows(tmp_path, f"file,category,{name}\na.png,cup,x\n")
    assert row.texts[name] == "x"
