import base64
import re

import pytest

from objrec.report.pictures import read_pictures

FACTS = {"sheets": ["images/a.webp", "images/b.webp"], "side": 8, "columns": 4, "rows": 2}


@pytest.fixture
def facts(tmp_path):
    (tmp_path / "images").mkdir()
    for name in "ab":
        (tmp_path / f"images/{name}.webp").write_bytes(b"RIFF0000WEBP" + name.encode())
    return FACTS | {"count": 13}  # 8 on the first sheet, 5 in two rows of the second


def test_a_tile_is_found_on_its_sheet(facts, tmp_path):
    pictures = read_pictures(facts, tmp_path, 10**6)
    assert pictures.place(0) == (0, 0.0, 0.0)
    assert pictures.place(7) == (0, 100.0, 100.0)
    assert pictures.place(9) == (1, 33.333, 0.0)
    assert pictures.place(12) == (1, 0.0, 100.0)
    assert pictures.place(None) is None and pictures.note == ""


def test_the_last_row_alone_is_at_the_top(facts, tmp_path):
    assert read_pictures(facts | {"count": 9}, tmp_path, 10**6).place(8) == (1, 0.0, 0.0)


def test_each_sheet_is_in_the_page_once(facts, tmp_path):
    css = read_pictures(facts, tmp_path, 10**6).css
    found = re.findall(r"\.sheet-(\d).*?base64,([^)]*)\)", css)
    assert [(n, base64.b64decode(data)) for n, data in found] == [
        ("0", b"RIFF0000WEBPa"),
        ("1", b"RIFF0000WEBPb"),
    ]
    assert css.count("background-size: 400% auto") == 2


def test_what_does_not_fit_is_left_out_from_the_end(facts, tmp_path):
    pictures = read_pictures(facts, tmp_path, 150)
    assert pictures.place(0) and pictures.place(9) is None
    assert "as many pictures as it may" in pictures.note


def test_a_missing_sheet_is_said(facts, tmp_path):
    (tmp_path / "images/a.webp").unlink()
    pictures = read_pictures(facts, tmp_path, 10**6)
    assert pictures.place(0) is None and pictures.place(9)
    assert "1 of 2 files of pictures are missing" in pictures.note


@pytest.mark.parametrize("name", ["../secret.webp", "images/text.webp", "images", "\0"])
def test_nothing_but_pictures_of_the_folder_is_read(facts, tmp_path, name):
    (tmp_path / "secret.webp").write_bytes(b"RIFF0000WEBPsecret")
    (tmp_path / "images/text.webp").write_text("no picture")
    (tmp_path / "out").mkdir()
    (tmp_path / "images").rename(tmp_path / "out/images")
    pictures = read_pictures(facts | {"sheets": [name]}, tmp_path / "out", 10**6)
    assert pictures.css == "" and "missing" in pictures.note


def test_no_pictures_are_no_complaint(tmp_path):
    pictures = read_pictures(None, tmp_path, 10**6)
    assert (pictures.css, pictures.note, pictures.place(3)) == ("", "", None)
