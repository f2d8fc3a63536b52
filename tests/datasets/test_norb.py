"""NORB files against bytes written by hand, in both byte orders, plain and gzip."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest

from objrec.datasets.norb import find_norb, read_norb, write_norb
from objrec.datasets.norb_matrix import read_matrix, write_matrix
from objrec.errors import DataError

BYTES, INTEGERS = 0x1E3D4C55, 0x1E3D4C54
PREFIX = "toys-5x46789x9x18x6x2x3x4-training"


def matrix_bytes(order, magic, shape, values):
    """The format, written down once more: magic, dimensions, at least three sizes, elements."""
    sizes = [*shape, 1, 1][: max(3, len(shape))]
    letter = "B" if magic == BYTES else "i"
    return struct.pack(f"{order}Ii{len(sizes)}i", magic, len(shape), *sizes) + struct.pack(
        f"{order}{len(values)}{letter}", *values
    )


def write(path, content, zipped=False):
    name = path.with_name(path.name + ".gz") if zipped else path
    name.write_bytes(gzip.compress(content) if zipped else content)
    return name


def write_set(folder, order="<", zipped=False, prefix=PREFIX, **replaced):
    """Two stereo samples of 3 x 4 pixels; any of dat, cat, info can be replaced."""
    files = {
        "dat": matrix_bytes(order, BYTES, (2, 2, 3, 4), range(48)),
        "cat": matrix_bytes(order, INTEGERS, (2,), [4, 0]),
        "info": matrix_bytes(order, INTEGERS, (2, 4), [7, 8, 34, 5, 9, 0, 2, 0]),
    } | replaced
    for kind, content in files.items():
        write(folder / f"{prefix}-{kind}.mat", content, zipped)
    return folder


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("zipped", [False, True])
def test_reads_bytes_written_by_hand(tmp_path, order, zipped):
    dataset = read_norb(write_set(tmp_path, order, zipped), "train")
    assert dataset.categories == ("animal", "human", "airplane", "truck", "car")
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


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("magic", "letter"),
    [(0x1E3D4C51, "f"), (0x1E3D4C53, "d"), (0x1E3D4C54, "i"), (0x1E3D4C55, "B"), (0x1E3D4C56, "h")],
)
def test_magic_number_decides_element_type_and_byte_order(tmp_path, order, magic, letter):
    values = [1, 2, 3, 200 if letter == "B" else -200]
    content = struct.pack(f"{order}Ii3i4{letter}", magic, 2, 2, 2, 1, *values)
    (tmp_path / "m.mat").write_bytes(content)
    assert read_matrix(tmp_path / "m.mat").tolist() == [values[:2], values[2:]]


def test_a_plain_file_is_memory_mapped_and_a_misnamed_gzip_is_read(tmp_path):
    content = matrix_bytes("<", INTEGERS, (3,), [1, 2, 3])
    (tmp_path / "plain.mat.gz").write_bytes(content)
    (tmp_path / "zipped.mat").write_bytes(gzip.compress(content))
    plain, zipped = read_matrix(tmp_path / "plain.mat.gz"), read_matrix(tmp_path / "zipped.mat")
    assert isinstance(plain, np.memmap)
    assert not isinstance(zipped, np.memmap)
    assert plain.tolist() == zipped.tolist() == [1, 2, 3]


def test_gzip_in_several_members_is_read(tmp_path):
    content = matrix_bytes("<", INTEGERS, (3,), [1, 2, 3])
    (tmp_path / "m.mat.gz").write_bytes(gzip.compress(content[:9]) + gzip.compress(content[9:]))
    assert read_matrix(tmp_path / "m.mat.gz").tolist() == [1, 2, 3]


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x55\x4c", r"is too short for a NORB matrix; copy it again"),
        (b"PNG? no!" + bytes(40), r"magic number \(found 50 4e 47 3f\); is it a matrix file"),
        (struct.pack("<II", BYTES, 3), r"is cut short within its header; copy it again"),
        (struct.pack("<II", BYTES, 99) + bytes(99), r"header names 99 dimensions; copy"),
        (struct.pack("<II3I", BYTES, 2, 4, 0, 1), r"dimension of size 0; it holds nothing"),
        (
            matrix_bytes("<", BYTES, (2, 3), range(5)),
            r"2 x 3 needs 6 bytes after the header, the file has 5; copy it again",
        ),
        (matrix_bytes("<", BYTES, (2, 3), range(7)), r"needs 6 bytes .* the file has (7|more); "),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path, content, message, zipped):
    path = write(tmp_path / "m.mat", content, zipped)
    with pytest.raises(DataError, match=message) as error:
        read_matrix(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_gzip_that_is_cut_short_or_damaged_is_refused(tmp_path):
    values = np.random.default_rng(0).integers(0, 1000, 500).tolist()
    zipped = gzip.compress(matrix_bytes("<", INTEGERS, (500,), values))
    damaged = bytearray(zipped)
    damaged[len(damaged) // 2] ^= 0xFF
    for content in (zipped[:-200], zipped[:-4], bytes(damaged)):
        (tmp_path / "m.mat.gz").write_bytes(content)
        with pytest.raises(DataError, match=r"the gzip data is damaged or cut short; copy"):
            read_matrix(tmp_path / "m.mat.gz")


@pytest.mark.parametrize("zipped", [False, True])
def test_a_header_cannot_claim_more_memory_than_the_file_could_hold(tmp_path, zipped):
    content = struct.pack("<II4I", BYTES, 4, 2**32 - 1, 2**31, 9600, 9600) + bytes(100)
    path = write(tmp_path / "m.mat", content, zipped)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"the file has (far fewer|100); copy it again"):
            read_matrix(path)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("kind", "content", "message"),
    [
        ("cat", ((3,), [0, 1, 2]), r"-cat\.mat: holds 3 of int32, the images need 2 of int32; "),
        ("info", ((2, 3), range(6)), r"-info\.mat: holds 2 x 3 of int32, .* need 2 x 4 of"),
        ("info", ((4, 2), range(8)), r"-info\.mat: holds 4 x 2 of int32, .* need 2 x 4 of"),
        ("cat", ((2,), [0, 5]), r"-cat\.mat: label 5 is not one of the 5 categories; list"),
        ("cat", ((2,), [-1, 0]), r"-cat\.mat: label -1 is not one of the 5 categories; list"),
        (
            "info",
            ((2, 4), [0, 0, 0, 0, 1, 13, 0, 0]),
            r"-info\.mat: elevation index 13 of sample 1 means 95 degrees; state first and step",
        ),
    ],
)
def test_files_that_contradict_each_other_are_refused(tmp_path, kind, content, message):
    write_set(tmp_path, **{kind: matrix_bytes("<", INTEGERS, *content)})
    with pytest.raises(DataError, match=message):
        read_norb(tmp_path, "train")


def test_images_that_are_not_bytes_in_four_dimensions_are_refused(tmp_path):
    write_set(tmp_path, dat=matrix_bytes("<", INTEGERS, (2, 2, 1), range(4)))
    with pytest.raises(DataError, match=r"-dat\.mat: holds 2 x 2 x 1 of int32; images must be"):
        read_norb(tmp_path, "train")


def test_a_missing_companion_file_is_named(tmp_path):
    (write_set(tmp_path) / f"{PREFIX}-info.mat").unlink()
    with pytest.raises(DataError, match=r"-info\.mat: no such file, with or without \.gz; copy"):
        read_norb(tmp_path, "train")


def test_labels_may_be_written_with_three_dimensions(tmp_path):
    write_set(tmp_path, cat=matrix_bytes(">", INTEGERS, (2, 1, 1), [3, 1]))
    assert read_norb(tmp_path, "train").labels.tolist() == [3, 1]


def test_a_negative_index_means_not_observed(tmp_path):
    write_set(tmp_path, info=matrix_bytes("<", INTEGERS, (2, 4), [-1, -1, -1, -1, 1, 2, 4, 3]))
    dataset = read_norb(tmp_path)
    assert np.isnan(dataset.poses[0]).all()
    assert dataset.poses[1, :2].tolist() == [40.0, 40.0]
    assert dataset.factors["instance"].tolist() == ["", "1"]
    assert dataset.factors["lighting"].tolist() == ["", "3"]


def test_set_json_names_categories_and_scales(tmp_path):
    (tmp_path / "set.json").write_text(
        '{"name": "mine", "categories": ["a", "b", "c", "d", "e"], "front_azimuth": 90,'
        ' "elevation": {"first": 0, "step": 10}, "azimuth": {"first": 5}}'
    )
    dataset = read_norb(write_set(tmp_path))
    assert (dataset.name, dataset.categories, dataset.frame.front_azimuth) == (
        "mine",
        tuple("abcde"),
        90,
    )
    assert dataset.poses[:, :2].tolist() == [[345.0, 80.0], [25.0, 0.0]]


def test_splits_are_found_by_name(tmp_path):
    write_set(tmp_path, prefix="latest-testing")
    write_set(tmp_path, prefix="latest-training", zipped=True)
    assert find_norb(tmp_path) == {"train": "latest-training", "test": "latest-testing"}
    both = read_norb(tmp_path, "all")
    assert len(both) == 4
    assert both.split == "all"
    assert both[3].source.endswith("latest-testing-dat.mat#1")
    with pytest.raises(DataError, match="has no NORB files for split 'val'"):
        read_norb(tmp_path, "val")


def test_files_without_a_split_are_one_split(tmp_path):
    assert find_norb(write_set(tmp_path, prefix="latest")) == {"all": "latest"}
    assert read_norb(tmp_path).split == "all"


def test_two_sets_in_one_folder_are_refused(tmp_path):
    write_set(tmp_path, prefix="a-training")
    write_set(tmp_path, prefix="b-training")
    with pytest.raises(DataError, match="a-training and b-training are both the train split; "):
        read_norb(tmp_path)
    (tmp_path / "b-training-dat.mat").rename(tmp_path / "b-dat.mat")
    with pytest.raises(DataError, match="b is neither training nor testing, as other files are; "):
        read_norb(tmp_path)


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


def test_written_bytes_are_those_of_the_format_and_always_the_same(tmp_path):
    write_matrix(tmp_path / "a.mat", np.array([1, -2], dtype=">i4"))
    assert (tmp_path / "a.mat").read_bytes() == matrix_bytes("<", INTEGERS, (2,), [1, -2])
    for name in ("b.gz", "c.gz"):
        write_matrix(tmp_path / name, np.array([1, 2], dtype=np.uint8), compress=True)
    assert (tmp_path / "b.gz").read_bytes() == (tmp_path / "c.gz").read_bytes()


def test_arrays_that_do_not_fit_are_a_programmers_mistake(tmp_path):
    images = np.zeros((2, 1, 3, 3), np.uint8)
    with pytest.raises(ValueError, match=r"images must be uint8 \(N, V, H, W\), not float64"):
        write_norb(tmp_path, "a", images.astype(float), np.zeros(2), np.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"2 images, but \(3,\) labels"):
        write_norb(tmp_path, "a", images, np.zeros(3, int), np.zeros((2, 4), int))
    with pytest.raises(ValueError, match=r"cannot write an array of complex128 with shape \(2,\)"):
        write_matrix(tmp_path / "a.mat", np.zeros(2, complex))
