"""Draw the figures of README.md with the shipped model, from unseen toys of the sample set.

python scripts/readme_figures.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib import pyplot as plt

from objrec import Recognizer, open_dataset
from objrec.datasets import Dataset
from objrec.pose import Pose

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
INK, ACCENT = "#222222", "#c2410c"


def main() -> None:
    """Write recognition.png and how.png."""
    mpl.rcParams.update({"font.size": 8, "font.family": "DejaVu Sans", "text.color": INK})
    FIGURES.mkdir(parents=True, exist_ok=True)
    recognizer = Recognizer.load()
    toys = open_dataset("data/toys", split="test")
    draw_recognition(recognizer, toys)
    draw_how(recognizer, toys)


def draw_recognition(recognizer: Recognizer, toys: Dataset) -> None:
    """Draw one unseen toy a category: image, answer, and the energies of all poses."""
    picked = [_view(toys, category, 100 + 37 * i) for i, category in enumerate(toys.categories)]
    figure, axes = plt.subplots(2, len(picked), figsize=(9.6, 3.5), height_ratios=[1, 0.8])
    for (top, bottom), index in zip(axes.T, picked, strict=True):
        sample = toys[index]
        answer = recognizer.recognize(sample)
        truth = Pose.from_vector(sample.pose)
        top.imshow(sample.images[0], cmap="gray", vmin=0, vmax=255)
        right = answer.category == sample.category
        title = answer.category if right else f"{answer.category} (is {sample.category})"
        top.set_title(title, fontsize=9, fontweight="bold", color=INK if right else ACCENT)
        top.set_xlabel(
            f"azimuth {answer.pose.azimuth:.0f}° ({truth.azimuth:.0f}°)\n"
            f"elevation {answer.pose.elevation:.0f}° ({truth.elevation:.0f}°)"
        )
        top.set_xticks([])
        top.set_yticks([])
        _landscape(bottom, recognizer, sample, answer, truth)
    axes[1, 0].set_ylabel("elevation")
    figure.tight_layout(h_pad=0.6, w_pad=0.4)
    figure.savefig(FIGURES / "recognition.png", dpi=160)
    plt.close(figure)


def _view(toys: Dataset, category: str, start: int) -> int:
    rows = np.flatnonzero(toys.labels == toys.categories.index(category))
    return int(rows[start % len(rows)])


def _landscape(axis, recognizer: Recognizer, sample, answer, truth: Pose) -> None:
    surface = recognizer.energies(sample).surface(answer.category, "azimuth", "elevation")[0]
    azimuths, elevations = (recognizer.space.values[a] for a in ("azimuth", "elevation"))
    axis.pcolormesh(azimuths, elevations, surface.T.cpu(), cmap="viridis", shading="nearest")
    axis.plot(truth.azimuth, truth.elevation, "+", color="white", markersize=9, mew=2)
    axis.plot(answer.pose.azimuth, answer.pose.elevation, "o", mfc="none", mec=ACCENT, mew=1.5)
    axis.set_xticks([0, 90, 180, 270])
    axis.set_xlabel("azimuth")
    axis.tick_params(length=2, labelsize=7)


@torch.inference_mode()
def draw_how(recognizer: Recognizer, toys: Dataset) -> None:
    """Draw G(X), a reference turned to four azimuths, and the energy over azimuth."""
    sample = toys[_view(toys, "car", 10)]
    truth = Pose.from_vector(sample.pose)
    batch = recognizer.preprocessing.images(sample.images)[None].to(recognizer.device)
    features = recognizer.network.extractor(recognizer.preprocessing.normalised(batch))[0].cpu()
    warped = recognizer.network.prepare()
    energies = recognizer.energies(sample).given(elevation=truth.elevation)
    azimuths = recognizer.space.values["azimuth"]
    k = recognizer.categories.index("car")
    maps = warped.maps[k, 0].unflatten(0, warped.grid.shape).cpu()
    elevation = warped.grid.nearest("elevation", truth.elevation)
    chosen = [
        int(warped.grid.nearest("azimuth", truth.azimuth + turn)) for turn in (0, 60, 120, 180)
    ]

    figure = plt.figure(figsize=(9.6, 2.1))
    grid = figure.add_gridspec(1, 8, width_ratios=[1, 1, 0.1, 1, 1, 1, 1, 1.9])
    _picture(figure.add_subplot(grid[0]), sample.images[0], "image X", cmap="gray")
    _picture(figure.add_subplot(grid[1]), _shown(features, features), "features G(X)")
    for place, index in enumerate(chosen):
        energy = float(energies.values[0, k, index])
        axis = figure.add_subplot(grid[3 + place])
        _picture(axis, _shown(maps[index, elevation], features), f"car at {azimuths[index]:.0f}°")
        axis.set_xlabel(f"E = {energy:.1f}", color=ACCENT if place == 0 else INK)
    axis = figure.add_subplot(grid[7])
    for name in recognizer.categories:
        line = energies.values[0, recognizer.categories.index(name)].cpu()
        style = {"color": ACCENT, "lw": 2, "zorder": 3} if name == "car" else {"color": "#9ca3af"}
        axis.plot(azimuths, line, label=name if name == "car" else None, **style)
    axis.axvline(truth.azimuth, color=INK, lw=0.8, ls=":")
    axis.set_title("energy (red: car)")
    axis.set_xlabel("azimuth (dotted: true)")
    axis.set_xticks([0, 90, 180, 270])
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(w_pad=0.4)
    figure.savefig(FIGURES / "how.png", dpi=160)
    plt.close(figure)


def _picture(axis, image, title: str, **style) -> None:
    axis.imshow(image, **style)
    axis.set_title(title)
    axis.set_xticks([])
    axis.set_yticks([])


def _shown(maps: torch.Tensor, basis: torch.Tensor) -> np.ndarray:
    """Show a feature map (C, h, w) in three colours: its part along the basis' main directions."""
    directions = torch.linalg.svd(basis.flatten(1), full_matrices=False)[0][:, :3]
    part = (directions.T @ maps.flatten(1)).view(3, *maps.shape[1:])
    part = part / part.abs().amax(dim=(1, 2), keepdim=True).clamp(min=1e-9)
    return (0.5 + 0.5 * part).permute(1, 2, 0).numpy()


if __name__ == "__main__":
    main()
