"""Run one job: train, and note what the model answers to every test image.

What is kept is raw (energies by category and poses, image by image), so that figures and their
intervals can be computed later, and differently, without training again.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jobs import FOLDS, Job, Part, part_of
from torch.nn.functional import normalize

from objrec import Recognizer, train
from objrec.datasets import Dataset
from objrec.errors import SettingsError
from objrec.evaluation.hardware import describe_hardware
from objrec.evaluation.several import several_errors
from objrec.evaluation.sweep.changes import CHANGES
from objrec.pose import INDEX, PoseSpace
from objrec.preprocessing import load_images
from objrec.protocols.strangers import distances
from objrec.saving import Calibration
from objrec.training import Recipe
from objrec.training.space import choose_space

BATCH = 256
FINE_STEP = 5.0  # degrees between azimuths, to find those between the ones trained on
GROUPS = 600  # of several images of one object
HIDDEN = {"hidden50": ("occlude", 0.5), "hidden70": ("occlude", 0.7), "clutter": ("clutter", 1.0)}


def run(
    job: Job, train_set: Dataset, test_set: Dataset, folder: Path
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Train and measure.

    Args:
        job: What to run.
        train_set: The training split.
        test_set: The test split.
        folder: For the model.

    Returns:
        Facts and headline figures; and arrays, see `asked`.
    """
    part = part_of(job, train_set, test_set)
    recipe = Recipe().replaced(kind=job.kind, seed=job.seed, **dict(job.recipe))
    shutil.rmtree(folder, ignore_errors=True)
    began = time.monotonic()
    reports = list(train(part.train, folder, recipe))
    trained = time.monotonic() - began
    recognizer = searching(Recognizer.load(folder), part, train_set, recipe)
    if job.beta is not None:
        recognizer.calibration = Calibration(job.beta, float("inf"), 0.0, 0.0, FOLDS, 0)
    arrays = {f"test_{k}": v for k, v in asked(recognizer, part.test).items()}
    if part.widened and recognizer.kind == "energy":
        fine = searching(recognizer, part, train_set, recipe.replaced(azimuth_step=FINE_STEP))
        arrays["test_fine"] = asked(fine, part.test)["refined"]
    if part.novel is not None:
        arrays["test_novel"] = part.novel
    if part.unknown is not None:
        strangers = asked(recognizer, part.unknown)
        arrays |= {f"unknown_{k}": v for k, v in strangers.items()}
        views = features(recognizer, part.train)
        arrays["test_nearest"] = distances(features(recognizer, part.test), views)
        arrays["unknown_nearest"] = distances(features(recognizer, part.unknown), views)
    rows: dict[str, Any] = {}
    if "changes" in job.extras:
        for name, change in HIDDEN.items():
            arrays[f"{name}_energies"] = asked(recognizer, part.test, change)["energies"]
    if "several" in job.extras:
        rows["several"] = several_errors(recognizer, part.test, groups=GROUPS)
        hidden = CHANGES["occlude"]
        rows["several_hidden"] = several_errors(
            recognizer,
            part.test,
            groups=GROUPS,
            changed=lambda images, index: hidden.changed(images, 0.7, index.tolist()),
        )
    wrong = arrays["test_energies"].argmin(1) != arrays["test_labels"]
    row = {
        "set": job.set,
        "variant": job.variant,
        "kind": job.kind,
        "part": job.part,
        "seed": job.seed,
        "recipe": dict(job.recipe),
        "error_rate": float(wrong.mean()),
        "categories": list(recognizer.categories),
        "parameters": recognizer.parameters,
        "epochs": len(reports),
        "train_images": len(part.train),
        "train_seconds": round(sum(r.seconds for r in reports), 2),
        "wall_seconds": round(trained, 2),
        "seconds": round(time.monotonic() - began, 2),
        "reference_gap": reports[-1].reference_gap,
        "feature_variance": reports[-1].feature_variance,
        "hardware": describe_hardware(recognizer.device),
        **rows,
    }
    if "test_mirrored_energies" in arrays:
        both = arrays["test_mirrored_energies"].argmin(1) != arrays["test_labels"]
        row["error_rate_mirrored"] = float(both.mean())
    return row | pose_figures(arrays, recognizer), arrays


def searching(recognizer: Recognizer, part: Part, whole: Dataset, recipe: Recipe) -> Recognizer:
    """Let a model that was trained on some views search all views of the set."""
    if not part.widened or recognizer.kind != "energy":
        return recognizer
    space = choose_space(whole.poses, recipe.pose, "volume", recipe.pose.frame(whole.frame))
    if recipe.pose.azimuth_step is not None:  # finer than the set's views: all of them
        azimuths = np.arange(0.0, 360.0, recipe.pose.azimuth_step)
        space = PoseSpace({**space.values, "azimuth": tuple(azimuths.tolist())})
    return recognizer.searching(space)


def asked(
    recognizer: Recognizer, dataset: Dataset, change: tuple[str, float] | None = None
) -> dict[str, np.ndarray]:
    """Return what a model answers, image by image.

    Args:
        recognizer: The model.
        dataset: The images.
        change: A key of `CHANGES` and an amount: change the images so, and return energies only.

    Returns:
        energies (N, K); labels (N,), -1 for unknown categories; poses and given (N, A): best pose,
        and that under the true category, on the grid; refined (N, A); true_poses (N, A); objects
        (N,); and energies and poses of the image and its mirror image together (mirrored_…).
    """
    batch, _ = load_images(dataset, recognizer.preprocessing)
    place = {name: i for i, name in enumerate(recognizer.categories)}
    places = np.array([place.get(name, -1) for name in dataset.categories])
    kept = batch.index.numpy()
    labels = places[dataset.labels[kept]]
    both = _mirroring(recognizer) if change is None else None
    parts: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(kept), BATCH):
        images = batch.images[start : start + BATCH].to(recognizer.device)
        of = torch.from_numpy(labels[start : start + BATCH].clip(0)).to(recognizer.device)
        if change is not None:
            name, amount = change
            images = CHANGES[name].changed(images, amount, kept[start : start + BATCH].tolist())
            found = {"energies": recognizer.see(images).energies.per_category()}
        else:
            found = _answers(recognizer, both, images, of)
        for name, value in found.items():
            parts.setdefault(name, []).append(value.float().cpu().numpy())
    arrays = {name: np.concatenate(values) for name, values in parts.items()}
    arrays |= {"labels": labels, "objects": np.asarray(dataset.objects)[kept].astype(str)}
    return arrays | {"true_poses": dataset.poses[kept].astype(np.float32)}


def _mirroring(recognizer: Recognizer) -> Recognizer | None:
    try:
        return recognizer.mirroring()
    except SettingsError:  # no telling what mirror images show
        return None


@torch.inference_mode()
def _answers(
    recognizer: Recognizer, both: Recognizer | None, images: torch.Tensor, labels: torch.Tensor
) -> dict[str, torch.Tensor]:
    seen = recognizer.see(images)
    found = {"energies": seen.energies.per_category()}
    if recognizer.axes:
        best = found["energies"].argmin(1)
        found["poses"] = recognizer.poses(seen, best, refine=False)
        found["given"] = recognizer.poses(seen, labels, refine=False)
        found["refined"] = recognizer.poses(seen, labels, refine=True)
    if both is None:
        return found
    energies = both.see(images).energies
    found["mirrored_energies"] = energies.per_category()
    if recognizer.kind == "energy":
        found["mirrored_given"] = energies.among(labels).best().pose[:, 0]
        found["mirrored_poses"] = energies.best().pose[:, 0]
    return found


def features(recognizer: Recognizer, dataset: Dataset) -> torch.Tensor:
    """Return the feature maps of a set's images, flattened and of length 1, (N, D)."""
    images = load_images(dataset, recognizer.preprocessing)[0].images
    with torch.inference_mode():
        seen = [recognizer.see(part.to(recognizer.device)) for part in images.split(BATCH)]
        return torch.cat([normalize(part.features.flatten(1)) for part in seen]).cpu()


def pose_figures(arrays: dict[str, np.ndarray], recognizer: Recognizer) -> dict[str, float]:
    """Return how far azimuths are off, given the category: as found on the grid."""
    if "test_given" not in arrays or "azimuth" not in recognizer.axes:
        return {}
    at = INDEX["azimuth"]
    off = (arrays["test_given"][:, at] - arrays["test_true_poses"][:, at] + 180) % 360 - 180
    off = np.abs(off[~np.isnan(off)])
    if not len(off):
        return {}
    return {
        "azimuth_within_30": float((off <= 30).mean()),
        "azimuth_opposite": float((off >= 150).mean()),
    }
