"""The one reader of image files: whatever people have becomes uint8, gray or RGB.

Training, evaluation and the command line all read files here, so that the same file always gives
the same numbers. Pillow decodes what has 8 bits a channel, silently, and finds out when a file is
cut; OpenCV what is deeper, which Pillow would cut to 8 bits. Colour profiles are not applied.
Resizing is not done here; see `objrec.preprocessing`.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from objrec.datasets.images import pnm as image_pnm
from objrec.datasets.images.depths import Depth, in_bands, shown_on_white, to_bytes
from objrec.datasets.images.headers import Header, read_header
from objrec.datasets.images.kinds import damaged
from objrec.errors import DataError

_BYTE_LIMIT = 2**28
_ONE_AT_A_TIME = threading.Lock()

# OpenCV's own warnings would repeat on stderr what the DataError says; the call moved in 5.0.
_set_log_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
_set_log_level(0)


def read_image(path: str | Path) -> np.ndarray:
    """Read one image file, the first picture if it has several.

    It is turned upright as its EXIF orientation says. More than 8 bits a channel are brought to 8
    by the range that the file states, or the usual one: 0 to 65535, and 0 to 1 for floats.
    Transparent pixels are shown on white, and what colour they hide does not matter. A palette of
    grays alone makes a gray image.

    Args:
        path: The file.

    Returns:
        uint8, (H, W) for a gray image or (H, W, 3) RGB.

    Raises:
        DataError: The file is missing, empty, cut short or damaged, no image, of a kind that
            cannot be read, a pipe or a device, or would take more than half a GB to decode.
    """
    pixels, orientation = _stored(read_bytes(path), path)
    return np.ascontiguousarray(_turned(pixels, orientation))


def _stored(data: bytes, path: str | Path) -> tuple[np.ndarray, int]:
    """Return the picture as it is stored, and how it is to be turned."""
    header = read_header(data, path)
    try:
        pixels = _decoded(data, header, path)
    except DataError:
        raise
    except Exception as error:  # a damaged file raises nearly anything in Pillow
        raise damaged(path, data) from error
    # Both readers turn TIFFs themselves.
    return pixels, 1 if header.kind == "TIFF" else header.orientation


def read_bytes(path: str | Path) -> bytes:
    """Read a file whole.

    Raises:
        DataError: It is missing, empty, too large for an image, no file, or cannot be read.
    """
    try:
        # Opening a pipe would wait for somebody to write into it.
        if not stat.S_ISREG(Path(path).stat().st_mode) and not Path(path).is_dir():
            raise DataError(f"{path}: is a pipe or a device; save the image as a file")
        with Path(path).open("rb") as file:
            if os.fstat(file.fileno()).st_size > _BYTE_LIMIT:
                raise DataError(f"{path}: has more than {_BYTE_LIMIT >> 20} MB; shrink the image")
            data = file.read()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; check the path") from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot be read ({reason}); check the file") from error
    if not data:
        raise DataError(f"{path}: the file is empty; copy it again or remove it")
    return data


def _decoded(data: bytes, header: Header, path: str | Path) -> np.ndarray:
    if header.kind == "PNM":
        layout = image_pnm.read_layout(data)
        return to_bytes(image_pnm.read_pixels(data, layout), layout.depth, path)
    if header.depth is None:
        return _by_pillow(header)
    if header.image is not None:
        header.image.load()  # raises on damage that OpenCV overlooks, or speaks of on stderr
        header.image.close()
    return _by_opencv(data, header, header.depth, path)


def _by_pillow(header: Header) -> np.ndarray:
    image = header.image
    with _silence() if header.compressed else nullcontext():
        image.load()
    gray = (image.mode in ("1", "L") and header.kind != "GIF") or image.mode in ("LA", "La")
    has_palette = header.kind == "GIF" or image.mode in ("P", "PA")
    shape = (image.height, image.width)

    def change(rows: slice) -> np.ndarray:
        return _converted(image.crop((0, rows.start, image.width, rows.stop)), gray, header.hidden)

    pixels = in_bands(change, shape if gray else (*shape, 3))
    image.close()
    return pixels[..., 0] if has_palette and _only_grays(pixels) else pixels


def _converted(image: Image.Image, gray: bool, hidden: int | None) -> np.ndarray:
    """Return some rows of an image as they are shown: (H, W) if it is gray, or (H, W, 3)."""
    if image.mode in ("LA", "La"):
        return shown_on_white(_array(image, "LA"))[..., 0]
    if gray:
        pixels = _array(image, "L")
        return _without(hidden, pixels, pixels)
    if image.mode in ("RGBA", "RGBa", "PA") or "transparency" in image.info:
        return shown_on_white(_array(image, "RGBA"))
    return _array(image, "RGB")


def _only_grays(pixels: np.ndarray) -> bool:
    return all((row == row[..., :1]).all() for row in pixels)


def _array(image: Image.Image, mode: str) -> np.ndarray:
    # Converting to the mode that it has would copy it.
    return np.asarray(image if image.mode == mode else image.convert(mode))


def _by_opencv(data: bytes, header: Header, depth: Depth, path: str | Path) -> np.ndarray:
    with _silence() if header.kind == "PNG" else nullcontext():  # libpng warns of odd chunks
        stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None:
        raise DataError(
            f"{path}: is damaged, or has more than 8 bits a channel in a way that cannot be read; "
            "replace the file, or save it as PNG"
        )
    pixels = to_bytes(stored, depth, path)
    if pixels.ndim == 2:
        return _without(header.hidden, stored, pixels)
    del stored

    def change(rows: slice) -> np.ndarray:
        colour, alpha = pixels[rows, :, 2::-1], pixels[rows, :, 3:]
        if alpha.size and not depth.ignores_fourth:
            rgba = np.concatenate([colour, alpha], axis=2)
            colour = shown_on_white(rgba, premultiplied=depth.premultiplied)
        return colour[..., 0] if depth.gray else colour

    return in_bands(change, pixels.shape[:2] if depth.gray else (*pixels.shape[:2], 3))


def _without(hidden: int | None, stored: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Make white the gray pixels whose stored number stands for transparent."""
    return pixels if hidden is None else np.where(stored == hidden, np.uint8(255), pixels)


@contextmanager
def _silence() -> Iterator[None]:
    """Send what C libraries print on stderr nowhere; Pillow lets libtiff print, OpenCV libpng."""
    with _ONE_AT_A_TIME, Path(os.devnull).open("wb") as nowhere:
        try:
            kept = os.dup(2)
        except OSError:  # there is no stderr
            yield
            return
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn a picture upright: (H, W) or (H, W, 3), and an EXIF orientation, 1 to 8."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
