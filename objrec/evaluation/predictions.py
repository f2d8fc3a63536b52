"""One row an image: what was answered beside the truth, and where its small picture is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from objrec.datasets.sheets import write_sheets
from objrec.evaluation.run import Progress, Run
from objrec.pose import AXES, Pose

MOST_PICTURES = 10_000  # of right answers; of wrong ones all are kept


def prediction_rows(done: Run, cells: np.ndarray, tiles: np.ndarray | None) -> list[dict[str, Any]]:
    """Return the rows of ``predictions``.

    Args:
        done: The run.
        cells: (N, 2) row and column of each image in the map of views, -1 for none.
        tiles: (N,) number of each image's picture, -1 for none; None if there are no pictures.
    """
    outcomes, rows, true = done.outcomes, [], true_energies(done)
    for i, answer in enumerate(done.answers):
        rows.append(
            {
                "file": done.sources[i],
                "object": str(outcomes.objects[i]),
                "category": outcomes.categories[outcomes.labels[i]],
                "predicted": outcomes.categories[outcomes.predicted[i]],
                "probability": float(answer.probability),
                "energy": float(answer.energy),
                "energy_true": float(true[i]),  # NaN, of background, becomes null
                "pose": _rounded(answer.pose),
                "pose_true": _rounded(Pose.from_vector(outcomes.true_poses[i])),
                "pose_given": _rounded(Pose.from_vector(outcomes.given[i])),
                "unknown": answer.unknown,
                "cell": cells[i].tolist() if (cells[i] >= 0).all() else None,
                "tile": int(tiles[i]) if tiles is not None and tiles[i] >= 0 else None,
            }
        )
    return rows


def true_energies(done: Run) -> np.ndarray:
    """Return (N,): the lowest energy of each image's true category; NaN for background."""
    labels, known = done.outcomes.labels, done.outcomes.labels < done.energies.shape[1]
    energies = np.full(len(labels), np.nan)
    energies[known] = done.energies[known, labels[known]]
    return energies


def wrong_first(done: Run) -> np.ndarray:
    """Return the wrong answers about known categories, most wrong first: by excess energy."""
    excess = true_energies(done) - done.energies.min(axis=1)
    wrong = np.flatnonzero(done.outcomes.wrong & ~np.isnan(excess))
    return wrong[np.argsort(-excess[wrong], kind="stable")]


def write_pictures(
    done: Run, dataset: Any, folder: Path | None, seed: int, on_progress: Progress | None
) -> tuple[np.ndarray | None, dict[str, Any] | None]:
    """Write small pictures, the wrong answers first, then right ones in a random order.

    Args:
        done: The run.
        dataset: What it was run on.
        folder: Where images/ is made; None for no pictures.
        seed: Of the order of the right ones: if a page must leave some out, it is not one view.
        on_progress: Called with (images done, images in all).

    Returns:
        (N,) the tile of each image, -1 for none; and ``images`` of evaluation.json.

    Raises:
        DataError: They cannot be written.
    """
    if folder is None:
        return None, None
    wrong = wrong_first(done)
    wrong = np.concatenate([wrong, np.setdiff1d(np.flatnonzero(done.outcomes.wrong), wrong)])
    right = np.random.default_rng(seed).permutation(np.flatnonzero(~done.outcomes.wrong))
    order = np.concatenate([wrong, right[:MOST_PICTURES]])
    sheets = write_sheets(dataset, done.indices[order].tolist(), folder, on_progress=on_progress)
    tiles = np.full(done.images, -1)
    tiles[order] = np.arange(len(order))
    return tiles, sheets.to_dict()


def _rounded(pose: Pose) -> dict[str, float]:
    return {axis: round(float(pose.to_dict()[axis]), 4) for axis in AXES if axis in pose.to_dict()}
