"""`learn`: a model that knows one more category, from a handful of views.

The extractor, the projection, the distance and the reference models of the known categories are
those of the model it started from, bit for bit; one reference model is added behind them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from objrec.energy.model import EnergyModel
from objrec.energy.references import VolumeReferences
from objrec.errors import DataError, Failure, SettingsError
from objrec.learning.fitting import fitted_volume
from objrec.learning.prior import Prior
from objrec.learning.views import Views, seen_views
from objrec.pose import INDEX, Pose
from objrec.recognizer import Image, Recognizer
from objrec.saving import SavedModel

ROUNDS = 3
"""How often poses that are not given are looked for anew."""


@dataclass(frozen=True)
class Learned:
    """What `learn` returns.

    Attributes:
        model: To be saved by `save_model`, or used by ``Recognizer(model)``.
        views: How many images it was learned from.
        failures: Those that could not be read.
    """

    model: SavedModel
    views: int
    failures: tuple[Failure, ...]


def learn(
    saved: SavedModel,
    images: Iterable[Image | Failure],
    name: str,
    poses: Sequence[Pose | None] | None = None,
    *,
    device: str = "auto",
    seed: int = 0,
) -> Learned:
    """Add a category to a model, from a handful of views of one or several of its objects.

    Args:
        saved: From `load_model`; it is not changed.
        images: Files or pixels, as `Recognizer.recognize` takes them.
        name: The new category.
        poses: One an image, in the zero and direction of the model's own azimuths; what is None
            is found: the pose under which the image fits best.
        device: 'auto', 'cpu', 'cuda', ...
        seed: Of the changes made to copies of the views.

    Raises:
        SettingsError: The model cannot take a category, or has one of that name.
        DataError: No image can be read.

    Example:
        ``learned = learn(load_model(Path("out/mine")), ["cup1.jpg", "cup2.jpg"], "cup")``
    """
    _check(saved, name)
    recognizer = Recognizer(replace(saved, network=copy.deepcopy(saved.network)), device)
    pixels, kept, failures = _opened(recognizer, list(images), poses)
    with torch.inference_mode():
        views = seen_views(recognizer.network, saved.preprocessing, saved.frame, pixels, kept, seed)
    network = with_category(recognizer.network, name, new_volume(recognizer.network, views))
    note = {"name": name, "views": len(kept), "poses": _how_known(recognizer, kept)}
    training = {**saved.training, "learned": [*saved.training.get("learned", []), note]}
    model = replace(saved, network=network.cpu().eval(), training=training)
    return Learned(model, len(kept), tuple(failures))


def new_volume(network: EnergyModel, views: Views) -> torch.Tensor:
    """Return the volume (C_v, depth, h, w) of the category that views show.

    Args:
        network: A model with volumes.
        views: At least one.
    """
    with torch.no_grad():
        operators = network.operators()
        warped = network.warp(operators)
        shape = warped.maps.shape[3:]
        prior = Prior(_comparable(warped.maps.flatten(0, 1).flatten(2)))
        features = _comparable(views.features.flatten(1))
        maps = _found_maps(prior, features, views.allowed(warped.grid))
        size = warped.maps.flatten(3).norm(dim=-1).mean()
        maps = size * maps / maps.norm(dim=-1).mean()
    return fitted_volume(network.references, operators, maps.unflatten(1, shape))


def with_category(network: EnergyModel, name: str, volume: torch.Tensor) -> EnergyModel:
    """Return a model with one category more, last; all other weights are the same bits.

    Args:
        network: It is not changed.
        name: The category.
        volume: (C_v, depth, h, w); where a category owns several, all are this one.
    """
    larger = copy.deepcopy(network)
    volumes = larger.references.volumes.detach()
    added = volume.to(volumes).expand_as(volumes[:1])
    larger.references.volumes = nn.Parameter(torch.cat([volumes, added]))
    larger.categories = (*network.categories, name)
    return larger


def _found_maps(prior: Prior, views: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    """Return (P, D), the poses of the views found where more than one is allowed."""
    poses = prior.poses(views, allowed)
    maps = prior.posterior(views, poses)
    for _ in range(ROUNDS if (allowed.sum(1) > 1).any() else 0):
        fit = (views @ _comparable(maps).T).masked_fill(~allowed, -torch.inf)
        maps = prior.posterior(views, fit.argmax(dim=1))
    return maps


def _comparable(maps: torch.Tensor) -> torch.Tensor:
    """Bring maps (..., D) to length 1: a prior in which no category counts for its length."""
    return maps / maps.norm(dim=-1, keepdim=True).clamp(min=1e-8)


def _check(saved: SavedModel, name: str) -> None:
    if not isinstance(saved.network, EnergyModel):
        raise SettingsError(
            f"learn: a model of kind '{saved.kind}' has no reference models to add to; "
            "take one of kind 'energy'"
        )
    if not isinstance(saved.network.references, VolumeReferences):
        raise SettingsError(
            "learn: planar references cannot be turned to views not given; take a model trained "
            "with --references volume"
        )
    if saved.settings.distance == "squared":
        raise SettingsError(
            "learn: squared distances depend on the length of features; take a model trained "
            "with --distance cosine"
        )
    if not name.strip():
        raise SettingsError("--name: is empty; give the new category a name")
    if name in (*saved.network.categories, *saved.background):
        raise SettingsError(f"--name: the model has '{name}' already; choose another name")


def _opened(
    recognizer: Recognizer, images: list[Any], poses: Sequence[Pose | None] | None
) -> tuple[torch.Tensor, torch.Tensor, list[Failure]]:
    """Return pixels (N, V, C, S, S) and poses (N, A) of the readable images, and the failures."""
    pixels, kept, failures = [], [], []
    for image, pose in zip(images, poses or [None] * len(images), strict=True):
        opened = recognizer.opened(image)
        if isinstance(opened, Failure):
            failures.append(opened)
            continue
        pixels.append(opened.pixels)
        kept.append(torch.from_numpy((pose or Pose()).to_vector()).float())
    if not pixels:
        first = f"; the first is {failures[0]}" if failures else "; name at least one"
        raise DataError(f"learn: none of the {len(images)} images can be read{first}")
    return torch.stack(pixels), torch.stack(kept), failures


def _how_known(recognizer: Recognizer, poses: torch.Tensor) -> str:
    """Say whether poses were given: 'given', 'given in part' or 'found'."""
    axes = [INDEX[name] for name in recognizer.axes if name in ("azimuth", "elevation")]
    known = ~poses[:, axes].isnan()
    if not axes or known.all():
        return "given"
    return "given in part" if known.any() else "found"
