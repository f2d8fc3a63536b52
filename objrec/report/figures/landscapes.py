"""Drawings of an `Explanation`: landscapes, refinement paths, feature maps; for page and picture.

Each function draws into axes that it is given. Colours are those of viridis, light where the
energy is high: equal ones mean equal energies in all landscapes of one image.
"""

from __future__ import annotations

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.image import imsave
from matplotlib.ticker import MaxNLocator

from objrec.evaluation.landscapes.explaining import Explanation, Fit
from objrec.evaluation.landscapes.surfaces import PlaneAxis, near
from objrec.pose import AXIS

COLOURS = "viridis"
# Marks stand on the edge too: poses at the end of their range are common.
_DOT = {"mfc": "white", "mec": "black", "mew": 0.7, "clip_on": False, "zorder": 3}
_LEVELS = 14  # of the contours around a path


def energy_scale(explanation: Explanation) -> Normalize:
    """Return the colour scale that all landscapes of an image share."""
    values = [land.energy for land in explanation.landscapes.values()]
    return Normalize(min(v.min() for v in values), max(v.max() for v in values))


def mismatch_scale(explanation: Explanation) -> Normalize:
    """Return the colour scale that the mismatches of all hypotheses share."""
    parts = [fit.mismatch.max() for fit in explanation.fits if fit.mismatch is not None]
    return Normalize(0, max(parts, default=1.0))


def draw_landscape(axes: Axes, explanation: Explanation, category: str) -> None:
    """Draw the energy of a category, its minima, and the hypotheses that lie on it by number."""
    plane, landscape = explanation.plane, explanation.landscapes[category]
    scale = energy_scale(explanation)
    across = np.array(plane.columns.values)
    if plane.rows:
        up = np.array(plane.rows.values)
        cells = _edges(plane.columns), _edges(plane.rows), landscape.energy
        axes.pcolormesh(*cells, cmap=COLOURS, norm=scale, edgecolors="face", lw=0.3)
        axes.spines[:].set_visible(False)
    else:
        axes.plot(across, landscape.energy[0], lw=1.4)
        margin = 0.08 * (scale.vmax - scale.vmin)
        axes.set_ylim(scale.vmin - margin, scale.vmax + margin)
    for minimum in landscape.minima:
        y = up[minimum.row] if plane.rows else minimum.energy
        axes.plot(across[minimum.column], y, "o", ms=4, **_DOT)
    _mark_truth(axes, explanation, category)
    for number, fit in enumerate(explanation.fits, 1):
        if fit.hypothesis.category == category:
            x, y = _place(explanation, fit)
            axes.plot(x, y, "o", ms=11, **_DOT)
            style = {"ha": "center", "va": "center_baseline", "size": 8, "weight": "bold"}
            axes.text(x, y, str(number), color="black", zorder=4, **style)
    axes.set_xlim(*_edges(plane.columns)[[0, -1]])
    _label(axes, plane.columns, plane.rows)


def draw_path(axes: Axes, explanation: Explanation, fit: Fit) -> None:
    """Draw the energy around a hypothesis, and the way from the grid to its refined pose."""
    plane, around = explanation.plane, fit.around
    middle = around.columns.mean()
    poses = [step.pose.to_dict() for step in fit.path]
    xs = [near(plane.columns.name, pose[plane.columns.name], middle) for pose in poses]
    if plane.rows:
        ys = [pose[plane.rows.name] for pose in poses]
        levels = np.linspace(around.energy.min(), around.energy.max() + 1e-6, _LEVELS)
        axes.contourf(around.columns, around.rows, around.energy, levels, cmap=COLOURS)
        axes.spines[:].set_visible(False)
    else:
        ys = [step.energy for step in fit.path]
        axes.plot(around.columns, around.energy[0], lw=1.4)
    axes.plot(xs, ys, "o-", color="white" if plane.rows else "gray", lw=1.2, ms=3.5, **_DOT)
    axes.plot(xs[0], ys[0], "s", ms=6, **_DOT)
    axes.plot(xs[-1], ys[-1], "o", ms=6, **_DOT | {"mfc": "black", "mec": "white", "mew": 1})
    axes.set_xlim(around.columns[[0, -1]])
    _label(axes, plane.columns, plane.rows)


def draw_scale(axes: Axes, scale: Normalize, title: str, *, across: bool = False) -> None:
    """Draw a colour scale into axes of its own, upwards or across."""
    mappable = ScalarMappable(scale, COLOURS)
    orientation = "horizontal" if across else "vertical"
    bar = axes.figure.colorbar(mappable, cax=axes, orientation=orientation, label=title)
    bar.outline.set_visible(False)


def draw_pixels(axes: Axes, pixels: np.ndarray, scale: Normalize | None = None) -> None:
    """Draw pixels as they are, or values on a colour scale, without axes."""
    axes.imshow(pixels, cmap=COLOURS if scale else "gray", norm=scale or Normalize(0, 255))
    axes.set_axis_off()


def png(pixels: np.ndarray, scale: Normalize | None = None) -> bytes:
    """Return pixels as they are, or values on a colour scale, as a PNG file of the same size."""
    stream = io.BytesIO()
    if scale:
        pixels = ScalarMappable(scale, COLOURS).to_rgba(pixels)
    elif pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, axis=-1)
    imsave(stream, pixels, format="png")
    return stream.getvalue()


def side_by_side(image: np.ndarray) -> np.ndarray:
    """Return the images of all cameras, (V, S, S[, 3]), as one, with a white line between."""
    gap = np.full((image.shape[1], 1, *image.shape[3:]), 255, np.uint8)
    parts = [part for camera in image for part in (gap, camera)]
    return np.concatenate(parts[1:], axis=1)


def axis_title(name: str) -> str:
    """Return an axis' name with its unit."""
    unit = {"deg": "°", "log ratio": "ratio"}.get(AXIS[name].unit, AXIS[name].unit)
    return f"{name} ({unit})"


def _mark_truth(axes: Axes, explanation: Explanation, category: str) -> None:
    """Draw a cross, or a line where there are no rows, at the labelled pose."""
    plane = explanation.plane
    if explanation.truth is None or explanation.truth[0] != category:
        return
    pose = explanation.truth[1].to_dict()
    if any(axis.name not in pose for axis in plane.axes):
        return
    x = plane.columns.placed(pose[plane.columns.name])
    if plane.rows is None:
        axes.axvline(x, ls="--", lw=1)
        return
    for width, colour in ((3.4, "black"), (1.8, "white")):
        axes.plot(x, pose[plane.rows.name], "x", ms=15, mew=width, color=colour)


def _place(explanation: Explanation, fit: Fit) -> tuple[float, float]:
    """Return where a hypothesis lies on its landscape."""
    plane, pose = explanation.plane, fit.hypothesis.pose.to_dict()
    x = plane.columns.placed(pose[plane.columns.name])
    return x, pose[plane.rows.name] if plane.rows else fit.hypothesis.energy


def _edges(axis: PlaneAxis) -> np.ndarray:
    """Return the borders of cells whose middles are an axis' values, about."""
    values = np.array(axis.values)
    borders = (values[1:] + values[:-1]) / 2
    first, last = 2 * values[0] - borders[0], 2 * values[-1] - borders[-1]
    return np.array([first, *borders, last])


def _label(axes: Axes, columns: PlaneAxis, rows: PlaneAxis | None) -> None:
    axes.xaxis.set_major_locator(_locator(columns, axes.get_xlim(), 5))
    axes.set_xlabel(axis_title(columns.name))
    if rows:
        axes.yaxis.set_major_locator(_locator(rows, axes.get_ylim(), 4))
    axes.set_ylabel(axis_title(rows.name) if rows else "energy")
    axes.tick_params(length=2)


def _locator(axis: PlaneAxis, limits: tuple[float, float], most: int) -> MaxNLocator:
    """Return a rule for round numbers: parts of a circle for wide angles, else of ten."""
    wide = AXIS[axis.name].unit == "deg" and np.ptp(limits) > 90
    return MaxNLocator(most, steps=[1, 1.5, 3, 4.5, 6, 9, 10] if wide else [1, 2, 2.5, 5, 10])
