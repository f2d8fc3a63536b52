"""Odd but good sets through the whole chain: info, train, classify, evaluate, convert and back."""

from __future__ import annotations

import csv
import json
import os
import shutil
import unicodedata
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from objrec.cli.main import main
from objrec.datasets import open_dataset, open_splits

NAMES = (
    *("007", "7", "nan", "None", "1e5", "true", "tea, cup", 'a "good" one', "it's", "🍵"),
    *(
        "Cup",
        "cup",
        "a/b",
        "..",
        "con",
        "AUX.png",
        "<script>alert(1)</script>",
        "&amp;",
        "two\nlines",
    ),
    *("caf\u00e9", "cafe\u0301", "=1+1", "[red]x[/red]", "x" * 255, "\u202eesrever", "{{ 7*7 }}"),
)
SUFFIXES = (".png", ".PNG", ".Jpg", ".BMP")
TINY = ("--epochs", "1", "--batch-size", "16", "--azimuth-step", "90", "--elevation-step", "30")
TINY += ("--image-side", "16", "--features", "small", "--device", "cpu")


def picture(path: Path, seed: int, side: int = 16) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side), np.uint8)
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())


def ran(*words: object) -> None:
    assert main([str(word) for word in words]) == 0


@pytest.fixture(scope="module")
def odd(tmp_path_factory) -> Path:
    """Every name of `NAMES` as a category of three objects; poses on some images only."""
    root = (
        tmp_path_factory.mktemp("odd") / "mein Satz é 🍵, 'x' & \"y\"" / ("d" * 200) / ("e" * 200)
    )
    rows = []
    for label, name in enumerate(NAMES):
        for number in range(3):
            stem = f"{'n' * 240 if label == 3 else 'x'}{number}"
            file = f"Bild {label:02d} ü/{stem}{SUFFIXES[label % 4]}"
            picture(root / file, 3 * label + number)
            azimuth = 40 * number if label % 2 else ""
            split = "test" if number == 2 else "train"
            rows.append((file, name, f"{name} {number}", split, azimuth))
    with (root / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "category", "instance", "split", "azimuth"), *rows])
    return root


@pytest.fixture(scope="module")
def model(odd, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "Modell 🍵 mit Raum"
    ran("train", odd, "--out", folder, *TINY)
    return folder


def content(root: Path) -> dict[str, str]:
    """Return path → bytes' hash, or the kind of what is no file, of all below a folder."""
    return {
        str(path.relative_to(root)): str(hash(path.read_bytes()) if path.is_file() else "folder")
        for path in root.rglob("*")
    }


def samples(root: Path) -> Counter[tuple]:
    """Return what a set holds, whatever its files are called."""
    return Counter(
        (part.split, s.category, s.factors["instance"], s.images.tobytes(), s.pose.tobytes())
        for part in open_splits(root)
        for s in part
    )


def test_names_stay_what_they_are(odd, command):
    told = command("data", "info", odd, "--json")
    listed = json.loads(told.out)["splits"][0]["categories"]
    assert {category["name"] for category in listed} == set(NAMES)
    shown = command("data", "info", odd)
    assert (shown.code, shown.err) == (0, "")
    assert "two\\nlines" in shown.out
    assert "\\u202eesrever" in shown.out
    assert "[red]x[/red]" in shown.out
    checked = command("data", "check", odd)
    assert checked.code in (0, 1)
    assert "\u202e" not in checked.out + checked.err


def test_a_model_answers_with_these_names_and_writes_nothing_beside_its_input(
    odd, model, command, tmp_path
):
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    assert set(config["categories"]) == set(NAMES)
    before = content(odd), content(model)
    told = command("classify", f"{odd}@test", "--model", model, "--json", "--device", "cpu")
    answers = [json.loads(line) for line in told.out.splitlines()]
    assert len(answers) == len(NAMES)
    assert {answer["truth"]["category"] for answer in answers} == set(NAMES)
    assert all(answer["category"] in NAMES for answer in answers)
    assert all(Path(answer["file"]).is_file() for answer in answers)
    told = command("classify", f"{odd}@test", "--model", model, "--csv", "--device", "cpu")
    assert [r["truth"] for r in csv.DictReader(told.out.splitlines(keepends=True))] == [
        answer["truth"]["category"] for answer in answers
    ]
    shown = command("classify", odd / "Bild 03 ü", "--model", model, "--device", "cpu")
    assert shown.code == 0
    ran("data", "convert", odd, tmp_path / "copy", "--to", "folder")
    assert (content(odd), content(model)) == before


class _Read(HTMLParser):
    """Collects the tags and the text of a page, apart from its own scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.scripts, self.text = [], []
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self._inside = tag

    def handle_data(self, data):
        (self.scripts if self._inside == "script" else self.text).append(data)


def test_a_report_shows_names_as_text(odd, model, tmp_path):
    out, before = tmp_path / "Bericht é 🍵", (content(odd), content(model))
    ran("evaluate", odd, "--model", model, "--out", out, "--device", "cpu")
    assert (content(odd), content(model)) == before
    values = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    assert set(values["categories"]) == set(NAMES)
    assert {row["category"] for row in values["predictions"]} == set(NAMES)
    with (out / "errors.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    wrong = {
        row["file"]: row for row in values["predictions"] if row["category"] != row["predicted"]
    }
    assert {
        (row["file"], row["category"], row["predicted"]) for row in rows if not row["problem"]
    } == {(name, row["category"], row["predicted"]) for name, row in wrong.items()}
    page = _Read((out / "report.html").read_text(encoding="utf-8"))
    assert "alert(1)" not in page.scripts, "a category became a script of the page"
    assert any("<script>alert(1)</script>" in text for text in page.text)
    assert any("{{ 7*7 }}" in text for text in page.text)


def test_a_set_comes_back_from_a_folder_as_it_was(odd, tmp_path):
    ran("data", "convert", odd, tmp_path / "out" / "copy", "--to", "folder")
    ran("data", "convert", tmp_path / "out" / "copy", tmp_path / "back", "--to", "folder")
    assert samples(odd) == samples(tmp_path / "out" / "copy") == samples(tmp_path / "back")
    assert {path.name for path in tmp_path.iterdir()} == {"out", "back"}
    names = [p.relative_to(tmp_path / "back") for p in (tmp_path / "back").rglob("*")]
    folded = Counter(unicodedata.normalize("NFC", str(name)).casefold() for name in names)
    assert max(folded.values()) == 1, "two files of one name on a Mac or on Windows"
    stems = {part.split(".")[0].casefold() for name in names for part in name.parts}
    assert not stems & {"con", "aux"}, "a device of Windows"


def test_a_set_comes_back_from_norb_files_as_it_was(odd, tmp_path):
    flat = tmp_path / "flat"
    ran("data", "convert", odd, flat, "--to", "folder", "--size", "8")
    ran("data", "convert", flat, tmp_path / "norb", "--to", "norb", "--gray")
    ran("data", "convert", tmp_path / "norb", tmp_path / "back", "--to", "folder")
    assert {s.category for s in open_dataset(tmp_path / "back", "all")} == set(NAMES)


def test_reading_needs_no_right_to_write(odd, model, tmp_path, command):
    """By permissions where they bind the user, and by what is there before and after for root."""
    root, store = tmp_path / "set", tmp_path / "model"
    for source, target in ((odd, root), (model, store)):
        shutil.copytree(source, target)
        for path in (target, *target.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
    before = content(tmp_path)
    assert command("data", "info", root).code == 0
    told = command("classify", root / "Bild 00 ü", "--model", store, "--json", "--device", "cpu")
    assert told.code == 0
    assert content(tmp_path) == before
    for path in (root, store, *root.rglob("*")):
        path.chmod(0o755)


def test_links_to_files_and_folders_are_followed_and_loops_end(tmp_path, command):
    for number in range(3):
        picture(tmp_path / "store" / "far" / f"{number}.png", number)
        picture(tmp_path / "set" / "mug" / f"{number}.png", 10 + number)
    (tmp_path / "set" / "car").symlink_to(tmp_path / "store")
    (tmp_path / "set" / "mug" / "link.png").symlink_to(tmp_path / "store" / "far" / "0.png")
    (tmp_path / "set" / "mug" / "loop").symlink_to("..")
    (tmp_path / "set" / "mug" / "self.png").symlink_to("self.png")
    told = command("data", "info", tmp_path / "set", "--check", "--json")
    (split,) = json.loads(told.out)["splits"]
    assert {c["name"]: sum(c["views"].values()) for c in split["categories"]} == {
        "car": 3,
        "mug": 5,
    }
    assert ["self.png" in str(failure) for failure in split["failures"]] == [True]


def test_names_of_latin_1_are_refused_in_one_line_and_can_be_classified(
    tmp_path, model, capfdbinary, photos
):
    folder = os.fsencode(tmp_path / "set") + b"/caf\xe9"
    Path(os.fsdecode(folder)).mkdir(parents=True)
    source = next((photos / "test").glob("*.png"))
    shutil.copy(source, os.fsdecode(folder + b"/\xfc.png"))
    shutil.copytree(photos / "test", tmp_path / "set" / "box")
    assert main(["data", "info", str(tmp_path / "set")]) == 2
    told = capfdbinary.readouterr().err.decode()
    wanted = f"{tmp_path}/set/caf\\udce9: is no UTF-8 name; rename it (convmv does it for many)"
    assert told == f"objrec: {wanted}\n"
    words = ["classify", os.fsdecode(folder), "--model", str(model), "--device", "cpu"]
    for form in ([], ["--json"], ["--csv"]):
        assert main([*words, *form]) == 0
        told = capfdbinary.readouterr().out.decode()
        if form == ["--json"]:
            assert os.fsencode(json.loads(told)["file"]) == folder + b"/\xfc.png"


@pytest.mark.parametrize("categories", [2, 200])
def test_few_and_many_categories_of_any_balance(tmp_path, command, categories):
    """Three images of each, one hundred times as many of the first where there are two."""
    rows = []
    for label in range(categories):
        for number in range(300 if (categories, label) == (2, 0) else 3):
            name = f"{label}/{number}.png"
            picture(tmp_path / name, 1000 * label + number, side=8)
            rows.append(f"{name},c{label},{number % 3}")
    (tmp_path / "labels.csv").write_text("file,category,instance\n" + "\n".join(rows) + "\n")
    beside = tmp_path.parent / f"{tmp_path.name}-out"
    assert command("data", "check", tmp_path).code in (0, 1)
    divided = command("data", "split", tmp_path, beside / "split", "--test", "0.3")
    assert divided.code == 0
    told = command("train", tmp_path, "--out", beside / "model", *TINY, "--batch-size", 64)
    assert told.code == 0, told.err


def test_labels_from_a_mac_find_files_and_folders_of_another_unicode_form(tmp_path):
    files = {"NFC": "caf\u00e9/t\u00e4.png", "NFD": "u\u0308ber/a.png"}
    for seed, (form, name) in enumerate(files.items()):
        picture(tmp_path / "Satz \u00e9" / unicodedata.normalize(form, name), seed)
    other = {"NFC": "NFD", "NFD": "NFC"}
    lines = [f"{unicodedata.normalize(other[form], name)},cup" for form, name in files.items()]
    text = "\n".join(["file,category", *lines]) + "\n"
    (tmp_path / "Satz \u00e9" / "labels.csv").write_text(text, encoding="utf-8")
    assert len([s.images for s in open_dataset(tmp_path / "Satz \u00e9")]) == 2


def test_spaces_round_a_name_do_not_count_in_folders_either(tmp_path, command):
    for seed, name in enumerate(("cup /red/a.png", "cup/red /b.png", "car/c.png")):
        picture(tmp_path / "set" / name, seed)
    ran("data", "convert", tmp_path / "set", tmp_path / "copy", "--to", "folder")
    assert samples(tmp_path / "set") == samples(tmp_path / "copy")
    assert open_dataset(tmp_path / "set").categories == ("car", "cup")
    picture(tmp_path / "set" / " " / "d.png", 3)
    told = command("data", "info", tmp_path / "set")
    assert told.err.endswith("set/ : is named by spaces alone; name it as its category\n")
