from types import SimpleNamespace

import numpy as np
import pytest

from objrec.datasets.frame import PoseFrame
from objrec.errors import DataError
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
        self.poses, self.preprocessing = poses, Preprocessing(size=8)
        self.batches = []

    def recognize_batch(self, images):
        self.batches.append(len(images))
        return [self._one(int(image.flatten()[0])) for image in images]

    def _one(self, i):
        pose = Pose.from_vector(self.poses[i], self.axes) if self.axes else Pose()
        unknown = self.unknown[i]
        return SimpleNamespace(category=self.answers[i], pose=pose, energy=i / 7, unknown=unknown)


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
