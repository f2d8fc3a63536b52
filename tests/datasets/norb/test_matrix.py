"""Matrix files against bytes written by hand, in both byte orders, plain and gzip."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest

from objrec.datasets.norb.matrix import read_header, read_matrix, write_matrix
from objrec.errors import DataError

BYTES, INTEGERS = 0x1E3D4C55, 0x1E3D4C54


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("magic", "letter"),
    [(0x1E3D4C51, "f"), (0x1E3D4C53, "d"), (0x1E3D4C54, "i"), (0x1E3D4C55, "B"), (0x1E3D4C56, "h")],
)
def test_magic_number_decides_element_type_and_byte_order(
    tmp_path, norb, order, magic, letter, zipped
):
    values = [1, 2, 3, 200 if letter == "B" else -200]
    content = struct.pack(f"{order}Ii3i4{letter}", magic, 2, 2, 2, 1, *values)
    path = norb.write(tmp_path / "m.mat", content, zipped)
    assert read_matrix(path).tolist() == [values[:2], values[2:]]
    header = read_header(path)
    assert (header.shape, header.length, header.zipped) == ((2, 2), 20, zipped)
    assert header.payload == 4 * struct.calcsize(letter)


def test_a_plain_file_is_memory_mapped_and_a_misnamed_gzip_is_read(tmp_path, norb):
    content = norb.bytes("<", INTEGERS, (3,), [1, 2, 3])
    (tmp_path / "plain.mat.gz").write_bytes(content)
    (tmp_path / "zipped.mat").write_bytes(gzip.compress(content))
    plain, zipped = read_matrix(tmp_path / "plain.mat.gz"), read_matrix(tmp_path / "zipped.mat")
    assert isinstance(plain, np.memmap)
    assert not isinstance(zipped, np.memmap)
    assert plain.tolist() == zipped.tolist() == [1, 2, 3]


def test_gzip_in_several_members_is_read(tmp_path, norb):
    content = norb.bytes("<", INTEGERS, (3,), [1, 2, 3])
    (tmp_path / "m.mat.gz").write_bytes(gzip.compress(content[:9]) + gzip.compress(content[9:]))
    assert read_matrix(tmp_path / "m.mat.gz").tolist() == [1, 2, 3]


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x55\x4c", r"is too short for a NORB matrix; copy it again"),
        (b"", r"is too short for a NORB matrix; copy it again"),
        (b"PNG? no!" + bytes(40), r"magic number \(found 50 4e 47 3f\); is it a matrix file"),
        (struct.pack("<II", BYTES, 3), r"is cut short within its header; copy it again"),
        (struct.pack("<II", BYTES, 99) + bytes(99), r"header names 99 dimensions; copy"),
        (struct.pack("<II3I", BYTES, 2, 4, 0, 1), r"dimension of size 0; it holds nothing"),
        (
            struct.pack("<II3I", BYTES, 2, 2, 3, 1) + bytes(5),
            r"2 x 3 needs 6 bytes after the header, the file has 5; copy it again",
        ),
        (
            struct.pack("<II3I", BYTES, 2, 2, 3, 1) + bytes(7),
            r"needs 6 bytes .* the file has (7|more); ",
        ),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path, norb, content, message, zipped):
    path = norb.write(tmp_path / "m.mat", content, zipped)
    with pytest.raises(DataError, match=message) as error:
        read_matrix(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_gzip_that_is_cut_short_or_damaged_is_refused(tmp_path, norb):
    values = np.random.default_rng(0).integers(0, 1000, 500).tolist()
    zipped = gzip.compress(norb.bytes("<", INTEGERS, (500,), values))
    damaged = bytearray(zipped)
    damaged[len(damaged) // 2] ^= 0xFF
    for content in (zipped[:-200], zipped[:-4], zipped[:5], bytes(damaged), zipped + b"garbage"):
        (tmp_path / "m.mat.gz").write_bytes(content)
        with pytest.raises(DataError, match=r"the gzip data is damaged or cut short; copy"):
            read_matrix(tmp_path / "m.mat.gz")


@pytest.mark.parametrize("zipped", [False, True])
def test_a_header_cannot_claim_more_memory_than_the_file_could_hold(tmp_path, norb, zipped):
    # The product of these dimensions is beyond 2 ** 63.
    content = struct.pack("<II4I", BYTES, 4, 2**32 - 1, 2**31, 9600, 9600) + bytes(100)
    path = norb.write(tmp_path / "m.mat", content, zipped)
    tracemalloc.start()
    try:
        for read in (read_header, read_matrix):
            with pytest.raises(DataError, match=r"the file has (far fewer|100); copy it again"):
                read(path)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"m\.mat: cannot be read \(No such file or directory\);"):
        read_header(tmp_path / "m.mat")


def test_written_bytes_are_those_of_the_format_and_always_the_same(tmp_path, norb):
    write_matrix(tmp_path / "a.mat", np.array([1, -2], dtype=">i4"))
    assert (tmp_path / "a.mat").read_bytes() == norb.bytes("<", INTEGERS, (2,), [1, -2])
    write_matrix(tmp_path / "d.mat", np.array([[0.5], [-2]]))
    assert (tmp_path / "d.mat").read_bytes() == norb.bytes("<", norb.DOUBLES, (2, 1), [0.5, -2])
    for name in ("b.gz", "c.gz"):
        write_matrix(tmp_path / name, np.array([1, 2], dtype=np.uint8), compress=True)
    assert (tmp_path / "b.gz").read_bytes() == (tmp_path / "c.gz").read_bytes()


def test_an_array_that_the_format_has_no_number_for_is_a_programmers_mistake(tmp_path):
    for array in (np.zeros(2, complex), np.zeros((2, 0)), np.zeros((1,) * 9), np.array(1.0)):
        with pytest.raises(ValueError, match=r"cannot write an array of .* with shape \("):
            write_matrix(tmp_path / "a.mat", array)
