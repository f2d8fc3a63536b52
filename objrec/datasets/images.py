"""The one reader of image files: whatever OpenCV decodes becomes uint8, gray or RGB.

Training, evaluation and the command line all read files here, so that the same file always gives
the same numbers. Resizing is not done here; see `objrec.preprocessing`.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from objrec.errors import DataError

_KINDS = "jpg jpeg png bmp webp tif tiff gif jp2 ppm pgm pbm pnm"
IMAGE_SUFFIXES = frozenset("." + kind for kind in _KINDS.split())

# OpenCV's own warnings would repeat on stderr what the DataError says; the call moved in 5.0.
_set_log_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
_set_log_level(0)


def is_image_name(path: Path) -> bool:
    """Whether a file counts as an image when a folder is listed: by suffix, and not hidden."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def read_image(path: str | Path) -> np.ndarray:
    """Read one image file.

    The EXIF orientation of a JPEG is applied, 16 bits are brought to 8, and transparent pixels
    are shown on white.

    Args:
        path: The file.

    Returns:
        uint8, (H, W) for a gray image or (H, W, 3) RGB.

    Raises:
        DataError: The file is missing, empty, cut short, or no image.
    """
    data = _read_bytes(path)
    if _is_cut_short(data):
        raise DataError(f"{path}: the image is cut short; copy the file again or remove it")
    jpeg = data.startswith(b"\xff\xd8")
    # IMREAD_UNCHANGED keeps transparency and 16 bits, but ignores the orientation of a JPEG.
    flags = cv2.IMREAD_ANYCOLOR if jpeg else cv2.IMREAD_UNCHANGED
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise DataError(f"{path}: is not an image, or is damaged; replace the file or remove it")
    return _as_rgb(_as_bytes(pixels, path), path)


def _read_bytes(path: str | Path) -> bytes:
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; check the path") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the file") from error
    if not data:
        raise DataError(f"{path}: the file is empty; copy it again or remove it")
    return data


def _is_cut_short(data: bytes) -> bool:
    """Whether a JPEG or PNG lacks its end marker.

    OpenCV 4 decodes a JPEG that is cut short without complaint, the missing part gray, and libpng
    prints a line of its own on stderr; so both are found out before decoding.
    """
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data
    if not data.startswith(b"\xff\xd8"):
        return False
    # Step over the segments in front of the pixels: one may hold a thumbnail, itself a JPEG.
    at = 2
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] != b"\xda":
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data.find(b"\xff\xd9", at) < 0


def _as_bytes(pixels: np.ndarray, path: str | Path) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.uint16:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    raise DataError(f"{path}: has {pixels.dtype} pixels; save it with 8 or 16 bits a channel")


def _as_rgb(pixels: np.ndarray, path: str | Path) -> np.ndarray:
    if pixels.ndim == 2:
        return pixels
    channels = pixels.shape[2]
    if channels == 1:
        return pixels[..., 0]
    if channels == 3:
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    if channels == 4:
        return shown_on_white(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA))
    raise DataError(f"{path}: has {channels} channels; save it as a gray or RGB image")


def shown_on_white(rgba: np.ndarray) -> np.ndarray:
    """Lay transparent pixels over white: uint8 (..., 4) → (..., 3)."""
    colour, alpha = rgba[..., :3].astype(np.uint16), rgba[..., 3:].astype(np.uint16)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
