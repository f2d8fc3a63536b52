"""Checks of categories and objects: whether they are enough, and in the right split."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterator

import numpy as np

from objrec.datasets.checks.facts import Facts
from objrec.datasets.checks.finding import (
    ERROR,
    REMARK,
    WARNING,
    Check,
    Finding,
    counted,
    named,
    verb,
)

_ENOUGH_OBJECTS = 4
_ENOUGH_IMAGES = 8
_UNBALANCED = 10


def object_in_two_splits(facts: Facts) -> Iterator[Finding]:
    """The same object in training and test: the test then measures memory."""
    usable = facts.named & facts.is_object
    pairs = np.unique(np.stack([facts.objects[usable], facts.split[usable].astype(str)]), axis=1)
    names, counts = np.unique(pairs[0], return_counts=True)
    shared = names[counts > 1].tolist()
    if shared:
        count = len(shared)
        yield Finding(
            ERROR,
            "object-in-two-splits",
            f"{counted(count, 'object')} {verb(count, 'has', 'have')} views in more than one "
            f"split: {named(shared)}",
            "the test then measures memory; divide by object ('objrec data split "
            f"{shlex.quote(facts.path)} OUT'), or give different objects different names",
            tuple(shared),
        )


def one_category(facts: Facts) -> Iterator[Finding]:
    """Nothing to tell apart."""
    present = np.unique(facts.labels[facts.training])
    if len(present) < 2:
        yield Finding(
            ERROR,
            "one-category",
            f"there is a single category to train on: {facts.categories[present[0]]}",
            "add a folder of other things; training needs two categories or more",
        )


def single_object(facts: Facts) -> Iterator[Finding]:
    """Categories of which a single object is trained on."""
    if found := _categories_of(facts, 1, 1):
        yield Finding(
            WARNING,
            "single-object",
            f"{named(found)} {verb(len(found), 'has', 'have')} a single object to train on",
            "nothing is left to validate with, and the model learns that object rather than its "
            "category; add objects, as different as can be",
            tuple(found),
        )


def few_objects(facts: Facts) -> Iterator[Finding]:
    """Categories of which two or three objects are trained on."""
    if found := _categories_of(facts, 2, _ENOUGH_OBJECTS - 1):
        yield Finding(
            REMARK,
            "few-objects",
            f"{named(found)} {verb(len(found), 'has', 'have')} two or three objects to train on",
            "results vary with the choice of the objects; four or five teach much more",
            tuple(found),
        )


def _categories_of(facts: Facts, fewest: int, most: int) -> list[str]:
    """Return the categories that have so many objects to train on."""
    return [n for n, m in facts.members(facts.training) if fewest <= facts.units(m) <= most]


def unnamed_objects(facts: Facts) -> Iterator[Finding]:
    """Images that do not say which object they show."""
    unnamed = facts.is_object & ~facts.named
    if unnamed.any():
        concerned = [name for name, members in facts.members(unnamed)]
        count = int(unnamed.sum())
        some = f"{counted(count, 'image')} {verb(count, 'does', 'do')} not say"
        if count == facts.is_object.sum():
            some = "no image says"
        yield Finding(
            REMARK,
            "unnamed-objects",
            f"{some} which object it is of, so each counts as an object of its own",
            "if there are several views of an object, put them into a subfolder of its category, "
            "or fill in 'instance': otherwise they come apart when objects are divided",
            tuple(concerned),
        )


def category_missing(facts: Facts) -> Iterator[Finding]:
    """Categories of which a split has nothing."""
    follows = ["cannot be learned", *["cannot be measured"] * (len(facts.splits) - 1)]
    for number, (split, what) in enumerate(zip(facts.splits, follows, strict=True)):
        present = np.unique(facts.labels[facts.split == number])
        absent = [n for i, n in enumerate(facts.categories) if i not in present]
        if absent:
            where = f"{split} has" if len(facts.splits) > 1 else "there is"
            yield Finding(
                WARNING,
                "category-missing",
                f"{where} no image of {named(absent)}",
                f"{verb(len(absent), 'it', 'they')} {what}; add images, or remove the name",
                tuple(absent),
            )


def similar_names(facts: Facts) -> Iterator[Finding]:
    """Categories whose names differ by case, blanks or accents' encoding only."""
    alike: dict[str, list[str]] = {}
    for name in facts.categories:
        key = re.sub(r"[\s_-]+", "", unicodedata.normalize("NFKC", name).casefold())
        alike.setdefault(key, []).append(name)
    for names in alike.values():
        if len(names) > 1:
            quoted = " and ".join(f"'{name}'" for name in names)
            yield Finding(
                WARNING,
                "similar-names",
                f"the categories {quoted} differ only in how they are written",
                "give them one name, if they are one category",
                tuple(names),
            )


def unbalanced(facts: Facts) -> Iterator[Finding]:
    """One category with more than ten times the images of another."""
    counts = {name: int(members.sum()) for name, members in facts.members(facts.training)}
    if not counts:
        return
    most, least = max(counts, key=counts.get), min(counts, key=counts.get)
    if counts[most] > _UNBALANCED * counts[least]:
        yield Finding(
            WARNING,
            "unbalanced",
            f"{most} has {counted(counts[most], 'image')}, {least} only {counts[least]}",
            "the rare one will be missed more often; add images of it, or thin out the other",
            (most, least),
        )


def few_images(facts: Facts) -> Iterator[Finding]:
    """Categories with hardly any images."""
    counts = {name: int(members.sum()) for name, members in facts.members(facts.training)}
    found = [name for name, count in counts.items() if count < _ENOUGH_IMAGES]
    if found:
        told = [f"{name} ({counts[name]})" for name in found]
        yield Finding(
            WARNING,
            "few-images",
            f"hardly any images to train on: {named(told)}",
            "take a few dozen, from all sides",
            tuple(found),
        )


CHECKS: dict[str, Check] = {
    "object-in-two-splits": object_in_two_splits,
    "one-category": one_category,
    "single-object": single_object,
    "few-objects": few_objects,
    "unnamed-objects": unnamed_objects,
    "category-missing": category_missing,
    "similar-names": similar_names,
    "unbalanced": unbalanced,
    "few-images": few_images,
}
