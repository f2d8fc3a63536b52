"""Small recognisers, one under each loss, trained by the library and measured on unseen objects."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from objrec.answers import answer_set
from objrec.datasets import Dataset, hold_out_objects, open_dataset
from objrec.errors import DataError, SettingsError
from objrec.losses import LOSSES
from objrec.pose import PoseSpace
from objrec.recognizer import Recognizer, Seen
from objrec.rendering import ToySettings, make_toys
from objrec.training import EpochReport, Recipe, train
from objrec.training.objective import reference_distances

TOYS = Path(__file__).parents[3] / "data" / "toys"  # of a checkout; an installation has none
EPOCHS = 8
ASKED_AZIMUTH = 20.0  # of the one picture whose landscape is drawn: a cup, its handle in sight
# Everything that the losses share. Minima for E_C and E_I, as in the tutorial's table of losses;
# the images are left as they are, so that few steps suffice. In float32 everywhere, so that the
# figures are the same on processors with and without bfloat16.
SHARED = {
    "features": "small",
    "amp": False,
    "category_weight": 1.0,
    "pose_weight": 0.0,
    "soft": False,
    "epochs": EPOCHS,
    "batch_size": 32,
    "azimuth_step": 60.0,
    "elevation_step": 90.0,
    "channels": 24,
    "volume_channels": 8,
    "augment_shift": 0.0,
    "augment_scale": 0.0,
    "augment_roll": 0.0,
    "augment_aspect": 0.0,
    "augment_elastic": 0.0,
    "augment_light": 0.0,
    "augment_brightness": 0.0,
    "augment_blur": 0.0,
    "augment_noise": 0.0,
    "augment_erase": 0.0,
}
# The rule of the verdict.
MERGED = 0.2  # of 2, the squared distance of unrelated references, relative to their squared norm
FLAT = 1.0  # 1 / beta: the model's own odds for best against worst category are then below e


@dataclass(frozen=True)
class Case:
    """One loss to train by.

    Attributes:
        loss: Its name in `LOSSES`.
        soft: Whether E_C and E_I are free energies, else minima; the likelihood losses, which
            compare all answers, have no minima of wrong answers to begin with.
        watched: Whether the model is looked at after every epoch.
    """

    loss: str
    soft: bool = False
    watched: bool = False

    @property
    def title(self) -> str:
        """What it is called in tables and figures."""
        return f"{self.loss}, free energies" if self.soft else self.loss


WATCHED = ("energy", "perceptron", "hinge")
CASES = (
    *(Case(name, watched=name in WATCHED) for name in LOSSES),
    Case("perceptron", soft=True),
)


@dataclass(frozen=True)
class Toys:
    """Images to train on, images of other objects to measure on, and one of these to ask about."""

    seen: Dataset
    unseen: Dataset
    asked: int


@dataclass(frozen=True)
class Moment:
    """A watched model after one epoch.

    Attributes:
        distances: (K, K) between the categories' references, see `reference_distances`.
        landscape: (K, 36) energy of the asked image at every tenth azimuth.
    """

    distances: np.ndarray
    landscape: np.ndarray


@dataclass(frozen=True)
class Trained:
    """What became of one case; all but `reports` and `moments` is of the finished model.

    Attributes:
        case: What it was trained by.
        reports: One an epoch, about the training images as they went by.
        moments: One an epoch; none unless the case is watched.
        error_rate: Share of the unseen objects' images whose lowest energy is of a wrong category.
        contrast: Energy of the worst category less that of the best, mean over these images.
        reference_gap: Smallest distance between two categories' references.
        feature_variance: Variance of G over the same images.
    """

    case: Case
    reports: tuple[EpochReport, ...]
    moments: tuple[Moment, ...]
    error_rate: float
    contrast: float
    reference_gap: float
    feature_variance: float

    @property
    def verdict(self) -> str:
        """What became of it, by the rule: collapsed, stalled or learned."""
        return verdict(self.reference_gap, self.contrast)


def verdict(reference_gap: float, contrast: float) -> str:
    """Say what became of a recogniser.

    Args:
        reference_gap: Smallest relative distance between two categories' references.
        contrast: Mean difference of the worst and the best category's energy.
    """
    if reference_gap < MERGED:
        return "collapsed"
    return "stalled" if contrast < FLAT else "learned"


@contextmanager
def sample_set(on_progress: Callable[[int, int], None]) -> Iterator[Path]:
    """Give the folder of the sample set: the checkout's, or else a few toys, rendered now.

    Raises:
        DataError: There is no checkout, and nothing to render with.
    """
    if TOYS.is_dir():
        yield TOYS
        return
    settings = ToySettings(train_instances=8, test_instances=1, elevations=2, samples=1)
    with tempfile.TemporaryDirectory(prefix="objrec-") as folder:
        place = Path(folder) / "toys"
        try:
            make_toys(place, settings, on_progress)
        except SettingsError as error:
            raise DataError(
                "demo collapse: the sample set data/toys is not here and cannot be rendered; "
                "run it from a checkout of objrec, or pip install 'objrec[render]'"
            ) from error
        yield place


def toys(folder: Path, share: float = 1.0) -> Toys:
    """Open the part of the sample set that is used; its test split is left alone.

    Two neighbouring elevations in the middle, between them at every azimuth; one object in four
    of each category is kept for measuring.

    Args:
        folder: The set.
        share: Of the images, drawn at random; tests take less than all.
    """
    whole = open_dataset(folder, "train")
    levels = np.unique(whole.poses[:, 1])
    first = (len(levels) - 1) // 2
    chosen = np.isin(whole.poses[:, 1], levels[first : first + 2])
    learned, left = (_drawn(part[chosen[part]], share) for part in hold_out_objects(whole, 0, 4))
    unseen = whole.subset(left)
    cups = np.flatnonzero(unseen.labels == unseen.categories.index("cup"))
    near = np.abs(unseen.poses[cups, 0] - ASKED_AZIMUTH)
    return Toys(whole.subset(learned), unseen, int(cups[near.argmin()]))


def _drawn(indices: np.ndarray, share: float) -> np.ndarray:
    order = np.random.default_rng(0).permutation(indices)
    return np.sort(order[: max(1, round(share * len(indices)))])


def train_case(
    case: Case, data: Toys, epochs: int, seed: int, on_epoch: Callable[[], None]
) -> Trained:
    """Train a recogniser by the library's own loop, read it back, and measure it.

    Args:
        case: The loss.
        data: From `toys`.
        epochs: Passes over the training images.
        seed: Of weights and order; all cases start with the same weights.
        on_epoch: Called after each epoch.
    """
    changes = SHARED | {"loss": case.loss, "soft": case.soft, "epochs": epochs, "seed": seed}
    keep = {"keep_every": 1} if case.watched else {}
    reports = []
    with tempfile.TemporaryDirectory(prefix="objrec-") as folder:
        place = Path(folder) / "model"
        for report in train(data.seen, place, Recipe().replaced(**changes), device="cpu", **keep):
            reports.append(report)
            on_epoch()
        moments = tuple(_moment(path, data) for path in sorted(place.glob("epochs/*")))
        model = Recognizer.load(place, "cpu")
    return Trained(case, tuple(reports), moments, **_measured(model, data.unseen))


def pixels(model: Recognizer, dataset: Dataset) -> torch.Tensor:
    """Return all images of a set, as a model takes them."""
    prepare = model.preprocessing.images
    return torch.stack([prepare(dataset[i].images) for i in range(len(dataset))])


def _measured(model: Recognizer, unseen: Dataset) -> dict[str, float]:
    seen: Seen = model.see(pixels(model, unseen))
    lowest = seen.energies.per_category()
    right = torch.from_numpy(unseen.labels)
    distances = reference_distances(model.network.prepare().maps)
    return {
        "error_rate": float((lowest.argmin(1) != right).float().mean()),
        "contrast": float((lowest.amax(1) - lowest.amin(1)).mean()),
        "reference_gap": smallest(distances.numpy()),
        "feature_variance": float(seen.features.var(dim=0).mean()),
    }


def smallest(distances: np.ndarray) -> float:
    """Return the smallest distance of two different categories."""
    return float(distances[~np.eye(len(distances), dtype=bool)].min())


def _moment(folder: Path, data: Toys) -> Moment:
    model = Recognizer.load(folder, "cpu")
    distances = reference_distances(model.network.prepare().maps)
    # Volumes can be turned to any azimuth, not only to the six that they were trained at.
    finer = model.searching(PoseSpace({"azimuth": tuple(range(0, 360, 10))}))
    values = finer.see(pixels(model, data.unseen.subset([data.asked]))).energies.values
    return Moment(distances.numpy(), values[0].numpy())


def counted_margins(data: Toys) -> tuple[float, float]:
    """Return what free energies ask for on flat energies, by mere counting of answers.

    If every answer has the same energy, the free energy of n of them lies log(n) / beta lower. So
    F_C - F_I = (log n_wrong - log n_right) / beta, at beta 1: the gap that the soft perceptron
    loss has to dig before it is zero.

    Returns:
        For the question of category and pose, and for that of the category alone; means over
        the training images.
    """
    seen, grid = data.seen, PoseSpace({"azimuth": tuple(range(0, 360, 60))}).grid()
    labels, poses = torch.from_numpy(seen.labels), torch.from_numpy(seen.poses).float()
    answers = answer_set(labels, poses, grid, len(seen.categories))
    return tuple(
        float(torch.log(part.wrong.sum((1, 2)) / part.right.sum((1, 2))).mean())
        for part in (answers, answers.category_only())
    )
