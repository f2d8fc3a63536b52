"""Every odd kind of image file, from scripts/odd_images.py: what each must give, or be refused."""

import resource
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from objrec.datasets.images import depths, is_image_name, is_litter, read_image
from objrec.errors import DataError


@pytest.fixture(scope="module")
def picture():
    """A picture that no turn and no mirror leaves as it is."""
    rng = np.random.default_rng(0)
    smooth = cv2.GaussianBlur(rng.normal(size=(48, 64)), (0, 0), 6)
    other = cv2.GaussianBlur(rng.normal(size=(48, 64)), (0, 0), 9)
    pixels = np.dstack([smooth, smooth + 0.3 * other, smooth - 0.3 * other])
    low, high = pixels.min(axis=(0, 1)), pixels.max(axis=(0, 1))
    return ((pixels - low) / (high - low) * 255).round().astype(np.uint8)


@pytest.fixture(scope="module")
def odd(picture, tmp_path_factory, script):
    folder = tmp_path_factory.mktemp("odd")
    return folder, script("odd_images").write_odd_images(folder, picture)


@pytest.mark.parametrize("at_once", [1 << 20, 500])
def test_every_kind_reads_to_the_pixels_it_must(odd, capfd, monkeypatch, at_once):
    """Whole, and in bands of a few rows, as large pictures are."""
    monkeypatch.setattr(depths, "_AT_ONCE", at_once)
    folder, files = odd
    wrong = []
    for name, expected in files.items():
        if expected.pixels is None:
            continue
        pixels = read_image(folder / name)
        shape = pixels.shape == expected.pixels.shape
        apart = np.abs(pixels.astype(int) - expected.pixels).max() if shape else pixels.shape
        # Codecs lose more of this picture than of the toy that the tolerance was made for.
        if not shape or apart > 2 * expected.tolerance:
            wrong.append(f"{name}: {apart}")
    assert not wrong
    assert sum(e.pixels is not None and not e.tolerance for e in files.values()) > 60
    assert capfd.readouterr() == ("", ""), "libraries print nothing"


def test_what_must_be_refused_is_refused_in_one_line_and_little_memory(odd, capfd):
    folder, files = odd
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = {name: expected for name, expected in files.items() if expected.pixels is None}
    assert len(refused) > 10
    for name, expected in refused.items():
        with pytest.raises(DataError, match=expected.message) as caught:
            read_image(folder / name)
        assert "\n" not in str(caught.value)
        assert str(folder / name) in str(caught.value)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300_000, "kilobytes: a bomb would have taken gigabytes"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_all_eight_orientations_are_those_of_pillow(tmp_path, picture, kind):
    for orientation in range(1, 9):
        image = Image.fromarray(picture)
        exif = image.getexif()
        exif[274] = orientation
        path = tmp_path / f"{orientation}.{kind.lower()}"
        options = (
            {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
        )
        image.save(path, kind, exif=exif, **options)
        wanted = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
        pixels = read_image(path)
        assert pixels.shape == wanted.shape
        tolerance = 6 if kind == "JPEG" else 0
        assert np.abs(pixels.astype(int) - wanted).max() <= tolerance, orientation


@pytest.mark.parametrize("deep", [False, True])
def test_colour_under_full_transparency_never_shows(tmp_path, deep):
    rng = np.random.default_rng(0)
    most = 65535 if deep else 255
    rgba = rng.integers(0, most + 1, (16, 16, 4)).astype(np.uint16 if deep else np.uint8)
    rgba[:8, :, 3], rgba[8:, :, 3] = 0, most
    cv2.imwrite(str(tmp_path / "a.png"), rgba[..., [2, 1, 0, 3]])
    pixels = read_image(tmp_path / "a.png")
    assert (pixels[:8] == 255).all()
    wanted = rgba[8:, :, :3] / (257 if deep else 1)
    np.testing.assert_allclose(pixels[8:], wanted, atol=0.51)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "JPEG2000", "PPM"])
def test_a_file_that_is_cut_short_is_never_half_a_picture(tmp_path, picture, kind, capfd):
    path = tmp_path / "whole"
    Image.fromarray(picture).save(path, kind)
    data = path.read_bytes()
    for share in (0.3, 0.6, 0.9):
        cut = tmp_path / f"cut {share}.img"
        cut.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(DataError, match=r"cut short|damaged|not an image"):
            read_image(cut)
    assert capfd.readouterr() == ("", "")


def test_names_of_litter():
    litter = ["._a.jpg", ".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX", "@eaDir", ".hidden"]
    assert all(is_litter(name) for name in litter)
    assert not any(is_litter(name) for name in ("a.jpg", "Thumbs", "cup", "MACOSX"))
    assert is_image_name(Path("IMG 1 é.JPG"))
    assert not is_image_name(Path("._IMG.jpg"))


@pytest.mark.parametrize("name", ["a.heic", "b.CR2", "c.svg"])
def test_formats_that_are_not_read_say_what_to_do(tmp_path, name):
    (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(DataError, match=r"JPEG|PNG"):
        read_image(tmp_path / name)
