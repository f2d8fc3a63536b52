"""One folder per category: what counts as an image, an instance, or as nothing."""

import os
from pathlib import Path

import numpy as np
import pytest

from objrec.datasets.folder import list_category_folders, list_folder, visible_folders
from objrec.errors import DataError


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def found(root):
    """(file, category, instance) of each image, the file relative to the root."""
    listing = list_category_folders(root)
    names = [str(file.relative_to(root)) for (file,) in listing.files]
    return list(zip(names, listing.categories, listing.factors["instance"].tolist(), strict=True))


def test_folder_per_category_and_instance(tmp_path):
    touch(tmp_path, "cup/red/b/2.png", "cup/red/1.png", "cup/b.png", "cup/red/c.png", "cup/a.png")
    touch(tmp_path, "jug/007/x.png", "jug/7/x.png", "notes.txt", "cup/red/notes.txt", "empty/x/y")
    assert found(tmp_path) == [
        ("cup/a.png", "cup", ""),
        ("cup/b.png", "cup", ""),
        ("cup/red/1.png", "cup", "red"),
        ("cup/red/b/2.png", "cup", "red"),
        ("cup/red/c.png", "cup", "red"),
        ("jug/007/x.png", "jug", "007"),
        ("jug/7/x.png", "jug", "7"),
    ]
    listing = list_category_folders(tmp_path)
    assert (listing.cameras, listing.places, listing.failures) == (1, (), ())
    assert listing.poses.shape == (7, 6)
    assert np.isnan(listing.poses).all()


def test_names_of_all_kinds(tmp_path):
    names = [
        "Tässe é/rot 1/bild 1.JPG",
        "Tässe é/rot 1/b+c.Png",
        "🍎/x y/🍎.jpeg",
        "a.b/c.d/e.f.TIFF",
    ]
    touch(tmp_path, *names)
    assert {name for name, _, _ in found(tmp_path)} == set(names)
    assert {category for _, category, _ in found(tmp_path)} == {"Tässe é", "🍎", "a.b"}


def test_hidden_files_and_litter_are_passed_over(tmp_path):
    touch(tmp_path, "cup/red/1.png")
    litter = [
        ".x.png", "._1.png", ".DS_Store", "Thumbs.db", "desktop.ini", ".git/a.png",
        "__MACOSX/a.png", ".Trashes/a.png", "@eaDir/a.png", "$RECYCLE.BIN/a.png",
    ]  # fmt: skip
    touch(tmp_path, *(f"{parent}{name}" for name in litter for parent in ("", "cup/", "cup/red/")))
    assert found(tmp_path) == [("cup/red/1.png", "cup", "red")]
    assert visible_folders(tmp_path) == [tmp_path / "cup"]


def test_a_folder_may_be_called_like_an_image(tmp_path):
    touch(tmp_path, "cup/one.png/a.png", "cup/two.jpg/b.txt")
    assert found(tmp_path) == [("cup/one.png/a.png", "cup", "one.png")]


def test_links_are_followed(tmp_path):
    touch(tmp_path, "store/red/1.png", "store/red/deep/2.png", "set/jug/3.png")
    (tmp_path / "set" / "cup").symlink_to(tmp_path / "store")
    (tmp_path / "set" / "jug" / "more").symlink_to("../../store/red")
    (tmp_path / "set" / "jug" / "4.png").symlink_to(tmp_path / "store" / "red" / "1.png")
    (tmp_path / "set" / "jug" / "5.png").symlink_to("nowhere.png")
    assert [name for name, _, _ in found(tmp_path / "set")] == [
        "cup/red/1.png",
        "cup/red/deep/2.png",
        "jug/3.png",
        "jug/4.png",
        "jug/5.png",
        "jug/more/1.png",
        "jug/more/deep/2.png",
    ], "a broken link is listed, and fails when it is read"


def test_links_in_circles_end(tmp_path):
    touch(tmp_path, "set/cup/red/1.png", "set/cup/blue/2.png", "3.png")
    for link, target in {
        "set/cup/red/self": ".",
        "set/cup/red/parent": "..",
        "set/cup/red/set": "../..",
        "set/cup/red/beyond": "../../..",
        "set/cup/red/root": "/",
        "set/cup/loop": ".",
        "set/all": ".",
        "set/up": "..",
        "set/cup/blue/other": "../red",
        "set/cup/red/other": "../blue",
        "set/cup/red/dead": "dead",
        "set/dead": "dead",
    }.items():
        (tmp_path / link).symlink_to(target)
    assert found(tmp_path / "set") == [
        ("cup/blue/2.png", "cup", "blue"),
        ("cup/blue/other/1.png", "cup", "blue"),
        ("cup/red/1.png", "cup", "red"),
        ("cup/red/other/2.png", "cup", "red"),
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_is_no_image(tmp_path):
    touch(tmp_path, "cup/1.png")
    os.mkfifo(tmp_path / "cup" / "2.png")
    assert [name for name, _, _ in found(tmp_path)] == ["cup/1.png"]


@pytest.mark.parametrize("closed", ["", "cup", "cup/red", "cup/red/deep"])
def test_a_folder_that_may_not_be_listed_is_named(tmp_path, closed, monkeypatch):
    touch(tmp_path, "cup/red/deep/1.png", "jug/2.png")
    scandir = os.scandir

    def refusing(folder):
        if folder == tmp_path / closed:
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(
        DataError, match=r": cannot be listed \(Permission denied\); allow"
    ) as error:
        list_category_folders(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / closed}: ")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "holds no images; it needs a folder of images per category, labels.csv, or NORB"),
        (
            ["a.png"],
            "holds images but neither labels.csv nor a folder per category; put the images",
        ),
        (["cup/a.HEIC", "cup/b.heic", "jug/c.heic", "jug/d.txt"], r"but 3 files '\*\.heic'; save"),
        (["cup/.hidden.png", "cup/README"], "holds no images; it needs a folder of images per"),
    ],
)
def test_what_holds_no_set(tmp_path, names, message):
    with pytest.raises(DataError, match=message) as error:
        list_folder(touch(tmp_path, *names))
    assert str(error.value).startswith(f"{tmp_path}: ")


def test_many_files_are_listed_without_asking_each(tmp_path, monkeypatch):
    touch(tmp_path, *(f"{c}/{i}/{n}.png" for c in range(3) for i in range(3) for n in range(50)))
    asked = []
    stat = Path.stat
    monkeypatch.setattr(Path, "stat", lambda self, **o: asked.append(self) or stat(self, **o))
    assert len(list_category_folders(tmp_path).files) == 450
    assert not any(path.suffix == ".png" for path in asked)
