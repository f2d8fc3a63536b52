"""Files made to harm: no header, no packed data and no pipe takes much memory or time."""

import io
import os
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from objrec.datasets.images import depths, headers, pnm, read_image, reading, tiff
from objrec.errors import DataError


@pytest.fixture
def peak():
    """Return what says how many bytes Python and numpy have held at most since it was made."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


@pytest.fixture
def made(script):
    """What writes image files byte by byte."""
    return script("image_bytes")


def refused(tmp_path, name, data, message):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        read_image(path)
    assert "\n" not in str(caught.value)


def test_a_pipe_and_a_device_are_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    for name in ("pipe.png", "zero.png"):
        with pytest.raises(DataError, match=rf"{name}: is a pipe or a device; save the image as"):
            read_image(tmp_path / name)


def test_a_file_beyond_all_images_is_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_BYTE_LIMIT", 2**20)
    refused(tmp_path, "a.png", bytes(2**20 + 1), r"a\.png: has more than 1 MB; shrink the image")


@pytest.mark.parametrize(
    ("bits", "side", "passes"),
    [(8, 8000, True), (8, 9000, False), (16, 4500, True), (16, 5000, False)],
)
def test_the_limit_of_pixels_is_one_of_memory(made, bits, side, passes):
    """Photographs of 64 million pixels pass; what is deeper takes more."""
    pixel = np.zeros((1, 1, 4), np.uint8 if bits == 8 else np.uint16)
    data = made.png(pixel, size=(side, side))
    if passes:
        assert headers.read_header(data, "a.png").shape == (side, side)
        return
    with pytest.raises(DataError, match=rf"states {side} x {side} pixels, more than .* million; s"):
        headers.read_header(data, "a.png")


def test_transparent_pictures_take_little_more_than_their_pixels(tmp_path, peak):
    side = 1500
    Image.new("RGBA", (side, side), (9, 9, 9, 99)).save(tmp_path / "a.png", compress_level=1)
    before = peak()
    assert read_image(tmp_path / "a.png").shape == (side, side, 3)
    assert peak() - before < 12 * side * side, "30 bytes a pixel if it were not done in bands"


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_strip_that_inflates_to_much_is_inflated_in_pieces(made, peak, kind, monkeypatch):
    data = made.tiff(np.zeros((1, 1), kind), compression=made.DEFLATE)
    strip = zlib.compress(bytes(2**25))
    tags = dict(tiff.read_tags(data)) | {273: (len(data),), 279: (len(strip),)}
    before = peak()
    assert tiff.has_whole_strips(tags, data + strip)
    assert peak() - before < 2**23
    monkeypatch.setattr(tiff, "_MOST", 2**24)
    assert not tiff.has_whole_strips(tags, data + strip)


def test_a_second_header_of_a_png_does_not_count(made, tmp_path):
    huge = struct.pack(">2I5B", 60_000, 60_000, 8, 0, 0, 0, 0)
    data = made.png(np.zeros((2, 2), np.uint8), chunks={b"IHDR": huge})
    assert data.count(b"IHDR") == 2
    refused(tmp_path, "a.png", data, r"a\.png: is not an image, or is damaged; replace")


def test_a_tile_beyond_all_images_is_refused(made, tmp_path):
    data = made.tiff(np.zeros((4, 4), np.uint8), tile=16)
    at = struct.unpack_from("<I", data, 4)[0] + 2
    changed = bytearray(data)
    for entry in range(at, len(data) - 12, 12):
        if struct.unpack_from("<H", data, entry)[0] in (322, 323):
            struct.pack_into("<I", changed, entry + 8, 60_000)
    refused(tmp_path, "a.tif", bytes(changed), r"states 60000 x 60000 pixels, more than .*; shrink")


def test_a_tag_is_read_once_however_often_it_stands_there(made):
    data = made.tiff(np.zeros((4, 4), np.uint8))
    start = len(data)
    entry = struct.pack("<HHII", 258, 3, 10**6, 0)
    directory = struct.pack("<H", 60_000) + entry * 60_000 + bytes(4)
    data = data[:4] + struct.pack("<I", start) + data[8:] + directory + bytes(2 * 10**6)
    # 60,000 times a million numbers would take minutes.
    assert len(tiff.read_tags(data)[258]) == 10**6


def test_libpng_says_nothing_of_odd_chunks(made, tmp_path, capfd):
    data = made.png(np.full((4, 4), 999, np.uint16))
    content = b"more"
    end = (
        struct.pack(">I", 4) + b"IEND" + content + struct.pack(">I", zlib.crc32(b"IEND" + content))
    )
    (tmp_path / "a.png").write_bytes(data[:-12] + end)
    assert read_image(tmp_path / "a.png").tolist() == [[4] * 4] * 4
    assert capfd.readouterr() == ("", "")


def test_numbers_as_text_are_read_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(pnm, "_PIECE", 10)
    numbers = np.arange(200).reshape(10, 20)
    text = io.BytesIO()
    np.savetxt(text, numbers, "%d", header="a comment", comments="#")
    (tmp_path / "a.pgm").write_bytes(b"P2\n20 10\n255\n" + text.getvalue())
    np.testing.assert_array_equal(read_image(tmp_path / "a.pgm"), numbers)


@pytest.mark.parametrize("number", [b"1" * 17, b"0" * 17 + b"1", b"70000", b"-1", b"x", b""])
def test_numbers_that_are_none_are_refused(tmp_path, number):
    data = b"P2\n2 1\n255\n3 " + number
    refused(tmp_path, "a.pgm", data, r"a\.pgm: is not an image, or is damaged; replace")


def test_bands_are_put_together_whatever_their_number(monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    for at_once in (1, 15, 40, 1000):
        monkeypatch.setattr(depths, "_AT_ONCE", at_once)
        np.testing.assert_array_equal(depths.in_bands(lambda rows: pixels[rows], (7, 5, 3)), pixels)
