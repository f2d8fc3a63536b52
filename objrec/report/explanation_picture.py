"""The explanation of one image's answer as one picture, for slides and papers.

Above, the image and its feature map, and for each hypothesis the reference, the mismatch and the
refinement; below, the landscapes of the categories. The page, explanation.py, says more.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure, SubFigure

from objrec.datasets.pictures import BLUE, SOFT, drawable, save_picture
from objrec.evaluation.landscapes.explaining import Explanation
from objrec.report.figures import landscapes as figures

_MOST_FITS, _MOST_CATEGORIES = 6, 12
# Sizes in inches.
_COLUMN, _ABOVE, _BELOW, _HEADING = 2.3, 5.4, 2.1, 0.75
_MOST_COLUMNS = 4  # of landscapes
_HOW_TO_READ = (
    "Lowest row: the energy around each pose, and its refinement from the grid (square) to the end "
    "(black dot). Below: rings are local minima, numbers the hypotheses"
)


def write_picture(explanation: Explanation, path: Path, title: str, summary: str) -> None:
    """Draw and save a picture.

    Args:
        explanation: From `explain`.
        path: The file to write.
        title: Stands above everything.
        summary: Stands beneath the title.

    Raises:
        DataError: It cannot be written.
    """
    fits = len(explanation.fits[:_MOST_FITS])
    cameras = len(explanation.image)
    width = max(_COLUMN * (fits + min(cameras, 3) ** 0.5) + 0.4, 4 * _COLUMN)
    shown = min(len(explanation.landscapes), _MOST_CATEGORIES)
    lines = -(-shown // _MOST_COLUMNS)
    heights = [_HEADING, _ABOVE, _BELOW * lines + 0.3]

    def draw(figure: Figure) -> None:
        figure.set_layout_engine("constrained")
        top, above, below = figure.subfigures(3, height_ratios=heights)
        _draw_heading(top, title, summary, width)
        with matplotlib.rc_context({"axes.prop_cycle": matplotlib.cycler(color=[BLUE])}):
            _draw_fits(above, explanation)
            _draw_landscapes(below, explanation, lines, -(-shown // lines))

    summary = f"{explanation.recognition.source or 'image'}. {summary}"
    texts = [title, summary, *explanation.landscapes]
    save_picture(draw, (width, sum(heights)), path, texts)


def _draw_heading(figure: SubFigure, title: str, summary: str, width: float) -> None:
    letters = round(width * 13)
    figure.text(0.012, 0.82, drawable(title), va="top", size=12, weight="bold")
    figure.text(0.012, 0.48, textwrap.fill(drawable(summary), letters), va="top", color=SOFT)


def _draw_fits(figure: SubFigure, explanation: Explanation) -> None:
    """Draw a column for the image, and one for each hypothesis."""
    fits = explanation.fits[:_MOST_FITS]
    image = figures.side_by_side(explanation.image)
    first = min(max(image.shape[1] / image.shape[0], 1.0), 1.8)
    rows = figure.subplots(3, 1 + len(fits), width_ratios=[first, *[1.0] * len(fits)])
    figures.draw_pixels(rows[0, 0], image)
    rows[0, 0].set_title("image")
    figures.draw_pixels(rows[1, 0], explanation.colours)
    rows[1, 0].set_title("its feature map")
    rows[2, 0].set_axis_off()
    mark = "cross" if explanation.plane.rows else "broken line"
    note = _HOW_TO_READ + (f", the {mark} the pose that the set gives" if explanation.truth else "")
    style = {"va": "center", "size": 8, "color": SOFT, "in_layout": False}
    rows[2, 0].text(0, 0.5, textwrap.fill(f"{note}.", round(30 * first)), **style)
    scale = figures.mismatch_scale(explanation)
    for number, (column, fit) in enumerate(zip(rows.T[1:], fits, strict=True), 1):
        reference, mismatch, path = column
        figures.draw_pixels(reference, fit.reference)
        reference.set_title(f"{number}  {drawable(fit.hypothesis.category)}", weight="bold")
        if fit.mismatch is None:
            mismatch.set_axis_off()
        else:
            figures.draw_pixels(mismatch, fit.mismatch, scale)
            mismatch.set_title(f"mismatch, sum {fit.path[-1].energy:.2f}")
        figures.draw_path(path, explanation, fit)
        path.set_title(f"energy {fit.path[0].energy:.3f} → {fit.path[-1].energy:.3f}")


def _draw_landscapes(figure: SubFigure, explanation: Explanation, lines: int, columns: int) -> None:
    energies = explanation.recognition.energies
    names = sorted(energies, key=energies.__getitem__)[: lines * columns]
    ratios = [1.0] * columns + [0.05]
    rows = figure.subplots(lines, columns + 1, width_ratios=ratios, squeeze=False)
    scale, *unused = rows[:, -1]
    if explanation.plane.rows:
        figures.draw_scale(scale, figures.energy_scale(explanation), "energy")
    else:
        unused.append(scale)
    for axes in unused:
        axes.set_axis_off()
    places = rows[:, :-1].flatten()
    for axes, name in zip(places, names, strict=False):
        figures.draw_landscape(axes, explanation, name)
        axes.set_title(f"{drawable(name)}, lowest {energies[name]:.2f}")
    for axes in places[len(names) :]:
        axes.set_axis_off()
