"""Reading image files: every kind against an independent reader, every defect as one line."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from objrec.datasets.images import is_image_name, read_image
from objrec.errors import DataError


@pytest.fixture
def pixels():
    rng = np.random.default_rng(0)
    return cv2.GaussianBlur(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8), (5, 5), 2)


def saved(path, image, **options):
    image.save(path, **options)
    return path


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "ppm", "jpg", "webp"])
def test_reads_rgb_as_pillow_does(tmp_path, pixels, kind):
    path = saved(tmp_path / f"a.{kind}", Image.fromarray(pixels))
    wanted = np.asarray(Image.open(path).convert("RGB"), dtype=int)
    read = read_image(path)
    assert read.dtype == np.uint8
    assert read.shape == (20, 30, 3)
    lossy = kind in ("jpg", "webp")
    assert np.abs(read - wanted).max() <= (4 if lossy else 0)


def test_gray_stays_gray(tmp_path, pixels):
    path = saved(tmp_path / "a.png", Image.fromarray(pixels[..., 0]))
    assert np.array_equal(read_image(path), pixels[..., 0])


def test_sixteen_bits_become_eight(tmp_path):
    values = np.array([[0, 257, 256 * 128, 65535]], dtype=np.uint16)
    path = saved(tmp_path / "a.png", Image.fromarray(values))
    assert read_image(path).tolist() == [[0, 1, 128, 255]]


def test_transparent_pixels_are_shown_on_white(tmp_path):
    rgba = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 128]]], dtype=np.uint8)
    path = saved(tmp_path / "a.png", Image.fromarray(rgba))
    assert read_image(path).tolist() == [[[10, 20, 30], [255, 255, 255], [127, 127, 127]]]


def test_palette_images_become_rgb(tmp_path, pixels):
    image = Image.fromarray(pixels).convert("P")
    path = saved(tmp_path / "a.png", image)
    assert np.array_equal(read_image(path), np.asarray(image.convert("RGB")))


def test_exif_orientation_is_applied(tmp_path, pixels):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to show
    path = saved(tmp_path / "a.jpg", Image.fromarray(pixels), exif=exif, quality=95)
    assert read_image(path).shape == (30, 20, 3)


def test_jpeg_with_a_thumbnail_inside_is_read_whole(tmp_path, pixels):
    thumbnail = io.BytesIO()
    Image.fromarray(pixels[:8, :8]).save(thumbnail, "jpeg")
    path = saved(tmp_path / "a.jpg", Image.fromarray(pixels))
    data = path.read_bytes()
    block = b"Exif\0\0" + thumbnail.getvalue()
    segment = b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block
    path.write_bytes(data[:2] + segment + data[2:])
    assert read_image(path).shape == (20, 30, 3)
    path.write_bytes((data[:2] + segment + data[2:])[:-40])
    with pytest.raises(DataError, match=r"a\.jpg: the image is cut short; copy"):
        read_image(path)


@pytest.mark.parametrize("kind", ["png", "jpg", "bmp", "webp"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_file_that_is_cut_short_is_refused_in_one_line(tmp_path, pixels, kind, share, capfd):
    path = saved(tmp_path / f"a.{kind}", Image.fromarray(pixels))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError, match=rf"a\.{kind}: .*; ") as error:
        read_image(path)
    assert "\n" not in str(error.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"a\.png: the file is empty; "),
        (b"just a text file", r"a\.png: is not an image, or is damaged; "),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 50 + b"IEND", r"a\.png: is not an image, or is damaged; "),
    ],
)
def test_what_is_no_image_is_refused(tmp_path, content, message):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_image(tmp_path / "a.png")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"no\.png: no such file; check the path"):
        read_image(tmp_path / "no.png")
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory\); check the file"):
        read_image(tmp_path)


def test_float_pixels_reach_from_0_to_1(tmp_path):
    ramp = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)
    path = saved(tmp_path / "a.tiff", Image.fromarray(ramp))
    np.testing.assert_array_equal(read_image(path), np.rint(ramp * 255))


@pytest.mark.parametrize("value", [213.0, np.nan, -1.0])
def test_floats_without_a_known_range_are_refused(tmp_path, value):
    path = saved(tmp_path / "a.tiff", Image.fromarray(np.full((4, 4), value, np.float32)))
    with pytest.raises(DataError, match=r"a\.tiff: "):
        read_image(path)


def test_paths_may_hold_any_letters(tmp_path, pixels):
    path = saved(tmp_path / "Ünïcode bild.png", Image.fromarray(pixels))
    assert read_image(str(path)).shape == (20, 30, 3)


def test_image_names(tmp_path):
    names = ["a.JPG", "b.png", ".c.png", "d.txt", "._a.jpg", "png"]
    assert [n for n in names if is_image_name(tmp_path / n)] == ["a.JPG", "b.png"]
