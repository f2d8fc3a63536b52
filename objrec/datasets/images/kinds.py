"""Which files are images: by name when a folder is listed, by their first bytes when one is read.

Nothing is read here beyond the bytes that are handed over.
"""

from __future__ import annotations

import re
from pathlib import Path

from objrec.errors import DataError


def _suffixes(kinds: str) -> frozenset[str]:
    return frozenset("." + kind for kind in kinds.split())


IMAGE_SUFFIXES = _suffixes(
    "jpg jpeg jpe jfif png bmp webp tif tiff gif jp2 j2k avif ppm pgm pbm pnm"
)
_RAW = _suffixes("raw cr2 cr3 nef nrw arw dng orf rw2 raf pef srw")
# What holds a picture and cannot be read. A JPEG that is named .heic, as phones do, is read.
UNREADABLE_SUFFIXES = _RAW | _suffixes(
    "heic heif hif jxl svg pdf eps ai psd xcf exr hdr pfm pam ras ico tga"
)
_LITTER = frozenset(
    {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "$recycle.bin", "lost+found"}
    | {"system volume information", "__macosx", "__pycache__", "recycler", "#recycle"}
)

_STARTS = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WEBP": rb"RIFF....WEBP",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "GIF": rb"GIF8[79]a",
    "BMP": rb"BM",
    "AVIF": rb"....ftyp.{0,56}?avi[fs]",
    "JPEG2000": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "PNM": rb"P[1-6][\s#]",
}
_FOREIGN_STARTS = {
    "HEIC": rb"....ftyp(?:hei|hev|mif1|msf1)",
    "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "Photoshop": rb"8BPS",
    "PDF": rb"%PDF",
    "SVG": rb"(?:\xef\xbb\xbf)?\s*<(?:svg|\?xml.{0,500}?<svg)",
    "OpenEXR": rb"\x76\x2f\x31\x01",
    "Radiance HDR": rb"#\?R",
    "PFM": rb"P[Ff]\s",
    "PAM": rb"P7\s",
    "Sun raster": rb"\x59\xa6\x6a\x95",
    "icon": rb"\0\0[\1\2]\0",
}


def _compiled(starts: dict[str, bytes]) -> list[tuple[str, re.Pattern[bytes]]]:
    return [(name, re.compile(start, re.DOTALL)) for name, start in starts.items()]


_KINDS, _FOREIGN = _compiled(_STARTS), _compiled(_FOREIGN_STARTS)


def is_litter(name: str) -> bool:
    """Whether a file or folder is hidden, or left behind by an operating system, by its name."""
    return name.startswith(".") or name.lower() in _LITTER


def is_image_name(path: Path) -> bool:
    """Whether a file counts as an image when a folder is listed: by suffix, and no litter."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not is_litter(path.name)


def kind_of(data: bytes, path: str | Path) -> str:
    """Tell the kind of an image file by its first bytes.

    Args:
        data: Those bytes, or all of them.
        path: What to call it in messages; its suffix tells a camera's raw file from a TIFF.

    Returns:
        "JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000" or "PNM".

    Raises:
        DataError: It is no image, or of a kind that cannot be read.
    """
    kind = next((kind for kind, start in _KINDS if start.match(data)), None)
    if kind is not None and kind != "TIFF":
        return kind
    suffix = Path(path).suffix.lower()
    # The raw files of most cameras are TIFFs, with a small preview in front.
    if kind == "TIFF" and suffix not in _RAW:
        return kind
    for name, start in _FOREIGN:
        if start.match(data):
            raise unreadable(name, path)
    if suffix in UNREADABLE_SUFFIXES:
        raise unreadable(suffix.removeprefix(".").upper(), path)
    raise damaged(path)


def unreadable(name: str, path: str | Path) -> DataError:
    """Return the error for a kind of image file that cannot be read."""
    return DataError(f"{path}: {name} files cannot be read; save it as JPEG or PNG")


def damaged(path: str | Path, data: bytes = b"") -> DataError:
    """Return the error for a file that cannot be decoded, with its bytes if they are known."""
    if _is_cut_short(data):
        return DataError(f"{path}: the image is cut short; copy the file again or remove it")
    return DataError(f"{path}: is not an image, or is damaged; replace the file or remove it")


def _is_cut_short(data: bytes) -> bool:
    """Whether the end of the file is known to be missing."""
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data[-4096:]
    if data.startswith(b"RIFF"):
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if data.startswith(b"\xff\xd8"):
        # Step over the segments in front of the pixels: one may hold a thumbnail, itself a JPEG.
        at = 2
        while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] != b"\xda":
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        return data.find(b"\xff\xd9", at) < 0
    return False
