"""NORB sets against bytes written by hand, in both byte orders, plain and gzip, in parts."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest

from objrec.datasets import open_dataset
from objrec.datasets.norb import reading as norb_reading
from objrec.datasets.norb.files import find_norb
from objrec.datasets.norb.reading import read_norb, write_norb
from objrec.errors import DataError
from objrec.preprocessing import Preprocessing, load_images

BYTES, INTEGERS = 0x1E3D4C55, 0x1E3D4C54
PREFIX = "toys-5x46789x9x18x6x2x3x4-training"
CLUTTERED = {
    "training": "norb-5x46789x9x18x6x2x108x108-training",
    "testing": "norb-5x01235x9x18x6x2x108x108-testing",
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("streamed_above", [0, 1000])
def test_reads_bytes_written_by_hand(tmp_path, norb, monkeypatch, order, zipped, streamed_above):
    monkeypatch.setattr(norb_reading, "STREAMED_ABOVE", streamed_above)
    dataset = read_norb(norb.write_set(tmp_path, PREFIX, order, zipped), "train")
    assert dataset.categories == ("animal", "human", "airplane", "truck", "car")
    assert dataset.background == ()
    assert dataset.labels.tolist() == [4, 0]
    assert dataset.cameras == 2
    assert dataset.factors["instance"].tolist() == ["7", "9"]
    assert dataset.factors["lighting"].tolist() == ["5", "0"]
    nan = np.nan
    wanted = [[340, 70, nan, nan, nan, nan], [20, 30, nan, nan, nan, nan]]
    assert np.array_equal(dataset.poses, wanted, equal_nan=True)

    sample = dataset[1]
    assert sample.images.dtype == np.uint8
    assert sample.images.tolist() == np.arange(24, 48).reshape(2, 3, 4).tolist()
    assert sample.category == "animal"
    assert sample.source.endswith(f"{PREFIX}-dat.mat{'.gz' * zipped}#1")


def write_cluttered(norb, folder, zipped=False, order="<", parts=(10, 2), magic=None):
    """The jittered-cluttered set in small: each part has one 6 x 6 pair of every category."""
    for split, count in zip(CLUTTERED, parts, strict=True):
        for part in range(1, count + 1):
            pixels = [10 * part + label for label in range(6) for _ in range(72)]
            # An object, its elevation and azimuth, ...; background has -1 and what is left over.
            row = [part - 1, 1, 2, 3, 3, -3, -7, 1, 1, -4]
            info = row * 5 + [-1, -1, -1, -1, 5, 5, 5, 1, 1, 1]
            norb.write_set(
                folder,
                f"{CLUTTERED[split]}-{part:02d}",
                zipped=zipped,
                dat=norb.bytes(order, BYTES, (6, 2, 6, 6), pixels),
                cat=norb.bytes(order, INTEGERS, (6,), range(6)),
                info=norb.bytes(order, magic or INTEGERS, (6, 10), info),
            )
    return folder


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(("order", "magic"), [("<", "INTEGERS"), (">", "FLOATS"), ("<", "DOUBLES")])
@pytest.mark.parametrize("streamed_above", [0, 1000])
def test_the_jittered_cluttered_set_from_files_to_images(
    tmp_path, norb, monkeypatch, zipped, order, magic, streamed_above
):
    monkeypatch.setattr(norb_reading, "STREAMED_ABOVE", streamed_above)
    write_cluttered(norb, tmp_path, zipped, order, magic=getattr(norb, magic))
    training, testing = open_dataset(tmp_path), open_dataset(tmp_path, purpose="test")
    assert (len(training), len(testing), len(open_dataset(tmp_path, "all"))) == (60, 12, 72)
    assert training.categories == ("animal", "human", "airplane", "truck", "car", "blank")
    assert training.background == testing.background == ("blank",)

    assert training.sources[13].endswith(f"training-03-dat.mat{'.gz' * zipped}#1")
    assert training.factors["instance"][13] == "2"
    assert (training.factors["lumination"][13], training.factors["contrast"][13]) == ("-7", "1")
    assert training.poses[13] == pytest.approx([20, 35, -4, 0, 0.5, -0.5])
    blank = training.labels == 5
    assert np.isnan(training.poses[blank]).all()
    assert not np.isnan(training.poses[~blank]).any()
    assert {str(t) for column in training.factors.values() for t in column[blank]} == {""}

    batch, failures = load_images(testing, Preprocessing(size=8, cameras=2))
    assert not failures
    assert batch.labels.tolist() == [*range(6)] * 2
    wanted = np.repeat([[10], [20]], 6, axis=1) + np.arange(6)
    assert batch.images[:, 1, 0, 3, 5].tolist() == wanted.ravel().tolist()


def test_a_damaged_part_fails_alone(tmp_path, norb, monkeypatch):
    monkeypatch.setattr(norb_reading, "STREAMED_ABOVE", 0)
    write_cluttered(norb, tmp_path, zipped=True)
    path = tmp_path / f"{CLUTTERED['training']}-04-dat.mat.gz"
    path.write_bytes(path.read_bytes()[:-6])
    dataset = open_dataset(tmp_path)
    batch, failures = load_images(dataset, Preprocessing(size=8, cameras=2))
    assert len(batch) == 60 - len(failures) < 60
    assert {failure.source.split("#")[0] for failure in failures} == {str(path)}
    assert "damaged here or before, or cut short; copy" in failures[0].message
    assert str(path) not in failures[0].message
    # Held in memory, the file is refused at once.
    monkeypatch.setattr(norb_reading, "STREAMED_ABOVE", 1 << 20)
    with pytest.raises(DataError, match=r"training-04-dat\.mat\.gz: the gzip data is damaged or c"):
        open_dataset(tmp_path)


def test_opening_reads_only_headers_of_images_that_are_streamed(tmp_path, norb, monkeypatch):
    monkeypatch.setattr(norb_reading, "STREAMED_ABOVE", 0)
    monkeypatch.setattr("objrec.datasets.norb.stream._Reader", None)
    assert len(open_dataset(write_cluttered(norb, tmp_path, zipped=True), "all")) == 72


def test_set_json_decides_about_background(tmp_path, norb):
    write_cluttered(norb, tmp_path, parts=(1, 1))
    (tmp_path / "set.json").write_text('{"background": ["blank", "car"]}')
    assert np.isnan(open_dataset(tmp_path).poses[:, 0]).tolist() == [False] * 4 + [True] * 2
    (tmp_path / "set.json").write_text('{"categories": ["a", "b", "c", "d", "e", "nothing"]}')
    dataset = open_dataset(tmp_path)
    assert dataset.background == ()
    assert dataset.poses[5, 4] == pytest.approx(5 / 6)
    (tmp_path / "set.json").write_text('{"background": ["blnk"]}')
    with pytest.raises(DataError, match=r"set\.json: background names 'blnk', which is no categor"):
        open_dataset(tmp_path)


def replace_in_part(norb, folder, kind, shape, values, magic=INTEGERS):
    path = folder / f"{CLUTTERED['training']}-02-{kind}.mat"
    path.write_bytes(norb.bytes("<", magic, shape, values))
    return folder


@pytest.mark.parametrize(
    ("kind", "shape", "values", "message"),
    [
        ("dat", (6, 2, 6, 5), [0] * 360,
         r"training-02-dat\.mat: has 2 x 6 x 5 pixels and 10 info columns, but "
         r"norb-\S+-training-01-dat\.mat has 2 x 6 x 6 pixels and 10 info columns; use the parts"),
        ("dat", (6, 1, 6, 6), [0] * 216, r"-02-dat\.mat: has 1 x 6 x 6 pixels and 10 info columns"),
        ("info", (6, 4), [0] * 24, r"-02-dat\.mat: has 2 x 6 x 6 pixels and 4 info columns, but "),
        ("dat", (5, 2, 6, 6), [0] * 360, r"-02-cat\.mat: holds 6 of int32, the images need 5 of"),
        ("cat", (5,), [0] * 5, r"-02-cat\.mat: holds 5 of int32, the images need 6 of int32; use"),
        ("info", (5, 10), [0] * 50, r"-02-info\.mat: holds 5 x 10 of int32, the images need 6 x 4"),
        ("info", (6, 9), [0] * 54, r"-02-info\.mat: holds 6 x 9 .* need 6 x 4 or 6 x 10 of int32;"),
        ("cat", (6,), [0, 1, 2, 3, 4, 6], r"-02-cat\.mat: label 6 is not one of the 6 categories;"),
        ("cat", (6,), [0, -1, 2, 3, 4, 5], r"-02-cat\.mat: label -1 is not one of the 6 categorie"),
        ("info", (6, 10), [13] * 60, r"-02-info\.mat: elevation index 13 of sample 0 means 95 deg"),
    ],
)  # fmt: skip
def test_parts_that_contradict_each_other_are_refused(tmp_path, norb, kind, shape, values, message):
    write_cluttered(norb, tmp_path, parts=(3, 1))
    magic = BYTES if kind == "dat" else INTEGERS
    with pytest.raises(DataError, match=message):
        open_dataset(replace_in_part(norb, tmp_path, kind, shape, values, magic))
    assert len(open_dataset(tmp_path, "test")) == 6


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x55\x4c", r"-02-dat\.mat(\.gz)?: is too short for a NORB matrix; copy it again"),
        (b"PNG? no!" + bytes(40), r"-02-dat\.mat(\.gz)?: does not begin with a NORB magic number"),
        (struct.pack("<II4I", BYTES, 4, 2**32 - 1, 2**31, 9600, 9600) + bytes(100),
         r"-02-dat\.mat(\.gz)?: .* after the header, the file has (100|far fewer); copy it again"),
        (struct.pack("<II4I", BYTES, 4, 6, 2, 6, 6) + bytes(433),
         r"-02-dat\.mat(\.gz)?: 6 x 2 x 6 x 6 needs 432 bytes .*, the file has (433|more); copy"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("zipped", [False, True])
def test_a_damaged_part_is_named(tmp_path, norb, content, message, zipped):
    write_cluttered(norb, tmp_path, zipped, parts=(2, 1))
    norb.write(tmp_path / f"{CLUTTERED['training']}-02-dat.mat", content, zipped)
    with pytest.raises(DataError, match=message) as error:
        open_dataset(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["dat", "cat", "info"])
def test_a_missing_part_is_named(tmp_path, norb, kind):
    write_cluttered(norb, tmp_path, zipped=True, parts=(4, 1))
    (tmp_path / f"{CLUTTERED['training']}-03-{kind}.mat.gz").unlink()
    with pytest.raises(DataError, match=rf"training-03-{kind}\.mat: no such file, with or without"):
        open_dataset(tmp_path)
    for path in tmp_path.glob("*training-03*"):
        path.unlink()
    with pytest.raises(
        DataError, match=r"training-03-dat\.mat: no such file, with or without \.gz"
    ):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("kind", "content", "message"),
    [
        ("cat", ((3,), [0, 1, 2]), r"-cat\.mat: holds 3 of int32, the images need 2 of int32; "),
        ("info", ((2, 3), range(6)), r"-info\.mat: holds 2 x 3 of int32, .* need 2 x 4 or 2 x 10"),
        ("info", ((4, 2), range(8)), r"-info\.mat: holds 4 x 2 of int32, .* need 2 x 4 or 2 x 10"),
        ("info", ((2, 2, 2), range(8)), r"-info\.mat: holds 2 x 2 x 2 of int32, .* need 2 x 4 or"),
        ("cat", ((2,), [0, 6]), r"-cat\.mat: label 6 is not one of the 6 categories; list"),
        ("cat", ((2,), [-1, 0]), r"-cat\.mat: label -1 is not one of the 5 categories; list"),
        (
            "info",
            ((2, 4), [0, 0, 0, 0, 1, 13, 0, 0]),
            r"-info\.mat: elevation index 13 of sample 1 means 95 degrees; state first and step",
        ),
    ],
)
def test_files_that_contradict_each_other_are_refused(tmp_path, norb, kind, content, message):
    norb.write_set(tmp_path, PREFIX, **{kind: norb.bytes("<", INTEGERS, *content)})
    with pytest.raises(DataError, match=message):
        read_norb(tmp_path, "train")


def test_labels_must_be_integers(tmp_path, norb):
    norb.write_set(tmp_path, PREFIX, cat=norb.bytes("<", norb.FLOATS, (2,), [0, 1]))
    with pytest.raises(DataError, match=r"-cat\.mat: holds 2 of float32, the images need 2 of int"):
        read_norb(tmp_path, "train")


def test_images_that_are_not_bytes_in_four_dimensions_are_refused(tmp_path, norb):
    norb.write_set(tmp_path, PREFIX, dat=norb.bytes("<", INTEGERS, (2, 2, 1), range(4)))
    with pytest.raises(DataError, match=r"-dat\.mat: holds 2 x 2 x 1 of int32; images must be"):
        read_norb(tmp_path, "train")


def test_a_missing_companion_file_is_named(tmp_path, norb):
    (norb.write_set(tmp_path, PREFIX) / f"{PREFIX}-info.mat").unlink()
    with pytest.raises(DataError, match=r"-info\.mat: no such file, with or without \.gz; copy"):
        read_norb(tmp_path, "train")


def test_labels_may_be_written_with_three_dimensions(tmp_path, norb):
    norb.write_set(tmp_path, PREFIX, cat=norb.bytes(">", INTEGERS, (2, 1, 1), [3, 1]))
    assert read_norb(tmp_path, "train").labels.tolist() == [3, 1]


def test_a_negative_index_means_not_observed(tmp_path, norb):
    info = norb.bytes("<", INTEGERS, (2, 4), [-1, -1, -1, -1, 1, 2, 4, 3])
    dataset = read_norb(norb.write_set(tmp_path, PREFIX, info=info))
    assert np.isnan(dataset.poses[0]).all()
    assert dataset.poses[1, :2].tolist() == [40.0, 40.0]
    assert dataset.factors["instance"].tolist() == ["", "1"]
    assert dataset.factors["lighting"].tolist() == ["", "3"]


def test_set_json_names_categories_and_scales(tmp_path, norb):
    (tmp_path / "set.json").write_text(
        '{"name": "mine", "categories": ["a", "b", "c", "d", "e"], "front_azimuth": 90,'
        ' "elevation": {"first": 0, "step": 10}, "azimuth": {"first": 5}}'
    )
    dataset = read_norb(norb.write_set(tmp_path, PREFIX))
    assert (dataset.name, dataset.categories, dataset.frame.front_azimuth) == (
        "mine",
        tuple("abcde"),
        90,
    )
    assert dataset.poses[:, :2].tolist() == [[345.0, 80.0], [25.0, 0.0]]


def test_both_splits_together(tmp_path, norb):
    norb.write_set(tmp_path, "latest-testing")
    norb.write_set(tmp_path, "latest-training", zipped=True)
    assert list(find_norb(tmp_path)) == ["train", "test"]
    both = read_norb(tmp_path, "all")
    assert len(both) == 4
    assert both.split == "all"
    assert both[3].source.endswith("latest-testing-dat.mat#1")
    with pytest.raises(DataError, match="has no NORB files for split 'val'"):
        read_norb(tmp_path, "val")


def test_two_sets_in_one_folder_are_refused(tmp_path, norb):
    norb.write_set(tmp_path, "smallnorb-5x46789x9x18x6x2x96x96-training")
    write_cluttered(norb, tmp_path)
    with pytest.raises(
        DataError, match=r"x108-training-10 and smallnorb-\S+ are both the train sp"
    ):
        open_dataset(tmp_path)


@pytest.mark.parametrize("compress", [False, True])
def test_what_is_written_is_read_back(tmp_path, compress):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 1, 5, 7), dtype=np.uint8)
    labels, info = np.arange(6) % 5, np.column_stack([np.arange(6)] * 4)
    write_norb(tmp_path, "toys-training", images, labels, info, compress=compress)
    dataset = read_norb(tmp_path, "train")
    assert all(np.array_equal(dataset[i].images, images[i]) for i in range(6))
    assert dataset.labels.tolist() == labels.tolist()
    assert dataset.poses[:, 0].tolist() == [0, 10, 20, 30, 40, 50]
    assert dataset.poses[:, 1].tolist() == [30, 35, 40, 45, 50, 55]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (2**21, 1, 1, 1),
            r"-dat\.mat\.gz: states 2,097,152 samples, more than 1,048,576; copy it",
        ),
        (
            (1, 2, 2**13, 2**13),
            r"-dat\.mat\.gz: states 2 x 8192 x 8192 pixels a sample, more than 67",
        ),
        (
            (2, 2, 3, 2**24),
            r"-dat\.mat\.gz: states 2 x 3 x 16777216 pixels a sample, more than 67 m",
        ),
    ],
)
def test_a_header_of_a_gzip_file_takes_no_memory(tmp_path, norb, shape, message):
    """Such a file may be small: gzip packs zeros to a thousandth."""
    norb.write_set(tmp_path, PREFIX, zipped=True)
    header = norb.bytes("<", BYTES, shape, [])
    zeros = gzip.compress(bytes(2**20), mtime=0) * (np.prod(shape, dtype=int) // 2**20)
    (tmp_path / f"{PREFIX}-dat.mat.gz").write_bytes(gzip.compress(header) + zeros)
    with pytest.raises(DataError, match=message):
        read_norb(tmp_path, "train")


@pytest.mark.parametrize("kind", ["cat", "info"])
def test_numbers_of_the_wrong_shape_are_not_decompressed(tmp_path, norb, kind):
    norb.write_set(tmp_path, PREFIX, zipped=True)
    path = tmp_path / f"{PREFIX}-{kind}.mat.gz"
    zeros = gzip.compress(bytes(2**20), mtime=0) * 128
    path.write_bytes(gzip.compress(norb.bytes("<", INTEGERS, (2**25,), [])) + zeros)
    tracemalloc.start()
    with pytest.raises(DataError, match=rf"-{kind}\.mat\.gz: holds 33554432 of int32, the images"):
        read_norb(tmp_path, "train")
    assert tracemalloc.get_traced_memory()[1] < 2**23
    tracemalloc.stop()


def test_a_split_without_background_has_the_categories_of_the_set(tmp_path, norb):
    """Else a label of one split would be beyond the categories of the other."""
    norb.write_set(tmp_path, "x-training")
    norb.write_set(tmp_path, "x-testing", cat=norb.bytes("<", INTEGERS, (2,), [5, 0]))
    assert [len(read_norb(tmp_path, split).categories) for split in ("train", "test")] == [6, 6]
    (tmp_path / "x-testing-cat.mat").write_bytes(b"damaged")
    assert len(read_norb(tmp_path, "train").categories) == 5
