"""One worker of a batch: it loads the model once, then recognises shards of images.

Workers are sent names of images, never pixels, and read them themselves: the files must be at the
same path on every machine.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from objrec.datasets import Dataset, Sample, open_dataset
from objrec.errors import DataError, Failure
from objrec.recognizer import Recognition, Recognizer


@dataclass(frozen=True, slots=True)
class SampleAt:
    """A sample of a data set, by its place.

    Attributes:
        root: The set's folder.
        split: The split.
        index: The sample's position there.
        source: What to call it if it cannot be read.
    """

    root: str
    split: str
    index: int
    source: str


Reference = str | tuple[str, ...] | SampleAt | Failure
"""What a worker is sent of an image: its file, those of all cameras, or its place in a set. A
Failure is passed on in its place."""


@dataclass(frozen=True)
class Shard:
    """Images that are recognised at once, and where they are among all.

    Attributes:
        number: 0 for the first images.
        references: The images.
    """

    number: int
    references: Sequence[Reference]


@dataclass(frozen=True)
class Answered:
    """The answers to a shard, in its order."""

    number: int
    answers: list[Recognition | Failure]


@dataclass(frozen=True)
class Asked:
    """Which model is asked, and how; plain values, the same for every worker.

    Attributes:
        model: Model folder; None: the one that comes with objrec.
        device: As for `Recognizer.load`.
        mirror: Whether mirror images are looked at too.
        precision: As for `Recognizer.load`.
        refine: Whether poses leave the grid of the pose space.
        hypotheses: How many distinct answers to return for each image.
        folder: The folder that relative paths start from.
        threads: Threads of a worker; more than cores in all, and they wait for each other.
    """

    model: str | None = None
    device: str = "cpu"
    mirror: bool = False
    precision: str = "float32"
    refine: bool = True
    hypotheses: int = 3
    folder: str = field(default_factory=os.getcwd)
    threads: int = 1


class Worker:
    """A stage of Ray Data: shards of images in, their answers out."""

    def __init__(self, asked: Asked) -> None:
        os.chdir(asked.folder)
        torch.set_num_threads(asked.threads)
        model = Recognizer.load(asked.model, asked.device, asked.precision)
        self._recognizer = model.mirroring() if asked.mirror else model
        self._asked = asked
        self._sets: dict[tuple[str, str], Dataset] = {}

    def __call__(self, rows: dict[str, np.ndarray]) -> dict[str, Any]:
        """Recognise the shards of a block.

        Args:
            rows: ``shard``: the `Shard` of each row.

        Returns:
            ``answered``: the `Answered` of each row.
        """
        answered = np.empty(len(rows["shard"]), dtype=object)
        for row, shard in enumerate(rows["shard"]):
            answered[row] = Answered(shard.number, self._answers(shard.references))
        return {"answered": answered}

    def _answers(self, references: Sequence[Reference]) -> list[Recognition | Failure]:
        images = [self._image(reference) for reference in references]
        return list(
            self._recognizer.recognize_many(
                images,
                refine=self._asked.refine,
                hypotheses=self._asked.hypotheses,
                batch_size=len(images),
            )
        )

    def _image(self, reference: Reference) -> Path | tuple[Path, ...] | Sample | Failure:
        if isinstance(reference, Failure):
            return reference
        if isinstance(reference, SampleAt):
            return self._sample(reference)
        return tuple(map(Path, reference)) if isinstance(reference, tuple) else Path(reference)

    def _sample(self, at: SampleAt) -> Sample | Failure:
        place = (at.root, at.split)
        if place not in self._sets:
            self._sets[place] = open_dataset(*place)
        try:
            return self._sets[place][at.index]
        except DataError as error:
            return Failure.of(at.source, error)
