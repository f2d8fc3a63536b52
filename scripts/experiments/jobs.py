"""What one run of an experiment is: a model, the part of a set it is trained on, and the tests.

A `Job` is plain text, so that it names its own results and can be run anywhere, in any order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import numpy as np

from objrec.datasets import Dataset
from objrec.protocols import plan
from objrec.protocols.subsets import few_objects, leave_one_out, without_category

FOLDS = 5


@dataclass(frozen=True)
class Job:
    """One training, and what is measured of it.

    Attributes:
        set: The data set's name.
        variant: What the recipe is called.
        kind: 'energy', 'cnn' or 'cnn-pose'.
        part: What is trained on and what is tested, see `parts`.
        seed: Of the training, and of draws.
        recipe: (setting, value) pairs that differ from the defaults.
        extras: 'changes' also asks about covered images, 'several' about several images at once,
            'model' keeps the model.
        beta: Of the probabilities, fitted on objects held out of training in folds.
    """

    set: str
    variant: str
    kind: str
    part: str
    seed: int
    recipe: tuple[tuple[str, object], ...] = ()
    extras: tuple[str, ...] = ()
    beta: float | None = None

    @property
    def key(self) -> str:
        """A name for files."""
        text = f"{self.set}-{self.variant}-{self.kind}-{self.part}-{self.seed}"
        return text.replace(":", "_").replace("/", "_")

    def to_json(self) -> str:
        """Return the job as a line of text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """Read what `to_json` wrote."""
        values = json.loads(text)
        values["recipe"] = tuple((name, value) for name, value in values["recipe"])
        values["extras"] = tuple(values["extras"])
        return cls(**values)


@dataclass(frozen=True)
class Part:
    """The images of a job.

    Attributes:
        train: To train on.
        test: Objects not trained on, of the categories trained on.
        novel: (N test,) bool: views not trained on; None where all are alike.
        unknown: Objects of categories left out of training.
        widened: Whether recognition searches the poses of all views of the set.
    """

    train: Dataset
    test: Dataset
    novel: np.ndarray | None = None
    unknown: Dataset | None = None
    widened: bool = False


def part_of(job: Job, train: Dataset, test: Dataset) -> Part:
    """Return the images of a job, by its part.

    full                      the training split; the test split
    fold:2                    training objects but one a category; the objects left out
    fold:2/sparse-azimuth     likewise, and the protocol's views or labels of them
    objects:3                 so many training objects a category, drawn by the seed; the test split
    fold-objects:3            likewise within the training split: tested on training objects
    unknown:cow               the training split without a category; the test split
    fold:2/unknown:cow        likewise within the training split
    sparse-azimuth, …         a protocol's views or labels; the test split
    """
    first, _, rest = job.part.partition("/")
    name, _, value = first.partition(":")
    if name == "fold":
        train, test = leave_one_out(train, FOLDS)[int(value)]
        if not rest:
            return Part(train, test)
        name, _, value = rest.partition(":")
    if name == "full":
        return Part(train, test)
    if name == "objects":
        return Part(few_objects(train, int(value), job.seed), test)
    if name == "fold-objects":
        chosen = few_objects(train, int(value), job.seed)
        return Part(chosen, train.subset(~np.isin(train.objects, np.unique(chosen.objects))))
    if name == "unknown":
        learned, known, unknown = without_category(train, test, value)
        return Part(learned, known, unknown=unknown)
    found = plan(name, train, test, float(value or 60))
    novel = ~found.familiar
    return Part(found.train, test, novel if novel.any() else None, widened=found.widened)


def folds(make: Job) -> Iterator[Job]:
    """Yield a job for every fold; its part may name what is done within the fold."""
    for fold in range(FOLDS):
        part = f"fold:{fold}" + (f"/{make.part}" if make.part != "full" else "")
        yield replace(make, part=part)
