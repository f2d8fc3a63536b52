"""What the words after ``objrec classify`` stand for."""

from __future__ import annotations

import gc
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from objrec.cli.inputs import Items, SetItem, expand, opened, paired
from objrec.errors import DataError, Failure


@pytest.fixture
def album(photos, tmp_path, monkeypatch) -> Path:
    """A working folder with b.png, a.JPG, notes.txt, and deep/c.png."""
    some = sorted((photos / "test").glob("*.png"))[:3]
    (tmp_path / "deep").mkdir()
    for source, name in zip(some, ("b.png", "a.JPG", "deep/c.png"), strict=True):
        shutil.copy(source, tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / ".hidden.png").write_text("no image")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*words: str, recursive: bool = False) -> list[str]:
    return [str(item) for item in expand(words, recursive=recursive)]


def test_a_folder_stands_for_its_images_in_order(album):
    assert names(".") == ["a.JPG", "b.png"]


def test_recursive_goes_into_subfolders(album):
    assert names(".", recursive=True) == ["a.JPG", "b.png", "deep/c.png"]


def test_recursive_is_in_the_order_of_sorted_paths(photos, tmp_path):
    picture = next((photos / "test").glob("*.png"))
    for name in ("b.png", "b/z.png", "b/a/x.JPG", "b.a/y.png", "a-b.png", "c/.d/q.png", "B/e.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, tmp_path / name)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "missing.png")
    (tmp_path / "again").symlink_to(tmp_path / "b")
    wanted = sorted(p for p in tmp_path.rglob("*") if p.is_file() and "again" not in p.parts)
    assert list(expand((str(tmp_path),), recursive=True)) == wanted
    assert len(wanted) == 7


def held(make: Callable[[], object]) -> int:
    """Return how many bytes what is made takes."""
    gc.collect()
    tracemalloc.start()
    kept = make()
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return size


def test_a_hundred_thousand_paths_take_little_memory():
    def paths() -> Iterator[Path]:
        return (Path("photos", f"{number:07d}.png") for number in range(100_000))

    assert held(lambda: Items(paths())) < 300 * 100_000  # bytes; a Path alone takes up to 500
    assert Items(paths())[99_999] == Path("photos/0099999.png")


def test_a_quoted_glob_is_expanded(album):
    assert names("*.png") == ["b.png"]
    assert names("**/c.*") == ["deep/c.png"]


def test_an_absolute_glob_is_expanded(album):
    assert names(f"{album}/*.JPG") == [str(album / "a.JPG")]


def test_a_file_is_taken_whatever_its_name(album):
    assert names("notes.txt", "b.png") == ["notes.txt", "b.png"]


def test_brackets_in_the_name_of_a_file_are_no_glob(album):
    shutil.copy("b.png", "view[1].png")
    assert names("view[1].png") == ["view[1].png"]


def test_two_cameras_are_one_item(album):
    assert list(expand(("b.png+a.JPG",))) == [(Path("b.png"), Path("a.JPG"))]


def test_files_named_by_camera_are_one_item_for_a_model_of_as_many_cameras():
    left, right = Path("a/x-camera0.png"), Path("a/x-camera1.png")
    other, alone = Path("b/x-camera0.png"), Path("photo.jpg")
    items = [right, other, alone, left]
    assert paired(items, 1) == items
    assert list(paired(items, 2)) == [(left, right), other, alone]
    assert list(paired(items, 3)) == [right, left, other, alone]


def test_a_plus_in_the_name_of_a_file_is_no_pair(album):
    shutil.copy("b.png", "b+a.png")
    assert list(expand(("b+a.png",))) == [Path("b+a.png")]


@pytest.mark.parametrize("target", ["nowhere.png", "link.png"])
def test_a_link_to_nothing_fails(album, target):
    (album / "link.png").symlink_to(target)
    failed, found = expand(("link.png", "b.png"))
    assert failed == Failure("link.png", "is a link to nothing; check where it points")
    assert found == Path("b.png")


def test_a_word_for_nothing_fails_while_the_others_go_on(album):
    missing, found = expand(("c.png", "b.png"))
    assert missing == Failure("c.png", "no such file or folder; check the path")
    assert found == Path("b.png")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("c.png",), "^c.png: no such file or folder; check the path$"),
        (("*.gif",), "^\\*.gif: no such file or folder"),
        (("empty",), "^empty: holds no images; add --recursive for its subfolders, or write"),
        ((), "no images; name files or a folder"),
    ],
)
def test_nothing_at_all_is_an_error(album, words, sentence):
    (album / "empty").mkdir()
    with pytest.raises(DataError, match=sentence):
        expand(words)


@pytest.mark.parametrize(
    ("rows", "indices"),
    [("", range(16)), (":3", [3]), (":0-2", [0, 1, 2]), (":5,0-1", [5, 0, 1]), (":15", [15])],
)
def test_samples_of_a_set(photos, rows, indices):
    items = expand((f"{photos}@test{rows}",))
    assert [item.index for item in items] == list(indices)
    assert {item.dataset.split for item in items} == {"test"}


def test_the_split_may_be_left_out_or_be_another(photos):
    assert expand((f"{photos}@:0",))[0].dataset.split == "test"
    assert expand((f"{photos}@train:0",))[0].dataset.split == "train"


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("test:16", "there is no 16; the samples are 0 to 15"),
        ("test:3-1", "there is no 3-1; the samples are 0 to 15"),
        ("test:1-", "'1-' is no range of samples; write them as 0-5,9"),
        ("tets:1", "has no split 'tets'; did you mean 'test'"),
    ],
)
def test_samples_that_are_not_there(photos, rows, sentence):
    with pytest.raises(DataError, match=sentence):
        expand((f"{photos}@{rows}",))


def test_a_sample_knows_its_truth(photos):
    (item,) = expand((f"{photos}@test:3",))
    category, pose = item.truth
    sample = item.dataset[3]
    assert category == sample.category
    assert pose.azimuth == sample.pose[0]


def test_samples_are_read_one_by_one_and_a_broken_one_fails_alone(photos, tmp_path):
    shutil.copytree(photos, tmp_path / "set")
    items = expand((f"{tmp_path / 'set'}@test:0-2",))
    Path(items[1].dataset.sources[1]).write_text("no image any more")
    first, broken, last = opened(items)
    assert (first.category, last.category) == (items[0].truth[0], items[2].truth[0])
    assert broken.source == items[1].dataset.sources[1]
    assert "is not an image" in broken.message
    assert broken.source not in broken.message


def test_files_are_left_to_the_recogniser(album):
    items = expand(("b.png", "nothing.png"))
    assert list(opened(items)) == list(items)
    assert not any(isinstance(item, SetItem) for item in items)
