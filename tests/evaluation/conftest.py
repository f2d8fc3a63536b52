from types import SimpleNamespace

import numpy as np
import pytest
import torch

from objrec.datasets.frame import PoseFrame
from objrec.errors import DataError
from objrec.evaluation.groups import Measures, Outcomes
from objrec.evaluation.metrics import Bootstrap
from objrec.pose import AXES, INDEX, Pose
from objrec.preprocessing import Preprocessing


class FakeSet:
    """A data set whose i-th image is flat gray of value i: what a fake recogniser recognises."""

    colour, cameras, frame, background = False, 1, PoseFrame(), ()

    def __init__(self, labels, objects, categories, poses, factors=None, broken=(), grays=None):
        self.name, self.split, self.root, self.failures = "toys", "test", "some/toys", ()
        self.categories, self.labels, self.poses = tuple(categories), np.array(labels), poses
        self.objects, self.factors, self.broken = np.array(objects), factors or {}, set(broken)
        self.grays = list(range(len(labels))) if grays is None else grays
        self.sources = tuple(f"{gray}.png" for gray in self.grays)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        if self.grays[i] in self.broken:
            raise DataError(f"{self.sources[i]}: not an image; remove it")
        return SimpleNamespace(
            images=np.full((1, 16, 16), self.grays[i], np.uint8),
            category=self.categories[self.labels[i]],
            pose=self.poses[i],
            factors={},
            source=self.sources[i],
        )

    def subset(self, indices):
        index = np.asarray(indices, int)
        return FakeSet(
            self.labels[index],
            self.objects[index],
            self.categories,
            self.poses[index],
            {name: np.asarray(values)[index] for name, values in self.factors.items()},
            self.broken,
            [self.grays[i] for i in index],
        )


class FakeRecognizer:
    """Answers image i with the i-th category and pose it was given."""

    kind, name, parameters, device = "energy", "fake", 123, "cpu"
    calibration = None

    def __init__(
        self,
        categories,
        answers,
        poses=None,
        axes=("azimuth", "elevation"),
        *,
        background=(),
        unknown=None,
        frame=None,
    ):
        self.categories, self.answers, self.axes = tuple(categories), answers, axes
        self.background, self.unknown = background, unknown or [None] * len(answers)
        self.frame = frame or PoseFrame()
        self.poses_, self.preprocessing = poses, Preprocessing(size=8)
        self.batches = []

    def see(self, images):
        self.batches.append(len(images))
        return [int(image.flatten()[0]) for image in images]

    def recognitions(self, seen, hypotheses=3):
        return [self._one(i) for i in seen]

    def poses(self, seen, categories):
        """Give the poses of the answers, whatever the category."""
        poses = np.full((len(seen), len(AXES)), np.nan)
        for row, i in enumerate(seen):
            for name in self.axes:
                poses[row, INDEX[name]] = self.poses_[i][INDEX[name]]
        return torch.from_numpy(poses)

    def _one(self, i):
        pose = Pose.from_vector(self.poses_[i], self.axes) if self.axes else Pose()
        answer = self.answers[i]
        energies = {name: i / 7 + (name != answer) for name in self.categories}
        return SimpleNamespace(
            category=answer,
            pose=pose,
            energy=i / 7,
            energies=energies,
            probabilities={name: 0.7 * (name == answer) for name in self.categories},
            unknown=self.unknown[i],
        )


@pytest.fixture
def fake_set():
    """Make a set of categories cup and car, `views` images of each of its objects."""

    def build(objects=("car/1", "car/2", "cup/1", "cup/2"), views=5, **changes):
        names = [name for name in objects for _ in range(views)]
        categories = changes.pop("categories", ("car", "cup"))
        poses = np.full((len(names), len(AXES)), np.nan)
        poses[:, INDEX["azimuth"]] = np.tile(np.arange(views) * 360.0 / views, len(objects))
        poses[:, INDEX["elevation"]] = 30.0
        labels = [categories.index(name.split("/")[0]) for name in names]
        return FakeSet(labels, names, categories, poses, **changes)

    return build


@pytest.fixture
def fake_recognizer():
    return FakeRecognizer


@pytest.fixture
def make():
    """Make outcomes of categories a, b, c from short lists."""

    def build(labels, predicted, objects=None, factors=None, **axes):
        n = len(labels)
        true = np.full((n, len(AXES)), np.nan)
        for name, values in axes.items():
            true[:, INDEX[name]] = values
        names = [f"{'abc'[k]}/{i}" for i, k in enumerate(labels)] if objects is None else objects
        return Outcomes(
            categories=("a", "b", "c"),
            labels=np.array(labels),
            predicted=np.array(predicted),
            poses=np.full_like(true, np.nan),
            given=np.full_like(true, np.nan),
            true_poses=true,
            objects=np.array(names),
            factors={k: np.array(v) for k, v in (factors or {}).items()},
        )

    return build


@pytest.fixture
def measured():
    """Make measures of outcomes, with azimuth errors if there are any."""

    def build(outcomes, azimuth_errors=None):
        errors = np.full(len(outcomes.labels), np.nan) if azimuth_errors is None else azimuth_errors
        return Measures(outcomes, np.asarray(errors, float), Bootstrap(50))

    return build
