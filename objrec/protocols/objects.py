"""Protocols of objects: trained on few of them, on all but some, on all but a category.

A plan is made from labels alone; no image is read and nothing is trained here.
"""

from __future__ import annotations

import re
from functools import partial

from objrec.datasets import Dataset
from objrec.protocols import subsets
from objrec.protocols.parts import Part, Plan
from objrec.protocols.settings import ProtocolSettings


def few_objects(train: Dataset, test: Dataset, settings: ProtocolSettings) -> Plan:
    """Train on so many objects a category, drawn by the seed."""
    for count in settings.objects:  # what a category lacks shows before anything is trained
        subsets.few_objects(train, count, 0)
    parts = tuple(
        Part.of_all(
            lambda seed, count=count: subsets.few_objects(train, count, seed),
            test,
            facts={"training_objects": count},
            folder=f"{count}-objects",
        )
        for count in settings.objects
    )
    counts = _listed([str(count) for count in settings.objects])
    says = (
        f"trained on all views of {counts} objects a category, which each seed draws anew, "
        "the same for all models; tested on all test objects"
    )
    return Plan("few-objects", says, parts, drawn=True)


def leave_one_out(train: Dataset, test: Dataset | None, settings: ProtocolSettings) -> Plan:
    """Leave training objects out, in folds; no test image is looked at."""
    pairs = subsets.leave_one_out(train, settings.folds)
    parts = tuple(
        Part.of_all(
            partial(_whatever_the_seed, learned), left, facts={"fold": i}, folder=f"fold-{i}"
        )
        for i, (learned, left) in enumerate(pairs)
    )
    says = (
        f"training objects alone, in {len(pairs)} folds: each trains on all but some objects of "
        "every category and is tested on those; every object is tested exactly once"
    )
    return Plan("leave-one-out", says, parts, pooled=True)


def unknown_category(train: Dataset, test: Dataset, settings: ProtocolSettings) -> Plan:
    """Leave each category out in turn: its test images are of something unknown."""
    objects = [name for name in train.categories if name not in train.background]
    left_out = settings.leave_out or tuple(objects)
    parts = []
    for name in left_out:
        learned, known, unknown = subsets.without_category(train, test, name)
        number = train.categories.index(name)
        parts.append(
            Part.of_all(
                partial(_whatever_the_seed, learned),
                known,
                facts={"left_out": name},
                folder=f"without-{number:02d}-{re.sub(r'[^a-zA-Z0-9]+', '-', name)}",
                unknown=unknown,
            )
        )
    says = (
        f"trained without a category: {_listed(list(left_out))} in turn; tested on the others, and "
        "on whether it is told as unknown"
    )
    return Plan("unknown-category", says, tuple(parts))


def _whatever_the_seed(learned: Dataset, seed: int) -> Dataset:
    return learned


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
