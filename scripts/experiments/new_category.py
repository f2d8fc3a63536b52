"""A new category from 1, 5 and 20 views: each category of a set left out of training in turn.

    python scripts/experiments/new_category.py SET [--views 1 5 20] [--draws 5] [--epochs 20]
                        [--features efficientnet-lite0] [--work out/new-category] [--out FILE]

For each category a model is trained without it; then `objrec.learn` adds it from views drawn at
random among those of its training objects, with and without their poses. Measured on the test
split: the error on the new category among all, and by how much the error on the others rises.

Compared in the same features G of the same model, none of which ever saw the new category:

- *nearest mean*: the mean feature map of each category's training views (unit length), of the new
  one's few views; the least angle answers;
- *mean as reference*: the known categories keep their energies, the new one has its mean map;
- *nearest view*: of all training views, and the few new ones;

and *nearest mean, frozen backbone*: nearest mean in the features under the trained adapter. The
models trained are kept in --work, and a run that was stopped goes on with what is there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from quality import commit

from objrec import learn, open_dataset
from objrec.datasets import Dataset
from objrec.energy.features import SIZES, image_size
from objrec.evaluation.hardware import describe_hardware
from objrec.pose import Pose
from objrec.preprocessing import load_images
from objrec.saving import SavedModel, build_network, load_model, save_model
from objrec.training import Recipe
from objrec.training.augmentation import Augmentation
from objrec.training.data import load_training_data
from objrec.training.frozen import FrozenCache, FrozenSource, frozen_source
from objrec.training.loop import Job, Loop, clean_up
from objrec.training.space import choose_space

RESULTS = Path(__file__).parents[1] / "results" / "experiments" / "new_category.json"
METHODS = ("learned", "learned, poses not given", "nearest mean", "mean as reference",
           "nearest view", "nearest mean, frozen backbone")  # fmt: skip


@dataclass(frozen=True)
class Features:
    """A split's features, the new category numbered last.

    Attributes:
        maps: (N, C, h, w) = G(X).
        stem: (N, D) of the frozen backbone.
        labels: (N,).
    """

    maps: torch.Tensor
    stem: torch.Tensor
    labels: torch.Tensor


def main() -> None:
    """Measure every category, and write the mean over them."""
    arguments = _arguments()
    train = open_dataset(arguments.set, "train", purpose="train").with_present_categories()
    test = open_dataset(arguments.set, "test", purpose="test")
    models = trained(train, arguments)
    rows = []
    for category, saved in models:
        measured = measure(category, saved, train, test, arguments)
        rows += measured
        for row in (row for row in measured if row["method"] in METHODS[:3]):
            print({k: v for k, v in row.items() if k != "draws"}, flush=True)
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(_results(rows, arguments), indent=1) + "\n")
    print(json.dumps(_results(rows, arguments)["mean"], indent=1))


# ------------------------------------------------------------------- a model without each category


def trained(train: Dataset, arguments: argparse.Namespace) -> Iterator[tuple[str, SavedModel]]:
    """Yield each category with a model that was trained without it."""
    missing = [c for c in train.categories if not (_folder(c, arguments) / "config.json").is_file()]
    prepared = _prepared(train, arguments) if missing else None
    for category in train.categories:
        folder = _folder(category, arguments)
        if category in missing:
            save_model(folder, _trained(category, *prepared, arguments))
            clean_up(folder)
        yield category, load_model(folder)


def _folder(category: str, arguments: argparse.Namespace) -> Path:
    return arguments.work / f"without-{category}"


def _recipe(arguments: argparse.Namespace) -> Recipe:
    return Recipe().replaced(
        features=arguments.features, epochs=arguments.epochs, seed=arguments.seed
    )


def _prepared(train: Dataset, arguments: argparse.Namespace) -> tuple[Any, ...]:
    """Return the set, its pose space, and frozen features of augmented copies: for all models."""
    recipe = _recipe(arguments)
    features = recipe.model.features
    if features in SIZES:
        raise SystemExit("--features: only frozen backbones, whose features serve all models")
    data = load_training_data(train, recipe, image_size(features), False, lambda *_: None)
    poses = data.poses.numpy().astype(float)
    space = choose_space(poses, recipe.pose, "volume", data.frame, data.front_azimuth)
    network = build_network("energy", data.categories, space, data.preprocessing, recipe.model)
    augmentation = Augmentation(recipe.augmentation, space.axes, data.front_azimuth)
    arguments.work.mkdir(parents=True, exist_ok=True)
    cache = FrozenCache(arguments.work, recipe.training.cached_copies, arguments.seed)
    source = frozen_source(data, augmentation, network.extractor.stem, cache, lambda *_: None)
    return data, space, source


def _trained(
    category: str, data: Any, space: Any, source: FrozenSource, arguments: argparse.Namespace
) -> SavedModel:
    recipe = _recipe(arguments)
    kept = data.labels != data.categories.index(category)
    categories = tuple(name for name in data.categories if name != category)
    places = torch.tensor(
        [*(categories.index(n) if n != category else -1 for n in data.categories)]
    )
    part = replace(
        data,
        images=data.images[kept],
        labels=places[data.labels[kept]],
        poses=data.poses[kept],
        objects=data.objects[kept],
        categories=categories,
    )
    torch.manual_seed(arguments.seed)
    network = build_network("energy", categories, space, data.preprocessing, recipe.model)
    folder = _folder(category, arguments)
    folder.mkdir(parents=True, exist_ok=True)
    loop = Loop(Job(network, part, recipe, folder, category, {}), lambda *_: None, lambda *_: None)
    copies = (source.features[:, kept], source.poses[:, kept], source.mirrored[:, kept])
    loop._source = lambda: FrozenSource(*copies, part.labels)
    for report in loop.run():
        print(f"  without {category}: epoch {report.epoch} loss {report.loss:.3f}", flush=True)
    front = replace(data.frame.note("azimuth"), front=data.front_azimuth)
    frame = replace(data.frame, axes={**data.frame.axes, "azimuth": front})
    return SavedModel(
        "energy", loop.result(), recipe.model, data.preprocessing, None, {"facts": {}}, frame
    )


# ------------------------------------------------------------------------------ what is measured


def measure(
    category: str, saved: SavedModel, train: Dataset, test: Dataset, arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """Return one row a method and number of views; the errors are means over the draws."""
    names = (*saved.network.categories, category)
    known, asked = (_features(saved, part, names) for part in (train, test))
    rows = []
    for views in arguments.views:
        draws: dict[str, list[dict[str, float]]] = {name: [] for name in METHODS}
        for draw in range(arguments.draws):
            chosen = _drawn(known.labels, len(names) - 1, views, draw)
            for method, energies in _answers(saved, category, train, known, asked, chosen).items():
                draws[method].append(_errors(energies, asked.labels))
        for method, found in draws.items():
            means = {k: round(sum(d[k] for d in found) / len(found), 5) for k in found[0]}
            rows.append({"category": category, "views": views, "method": method, **means})
    return rows


def _drawn(labels: torch.Tensor, new: int, views: int, draw: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1000 * views + draw)
    of_it = (labels == new).nonzero()[:, 0]
    return of_it[torch.randperm(len(of_it), generator=generator)[:views]]


@torch.no_grad()
def _features(saved: SavedModel, dataset: Dataset, names: tuple[str, ...]) -> Features:
    batch, _ = load_images(dataset, saved.preprocessing)
    extractor = saved.network.extractor
    stems = [extractor.stem(saved.preprocessing.normalised(p)) for p in batch.images.split(64)]
    places = torch.tensor([names.index(name) for name in dataset.categories])
    maps = torch.cat([extractor.head(stem) for stem in stems])
    return Features(maps, torch.cat(stems).flatten(1), places[batch.labels])


def _answers(
    saved: SavedModel,
    category: str,
    train: Dataset,
    known: Features,
    asked: Features,
    chosen: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """Return (N, K) by method: the lower, the likelier the category."""
    images = [train[int(i)] for i in chosen]
    poses = [Pose.from_vector(train.poses[int(i)]) for i in chosen]
    old = _energies(saved, asked)
    means, scale = (
        _means(known.maps.flatten(1), known.labels, chosen),
        saved.network.distance.scale(),
    )
    flat = _unit(asked.maps.flatten(1))
    distances = scale.detach() * (1 - flat @ means.T)
    views = _unit(known.maps.flatten(1))
    new = known.labels == len(old[0])
    kept = torch.cat([(~new).nonzero()[:, 0], chosen])
    similar = flat @ views[kept].T
    nearest = [similar[:, known.labels[kept] == k].amax(1) for k in range(len(old[0]) + 1)]
    stem = _unit(asked.stem) @ _means(known.stem, known.labels, chosen).T
    found = (
        _energies(learn(saved, images, category, poses, device="cpu").model, asked),
        _energies(learn(saved, images, category, device="cpu").model, asked),
        distances,
        torch.cat([old, distances[:, -1:]], dim=1),
        -torch.stack(nearest, dim=1),
        -stem,
    )
    return dict(zip(METHODS, found, strict=True))


@torch.no_grad()
def _energies(saved: SavedModel, asked: Features) -> torch.Tensor:
    network = saved.network
    return network.energies(asked.maps, network.prepare()).per_category()


def _means(features: torch.Tensor, labels: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Return (K, D) unit means of unit features; of the last category, those of the chosen."""
    unit = _unit(features)
    known = [unit[labels == k].mean(0) for k in range(int(labels.max()))]
    return _unit(torch.stack([*known, unit[chosen].mean(0)]))


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    return vectors / vectors.norm(dim=1, keepdim=True).clamp(min=1e-8)


def _errors(energies: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    new = labels == energies.shape[1] - 1
    wrong = energies.argmin(1) != labels
    before = energies[~new, :-1].argmin(1) != labels[~new]
    return {
        "error_new": float(wrong[new].float().mean()),
        "error_others": float(wrong[~new].float().mean()),
        "error_others_before": float(before.float().mean()),
    }


def _results(rows: list[dict[str, Any]], arguments: argparse.Namespace) -> dict[str, Any]:
    figures = ("error_new", "error_others", "error_others_before")
    mean = []
    for method in METHODS:
        for views in arguments.views:
            some = [r for r in rows if r["method"] == method and r["views"] == views]
            means = {f: round(sum(r[f] for r in some) / len(some), 4) for f in figures}
            mean.append({"method": method, "views": views, "categories": len(some), **means})
    return {
        "command": f"python scripts/experiments/new_category.py {Path(arguments.set).name} "
        f"--epochs {arguments.epochs} --draws {arguments.draws} --features {arguments.features}",
        "seeds": {"training": arguments.seed, "draws": arguments.draws},
        "hardware": describe_hardware(torch.device("cpu")),
        "commit": commit(),
        "mean": mean,
        "rows": rows,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("set", metavar="SET")
    parser.add_argument("--views", nargs="+", type=int, default=[1, 5, 20])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--features", default="efficientnet-lite0")
    parser.add_argument("--work", type=Path, default=Path("out/new-category"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
