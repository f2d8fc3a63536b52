"""What an image file says of itself: its kind, size, orientation and depth.

Files that are no images, state too many pixels, or whose checksums are wrong are refused here,
before anything is decoded on their word. Pillow opens most of them, and its warnings are off. This
module decodes no pixels.
"""

from __future__ import annotations

import io
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from objrec.datasets.images import pnm as image_pnm
from objrec.datasets.images import tiff as image_tiff
from objrec.datasets.images.depths import Depth
from objrec.datasets.images.kinds import damaged, kind_of, unreadable
from objrec.datasets.images.limits import ROOM, ROOM_WEBP, check_size, deep_room, room_of
from objrec.errors import DataError

try:
    from PIL import AvifImagePlugin
except ImportError:  # Pillow before 11.3
    AvifImagePlugin = None

# A DataError says in one line what is wrong; what Pillow warns of is not the user's concern.
warnings.filterwarnings("ignore", module=r"PIL\.")

# Opened by these, not by Image.open, which has a smaller limit of its own for the size.
_READERS: dict[str, type] = {
    "JPEG": JpegImageFile,
    "WEBP": WebPImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "JPEG2000": Jpeg2KImageFile,
}
if AvifImagePlugin is not None and AvifImagePlugin.SUPPORTED:
    _READERS["AVIF"] = AvifImagePlugin.AvifImageFile

_EXIF_ORIENTATION = 274
# Where Pillow keeps what may hold an orientation.
_MAY_TURN = frozenset({"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"})


@dataclass(frozen=True)
class Header:
    """What a file states about its first picture, none of it checked against the pixels.

    Attributes:
        kind: "JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000" or "PNM".
        width: Pixels of a stored row, before the picture is turned.
        height: Stored rows.
        orientation: How the picture is to be turned, 1 to 8 as EXIF has it; 1, as it is, also
            where the file says nothing or nonsense.
        depth: What the numbers mean; None for the usual 8 bits a channel, or fewer.
        hidden: The number, as it is decoded, that stands for transparent in a gray picture.
        image: Pillow's image, not yet loaded; None for what Pillow does not decode.
        compressed: Whether it is a TIFF whose pixels are compressed.
    """

    kind: str
    width: int
    height: int
    orientation: int = 1
    depth: Depth | None = None
    hidden: int | None = None
    image: Image.Image | None = None
    compressed: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the picture as it is shown, turned upright."""
        turned = self.orientation >= 5
        return (self.width, self.height) if turned else (self.height, self.width)


def read_header(data: bytes, path: str | Path) -> Header:
    """Read what an image file states about its first picture.

    Args:
        data: The whole file.
        path: What to call it in messages; its suffix tells a camera's raw file from a TIFF.

    Raises:
        DataError: It is no image, of a kind that cannot be read, too large, or damaged.
    """
    kind = kind_of(data, path)
    special = {"PNG": _png_header, "TIFF": _tiff_header, "PNM": _pnm_header}
    if kind not in special and kind not in _READERS:
        raise unreadable(kind, path)
    try:
        if kind in special:
            return special[kind](data, path)
        if kind == "WEBP":
            # Pillow makes room for the picture at once.
            check_size(*_webp_size(data), path, len(data), ROOM_WEBP)
        image = _READERS[kind](io.BytesIO(data))
        components = _jpeg2000_components(data) if kind == "JPEG2000" else len(image.getbands())
        room = room_of(kind, components, progressive="progressive" in image.info)
        check_size(*image.size, path, len(data), room)
        depth = _jpeg2000_depth(data) if kind == "JPEG2000" else None
        return Header(kind, *image.size, _orientation(image), depth, image=image)
    except DataError:
        raise
    except Exception as error:  # a damaged file raises nearly anything
        raise damaged(path, data) from error


def _orientation(image: Image.Image) -> int:
    if _MAY_TURN.isdisjoint(image.info):
        return 1
    try:
        # Not the PNG reader's own method, which decodes the pixels.
        value = Image.Image.getexif(image).get(_EXIF_ORIENTATION)
    except Exception:  # damaged metadata: as if there were none
        return 1
    return value if value in range(1, 9) else 1


def _png_header(data: bytes, path: str | Path) -> Header:
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    bits, colours = data[24], data[25]
    if data[12:16] == b"IHDR":
        room = deep_room(2, 4 if colours else 1) if bits == 16 else ROOM
        check_size(width, height, path, len(data), room)
    chunks = _checked_png(data, path)
    image = PngImageFile(io.BytesIO(data))
    if b"eXIf" in chunks:  # it may stand behind the pixels, where Pillow has not looked yet
        image.info.setdefault("exif", chunks[b"eXIf"])
    hidden = None
    if b"tRNS" in chunks and colours == 0:
        hidden = int.from_bytes(chunks[b"tRNS"], "big") * (255 // (2**bits - 1) or 1)
    # An sBIT chunk changes nothing: the numbers fill the whole range all the same.
    depth = Depth(high=65535, gray=colours == 4) if bits == 16 else None
    return Header("PNG", width, height, _orientation(image), depth, hidden, image)


def _checked_png(data: bytes, path: str | Path) -> dict[bytes, bytes]:
    """Check the checksums of all chunks, and return the chunks without pixels by name.

    Pillow does not find all damage, and libpng speaks of it on stderr.
    """
    view, chunks, at = memoryview(data), {}, 8
    while at + 12 <= len(data):
        name, end = data[at + 4 : at + 8], at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        if zlib.crc32(view[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            break
        if name == b"IEND":
            return chunks
        if name == b"IHDR" and at > 8:  # it would tell Pillow another size
            break
        if name not in (b"IDAT", b"fdAT"):
            chunks.setdefault(name, data[at + 8 : end])
        at = end + 4
    raise damaged(path, data)


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = (int.from_bytes(data[at : at + 2], "little") for at in (26, 28))
    return width & 0x3FFF, height & 0x3FFF


def _jpeg2000_depth(data: bytes) -> Depth | None:
    bits = 1 + (data[_jpeg2000_place(data) + 2] & 0x7F)
    return Depth(high=2**bits - 1) if bits > 8 else None


def _jpeg2000_components(data: bytes) -> int:
    at = _jpeg2000_place(data)
    return int.from_bytes(data[at : at + 2], "big")


def _jpeg2000_place(data: bytes) -> int:
    """Return where the number of components is written, in front of the bits of the first one."""
    # Behind two markers: two lengths of 2 bytes and 8 of 4.
    return data.index(b"\xff\x4f\xff\x51") + 40


def _tiff_header(data: bytes, path: str | Path) -> Header:
    tags = image_tiff.read_tags(data)
    width, height = tags[image_tiff.WIDTH][0], tags[image_tiff.HEIGHT][0]
    depth = image_tiff.tiff_depth(tags, path)
    room = room_of("TIFF") if depth is None else deep_room(*image_tiff.sample_sizes(tags))
    check_size(width, height, path, len(data), room)
    check_size(*image_tiff.tile_size(tags), path, len(data), room)
    if not image_tiff.has_whole_strips(tags, data):
        raise damaged(path, data)
    orientation = tags.get(image_tiff.ORIENTATION, (1,))[0]
    return Header(
        "TIFF",
        width,
        height,
        orientation if orientation in range(1, 9) else 1,
        depth,
        image=TiffImageFile(io.BytesIO(data)) if depth is None else None,
        compressed=tags.get(image_tiff.COMPRESSION, (1,)) != (1,),
    )


def _pnm_header(data: bytes, path: str | Path) -> Header:
    layout = image_pnm.read_layout(data)
    check_size(layout.width, layout.height, path, 3 * len(data), layout.room)
    return Header("PNM", layout.width, layout.height, depth=layout.depth)
