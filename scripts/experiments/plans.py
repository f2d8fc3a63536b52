"""The experiments, as lists of jobs: first those that chose the recipe, then the questions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path

from jobs import Job, folds

ENERGY = ("energy",)
BOTH = ("energy", "cnn")
ALL = ("energy", "cnn", "cnn-pose")
SEEDS = (0, 1, 2)
Recipe = dict[str, object]

# The defaults from which the recipe was chosen; those of today are what won.
BASE: Recipe = {
    "features": "small",
    "augment_aspect": 0.0,
    "augment_elastic": 0.0,
    "category_weight": 1.0,
    "pose_weight": 0.0,
}
SHAPE: Recipe = BASE | {"augment_aspect": 0.15, "augment_elastic": 0.02}
MEDIUM: Recipe = {"features": "medium"}
SYMMETRIC: Recipe = {"symmetric": ("apple", "pear", "tomato")}
# Of the probabilities of classifiers, fitted on the objects that `held_out` leaves out.
BETAS = {"energy": 0.99, "cnn": 0.36, "cnn-pose": 0.41}


def pose(category: float, alone: float) -> Recipe:
    """Weigh the loss of the category alone and of the pose alone, beside that of both."""
    return {"category_weight": float(category), "pose_weight": float(alone)}


def _folds(
    name: str, variant: str, recipe: Recipe, kinds: Iterable[str], part: str = "full"
) -> Iterator[Job]:
    for kind in kinds:
        yield from folds(Job(name, variant, kind, part, 0, tuple(recipe.items())))


def smoke() -> Iterator[Job]:
    """Try every kind once, briefly."""
    for kind in ALL:
        extras = ("changes", "several", "model")
        yield Job("toys", "smoke", kind, "full", 0, (("epochs", 2),), extras)
    for part in ("unknown:car", "sparse-azimuth", "latent-pose", "objects:1", "novel-elevation"):
        yield Job("toys", "smoke", "energy", part, 0, (("epochs", 1),))
    yield Job("toys", "smoke", "cnn", "unknown:car", 0, (("epochs", 1),))


def render5_variants() -> Iterator[Job]:
    """Augmentation, resolution, weights of the loss and distance, by leave-one-object-out folds."""
    yield from _folds("render5", "base", BASE, ALL)
    yield from _folds("render5", "shape", SHAPE, BOTH)
    yield from _folds("render5", "fine", BASE | {"features": "fine"}, BOTH)
    yield from _folds("render5", "fine+shape", SHAPE | {"features": "fine"}, BOTH)
    yield from _folds("render5", "medium", BASE | MEDIUM, BOTH)
    yield from _folds("render5", "pose 2:2", BASE | pose(1, 1), ENERGY)
    yield from _folds("render5", "pose 1:4", BASE | pose(0, 3), ENERGY)
    both = SHAPE | MEDIUM
    yield from _folds("render5", "medium+shape", both, ALL)
    yield from _folds("render5", "medium+shape, pose 2:2", both | pose(1, 1), ENERGY)
    yield from _folds("render5", "medium+shape, pose 1:2", both | pose(0, 1), ENERGY)
    yield from _folds("render5", "medium+shape, pose 1:4", both | pose(0, 3), ENERGY)
    local: Recipe = {"distance": "local"}
    yield from _folds("render5", "medium+shape, local", both | local | pose(0, 1), ENERGY)


def eth80_variants() -> Iterator[Job]:
    """The same for photographs, and pretrained features in several sizes."""
    lite0 = BASE | {"features": "efficientnet-lite0"}
    lite2 = BASE | {"features": "efficientnet-lite2"}
    wide = lite2 | {"image_side": 192}
    yield from _folds("eth80", "base", BASE, BOTH)
    yield from _folds("eth80", "symmetric", BASE | SYMMETRIC, ENERGY)
    both = SHAPE | MEDIUM
    yield from _folds("eth80", "medium+shape", both, ("cnn",))
    posed = SYMMETRIC | pose(0, 1)
    yield from _folds("eth80", "medium+shape, symmetric, pose 1:2", both | posed, ENERGY)
    yield from _folds("eth80", "lite0", lite0, BOTH)
    yield from _folds("eth80", "lite2", lite2, BOTH)
    yield from _folds("eth80", "lite2 at 192", wide, BOTH)
    yield from _folds("eth80", "lite2 at 192, symmetric", wide | SYMMETRIC, ENERGY)
    yield from _folds("eth80", "lite2 at 192, symmetric, pose 1:2", wide | posed, ENERGY)


def toys_variants() -> Iterator[Job]:
    """Two folds of the sample set: twelve objects a category of simple shapes."""
    variants = {
        "base": BASE,
        "shape, pose 2:2": SHAPE | pose(1, 1),
        "shape, pose 1:2": SHAPE | pose(0, 1),
        "pose 1:2": BASE | pose(0, 1),
    }
    for (variant, recipe), fold in product(variants.items(), (0, 3)):
        yield Job("toys", variant, "energy", f"fold:{fold}", 0, tuple(recipe.items()))


def full() -> Iterator[Job]:
    """All training objects, all views: the test split, with covered and with several images."""
    for seed, kind in product(SEEDS, ALL):
        extras = ("changes", "several", *(["model"] if kind == "energy" else []))
        yield Job("render5", "default", kind, "full", seed, extras=extras, beta=BETAS[kind])
    for seed, kind in product(SEEDS, BOTH):
        yield Job("eth80", "own features", kind, "full", seed, tuple((MEDIUM | SYMMETRIC).items()))


def full_pretrained() -> Iterator[Job]:
    """Photographs on pretrained features: the default for colour images."""
    for seed, kind in product(SEEDS, ALL):
        extras = ("several",)
        yield Job("eth80", "default", kind, "full", seed, tuple(SYMMETRIC.items()), extras)


def held_out() -> Iterator[Job]:
    """Leave one training object a category out, with the defaults."""
    yield from _folds("render5", "default", {}, ALL)
    yield from _folds("eth80", "own features", MEDIUM | SYMMETRIC, BOTH)
    yield from _folds("eth80", "default", SYMMETRIC, BOTH)


def few_objects() -> Iterator[Job]:
    """1, 2 and 3 training objects a category, others for each seed."""
    for seed, count, kind in product(SEEDS, (1, 2, 3), BOTH):
        yield Job("render5", "default", kind, f"objects:{count}", seed)


def protocols() -> Iterator[Job]:
    """Views not trained on; pose labels on few objects, or on none."""
    for seed, part, kind in product(SEEDS, ("sparse-azimuth", "novel-elevation"), BOTH):
        yield Job("render5", "default", kind, part, seed)
    for seed, part in product(SEEDS, ("few-pose-labels", "latent-pose")):
        yield Job("render5", "default", "energy", part, seed)


RENDER5 = ("airplane", "animal", "car", "human", "truck")
ETH80 = ("apple", "car", "cow", "cup", "dog", "horse", "pear", "tomato")


def unknown() -> Iterator[Job]:
    """Each category left out of training in turn."""
    for name, kind in product(RENDER5, BOTH):
        yield Job("render5", "default", kind, f"unknown:{name}", 0)


def unknown_photographs() -> Iterator[Job]:
    """Likewise for photographs, on pretrained features."""
    for name, kind in product(ETH80, BOTH):
        kept = tuple(n for n in SYMMETRIC["symmetric"] if n != name)
        yield Job("eth80", "default", kind, f"unknown:{name}", 0, (("symmetric", kept),))


# Losses with free energies, then with minima: what is tried beside two learning rates.
_FREE = {
    "energy": ({},),
    "perceptron": ({},),
    "hinge": ({"margin": 2.0}, {"margin": 8.0}),
    "log": ({},),
    "lvq2": ({},),
    "mce": ({},),
    "square-square": ({"margin": 2.0}, {"margin": 8.0}),
    "square-exp": ({"push": 1.0}, {"push": 10.0}),
    "mee": ({},),
}
_MINIMA = {
    "perceptron": ({},),
    "hinge": ({"margin": 1.0}, {"margin": 4.0}),
    "log": ({},),
    "lvq2": ({},),
    "mce": ({},),
    "square-square": ({"margin": 4.0},),
}
LOSS_EPOCHS = 7
LOSS_RATES = (1e-3, 3e-3, 1e-2)
LOSS_FEATURES: Recipe = {"features": "small"}
RESULTS = Path(__file__).parents[1] / "results" / "experiments.json"


def loss_recipes(rates: Iterable[float]) -> Iterator[tuple[str, Recipe]]:
    """Yield name and settings of every loss that is tried; NLL is `log` with free energies."""
    for soft, table in ((True, _FREE), (False, _MINIMA)):
        for loss, constants in table.items():
            for constant, lr in product(constants, rates):
                yield _named({"loss": loss, "soft": soft, "lr": lr, **constant})


def _named(recipe: Recipe) -> tuple[str, Recipe]:
    """Return the name of a loss with its constants, and these."""
    said = [f"{key} {value:g}" for key, value in recipe.items() if key not in ("loss", "soft")]
    how = "free energies" if recipe["soft"] else "minima"
    return f"loss {recipe['loss']}, {how}, {', '.join(said)}", recipe


def losses() -> Iterator[Job]:
    """Every loss with several constants and two learning rates, on two folds, half the epochs."""
    for name, recipe in loss_recipes(LOSS_RATES[:2]):
        yield from _short_folds(name, recipe)


def losses_faster() -> Iterator[Job]:
    """A higher rate, with the constants that were the best (in experiments.json)."""
    for _, recipe in _chosen_losses():
        yield from _short_folds(*_named(recipe | {"lr": LOSS_RATES[2]}))


def _short_folds(name: str, recipe: Recipe) -> Iterator[Job]:
    short = LOSS_FEATURES | {"epochs": LOSS_EPOCHS} | recipe
    for fold in (0, 3):
        yield Job("render5", name, "energy", f"fold:{fold}", 0, tuple(short.items()))


def losses_tested() -> Iterator[Job]:
    """Every loss as the folds of `losses` (in experiments.json) want it: all objects and epochs."""
    for seed, (name, recipe) in product(SEEDS, _chosen_losses()):
        tuned = LOSS_FEATURES | recipe
        yield Job("render5", name, "energy", "full", seed, tuple(tuned.items()))


def _chosen_losses() -> list[tuple[str, Recipe]]:
    """Return name and settings of the best row of every loss, soft and hard."""
    found = json.loads(RESULTS.read_text(encoding="utf-8"))["experiments"]
    errors = {
        one["variant"]: one["kinds"]["energy"]["errors"]["error"]["mean"]
        for one in found
        if one["question"] == "folds" and "energy" in one["kinds"]
    }
    best: dict[tuple[object, object], tuple[float, str, Recipe]] = {}
    for name, recipe in loss_recipes(LOSS_RATES):
        if name in errors:
            row, key = (errors[name], name, recipe), (recipe["loss"], recipe["soft"])
            best[key] = min(best.get(key, row), row, key=lambda one: one[:2])
    return [(name, recipe) for _, name, recipe in best.values()]


def gpu() -> Iterator[Job]:
    """What was run on the GPU in one go."""
    for part in (full, few_objects, protocols, unknown, losses):
        yield from (job for job in part() if job.set == "render5")
