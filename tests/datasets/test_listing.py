"""From files to samples: all cameras of one, what is missing, and whether there is colour."""

import unicodedata

import numpy as np
import pytest
from PIL import Image

from objrec.datasets import open_dataset
from objrec.datasets.listing import joined, read_cameras, shows_colour
from objrec.errors import DataError


def save(path, value=100, shape=(6, 8), colour=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full(shape, value, np.uint8)
    if colour:
        pixels = np.broadcast_to(np.array(colour, np.uint8), (*shape, 3))
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)
    return path


def stereo(root, count=3, sizes=((6, 8), (6, 8))):
    """A set of pairs of which the left image is 10 x its number, the right one 1 more."""
    lines = ["file,category,instance,azimuth,pair,camera"]
    for i in range(count):
        for c, shape in enumerate(sizes):
            save(root / f"{'LR'[c]}{i}.png", 10 * i + c, shape)
            lines.append(f"{'LR'[c]}{i}.png,{'cup' if i % 2 else 'jug'},x,{i},{i},{'LR'[c]}")
    (root / "labels.csv").write_text("\n".join(lines))
    return root


def test_the_cameras_of_a_sample_are_read_together(tmp_path):
    dataset = open_dataset(stereo(tmp_path))
    assert (len(dataset), dataset.cameras, dataset.colour) == (3, 2, False)
    assert dataset.sources[1] == f"{tmp_path}/L1.png+{tmp_path}/R1.png"
    assert dataset[1].images.shape == (2, 6, 8)
    assert dataset[1].images[:, 0, 0].tolist() == [10, 11]
    assert dataset.poses[:, 0].tolist() == [0, 1, 2]
    assert dataset.factors.keys() == {"instance", "pair"}
    assert dataset.subset([2])[0].images[1, 0, 0] == 21


def test_a_missing_file_fails_its_sample_and_the_rest_goes_on(tmp_path):
    stereo(tmp_path)
    (tmp_path / "R1.png").unlink()
    dataset = open_dataset(tmp_path)
    assert [int(s.images[0, 0, 0]) for s in dataset] == [0, 20]
    (failure,) = dataset.failures
    assert failure.source == f"{tmp_path}/L1.png+{tmp_path}/R1.png"
    assert failure.message == (
        "R1.png: no such file, though labels.csv:5 names it; add it or remove the row"
    )
    for path in tmp_path.glob("R*.png"):
        path.unlink()
    with pytest.raises(DataError, match=r"none of the 3 samples has all its files; R0\.png: no"):
        open_dataset(tmp_path)


def test_a_sample_with_too_few_cameras_is_a_failure(tmp_path):
    stereo(tmp_path)
    text = (tmp_path / "labels.csv").read_text().replace("R2.png,jug,x,2,2,R", "")
    (tmp_path / "labels.csv").write_text(text)
    dataset = open_dataset(tmp_path)
    assert len(dataset) == 2
    (failure,) = dataset.failures
    assert str(failure).startswith(f"{tmp_path}/L2.png: labels.csv:6: has 1 of 2 cameras; add")


def test_an_incomplete_sample_is_a_failure_of_its_own_split_only(tmp_path):
    for name in "abcdefghi":
        save(tmp_path / f"{name}.png")
    rows = [f"{name}.png,cup,train,{pair}" for name, pair in zip("abfghi", "114455", strict=True)]
    rows += ["c.png,cup,test,2", "d.png,cup,test,2"]
    text = "\n".join(["file,category,split,pair", *rows, "e.png,cup,test,3"])
    (tmp_path / "labels.csv").write_text(text)
    assert open_dataset(tmp_path, "train").failures == ()
    (failure,) = open_dataset(tmp_path, "test").failures
    assert failure.source == str(tmp_path / "e.png")
    assert open_dataset(tmp_path, "all").failures == (failure,)
    (tmp_path / "labels.csv").write_text(text.replace("d.png,cup,test,2\n", ""))
    with pytest.raises(DataError, match=r"c\.png: labels\.csv:8: has 1 of 2 cameras; add the rows"):
        open_dataset(tmp_path, "test")


def test_which_phone_it_was_is_a_factor(tmp_path):
    for name in "ab":
        save(tmp_path / f"{name}.png")
    text = "file,category,azimuth,camera\na.png,cup,0,phone 2\nb.png,cup,90,\n"
    (tmp_path / "labels.csv").write_text(text)
    dataset = open_dataset(tmp_path)
    assert (dataset.cameras, len(dataset)) == (1, 2)
    assert dataset.factors["camera"].tolist() == ["phone 2", ""]


def test_an_unreadable_image_of_one_camera_fails_the_sample(tmp_path):
    dataset = open_dataset(stereo(tmp_path))
    (tmp_path / "R0.png").write_text("no image")
    with pytest.raises(DataError, match=r"R0\.png: is not an image"):
        dataset[0]
    assert dataset.failures[0].source == dataset.sources[0]
    assert dataset[1].images.shape == (2, 6, 8)


def test_cameras_of_different_size_are_refused_by_name(tmp_path):
    dataset = open_dataset(stereo(tmp_path, sizes=((6, 8), (6, 9))))
    message = r"R0\.png: is 9 x 6, while L0\.png is 8 x 6; the cameras of one sample need images"
    with pytest.raises(DataError, match=message):
        dataset[0]


def test_a_gray_and_a_colour_camera_both_become_colour(tmp_path):
    files = (save(tmp_path / "a.png", 7), save(tmp_path / "b.png", colour=(200, 10, 30)))
    images = read_cameras(files)
    assert images.shape == (2, 6, 8, 3)
    assert images[:, 0, 0].tolist() == [[7, 7, 7], [200, 10, 30]]
    assert read_cameras(files[:1]).shape == (1, 6, 8)
    assert joined(files) == f"{files[0]}+{files[1]}"


@pytest.mark.parametrize(
    ("pixel", "colour"),
    [((9, 9, 9), False), ((100, 108, 104), False), ((100, 104, 109), True), ((255, 0, 0), True),
     ((0, 0, 8), False), ((255, 246, 255), True)],
)  # fmt: skip
def test_a_gray_picture_stored_in_colour_is_gray(tmp_path, pixel, colour):
    save(tmp_path / "cup" / "a.png", colour=pixel)
    dataset = open_dataset(tmp_path)
    assert dataset.colour is colour
    assert dataset[0].images.shape == (1, 6, 8, 3), "the pixels stay what they are"
    one_of_many = np.full((5, 5, 3), 40, np.uint8)
    one_of_many[3, 2] = pixel
    assert shows_colour(one_of_many) is colour
    assert not shows_colour(np.arange(15, dtype=np.uint8).reshape(5, 3) * 17)


def test_a_set_of_mixed_images_has_colour(tmp_path):
    for i in range(4):
        save(tmp_path / "cup" / f"{i}.png")
    assert not open_dataset(tmp_path).colour
    save(tmp_path / "cup" / "4.png", colour=(255, 0, 0))
    assert open_dataset(tmp_path).colour
    save(tmp_path / "cup" / "0.png", colour=(9, 9, 9))
    (tmp_path / "cup" / "1.png").write_text("no image")
    assert open_dataset(tmp_path).colour


def test_a_gray_left_and_a_colour_right_camera_make_a_set_of_colour(tmp_path):
    stereo(tmp_path)
    save(tmp_path / "R1.png", colour=(1, 2, 200))
    assert open_dataset(tmp_path).colour


@pytest.mark.parametrize(("stored", "listed"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_names_that_a_mac_wrote(tmp_path, stored, listed):
    name = "Tässchen é 🍵.png"
    save(tmp_path / unicodedata.normalize(stored, name), 5)
    text = f"file,category\n{unicodedata.normalize(listed, name)},cup\n"
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    assert open_dataset(tmp_path)[0].images[0, 0, 0] == 5


def test_what_is_listed_but_no_file(tmp_path):
    save(tmp_path / "a.png")
    (tmp_path / "folder.png").mkdir()
    long = "x" * 300 + ".png"
    (tmp_path / "labels.csv").write_text(
        f"file,category\na.png,cup\nfolder.png,cup\n{long},cup\nb.png,cup\nlonger,cup\n"
    )
    (tmp_path / "longer").symlink_to(tmp_path / "longer")
    messages = {f.source.rpartition("/")[2]: f.message for f in open_dataset(tmp_path).failures}
    assert list(messages) == ["folder.png", long, "b.png", "longer"]
    assert messages["folder.png"].startswith("is no file, though labels.csv:3 names it; add it")
    assert messages[long].startswith("cannot be reached (File name too long), though labels.csv:4")
    assert messages["b.png"].startswith("no such file, though labels.csv:5 names it; add it or")
    assert "labels.csv:6" in messages["longer"]


def test_files_beside_the_split_and_linked_from_elsewhere(tmp_path):
    save(tmp_path / "set" / "images" / "above.png", 1)
    save(tmp_path / "elsewhere" / "far.png", 2)
    (tmp_path / "set" / "train").mkdir()
    (tmp_path / "set" / "linked").symlink_to(tmp_path / "elsewhere")
    text = "file,category\n../images/above.png,cup\n../linked/far.png,cup\n"
    (tmp_path / "set" / "train" / "labels.csv").write_text(text)
    (tmp_path / "set" / "test").mkdir()
    (tmp_path / "set" / "test" / "labels.csv").write_text("file,category\n../linked/far.png,cup\n")
    assert [int(s.images[0, 0, 0]) for s in open_dataset(tmp_path / "set")] == [1, 2]
