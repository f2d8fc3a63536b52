"""Drawings of the demonstration `conditions`: losses over the plane of two energies."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from objrec.demos.conditions.planes import Plane
from objrec.demos.lesson import Player
from objrec.report.figures.svg import ACCENT, FAINT, INK, SOFT, WRONG, svg

# Steps, not a ramp: their edges are level lines, and the pictures stay small. The yellow end is
# left out: white arrows would not show on it.
COLOURS = ListedColormap(colormaps["viridis"](np.linspace(0, 0.82, 14)))
_FRAMES = 21
_POINTS = 14  # of a drawn path
_PATH = {"color": "white", "lw": 1.1, "zorder": 3}
_DOT = {"mec": "black", "mew": 0.6, "ls": "none", "clip_on": False, "zorder": 4}


def loss_player(
    planes: list[Plane], paths: dict[str, torch.Tensor], numbers: dict[str, Any], gap: float
) -> Player:
    """Return one frame a loss: its plane, and its lowest value at each gap."""
    frames, captions = [], []
    for plane in planes:
        row = numbers[plane.name]
        holds = "holds" if row["condition_holds"] else "fails"
        captions.append(f"{plane.name}: condition {holds}")

        def draw(figure: Figure, plane: Plane = plane) -> None:
            left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
            bar = figure.colorbar(_surface(left, plane), ax=left, shrink=0.8, pad=0.02)
            bar.outline.set_visible(False)
            _arrows(left, plane)
            _lines(left, plane, gap)
            _lowest(left, plane)
            _paths(left, paths[plane.name], whole=True)
            left.set_title(f"loss “{plane.name}”", fontsize=10, loc="left")
            left.set(xlabel="E_C, energy of the right answer", ylabel="E_I, of the wrong answer")
            _profile(right, plane)
            right.set(xlabel="gap E_I − E_C", ylabel="lowest loss at this gap")

        alt = (
            f"Loss {plane.name} over the plane of the right answer's energy and the wrong one's; "
            f"it is lowest where the gap is at least {row['margin']:g}. The condition {holds}."
        )
        frames.append(svg(draw, 7.6, 4.0, f"loss-{plane.name}", alt))
    return Player(frames, captions, "losses")


def descent_player(planes: list[Plane], paths: dict[str, torch.Tensor], gap: float) -> Player:
    """Return the descent under all losses side by side, one frame every few steps."""
    length = len(paths[planes[0].name])
    count = min(_FRAMES, length // 10 + 2)
    # The first steps are the fast ones: frames are spread by the square of time.
    shown = sorted({round(s * s * (length - 1)) for s in np.linspace(0, 1, count)})
    frames = []
    for at in shown:

        def draw(figure: Figure, at: int = at) -> None:
            for axes, plane in zip(figure.subplots(2, 5).flat, planes, strict=True):
                _surface(axes, plane)
                _lines(axes, plane, gap)
                _paths(axes, paths[plane.name][: at + 1], whole=False)
                axes.set_title(plane.name, fontsize=9, loc="left", pad=3)
                axes.set_axis_off()
            figure.supxlabel("E_C, energy of the right answer →", fontsize=9, color=INK)
            figure.supylabel("E_I, of the wrong answer →", fontsize=9, color=INK)

        alt = f"Six pairs of energies under each of ten losses after {at} steps of descent."
        frames.append(svg(draw, 7.8, 3.7, f"descent-{at}", alt))
    return Player(frames, [f"after {at} steps" for at in shown], "steps of descent")


def profile_figure(planes: list[Plane]) -> str:
    """Draw the lowest loss at each gap for all losses, as small multiples."""

    def draw(figure: Figure) -> None:
        for axes, plane in zip(figure.subplots(2, 5).flat, planes, strict=True):
            _profile(axes, plane)
            axes.set_title(plane.name, fontsize=9, loc="left", pad=3)
            axes.set_yticks([])
        figure.supxlabel("gap E_I − E_C", fontsize=9, color=INK)
        figure.supylabel("lowest loss", fontsize=9, color=INK)

    margins = ", ".join(f"{p.name} {p.margin():g}" for p in planes)
    return svg(draw, 7.8, 3.4, "profiles", f"Lowest loss at each gap; margins: {margins}.")


def _surface(axes: Axes, plane: Plane) -> AxesImage:
    end = float(plane.axis[-1])
    # Interpolated before it is coloured: the steps keep sharp edges.
    style = {"interpolation": "bilinear", "interpolation_stage": "data", "cmap": COLOURS}
    axes.spines[:].set_visible(False)
    return axes.imshow(
        plane.loss.numpy(), origin="lower", extent=(0, end, 0, end), zorder=0, **style
    )


def _arrows(axes: Axes, plane: Plane) -> None:
    every = slice(4, None, 7)
    across, up = -plane.pull[every, every].numpy(), plane.push[every, every].numpy()
    x, y = np.meshgrid(plane.axis[every], plane.axis[every])
    length = np.hypot(across, up)
    moved = length > 1e-9
    # Square roots: a push of a hundredth of the strongest is still to be seen.
    scale = 1 / np.sqrt(length[moved] * length.max())
    style = {"color": "white", "scale": 13, "width": 0.006, "headwidth": 4, "zorder": 2}
    arrows = across[moved] * scale, up[moved] * scale
    axes.quiver(x[moved], y[moved], *arrows, pivot="tail", alpha=0.85, **style)


def _lines(axes: Axes, plane: Plane, gap: float) -> None:
    end = float(plane.axis[-1])
    axes.plot([0, end], [0, end], color="white", lw=1.0, zorder=2)
    axes.plot([0, end - gap], [gap, end], color="white", lw=1.2, ls=(0, (4, 3)), zorder=2)
    axes.set(xlim=(0, end), ylim=(0, end), aspect="equal")


def _lowest(axes: Axes, plane: Plane) -> None:
    rows, columns = torch.nonzero(plane.minimisers(), as_tuple=True)
    sparse = (rows % 5 == 0) & (columns % 5 == 0)
    style = {"mfc": "#ffe9a8", "mec": "none", "ls": "none", "clip_on": False, "zorder": 2.5}
    x, y = plane.axis[columns[sparse]].numpy(), plane.axis[rows[sparse]].numpy()
    axes.plot(x, y, "o", ms=3, **style)


def _paths(axes: Axes, path: torch.Tensor, *, whole: bool) -> None:
    # By the square of time: descent is fast at first.
    every = path[(torch.linspace(0, 1, _POINTS).square() * (len(path) - 1)).round().long()]
    for start in range(path.shape[1]):
        line = torch.unique_consecutive(every[:, start].round(decimals=2), dim=0)
        axes.plot(*line.numpy().T, **_PATH)
    if whole:
        axes.plot(*path[0].numpy().T, "o", ms=5, mfc="none", **_DOT | {"mec": "white", "mew": 1})
    axes.plot(*path[-1].numpy().T, "o", ms=5 if whole else 4, mfc="white", **_DOT)


def _profile(axes: Axes, plane: Plane) -> None:
    gaps, lowest = (values.numpy() for values in plane.profile())
    axes.axvline(0, color=FAINT, lw=1, zorder=0)
    axes.plot(gaps[::2], lowest[::2], color=ACCENT, lw=1.5)
    wrong = slice(0, len(gaps) // 2 + 1, 4)
    axes.fill_between(gaps[wrong], lowest[wrong], color=WRONG, alpha=0.15, lw=0)
    margin = plane.margin()
    axes.plot(margin, lowest[gaps == margin], "o", ms=5, color=INK, clip_on=False, zorder=4)
    axes.set_xlim(float(gaps[0]), float(gaps[-1]))
    axes.tick_params(length=2, color=SOFT)
