"""Which index scale puts all angles of a set on whole numbers, as NORB files need them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from objrec.datasets.description import AZIMUTH, ELEVATION, IndexScale, SetDescription
from objrec.datasets.sample import Dataset
from objrec.errors import DataError
from objrec.pose import INDEX, VIEW_AXES

# Angles are told apart down to a millionth of a degree.
_UNITS = 1_000_000
_CLOSE = 1e-9
_TURN = 360
_ROUND = 2


def with_scales(description: SetDescription, parts: Sequence[Dataset]) -> SetDescription:
    """Return a description whose index scales have every azimuth and elevation of a set.

    Scales that it has already are kept if they do.

    Raises:
        DataError: Angles have more decimals than an index scale can hold.
    """
    scales = {}
    for axis in VIEW_AXES:
        degrees = np.concatenate([part.poses[:, INDEX[axis]] for part in parts])
        known = getattr(description, axis)
        scale = fitting_scale(degrees, known, turning=axis == "azimuth")
        if scale is None:
            known = degrees[~np.isnan(degrees)].tolist()
            worst = next(value for value in known if not _whole(np.array([value])))
            raise DataError(
                f"{parts[0].root}: {axis} {worst!r} has too many decimals for the numbers of NORB "
                "files; add --round-poses to round to hundredths of a degree"
            )
        scales[axis] = scale
    return replace(description, **scales)


def rounded(dataset: Dataset) -> Dataset:
    """Round azimuths and elevations to hundredths of a degree."""
    poses = dataset.poses.copy()
    columns = [INDEX[axis] for axis in VIEW_AXES]
    poses[:, columns] = poses[:, columns].round(_ROUND)
    poses[:, INDEX["azimuth"]] %= _TURN
    return replace(dataset, poses=poses)


def fitting_scale(degrees: np.ndarray, known: IndexScale, *, turning: bool) -> IndexScale | None:
    """Return a scale on which all angles lie: the known one if it does, or else the coarsest.

    Args:
        degrees: (N,) angles, NaN where not observed.
        known: The scale to prefer.
        turning: Whether the angles go round, and 360 is 0.

    Returns:
        The scale; None if there is none.
    """
    values = np.unique(degrees[~np.isnan(degrees)])
    if not len(values) or _fits(values, known, turning):
        return known
    if not _whole(values):
        return None
    units = np.rint(values * _UNITS).astype(np.int64).tolist()
    steps = [b - a for a, b in pairwise(units)]
    turn = [_TURN * _UNITS] if turning else []
    usual = (AZIMUTH if turning else ELEVATION).step
    step = math.gcd(*steps, *turn) if steps else round(usual * _UNITS)
    return IndexScale(first=units[0] / _UNITS, step=step / _UNITS)


def _fits(values: np.ndarray, scale: IndexScale, turning: bool) -> bool:
    if not scale.step:
        return bool(np.all(np.abs(values - scale.first) < _CLOSE))
    away = values - scale.first
    if turning:
        away = away % math.copysign(_TURN, scale.step)
    index = np.rint(away / scale.step)
    return bool(np.all(index >= 0) and np.all(np.abs(index * scale.step - away) < _CLOSE))


def _whole(degrees: np.ndarray) -> bool:
    units = degrees * _UNITS
    return bool(np.all(np.abs(units - np.rint(units)) < _CLOSE * _UNITS))
