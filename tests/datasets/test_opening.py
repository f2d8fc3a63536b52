"""Opening sets of every layout: one contract for all, then splits, categories and mistakes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from objrec.datasets import Dataset, list_splits, open_dataset, open_splits
from objrec.datasets.folder_output import write_folder
from objrec.datasets.norb.reading import write_norb
from objrec.datasets.reading import Reading
from objrec.errors import DataError

TOYS = Path(__file__).parents[2] / "data" / "toys"


def save(path, value=100, shape=(6, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(shape, value, np.uint8)).save(path)


def labelled(root, split=None, categories=("cup", "apple")):
    folder = root / split if split else root
    lines = ["file,category,instance,azimuth"]
    for i, category in enumerate(categories):
        for j in range(2):
            save(folder / f"{category}{j}.png", 10 * i + j)
            lines.append(f"{category}{j}.png,{category},{category}-one,{90 * j}")
    (folder / "labels.csv").write_text("\n".join(lines))
    return root


def category_folders(root, split=None, categories=("cup", "apple")):
    folder = root / split if split else root
    for i, category in enumerate(categories):
        save(folder / category / "red" / "1.png", 10 * i)
        save(folder / category / "2.png", 10 * i + 1)
    return root


def norb(root, split=None):
    images = np.arange(4, dtype=np.uint8).repeat(2 * 6 * 8).reshape(4, 2, 6, 8)
    info = np.zeros((4, 4), int)
    write_norb(root, f"x-{split or ''}ing" if split else "x", images, np.array([2, 2, 0, 0]), info)
    return root


LAYOUTS = {"labelled": labelled, "category_folders": category_folders, "norb": norb}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("split", [None, "train"])
def test_every_layout_keeps_the_contract(tmp_path, layout, split):
    root = LAYOUTS[layout](tmp_path, split)
    dataset = open_dataset(root)
    assert isinstance(dataset, Dataset)
    assert dataset.split == (split or "all")
    assert dataset.root == root
    assert len(dataset) == 4
    assert dataset.labels.dtype == np.int64
    assert dataset.poses.dtype == np.float64
    assert dataset.poses.shape == (4, 6)
    assert all(len(column) == 4 for column in dataset.factors.values())
    assert "instance" in dataset.factors
    assert (dataset.failures, dataset.colour, dataset.frame.front_azimuth) == ((), False, None)
    for i, sample in enumerate(dataset):
        assert sample.images.shape == (dataset.cameras, 6, 8)
        assert sample.category == dataset.categories[dataset.labels[i]]
        assert np.array_equal(sample.pose, dataset.poses[i], equal_nan=True)
        assert sample.factors == {k: v[i] for k, v in dataset.factors.items()}
        assert sample.source == dataset.sources[i]
    assert dataset[-1].source == dataset.sources[3]
    with pytest.raises(IndexError, match="out of range"):
        dataset[4]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_purpose_chooses_the_split(tmp_path, layout):
    LAYOUTS[layout](tmp_path, "test")
    assert list_splits(tmp_path) == ("test",)
    assert open_dataset(tmp_path, purpose="train").split == "test"
    LAYOUTS[layout](tmp_path, "train")
    assert list_splits(tmp_path) == ("train", "test")
    assert open_dataset(tmp_path).split == "train"
    assert open_dataset(tmp_path, purpose="test").split == "test"
    assert open_dataset(tmp_path, "testing").split == "test"
    both = open_dataset(tmp_path, "all")
    assert (both.split, len(both)) == ("all", 8)
    assert [s.source for s in both] == list(both.sources)
    with pytest.raises(DataError, match="has no split 'trian'; did you mean 'train'"):
        open_dataset(tmp_path, "trian")
    with pytest.raises(DataError, match="has no split 'xyz'; choose train or test or all"):
        open_dataset(tmp_path, "xyz")
    with pytest.raises(ValueError, match="purpose must be 'train' or 'test'"):
        open_dataset(tmp_path, purpose="fun")


def test_folder_names_of_splits(tmp_path):
    category_folders(tmp_path, "Training")
    category_folders(tmp_path, "validation")
    assert list_splits(tmp_path) == ("train", "val")
    assert open_dataset(tmp_path, purpose="test").split == "val"
    category_folders(tmp_path, "testing")
    assert open_dataset(tmp_path, purpose="test").split == "test"


def test_a_category_may_be_called_train(tmp_path):
    category_folders(tmp_path, categories=("bus", "train"))
    assert list_splits(tmp_path) == ("all",)
    assert open_dataset(tmp_path).categories == ("bus", "train")


def test_splits_share_the_union_of_their_categories(tmp_path):
    labelled(tmp_path, "train", ("dog", "cup"))
    labelled(tmp_path, "test", ("cup", "apple"))
    train, test = open_dataset(tmp_path, "train"), open_dataset(tmp_path, "test")
    assert train.categories == test.categories == ("apple", "cup", "dog")
    assert train.labels.tolist() == [2, 2, 1, 1]
    assert test.labels.tolist() == [1, 1, 0, 0]
    present = test.with_present_categories()
    assert (present.categories, present.labels.tolist()) == (("apple", "cup"), [1, 1, 0, 0])


def test_set_json_orders_the_categories(tmp_path):
    category_folders(tmp_path)
    (tmp_path / "set.json").write_text('{"categories": ["cup", "apple", "pear"], "name": "fruit"}')
    dataset = open_dataset(tmp_path)
    assert (dataset.name, dataset.categories) == ("fruit", ("cup", "apple", "pear"))
    assert dataset.labels.tolist() == [1, 1, 0, 0]
    (tmp_path / "set.json").write_text('{"categories": ["cup", "aple"]}')
    with pytest.raises(DataError, match=r"set\.json: categories do not list 'apple', .*'aple'"):
        open_dataset(tmp_path)


def test_folders_give_category_and_instance_and_hidden_files_are_ignored(tmp_path):
    category_folders(tmp_path)
    save(tmp_path / "cup" / "red" / "left" / "3.png")
    for hidden in (
        "cup/.x.png",
        "cup/.git/a.png",
        ".trash/a.png",
        "__MACOSX/a.png",
        "cup/red/.b/a.png",
    ):
        save(tmp_path / hidden)
    (tmp_path / "cup" / "notes.txt").write_text("x")
    (tmp_path / "docs").mkdir()
    dataset = open_dataset(tmp_path)
    assert dataset.categories == ("apple", "cup")
    names = [source.removeprefix(f"{tmp_path}/") for source in dataset.sources]
    assert names == [
        "apple/2.png", "apple/red/1.png", "cup/2.png", "cup/red/1.png", "cup/red/left/3.png"
    ]  # fmt: skip
    assert dataset.factors["instance"].tolist() == ["", "red", "", "red", "red"]
    assert dataset.objects.tolist() == ["apple/2", "apple/red", "cup/2", "cup/red", "cup/red"]
    assert np.isnan(dataset.poses).all()


def test_missing_files_become_failures_and_the_rest_goes_on(tmp_path):
    labelled(tmp_path)
    (tmp_path / "cup1.png").unlink()
    dataset = open_dataset(tmp_path)
    assert [s.category for s in dataset] == ["cup", "apple", "apple"]
    assert dataset.poses[:, 0].tolist() == [0, 0, 90]
    (failure,) = dataset.failures
    assert failure.source == str(tmp_path / "cup1.png")
    assert failure.message == (
        "no such file, though labels.csv:3 names it; add it or remove the row"
    )
    for path in tmp_path.glob("*.png"):
        path.unlink()
    with pytest.raises(DataError, match=r"none of the 4 files that labels\.csv lists exists; "):
        open_dataset(tmp_path)


def test_unreadable_images_become_failures_when_they_are_read(tmp_path):
    labelled(tmp_path)
    (tmp_path / "apple0.png").write_text("no image")
    dataset = open_dataset(tmp_path)
    assert dataset.failures == ()
    part = dataset.subset([1, 2])
    with pytest.raises(DataError, match=r"apple0\.png: is not an image"):
        part[1]
    for known in (dataset, part):
        (failure,) = known.failures
        assert failure.source == str(tmp_path / "apple0.png")
        assert failure.message == "is not an image, or is damaged; replace the file or remove it"


def test_subsets_pick_rows(tmp_path):
    dataset = open_dataset(labelled(tmp_path))
    picked = dataset.subset(np.array([3, 0]))
    assert picked.sources == (dataset.sources[3], dataset.sources[0])
    assert picked[0].images[0, 0, 0] == 11
    assert picked.subset([1])[0].images[0, 0, 0] == 0
    assert dataset.subset(dataset.labels == 0).objects.tolist() == ["apple/apple-one"] * 2
    assert len(dataset.subset([])) == 0


def test_samples_without_instance_are_objects_of_their_own(tmp_path):
    for split in ("train", "test"):
        for name in ("cup/1.png", "cup/2.png", "cup/1.5/x.png", "jug/1.png"):
            save(tmp_path / split / name)
    both = open_dataset(tmp_path, "all")
    assert both.objects.tolist() == [
        "cup/train/cup/1", "cup/train/cup/2", "cup/1.5", "jug/train/jug/1",
        "cup/test/cup/1", "cup/test/cup/2", "cup/1.5", "jug/test/jug/1",
    ]  # fmt: skip
    assert open_dataset(tmp_path / "train").objects.tolist() == [
        "cup/1", "cup/2", "cup/1.5", "jug/1"
    ]  # fmt: skip
    text = "file,category\ncup/1.png,cup\njug/1.png,cup\ncup/1.5/x.png,jug\n"
    (tmp_path / "train" / "labels.csv").write_text(text)
    assert open_dataset(tmp_path / "train").objects.tolist() == [
        "cup/1", "cup/jug/1", "jug/cup/1.5/x"
    ]  # fmt: skip


def with_split_column(root, *rows):
    for row in rows:
        save(root / row.split(",")[0])
    (root / "labels.csv").write_text("\n".join(["file,category,Split,azimuth", *rows]))
    return root


def test_a_column_names_the_splits(tmp_path):
    with_split_column(
        tmp_path,
        "a.png,cup,TEST,1",
        "train/b.png,jug,Train,2",
        "c.png,cup,training,",
        "d.png,dog,validation,4",
    )
    assert list_splits(tmp_path) == ("train", "val", "test")
    train, val, test = (open_dataset(tmp_path, split) for split in list_splits(tmp_path))
    assert (train.split, val.split, test.split) == ("train", "val", "test")
    assert [Path(source).name for source in train.sources] == ["b.png", "c.png"]
    assert [Path(source).name for source in (*val.sources, *test.sources)] == ["d.png", "a.png"]
    assert train.categories == val.categories == test.categories == ("cup", "dog", "jug")
    assert "split" not in train.factors
    assert open_dataset(tmp_path).split == "train"
    assert open_dataset(tmp_path, purpose="test").split == "test"
    assert open_dataset(tmp_path, "validation").split == "val"
    both = open_dataset(tmp_path, "all")
    assert (both.split, len(both)) == ("all", 4)
    assert np.array_equal(both.poses[:, 0], [2, np.nan, 4, 1], equal_nan=True)
    with pytest.raises(DataError, match=r"has no split 'xyz'; choose train or val or test or all"):
        open_dataset(tmp_path, "xyz")


def test_a_column_of_one_split(tmp_path):
    with_split_column(tmp_path, "a.png,cup,test,1")
    assert list_splits(tmp_path) == ("test",)
    assert open_dataset(tmp_path).split == "test"
    with pytest.raises(DataError, match=r"has no split 'train'"):
        open_dataset(tmp_path, "train")


def test_a_wrong_split_is_named_with_its_line(tmp_path):
    with_split_column(tmp_path, "a.png,cup,train,1", "b.png,cup,tset,1")
    for look in (list_splits, open_dataset):
        with pytest.raises(
            DataError, match=r"labels\.csv:3: split 'tset' is unknown; did you mean"
        ):
            look(tmp_path)


def test_labels_in_the_root_speak_for_the_folders_beside_them(tmp_path):
    """Without a column 'split' the folders are mere folders, unless they say otherwise."""
    rows = ["train/a.png,cup", "test/b.png,cup"]
    for row in rows:
        save(tmp_path / row.split(",")[0])
    (tmp_path / "labels.csv").write_text("\n".join(["file,category", *rows]))
    assert list_splits(tmp_path) == ("all",)
    assert len(open_dataset(tmp_path)) == 2
    (tmp_path / "test" / "labels.csv").write_text("file,category\nb.png,cup\n")
    message = (
        r"labels\.csv: has no column 'split', yet there is test/labels\.csv too; add the column"
    )
    with pytest.raises(DataError, match=message):
        open_dataset(tmp_path)
    rows = [f"{row},{row.split('/')[0]}," for row in rows]
    with_split_column(tmp_path, *rows)
    assert list_splits(tmp_path) == ("train", "test")


def test_a_column_inside_a_split_folder_may_only_agree(tmp_path):
    with_split_column(tmp_path / "train", "a.png,cup,training,1")
    with_split_column(tmp_path / "test", "b.png,cup,test,1")
    assert list_splits(tmp_path) == ("train", "test")
    assert len(open_dataset(tmp_path, "all")) == 2
    with_split_column(tmp_path / "test", "b.png,cup,test,1", "c.png,cup,train,1")
    message = r"test/labels\.csv:3: split is 'train', but the file is in the folder test; correct"
    with pytest.raises(DataError, match=message):
        open_dataset(tmp_path)
    assert list_splits(tmp_path / "test") == ("train", "test"), "opened by itself it is two"


def test_one_split_under_two_names(tmp_path):
    for name in ("train", "Training", "test"):
        category_folders(tmp_path, name)
    message = r": Training and train are both the train split; keep one of them"
    with pytest.raises(DataError, match=message):
        open_dataset(tmp_path)
    category_folders(tmp_path / "set", categories=("train", "training", "bus"))
    assert open_dataset(tmp_path / "set").categories == ("bus", "train", "training")


def test_the_description_is_checked_against_the_categories(tmp_path):
    category_folders(tmp_path)
    (tmp_path / "set.json").write_text('{"background": ["aple"]}')
    with pytest.raises(DataError, match=r"set\.json: background names 'aple', .*mean 'apple'"):
        open_dataset(tmp_path)
    (tmp_path / "set.json").write_text(
        '{"background": ["apple"], "pose_frame": {"symmetric": ["cup"]}}'
    )
    dataset = open_dataset(tmp_path)
    assert (dataset.background, dataset.frame.symmetric) == (("apple",), ("cup",))


@pytest.mark.parametrize("where", ["", "train/"])
def test_units_of_the_set_hold_for_every_labels_csv(tmp_path, where):
    save(tmp_path / where / "a.png")
    text = "file;category;azimuth\na.png;cup;1,5707963267948966\n"
    (tmp_path / where / "labels.csv").write_text(text)
    (tmp_path / "set.json").write_text('{"pose_frame": {"azimuth": {"unit": "rad"}}}')
    assert open_dataset(tmp_path).poses[0, 0] == pytest.approx(90)


def test_a_root_that_may_not_be_listed(tmp_path, monkeypatch):
    def refusing(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refusing)
    with pytest.raises(DataError, match=r": cannot be listed \(Permission denied\); allow it to"):
        open_dataset(tmp_path)


def test_exported_pairs_are_the_same_samples(tmp_path):
    toys = open_dataset(TOYS, "test")
    few = toys.subset(np.linspace(0, len(toys) - 1, 7).astype(int))
    assert write_folder([few], tmp_path, Reading([few])) == 14
    back = open_dataset(tmp_path)
    assert (back.cameras, len(back), back.failures) == (2, 7, ())
    names = [few.categories[label] for label in few.labels]
    assert [back.categories[label] for label in back.labels] == names
    assert np.array_equal(back.poses, few.poses, equal_nan=True)
    assert back.factors["lighting"].tolist() == few.factors["lighting"].tolist()
    assert back.objects.tolist() == few.objects.tolist()
    for one, other in zip(back, few, strict=True):
        assert np.array_equal(one.images, other.images)


def test_what_is_no_set_is_refused_in_one_line(tmp_path):
    save(tmp_path / "loose" / "a.png")
    (tmp_path / "empty").mkdir()
    rows = {
        "nowhere": "nowhere: no such folder; check the path",
        "loose/a.png": r"a\.png: is a file; name the folder of the data set",
        "loose": r"loose: holds images but neither labels\.csv nor a folder per category; put",
        "empty": "empty: holds no images; it needs a folder of images per category",
    }
    for name, message in rows.items():
        with pytest.raises(DataError, match=message):
            open_dataset(tmp_path / name)


def test_splits_with_different_cameras_are_not_joined(tmp_path):
    for split, cameras in (("training", 1), ("testing", 2)):
        images = np.zeros((1, cameras, 4, 4), np.uint8)
        write_norb(tmp_path, f"a-{split}", images, np.zeros(1, int), np.zeros((1, 4), int))
    with pytest.raises(DataError, match="split train has 1 cameras and split test 2; open one"):
        open_dataset(tmp_path, "all")


def test_joined_splits_keep_factors_that_only_one_has(tmp_path):
    labelled(tmp_path, "train")
    labelled(tmp_path, "test")
    (tmp_path / "test" / "labels.csv").write_text("file,category,lamp\ncup0.png,cup,on\n")
    both = open_dataset(tmp_path, "all")
    assert both.factors["lamp"].tolist() == ["", "", "", "", "on"]
    assert both.factors["instance"].tolist()[-1] == ""
    assert both[4].images[0, 0, 0] == 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_splits_are_those_that_are_opened_one_by_one(tmp_path, layout):
    for split in ("train", "test"):
        LAYOUTS[layout](tmp_path, split)
    together = list(open_splits(tmp_path))
    assert [part.split for part in together] == list(list_splits(tmp_path))
    for part in together:
        alone = open_dataset(tmp_path, part.split)
        assert (part.sources, part.categories) == (alone.sources, alone.categories)
        assert np.array_equal(part.labels, alone.labels)
        assert np.array_equal(part.poses, alone.poses, equal_nan=True)
