"""The pictures of the report: sheets of small images, landscapes and feature maps, as data URIs.

Sheets become backgrounds of CSS classes, so each is in the page once however often it is shown.
Landscapes and maps become PNG files of a pixel a cell. Only files inside the folder of
evaluation.json are read.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.image import imsave

COLOURS = "viridis"


@dataclass(frozen=True)
class Pictures:
    """The small pictures of the images that a page holds.

    Attributes:
        css: A rule for each sheet: ``.sheet-0 {…}``.
        facts: ``images`` of evaluation.json, None without pictures.
        embedded: Numbers of the sheets that are in the page.
        note: What is not, and why; "" if all is there.
    """

    css: str
    facts: dict[str, Any] | None
    embedded: frozenset[int]
    note: str

    def place(self, tile: int | None) -> tuple[int, float, float] | None:
        """Return a tile's sheet and its place there in percent, as background-position counts.

        None if there is no such tile in the page.
        """
        if tile is None or self.facts is None:
            return None
        columns, rows = self.facts["columns"], self.facts["rows"]
        sheet, place = divmod(tile, columns * rows)
        if sheet not in self.embedded:
            return None
        filled = min(self.facts["count"] - sheet * columns * rows, columns * rows)
        lines = -(-filled // columns)
        return sheet, _percent(place % columns, columns), _percent(place // columns, lines)


def _percent(place: int, count: int) -> float:
    return round(100 * place / max(count - 1, 1), 3)


def read_pictures(facts: dict[str, Any] | None, folder: Path, most: int) -> Pictures:
    """Read the sheets that evaluation.json names, in their order, failures first.

    Args:
        facts: ``images`` of evaluation.json.
        folder: What its paths are relative to.
        most: Characters that all of them may take up in the page.
    """
    if not facts or not facts["sheets"]:
        return Pictures("", None, frozenset(), "")
    rules, embedded, missing, left, used = [], set(), 0, 0, 0
    for i, name in enumerate(facts["sheets"]):
        data = _sheet(folder, name)
        if data is None:
            missing += 1
            continue
        rule = _rule(i, data, facts["columns"])
        if used + len(rule) > most:
            left += len(facts["sheets"]) - i - missing
            break
        used += len(rule)
        rules.append(rule)
        embedded.add(i)
    notes = []
    if missing:
        notes.append(
            f"{missing} of {len(facts['sheets'])} files of pictures are missing beside "
            f"evaluation.json ({facts['sheets'][0]} …): the page is made without them."
        )
    if left:
        notes.append(
            "The page holds as many pictures as it may, those of the wrong answers first; the rest "
            f"is in the {left} last files that evaluation.json names."
        )
    return Pictures("\n".join(rules), facts, frozenset(embedded), " ".join(notes))


def _rule(number: int, data: bytes, columns: int) -> str:
    return (
        f".sheet-{number} {{ background-size: {100 * columns:d}% auto; "
        f"background-image: url({_data_uri(data, 'image/webp')}); }}"
    )


def _sheet(folder: Path, name: str) -> bytes | None:
    """Read a sheet; None if there is no such WebP file inside the folder."""
    try:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            return None
        data = path.read_bytes()
    except (OSError, ValueError):
        return None
    return data if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def landscape_image(rows: list[list[float | None]], low: float, high: float) -> str:
    """Return a landscape as a data URI, the lowest elevation below; NaN is transparent."""
    return _png(np.array(rows, float)[::-1], vmin=low, vmax=high, cmap=COLOURS)


def map_image(rows: list[list[str]]) -> str:
    """Return a map of colours ("#rrggbb") as a data URI."""
    return _png(np.array([[to_rgb(cell) for cell in row] for row in rows]))


def scale_image() -> str:
    """Return the colours of landscapes from low to high, as a strip."""
    return _png(np.linspace(0, 1, 64)[None], cmap=COLOURS)


def _png(pixels: np.ndarray, **colours: Any) -> str:
    stream = io.BytesIO()
    imsave(stream, pixels, format="png", metadata={"Software": None}, **colours)
    return _data_uri(stream.getvalue(), "image/png")


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
