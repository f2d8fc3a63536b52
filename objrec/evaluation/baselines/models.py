"""The baselines themselves: nearest neighbour, a support vector machine, and retrieval.

Each is fitted on training views held in memory, and is then a function of images. They know no
data set and read no file; distances are computed in parts, so that memory is bounded. scikit-learn,
which takes two seconds to import, is imported where it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from objrec.pose import AXES

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

SEARCH_VIEWS = 3_000  # by which components, C and gamma of the SVM are chosen
FIT_VIEWS = 12_000  # on which the SVM is fitted: its cost grows faster than their number
COMPONENTS = 100
FOLDS = 5
PENALTIES = (1.0, 10.0, 100.0)  # C
WIDTHS = (0.5, 1.0, 2.0, 4.0)  # gamma, in units of 1 / (components x variance)
_USUAL = (10.0, 2.0)  # C and width where there are too few objects to choose by
_SEARCH_BYTES = 2**29  # memory for the pixels of the search as float32
_VIEWS_AT_ONCE = 2048
_IMAGES_AT_ONCE = 256

Answer = tuple[np.ndarray, np.ndarray]
"""(B,) categories, as indices, and (B, A) poses in stored units, NaN where not answered."""


@dataclass(frozen=True)
class Views:
    """Training views in memory.

    Attributes:
        images: (N, V, C, S, S) uint8, preprocessed for the recogniser.
        labels: (N,) category.
        poses: (N, A) stored units, NaN where not observed.
        objects: (N,) the object each view shows.
    """

    images: torch.Tensor
    labels: np.ndarray
    poses: np.ndarray
    objects: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


class Baseline(NamedTuple):
    """A fitted baseline: a function of (B, V, C, S, S) uint8 images, and how it was fitted."""

    answer: Callable[[torch.Tensor], Answer]
    notes: tuple[str, ...] = ()


def fit_nearest(views: Views, recognizer: Any, seed: int) -> Baseline:
    """Answer category and pose of the training view with the nearest pixels (squared distance).

    Args:
        views: The training views.
        recognizer: Not used.
        seed: Not used.
    """
    pixels = views.images.flatten(1)

    def answer(images: torch.Tensor) -> Answer:
        found = best_matches(_floats(images.flatten(1)), pixels, _nearness)
        return views.labels[found], views.poses[found]

    return Baseline(answer)


def fit_retrieval(views: Views, recognizer: Any, seed: int) -> Baseline:
    """Answer category and pose of the training view with the most similar feature map G(X).

    Similarity is the cosine of whole maps, as in `CosineDistance`.

    Args:
        views: The training views.
        recognizer: Whose features are compared.
        seed: Not used.
    """
    known = _unit_features(recognizer, views.images)

    def answer(images: torch.Tensor) -> Answer:
        found = best_matches(_unit_features(recognizer, images), known, _cosine)
        return views.labels[found], views.poses[found]

    return Baseline(answer)


def fit_svm(views: Views, recognizer: Any, seed: int) -> Baseline:
    """Fit a support vector machine with a Gaussian kernel to principal components of the pixels.

    C and gamma are those with the least error on training objects left out in turn: views of one
    object are never on both sides. Only then is it fitted, on up to `FIT_VIEWS` views. It answers
    no pose.

    Args:
        views: The training views.
        recognizer: Not used.
        seed: Seed of the views drawn, of the folds and of the components.
    """
    rng = np.random.default_rng(seed)
    affordable = max(2, _SEARCH_BYTES // (4 * views.images[0].numel()))
    search = spread(views.objects, min(SEARCH_VIEWS, affordable), rng)
    fit = spread(views.objects, FIT_VIEWS, rng)
    projection = _projection(views.images[search], seed)
    components = _projected(projection, views.images[search])
    unit = 1 / max(components.shape[1] * components.var(), 1e-12)
    labels, objects = views.labels[search], views.objects[search]
    folds = min(FOLDS, _fewest_objects(labels, objects))
    (penalty, width), how = _USUAL, "not chosen, since a category has one training object only"
    if folds >= 2:
        penalty, width = _chosen(components, labels, objects, unit, folds, seed)
        how = f"chosen in {folds} folds over training objects"
    from sklearn.svm import SVC

    machine = SVC(C=penalty, gamma=width * unit)
    machine.fit(_projected(projection, views.images[fit]), views.labels[fit])

    def answer(images: torch.Tensor) -> Answer:
        found = machine.predict(_projected(projection, images))
        return found, np.full((len(images), len(AXES)), np.nan)

    note = (
        f"The RBF SVM has C {penalty:g} and gamma {width:g} / (components x variance), {how}; it "
        f"saw {components.shape[1]} components of {len(fit)} training views."
    )
    return Baseline(answer, (note,))


def best_matches(
    queries: torch.Tensor,
    views: torch.Tensor,
    similarity: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> np.ndarray:
    """Return the most similar view of each query, (B,); of equal ones the first.

    Args:
        queries: (B, D).
        views: (N, D), compared in parts.
        similarity: (B, D) and (n, D) → (B, n).
    """
    best = torch.full((len(queries),), -torch.inf)
    place = torch.zeros(len(queries), dtype=torch.int64)
    for number, part in enumerate(views.split(_VIEWS_AT_ONCE)):
        values, found = similarity(queries, part).max(dim=1)
        better = values > best
        best = torch.where(better, values, best)
        place = torch.where(better, found + number * _VIEWS_AT_ONCE, place)
    return place.numpy()


def spread(objects: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Draw views as evenly over the objects as can be.

    Args:
        objects: (N,) the object each view shows.
        most: How many views at most.
        rng: Draws them.

    Returns:
        Ascending indices; all of them where there are no more than `most`.
    """
    if len(objects) <= most:
        return np.arange(len(objects))
    order = rng.permutation(len(objects))
    _, index, counts = np.unique(objects[order], return_inverse=True, return_counts=True)
    by_object = np.argsort(index, kind="stable")
    turn = np.empty(len(objects), dtype=np.int64)  # 0 for the first view of each object, then 1, …
    turn[by_object] = np.arange(len(objects)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(order[np.argsort(turn, kind="stable")[:most]])


def _nearness(queries: torch.Tensor, views: torch.Tensor) -> torch.Tensor:
    """Return what is greatest where the squared distance is least."""
    views = _floats(views)
    return queries @ views.T - views.square().sum(1) / 2


def _cosine(queries: torch.Tensor, views: torch.Tensor) -> torch.Tensor:
    return queries @ views.T


def _floats(pixels: torch.Tensor) -> torch.Tensor:
    # About 0, so that float32 loses least.
    return pixels.float() / 255 - 0.5


def _unit_features(recognizer: Any, images: torch.Tensor) -> torch.Tensor:
    """Return feature maps as vectors of length 1, (B, C x h x w), in main memory."""
    parts = [recognizer.see(part).features.flatten(1) for part in images.split(_IMAGES_AT_ONCE)]
    features = torch.cat([part.float().cpu() for part in parts])
    return torch.nn.functional.normalize(features, dim=1)


def _projection(images: torch.Tensor, seed: int) -> Pipeline:
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pixels = _floats(images.flatten(1)).numpy()
    count = min(COMPONENTS, len(pixels) - 1, pixels.shape[1])
    analysis = PCA(count, svd_solver="randomized", random_state=seed)
    return make_pipeline(StandardScaler(), analysis).fit(pixels)


def _projected(projection: Pipeline, images: torch.Tensor) -> np.ndarray:
    """Return (B, components) float64, computed in parts."""
    parts = [_floats(part.flatten(1)).numpy() for part in images.split(_IMAGES_AT_ONCE)]
    return np.concatenate([projection.transform(part) for part in parts]).astype(np.float64)


def _fewest_objects(labels: np.ndarray, objects: np.ndarray) -> int:
    _, first = np.unique(objects, return_index=True)
    return int(np.unique(labels[first], return_counts=True)[1].min())


def _chosen(
    components: np.ndarray,
    labels: np.ndarray,
    objects: np.ndarray,
    unit: float,
    folds: int,
    seed: int,
) -> tuple[float, float]:
    """Return the C and width that are best on objects left out.

    Folds are stratified too: without a category on one side, nothing can be told.
    """
    from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
    from sklearn.svm import SVC

    held_out = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    grid = {"C": PENALTIES, "gamma": [width * unit for width in WIDTHS]}
    search = GridSearchCV(SVC(), grid, cv=held_out, refit=False)
    search.fit(components, labels, groups=objects)
    return search.best_params_["C"], WIDTHS[grid["gamma"].index(search.best_params_["gamma"])]
