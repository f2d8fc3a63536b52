import numpy as np
import pytest

from objrec.datasets.frame import PoseFrame
from objrec.errors import Failure
from objrec.evaluation import measure
from objrec.evaluation.groups import Outcomes
from objrec.evaluation.run import Answer, Run
from objrec.pose import AXES, INDEX, Pose


class Stand:
    """Stands for the model and for the data set, whose facts alone are asked for."""

    kind, name, parameters, device = "energy", "toy-model", 222_000, "cpu"
    split, frame, background = "test", PoseFrame(), ()

    def __init__(self, categories, axes, set_name):
        self.categories, self.axes = categories, axes
        self.set_name = set_name


@pytest.fixture
def make_evaluation(monkeypatch):
    """Make an evaluation from drawn answers, without images."""

    def make(
        categories=("cup", "car", "van"),
        objects=4,
        azimuths=12,
        elevations=(30.0, 60.0),
        error=0.2,
        axes=("azimuth", "elevation"),
        labelled=True,
        failures=(),
        source="views/{}.png",
        set_name="toys",
        kind="energy",
        **options,
    ):
        rng = np.random.default_rng(0)
        k = len(categories)
        angles = np.arange(azimuths) * 360.0 / azimuths
        grid = np.array(
            [
                (c, o, e, a)
                for c in range(k)
                for o in range(objects)
                for e in elevations
                for a in angles
            ]
        )
        labels = grid[:, 0].astype(int)
        n = len(labels)
        predicted = np.where(rng.random(n) < error, (labels + 1) % k, labels)
        true, answered = np.full((2, n, len(AXES)), np.nan)
        true[:, INDEX["elevation"]], true[:, INDEX["azimuth"]] = grid[:, 2], grid[:, 3]
        for axis in axes:
            answered[:, INDEX[axis]] = true[:, INDEX[axis]] + rng.normal(0, 8, n)
        outcomes = Outcomes(
            categories=tuple(categories),
            labels=labels,
            predicted=predicted,
            poses=answered,
            true_poses=true if labelled else np.full_like(true, np.nan),
            objects=np.array(
                [f"{categories[c]}/{int(o)}" for c, o in zip(labels, grid[:, 1], strict=True)]
            ),
            factors={"lighting": rng.choice(["day", "night"], n)},
        )
        answers = [
            Answer(categories[p], Pose.from_vector(pose), 1.5, None)
            for p, pose in zip(predicted, answered, strict=True)
        ]
        failed = [Failure(*pair) for pair in failures]
        done = Run(outcomes, answers, [source.format(i) for i in range(n)], failed, [], 4.0, 2.0)
        monkeypatch.setattr(measure, "run", lambda *_: done)
        model = Stand(tuple(categories), axes, set_name)
        model.kind = kind
        dataset = Stand(tuple(categories), axes, set_name)
        dataset.name = set_name
        return measure.evaluate(model, dataset, resamples=50, **options)

    return make
