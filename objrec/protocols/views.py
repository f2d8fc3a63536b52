"""Protocols of views and labels: trained on some views, or with fewer pose labels.

A plan is made from labels alone; no image is read and nothing is trained here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from objrec.datasets import Dataset
from objrec.datasets.frame import OBSERVED
from objrec.errors import DataError
from objrec.pose import AXIS, INDEX, VIEW_AXES
from objrec.protocols.parts import FAMILIAR, NOVEL, Part, Plan
from objrec.protocols.settings import ProtocolSettings

FRONT_VIEWS = (-60.0, 60.0)  # degrees from the front, the upper end excluded
LOWEST_SHARE = 1 / 3  # of a set's elevations
_ONE_ELEVATION = 4.0  # elevations nearer than this many degrees are taken for one
_NEAR = 1 / 12  # of the step: how far from a multiple of it an azimuth may lie


def novel_azimuth(train: Dataset, test: Dataset, settings: ProtocolSettings) -> Plan:
    """Front views are familiar: azimuths 300 to 40 of small NORB (Hinton et al. 2018)."""
    _check_observed(train, test, "azimuth")
    front = train.frame.front_azimuth or 0.0
    low, high = FRONT_VIEWS

    def familiar(dataset: Dataset) -> np.ndarray:
        away = AXIS["azimuth"].difference(_labels(dataset, "azimuth"), front)
        return (away >= low) & (away < high)

    says = (
        f"trained on azimuths from {low:g} to {high:g} degrees of the front (azimuth {front:g}), "
        "the upper end excluded; all others are novel"
    )
    return _by_views("novel-azimuth", says, train, test, familiar, matched=True)


def novel_elevation(train: Dataset, test: Dataset, settings: ProtocolSettings) -> Plan:
    """The lowest third of the elevations is familiar: three of small NORB's nine."""
    _check_observed(train, test, "elevation")
    found = np.unique(_labels(train, "elevation"))
    found = found[~np.isnan(found)]
    distinct = found[np.diff(found, prepend=-np.inf) > _ONE_ELEVATION]
    if len(distinct) < 2:
        raise DataError(f"{train.root}: has a single elevation; novel-elevation needs several")
    count = max(1, round(LOWEST_SHARE * len(distinct)))
    limit = float(distinct[count]) - _ONE_ELEVATION / 2

    def familiar(dataset: Dataset) -> np.ndarray:
        return _labels(dataset, "elevation") < limit

    says = (
        f"trained on the {count} lowest of {len(distinct)} elevations (below {limit:g} degrees); "
        "all higher ones are novel"
    )
    return _by_views("novel-elevation", says, train, test, familiar, matched=True)


def sparse_azimuth(train: Dataset, test: Dataset, settings: ProtocolSettings) -> Plan:
    """Every k-th azimuth is familiar; those between are novel."""
    _check_observed(train, test, "azimuth")
    step = settings.step

    def familiar(dataset: Dataset) -> np.ndarray:
        azimuth = _labels(dataset, "azimuth")
        return np.abs((azimuth + step / 2) % step - step / 2) <= step * _NEAR

    says = f"trained on azimuths at multiples of {step:g} degrees; those between are novel"
    return _by_views("sparse-azimuth", says, train, test, familiar)


def few_pose_labels(train: Dataset, test: Dataset, settings: ProtocolSettings) -> Plan:
    """Only the first object (by name) of each category keeps its pose labels."""
    if np.isnan(train.poses).all():
        raise DataError(f"{train.root}: has no pose labels, so few-pose-labels has none to keep")
    first: dict[int, str] = {}
    for name, label in sorted(set(zip(train.objects.tolist(), train.labels.tolist(), strict=True))):
        first.setdefault(label, name)
    poses = train.poses.copy()
    poses[~np.isin(train.objects, list(first.values()))] = np.nan
    says = "trained on all views, with the poses of one object a category"
    return Plan("few-pose-labels", says, (_all_familiar(replace(train, poses=poses), test),))


def latent_pose(train: Dataset, test: Dataset, settings: ProtocolSettings) -> Plan:
    """No view label is kept: azimuth and elevation are latent."""
    poses = train.poses.copy()
    poses[:, [INDEX[name] for name in VIEW_AXES]] = np.nan
    says = "trained on all views, without azimuths and elevations"
    return Plan("latent-pose", says, (_all_familiar(replace(train, poses=poses), test),))


def _by_views(
    protocol: str,
    says: str,
    train: Dataset,
    test: Dataset,
    familiar: Callable[[Dataset], np.ndarray],
    *,
    matched: bool = False,
) -> Plan:
    trained, shown = familiar(train), familiar(test)
    for dataset, mask in ((train, trained), (test, shown)):
        for kind, count in (("familiar", mask.sum()), ("novel", (~mask).sum())):
            if not count:
                raise DataError(
                    f"{dataset.root}: split {dataset.split} has no {kind} view for {protocol} "
                    f"({says}); choose another protocol or --step"
                )
    missing = set(train.labels.tolist()) - set(train.labels[trained].tolist())
    if missing:
        names = ", ".join(train.categories[label] for label in sorted(missing))
        raise DataError(f"{train.root}: no familiar view of {names} for {protocol} ({says})")
    learned = train.subset(trained)
    part = Part(lambda seed: learned, test, {FAMILIAR: shown, NOVEL: ~shown})
    return Plan(protocol, says, (part,), matched, widened=True)


def _all_familiar(learned: Dataset, test: Dataset) -> Part:
    return Part(lambda seed: learned, test, {FAMILIAR: np.ones(len(test), dtype=bool)})


def _labels(dataset: Dataset, axis: str) -> np.ndarray:
    return dataset.poses[:, INDEX[axis]]


def _check_observed(train: Dataset, test: Dataset, axis: str) -> None:
    """Refuse sets whose labels do not say which views are which.

    Raises:
        DataError: An image has no label on the axis, or labels are relative.
    """
    for dataset in (train, test):
        if dataset.frame.kind(axis) != OBSERVED:
            kind = dataset.frame.kind(axis)
            raise DataError(f"{dataset.root}: {axis} labels are {kind}, so views cannot be told")
        missing = int(np.isnan(_labels(dataset, axis)).sum())
        if missing:
            raise DataError(
                f"{dataset.root}: {missing} of {len(dataset)} images of split {dataset.split} have "
                f"no {axis} label; this protocol needs them all"
            )
