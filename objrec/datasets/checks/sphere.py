"""The picture of the viewing sphere: from where the objects of each category were seen.

Convention: each circle is the sphere seen from above, the object in its middle. Azimuth 0 is at the
bottom and grows counter-clockwise, as `objrec.pose` has it; elevation 90 is the middle, 0 the rim.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from objrec.datasets.checks.facts import Facts
from objrec.datasets.checks.finding import counted
from objrec.datasets.checks.poses import widest_gap
from objrec.datasets.frame import RELATIVE
from objrec.datasets.pictures import BLUE, INK, PAPER, RED, RULE, SOFT, drawable, save_picture

MOST_PANELS = 12
_COLUMNS = 4
# Inches.
_PANEL, _TITLE, _MARGIN, _GAP, _HEADING, _NOTE = 1.9, 0.95, 0.3, 0.75, 0.45, 0.2
_UNKNOWN = 10.0  # degrees beyond the rim, where views of unknown elevation are drawn


def viewing_sphere(facts: Facts, path: str | Path) -> bool:
    """Draw the labelled views of each category into a picture file.

    Args:
        facts: What is known of the set.
        path: The file to write, overwritten if it exists.

    Returns:
        Whether there was anything to draw: False if no azimuth is labelled.

    Raises:
        DataError: The file cannot be written, or its name ends in no picture suffix.
    """
    known = ~np.isnan(facts.axis("azimuth"))
    panels = [panel for panel in facts.members() if (panel[1] & known).any()]
    if len(panels) > MOST_PANELS:
        fewest = sorted((int((m & known).sum()) for _, m in panels), reverse=True)[MOST_PANELS - 1]
        panels = [panel for panel in panels if (panel[1] & known).sum() >= fewest][:MOST_PANELS]
    if not panels:
        return False
    columns = min(_COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    notes = _notes(facts, known, panels)
    width = max(2 * _MARGIN + columns * (_PANEL + _GAP), 5.2)
    height = 2 * _MARGIN + _HEADING + rows * (_PANEL + _TITLE) + _NOTE * len(notes)

    def draw(figure: Any) -> None:
        _write(figure, _MARGIN, _MARGIN, f"{facts.name}: views from above", size=11, weight="bold")
        _legend(figure, facts, width)
        for i, (name, members) in enumerate(panels):
            left = _MARGIN + (i % columns) * (_PANEL + _GAP)
            top = _MARGIN + _HEADING + (i // columns) * (_PANEL + _TITLE)
            _panel(figure, facts, (left, top), name, members & known)
        below = height - _MARGIN - _NOTE * len(notes) + 0.05
        for i, note in enumerate(notes):
            _write(figure, _MARGIN, below + _NOTE * i, note, size=7.5, color=SOFT)

    save_picture(draw, (width, height), path, [facts.name, *facts.categories])
    return True


def _notes(facts: Facts, known: np.ndarray, panels: list) -> list[str]:
    notes = [
        "Azimuth round the circle, 0° at the bottom; elevation 90° in the middle, 0° at the rim."
    ]
    unknown = int((~known & facts.is_object).sum())
    if unknown:
        notes.append(f"Not drawn: {counted(unknown, 'view')} without azimuth.")
    if np.isnan(facts.axis("elevation")[known]).any():
        notes.append("Outside the rim: views without elevation.")
    if facts.frame.kind("azimuth") == RELATIVE:
        notes.append("Azimuths are relative: 0° is another side of each object.")
    hidden = sum(1 for _ in facts.members()) - len(panels)
    if hidden:
        notes.append(f"{counted(hidden, 'category')} with fewer labelled views or none not shown.")
    return notes


def _write(figure: Any, x: float, y: float, text: str, **style: Any) -> None:
    """Write at a place in inches from the upper left corner."""
    width, height = figure.get_size_inches()
    style = {"va": "top", "color": INK} | style
    figure.text(x / width, 1 - y / height, drawable(text), **style)


def _style(split: int) -> dict[str, Any]:
    """Return how the views of a split are drawn: dots for training, rings for the others."""
    if split == 0:
        return {"color": BLUE, "alpha": 0.75, "lw": 0}
    return {"facecolors": "none", "edgecolors": RED, "lw": 0.8, "alpha": 0.9}


def _legend(figure: Any, facts: Facts, width: float) -> None:
    if len(facts.splits) == 1:
        return
    x = width - _MARGIN
    for split in reversed(range(len(facts.splits))):
        sign = "●" if split == 0 else "○"
        text = f"{sign} {facts.splits[split]}"
        colour = BLUE if split == 0 else RED
        _write(figure, x, _MARGIN + 0.03, text, size=9, ha="right", color=colour)
        x -= 0.12 * len(text) + 0.1


def _panel(
    figure: Any, facts: Facts, corner: tuple[float, float], name: str, members: np.ndarray
) -> None:
    width, height = figure.get_size_inches()
    left, top = corner
    symmetric = name in facts.frame.symmetric
    counts = [int((members & (facts.split == i)).sum()) for i in range(len(facts.splits))]
    what = " + ".join(f"{count:,}" for count in counts if count)
    what = f"{what} view{'s' if sum(counts) > 1 else ''}, {counted(facts.units(members), 'object')}"
    _write(figure, left, top, name if len(name) <= 24 else f"{name[:23]}…", weight="bold")
    note = f"{what}, symmetric" if symmetric else what
    _write(figure, left, top + 0.17, note, size=7.5, color=SOFT)
    left, top = left + _GAP / 2, top + 0.58
    box = (left / width, 1 - (top + _PANEL) / height, _PANEL / width, _PANEL / height)
    axes = figure.add_axes(box, projection="polar")
    lowest = min(0.0, np.nanmin([0.0, *facts.axis("elevation")[members]]))
    _circle(axes, lowest, facts.axis("azimuth")[members], facts.frame.front_azimuth)
    for split in np.unique(facts.split[members]):
        angle, radius, count = _places(facts, members & (facts.split == split), lowest)
        # Many places are drawn smaller, so that neighbours do not touch.
        size = np.clip(40 / len(count), 0.3, 1) * (8 + 20 * np.sqrt(count / max(count.max(), 4)))
        style = _style(int(split)) | ({"alpha": 0.3} if symmetric else {})
        axes.scatter(
            angle, radius, s=size * (2.2 if split else 1), zorder=3, clip_on=False, **style
        )


def _places(
    facts: Facts, members: np.ndarray, lowest: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where views lie, in radians and degrees from above, and how many lie there."""
    azimuths = facts.axis("azimuth")[members].round() % 360
    radii = 90 - np.nan_to_num(facts.axis("elevation")[members], nan=lowest - _UNKNOWN).round()
    places, counts = np.unique(np.stack([azimuths, radii]), axis=1, return_counts=True)
    return np.deg2rad(places[0]), places[1], counts


def _circle(axes: Any, lowest: float, azimuths: np.ndarray, front_azimuth: float | None) -> None:
    axes.set_theta_zero_location("S")
    axes.set_rlim(0, 90 - lowest)
    heights = [height for height in (60, 30, 0, -30, -60) if height >= lowest]
    axes.set_rgrids([90 - height for height in heights], [""] * len(heights))
    axes.set_thetagrids(range(0, 360, 45), [""] * 8)
    axes.grid(color=RULE, lw=0.6)
    axes.set_facecolor("none")
    axes.spines["polar"].set_color(RULE)
    begin, gap = widest_gap(azimuths)
    between = math.radians(begin + gap / 2)
    back = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.4}
    for height in heights:
        _mark(axes, between, 90 - height, f"{height}°", size=5.5, bbox=back)
    for azimuth, side in ((0, "center"), (90, "left"), (180, "center"), (270, "right")):
        text = f"{azimuth}° front" if front_azimuth == azimuth else f"{azimuth}°"
        far = (90 - lowest) * (1.14 if side == "center" else 1.09)
        _mark(axes, math.radians(azimuth), far, text, ha=side)


def _mark(axes: Any, angle: float, radius: float, text: str, **style: Any) -> None:
    style = {"size": 6.5, "color": SOFT, "ha": "center", "va": "center"} | style
    axes.annotate(text, (angle, radius), zorder=2.5, annotation_clip=False, **style)
