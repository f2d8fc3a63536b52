"""From the labels of a training set to the pose space that is searched."""

from __future__ import annotations

import numpy as np

from objrec.datasets.frame import RELATIVE, PoseFrame
from objrec.errors import SettingsError
from objrec.pose import AXES, AXIS, INDEX, PoseSpace
from objrec.training.settings import PoseSettings

_AZIMUTH_STEPS = (60.0, 45.0, 36.0, 30.0, 22.5, 20.0, 18.0, 15.0, 12.0, 10.0)
_DEFAULT_AZIMUTH_STEP = 20.0
_UNLABELLED_ELEVATIONS = (15.0, 35.0, 55.0)
_MERGED_DEGREES = 4.0
_MOST_VALUES = 12
_MOST_POSES = 20_000


def choose_space(
    poses: np.ndarray,
    settings: PoseSettings,
    references: str,
    frame: PoseFrame | None = None,
    front: float | None = None,
) -> PoseSpace:
    """Choose the grid of poses to search.

    Azimuth goes all the way round where views do, in the widest step that the labels nearly lie
    on; where they leave a wide gap, only those that training shows are searched, since a trained
    model is pushed away from poses it never sees. Elevation takes the set's own values. In-plane
    axes are searched where they were observed, or on request (`roll_range`). Where nothing was
    observed at all, volumes search views all round, as a latent pose.

    Args:
        poses: (N, A) stored units, NaN where not observed or not to be used.
        settings: Steps.
        references: 'volume' or 'planar'; planar references have views only where observed.
        frame: How the labels are meant; relative azimuths say nothing of where views are.
        front: The azimuth of the front, by which training mirrors images: it then shows azimuth
            2 front - a as well as a. None where nothing is mirrored.

    Raises:
        SettingsError: The grid would have more than 20,000 poses.
    """
    values: dict[str, tuple[float, ...]] = {}
    relative = (frame or PoseFrame()).axes_of(RELATIVE)
    for name in AXES:
        observed = poses[:, INDEX[name]]
        observed = observed[~np.isnan(observed)]
        if name == "azimuth":
            found = _azimuths(observed, settings, references, name in relative, front)
        else:
            found = _axis_values(name, observed, settings, references)
        if found is not None and len(found) > 1:
            values[name] = found
    space = PoseSpace(values)
    if space.size > _MOST_POSES:
        counts = ", ".join(f"{len(v)} of {name}" for name, v in space.values.items())
        raise SettingsError(
            f"the pose space would have {space.size:,} poses ({counts}); "
            "leave axes out with --pose AXIS=latent, or search them in wider steps"
        )
    return space


def _axis_values(
    name: str, observed: np.ndarray, settings: PoseSettings, references: str
) -> tuple[float, ...] | None:
    if name == "elevation":
        return _elevations(observed, settings, references)
    if name == "roll" and settings.roll_range > 0:
        return _rolls(settings.roll_range, settings.roll_step)
    if not len(observed):
        return None
    return _own_or_spread(observed, _MOST_VALUES)


def _azimuths(
    observed: np.ndarray,
    settings: PoseSettings,
    references: str,
    relative: bool,
    front: float | None,
) -> tuple[float, ...] | None:
    step = settings.azimuth_step
    if not len(observed):
        if references == "planar":
            return None
        return _spread(0.0, 360.0, step or _DEFAULT_AZIMUTH_STEP)
    if step is None:
        step = _fitting_step(observed)
    grid = np.array(_spread(0.0, 360.0, step))
    if relative:
        return tuple(grid)
    shown = np.unique(observed)
    if front is not None:
        shown = np.concatenate([shown, 2 * front - shown])
    distance = np.abs(AXIS["azimuth"].difference(grid[:, None], shown[None]))
    return tuple(grid[distance.min(axis=1) <= step / 2 + 1e-6])


def _fitting_step(observed: np.ndarray) -> float:
    """Return the widest step whose multiples the labels lie on, or nearly.

    Random labels lie step/4 from the nearest multiple on average; a step fits when it is less
    than a third of that.
    """
    for step in _AZIMUTH_STEPS:
        residual = np.abs((observed + step / 2) % step - step / 2)
        if residual.mean() < step / 12:
            return step
    return _DEFAULT_AZIMUTH_STEP


def _elevations(
    observed: np.ndarray, settings: PoseSettings, references: str
) -> tuple[float, ...] | None:
    if not len(observed):
        return None if references == "planar" else _UNLABELLED_ELEVATIONS
    if settings.elevation_step is not None:
        return _spread(observed.min(), observed.max() + 1e-6, settings.elevation_step)
    return _own_or_spread(observed, _MOST_VALUES, merged=_MERGED_DEGREES)


def _rolls(most: float, step: float) -> tuple[float, ...]:
    """Return rolls about `step` apart from -most to most, with 0 among them."""
    either_way = max(1, round(most / step))
    rolls = np.linspace(-most, most, 2 * either_way + 1)
    return tuple(float(v) for v in (rolls[1:] if most == 180.0 else rolls))  # -180 is 180


def _own_or_spread(observed: np.ndarray, most: int, merged: float = 0.0) -> tuple[float, ...]:
    """Return the distinct labels, near ones merged; evenly spread values when they are many."""
    distinct, counts = np.unique(np.round(observed, 6), return_counts=True)
    groups = np.split(np.arange(len(distinct)), np.flatnonzero(np.diff(distinct) > merged) + 1)
    if len(groups) <= most and all(np.ptp(distinct[g]) <= 2 * merged for g in groups):
        return tuple(float(np.average(distinct[g], weights=counts[g])) for g in groups)
    return tuple(float(v) for v in np.linspace(distinct[0], distinct[-1], most))


def _spread(low: float, high: float, step: float) -> tuple[float, ...]:
    return tuple(
        float(v) for v in np.arange(low, high - 1e-9 if high == 360.0 else high + 1e-9, step)
    )
