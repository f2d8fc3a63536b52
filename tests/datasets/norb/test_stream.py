"""Rows of gzip files that are not held in memory, against the arrays they were made of."""

import gzip
import struct
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from objrec.datasets.norb import stream as norb_stream
from objrec.datasets.norb.matrix import read_header
from objrec.datasets.norb.stream import GzipRows, RecentBlocks
from objrec.errors import DataError

BYTES = 0x1E3D4C55
SHAPE = (70, 2, 10, 11)
ROW = 220


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 4 rows, and reading in small pieces, so that files of 15 KB have many of both."""
    monkeypatch.setattr(norb_stream, "_BLOCK", 4 * ROW + 100)
    monkeypatch.setattr(norb_stream, "_CHUNK", 97)


@pytest.fixture
def decompressed(monkeypatch):
    """A list of the bytes decompressed by each call."""
    counts = []
    original = norb_stream._Reader._decompress

    def counted(reader, most):
        output = original(reader, most)
        counts.append(len(output))
        return output

    monkeypatch.setattr(norb_stream._Reader, "_decompress", counted)
    return counts


def pixels(shape=SHAPE):
    return np.random.default_rng(0).integers(0, 50, shape, dtype=np.uint8)


def content_of(array, shape=None):
    header = struct.pack(f"<II{array.ndim}I", BYTES, array.ndim, *(shape or array.shape))
    return header + array.tobytes()


def opened(path, content, recent=None):
    path.write_bytes(content)
    return GzipRows(path, read_header(path), recent or RecentBlocks())


def readable(rows):
    """Read everything; return the rows that can be read, and the messages of the others."""
    good, bad = {}, {}
    for i in range(len(rows)):
        try:
            good[i] = rows[i]
        except DataError as error:
            bad[i] = str(error)
    return good, bad


ORDERS = {
    "forward": np.arange(70),
    "backward": np.arange(69, -1, -1),
    "shuffled": np.random.default_rng(1).permutation(70),
    "last and first": np.array([69, 0, 68, 1]),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("block", [1, 4 * ROW, 5 * ROW + 1, 1 << 20])
def test_rows_are_those_of_the_array(tmp_path, monkeypatch, order, block):
    monkeypatch.setattr(norb_stream, "_BLOCK", block)
    array = pixels()
    rows = opened(tmp_path / "a.gz", gzip.compress(content_of(array)))
    assert (len(rows), rows.shape) == (70, SHAPE)
    for i in ORDERS[order]:
        assert np.array_equal(rows[i], array[i])
    assert np.array_equal(rows[-1], array[-1])
    with pytest.raises(IndexError):
        rows[70]


def test_going_forward_decompresses_the_file_once(tmp_path, small_blocks, decompressed):
    content = content_of(pixels())
    rows = opened(tmp_path / "a.gz", gzip.compress(content))
    assert not decompressed
    for i in range(0, 70, 2):
        # As two threads do, which are not quite in step.
        assert rows[i + 1].shape == rows[i].shape
    assert sum(decompressed) == len(content)


def test_a_row_before_the_furthest_costs_one_block(tmp_path, small_blocks, decompressed):
    rows = opened(tmp_path / "a.gz", gzip.compress(content_of(pixels())))
    rows[69]
    for i in (30, 3, 60, 17):
        decompressed.clear()
        rows[i]
        assert sum(decompressed) <= 4 * ROW + 24


def test_blocks_used_last_are_held_for_all_files_together(tmp_path, small_blocks, decompressed):
    recent = RecentBlocks(most=2)
    one = opened(tmp_path / "one.gz", gzip.compress(content_of(pixels())), recent)
    other = opened(tmp_path / "other.gz", gzip.compress(content_of(255 - pixels())), recent)
    one[0], other[0]
    decompressed.clear()
    assert np.array_equal(one[1], pixels()[1])
    assert np.array_equal(other[1], 255 - pixels()[1])
    assert not decompressed
    other[4]  # a third block; that of `one` was not used for longest
    one[0]
    assert decompressed


@pytest.mark.parametrize("threads", [2, 7])
def test_several_threads_read_the_right_rows(tmp_path, small_blocks, threads):
    array = pixels()
    rows = opened(tmp_path / "a.gz", gzip.compress(content_of(array)))
    order = np.concatenate([np.arange(70), np.random.default_rng(2).permutation(70)] * 3)
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(lambda i: rows[i], order))
    assert np.array_equal(found, array[order])


@pytest.mark.parametrize("cuts", [(5,), (24, 24 + 4 * ROW), (3000, 3001, 9000), (24 + 70 * ROW,)])
@pytest.mark.parametrize("padding", [b"", bytes(300)])
def test_members_after_one_another_are_one_stream(tmp_path, small_blocks, cuts, padding):
    array = pixels()
    content = content_of(array)
    ends = [*cuts, len(content)]
    members = [content[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    packed = b"".join(gzip.compress(member) + padding for member in members)
    rows = opened(tmp_path / "a.gz", packed)
    for i in [*range(70), 33, 2, 68]:
        assert np.array_equal(rows[i], array[i])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_short_can_be_read_up_to_there(tmp_path, small_blocks, share):
    array = pixels()
    packed = gzip.compress(content_of(array))
    good, bad = readable(opened(tmp_path / "a.gz", packed[: int(len(packed) * share)]))
    assert list(good) == list(range(len(good)))
    assert all(np.array_equal(good[i], array[i]) for i in good)
    # Deflate codes these pixels evenly: 1 row is lost where the cut is, 1 where it cannot tell.
    assert 70 * share - 3 <= len(good) <= min(69, 70 * share + 1)
    for i, message in bad.items():
        assert message == (
            f"{tmp_path / 'a.gz'}#{i}: the gzip data is damaged here or before, or cut short; "
            "copy the file again"
        )


@pytest.mark.parametrize("missing", [1, 8, 9])
def test_a_missing_end_is_noticed_though_all_pixels_are_there(tmp_path, small_blocks, missing):
    packed = gzip.compress(content_of(pixels()))
    _, bad = readable(opened(tmp_path / "a.gz", packed[:-missing]))
    assert list(bad)[-1] == 69
    assert len(bad) <= 2


@pytest.mark.parametrize("place", [0.3, 0.6])
@pytest.mark.parametrize("backward", [False, True])
def test_a_damaged_place_is_noticed(tmp_path, small_blocks, place, backward):
    array = pixels()
    # Without compression a wrong byte is a wrong pixel, which only the checksum tells.
    for level in (0, 9):
        packed = bytearray(gzip.compress(content_of(array), level))
        packed[int(len(packed) * place)] ^= 0x55
        rows = opened(tmp_path / "a.gz", bytes(packed))
        if backward:
            with pytest.raises(DataError, match=r"a\.gz#69: the gzip data is damaged here or"):
                rows[69]
        good, bad = readable(rows)
        assert set(range(int(70 * place) - 2)) <= set(good)
        assert 69 in bad


def test_after_damage_the_rest_fails_at_once(tmp_path, small_blocks, decompressed):
    packed = gzip.compress(content_of(pixels()))
    rows = opened(tmp_path / "a.gz", packed[: len(packed) // 2])
    _, bad = readable(rows)
    decompressed.clear()
    for i in list(bad)[8:]:
        with pytest.raises(DataError, match="damaged here or before"):
            rows[i]
    assert not decompressed


@pytest.mark.parametrize(
    ("rows_said", "message"),
    [(71, r"71 x 2 x 10 x 11 needs 15,620 bytes after the header, the file has 15,400; copy it"),
     (69, r"69 x 2 x 10 x 11 needs 15,180 bytes after the header, the file has more; copy it")],
)  # fmt: skip
def test_a_length_that_contradicts_the_header_is_noticed(
    tmp_path, small_blocks, rows_said, message
):
    array = pixels()
    content = content_of(array, (rows_said, *SHAPE[1:]))
    good, bad = readable(opened(tmp_path / "a.gz", gzip.compress(content)))
    assert list(bad) == [rows_said - 1]
    assert all(np.array_equal(good[i], array[i]) for i in good)
    assert f"a.gz#{rows_said - 1}: the file is damaged: {message}" in bad[rows_said - 1]


def test_what_follows_the_data_must_be_gzip(tmp_path, small_blocks):
    packed = gzip.compress(content_of(pixels()))
    assert not readable(opened(tmp_path / "a.gz", packed + gzip.compress(b"")))[1]
    assert list(readable(opened(tmp_path / "a.gz", packed + b"garbage"))[1]) == [69]


def test_a_file_that_disappears_is_told_in_one_line(tmp_path, small_blocks):
    rows = opened(tmp_path / "a.gz", gzip.compress(content_of(pixels())))
    rows[0]
    (tmp_path / "a.gz").unlink()
    rows[1]
    with pytest.raises(DataError, match=r"a\.gz#9: cannot be read \(No such file or directory\);"):
        rows[9]


def test_memory_does_not_grow_with_the_file(tmp_path):
    shape = (600, 2, 250, 200)  # 60 MB
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(content_of(np.full(shape, 7, np.uint8)), 1))
    tracemalloc.start()
    try:
        rows = GzipRows(path, read_header(path), RecentBlocks())
        assert all(rows[i].shape == shape[1:] for i in range(600))
        kept = rows[0], rows[300], rows[599]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 25e6
    assert all((row == 7).all() for row in kept)
