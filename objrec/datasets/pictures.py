"""Pictures of a data set, drawn with matplotlib: the sheet of thumbnails, and how one is saved.

The ending of the file name chooses the format. Nothing is shown on a screen, no state of matplotlib
is changed, and a file appears whole or not at all. matplotlib is imported only when something is
drawn. `objrec.datasets.sphere_picture` draws the viewing sphere with the same hands.
"""

from __future__ import annotations

import textwrap
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from objrec.errors import DataError
from objrec.files import replaced

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".pdf", ".svg")
# The colours of the report's page.
PAPER, INK, SOFT, RULE, QUIET = "#fdfdfb", "#1d2126", "#5c646d", "#d9dbd6", "#eceded"
BLUE, RED = "#235a86", "#c4512d"
_DPI = 150
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "objrec",
    "text.parse_math": False,
    "font.size": 9.0,
    "text.color": INK,
}
# Sizes of a sheet, in inches.
_MARGIN, _GAP, _CELL, _CAPTION, _HEADING = 0.25, 0.09, 1.0, 0.2, 0.34
_MOST_COLUMNS = 12
_THUMBNAIL = 300  # pixels a side: twice what a cell of one inch has in a PNG
_LABEL_LETTERS = 20
_LETTER = 0.09  # width of a letter

Cell = tuple[str, np.ndarray | None]


def contact_sheet(
    rows: Sequence[tuple[str, Sequence[Cell]]], path: str | Path, *, title: str = ""
) -> None:
    """Draw rows of captioned thumbnails into a picture file.

    Args:
        rows: Each a title and its cells, a cell being a caption ("" for none) and the pixels, uint8
            (H, W) or (H, W, 3) of any size, or None for an empty place. What follows a line break
            in a title is drawn small beneath it. A row without cells is a heading; one of more
            than 12 cells goes on in further lines.
        path: The file to write, overwritten if it exists; see `PICTURE_SUFFIXES`.
        title: Stands above everything.

    Raises:
        DataError: The file's name ends in something else, or it cannot be written.
    """
    if not rows:
        raise ValueError("a contact sheet needs at least one row")
    lines = [line for title_, cells in rows for line in _lines(title_, list(cells))]
    caption = _CAPTION if any(text for _, cells in lines for text, _ in cells) else 0.0
    label = _label_width([text for text, cells in lines if cells])
    columns = max((len(cells) for _, cells in lines), default=1)
    heading = _HEADING if title else 0.0
    heights = [_CELL + caption + _GAP if cells else _HEADING for _, cells in lines]
    width = 2 * _MARGIN + label + max(columns, 1) * (_CELL + _GAP) - _GAP
    height = 2 * _MARGIN + heading + sum(heights)

    def draw(figure: Figure) -> None:
        axes = _page(figure, width, height)
        axes.text(_MARGIN, _MARGIN, title, va="top", size=11, weight="bold")
        top = _MARGIN + heading
        for (text, cells), line_height in zip(lines, heights, strict=True):
            if cells:
                _draw_line(axes, text, cells, label, top)
            else:
                axes.text(_MARGIN, top + 0.1, text, va="top", size=10, weight="bold")
            top += line_height

    texts = [
        title,
        *(text for text, _ in lines),
        *(text for _, cells in lines for text, _ in cells),
    ]
    save_picture(draw, (width, height), path, texts)


def check_picture_path(path: str | Path, *, force: bool = True) -> Path:
    """Refuse a picture that could not be saved, before anything is computed for it.

    Args:
        path: The file to write.
        force: Whether it may exist.

    Raises:
        DataError: Its name ends in no `PICTURE_SUFFIXES`, its folder is missing, or it exists.
    """
    path = Path(path)
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise DataError(f"{path}: a picture's name ends in {', '.join(PICTURE_SUFFIXES)}")
    if path.is_dir():
        raise DataError(f"{path}: is a folder; give the name of a picture file")
    if not path.parent.is_dir():
        raise DataError(f"{path}: there is no folder {path.parent}; make it first")
    if path.exists() and not force:
        raise DataError(f"{path}: exists; add --force to overwrite it")
    return path


def save_picture(
    draw: Callable[[Figure], None],
    size: tuple[float, float],
    path: str | Path,
    texts: Iterable[str] = (),
) -> None:
    """Draw a figure in the house style and save it, whole or not at all.

    Args:
        draw: Draws into an empty figure.
        size: Width and height in inches.
        path: The file to write, overwritten if it exists.
        texts: What will be written: fonts are sought that have all of its letters.

    Raises:
        DataError: The file's name ends in no `PICTURE_SUFFIXES`, or it cannot be written.
    """
    import matplotlib
    from matplotlib.figure import Figure

    path = check_picture_path(path)
    style = _STYLE | {"font.family": font_families("".join(texts))}
    with matplotlib.rc_context(style), warnings.catch_warnings():
        # Letters that no installed font has become boxes; that is no reason to complain.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=size, facecolor=PAPER)
        draw(figure)
        with replaced(path) as partial:
            figure.savefig(partial, dpi=_DPI, metadata=_metadata(path))


def font_families(text: str) -> list[str]:
    """Return matplotlib's own font, and installed ones for the letters that it lacks."""
    from matplotlib import font_manager, ft2font

    families = ["DejaVu Sans"]
    own = ft2font.FT2Font(font_manager.findfont("DejaVu Sans")).get_charmap()
    missing = {letter for letter in text if letter.isprintable() and ord(letter) not in own}
    for entry in font_manager.fontManager.ttflist if missing else ():
        if "Last Resort" in entry.name or entry.name in families:
            continue
        charmap = ft2font.FT2Font(entry.fname).get_charmap()
        found = {letter for letter in missing if ord(letter) in charmap}
        if found:
            families.append(entry.name)
            missing -= found
    return families


def drawable(text: str) -> str:
    """Return a text without the half characters of broken file names: no font has them."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _metadata(path: Path) -> dict[str, None] | None:
    """Leave out the date, so that the same picture is the same file."""
    keys = {".svg": "Date", ".pdf": "CreationDate", ".png": None}
    key = keys.get(path.suffix.lower())
    return {key: None} if key else None


def _page(figure: Figure, width: float, height: float) -> Axes:
    """Return axes over the whole figure that count inches from the upper left corner."""
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_autoscale_on(False)
    return axes


def _lines(title: str, cells: list[Cell]) -> list[tuple[str, list[Cell]]]:
    """Break a row of many cells into lines; only the first one has the title."""
    if not cells:
        return [(drawable(title), [])]
    parts = _chunks(cells, _MOST_COLUMNS)
    return [(drawable(title) if i == 0 else "", part) for i, part in enumerate(parts)]


def _chunks(whole: Sequence, size: int) -> list:
    return [whole[start : start + size] for start in range(0, len(whole), size)]


def _label_width(titles: list[str]) -> float:
    letters = [_letters(line) for title in titles for part in _label(title) for line in part]
    return max(letters, default=0) * _LETTER + (0.15 if any(letters) else 0.0)


def _letters(text: str) -> int:
    """Return how many Latin letters wide a text is, about."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _label(title: str) -> tuple[list[str], list[str]]:
    """Return the lines of a row's title, and those that stand small beneath it."""
    first, _, rest = title.partition("\n")
    main = textwrap.wrap(first, _LABEL_LETTERS, max_lines=3, placeholder="…")
    return main, rest.splitlines()


def _draw_line(axes: Axes, title: str, cells: list[Cell], label: float, top: float) -> None:
    main, small = _label(title)
    middle = top + _CELL / 2 - 0.08 * (len(main) + len(small) - 1)
    for i, text in enumerate([*main, *small]):
        strong = i < len(main)
        axes.text(
            _MARGIN,
            middle + 0.16 * i,
            text,
            va="center",
            weight="bold" if strong else "normal",
            color=INK if strong else SOFT,
            size=9 if strong else 7.5,
        )
    for i, (caption, pixels) in enumerate(cells):
        left = _MARGIN + label + i * (_CELL + _GAP)
        _draw_cell(axes, pixels, left, top)
        text = drawable(caption)
        x, y = left + _CELL / 2, top + _CELL + 0.03
        axes.text(x, y, text, ha="center", va="top", size=7, color=SOFT)


def _draw_cell(axes: Axes, pixels: np.ndarray | None, left: float, top: float) -> None:
    from matplotlib.patches import Rectangle

    if pixels is None:
        axes.add_patch(Rectangle((left, top), _CELL, _CELL, fill=False, ec=RULE, lw=0.6, ls=":"))
        return
    axes.add_patch(Rectangle((left, top), _CELL, _CELL, fc=QUIET, lw=0))
    shown = _thumbnail(pixels)
    high, wide = (_CELL * side / max(shown.shape[:2]) for side in shown.shape[:2])
    x, y = left + (_CELL - wide) / 2, top + (_CELL - high) / 2
    place = (x, x + wide, y + high, y)
    axes.imshow(shown, extent=place, aspect="auto", cmap="gray", vmin=0, vmax=255, zorder=2)


def _thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Bring the longer side to `_THUMBNAIL` pixels."""
    ratio = _THUMBNAIL / max(pixels.shape[:2])
    size = tuple(max(1, round(side * ratio)) for side in pixels.shape[1::-1])
    method = cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC
    return cv2.resize(pixels, size, interpolation=method)
