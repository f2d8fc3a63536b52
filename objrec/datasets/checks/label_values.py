"""Checks of pose labels whose values look like a mistake: another unit, another column."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from objrec.datasets.checks.facts import Facts
from objrec.datasets.checks.finding import REMARK, WARNING, Check, Finding, counted
from objrec.pose import AXIS

_FEWEST = 4  # different values, before they can look like anything
_SLACK = 0.01


def radians(facts: Facts) -> Iterator[Finding]:
    """Angles that all lie within one turn of radians."""
    limits = {"azimuth": math.tau, "elevation": math.pi / 2, "roll": math.pi}
    for axis, limit in limits.items():
        values = _signed(facts, axis)
        if _fractions(values) and 1 < np.abs(values).max() <= limit + _SLACK:
            yield Finding(
                WARNING,
                "radians",
                f"all values of {axis} lie within {np.abs(values).max():.2f} of 0: they look like "
                "radians, and are taken as degrees",
                f'if they are, write "pose_frame": {{"{axis}": {{"unit": "rad"}}}} into set.json',
                (axis,),
            )


def wrong_unit(facts: Facts) -> Iterator[Finding]:
    """Yield what `radians` and `turns` say of azimuths."""
    yield from (found for found in radians(facts) if "azimuth" in found.where)
    yield from turns(facts)


def turns(facts: Facts) -> Iterator[Finding]:
    """Azimuths that all lie within 0 and 1."""
    values = _signed(facts, "azimuth")
    if _fractions(values) and values.min() >= 0 and values.max() <= 1:
        yield Finding(
            WARNING,
            "turns",
            "all values of azimuth lie within 0 and 1: they look like parts of a turn, and are "
            "taken as degrees",
            "if they are, multiply them by 360",
        )


def constant_azimuth(facts: Facts) -> Iterator[Finding]:
    """The same azimuth on every image."""
    values = _observed(facts, "azimuth")
    if len(values) >= _FEWEST and len(np.unique(values)) == 1:
        yield Finding(
            WARNING,
            "constant-azimuth",
            f"azimuth is {values[0]:g} on all {counted(len(values), 'labelled image')}",
            "if it was never measured, leave the cells empty: it is then found in training",
        )


def constant_axis(facts: Facts) -> Iterator[Finding]:
    """The same roll, scale or shift on every image."""
    found = []
    for axis in ("roll", "scale", "shift_x", "shift_y"):
        values = _observed(facts, axis)
        if len(values) >= _FEWEST and len(np.unique(values)) == 1:
            found.append(f"{axis} ({values[0]:g})")
    if found:
        yield Finding(
            REMARK,
            "constant-axis",
            f"the same value on every image: {', '.join(found)}",
            "nothing is learned from it; if it was never measured, remove the column",
        )


def below_horizon(facts: Facts) -> Iterator[Finding]:
    """Elevations that are all negative."""
    values = _observed(facts, "elevation")
    if len(np.unique(values)) > 1 and values.max() < 0:
        yield Finding(
            WARNING,
            "below-horizon",
            f"all elevations are negative, {values.min():g} to {values.max():g}: the camera would "
            "always look up at the objects",
            "if it looks down on them, turn the sign round: 90 is straight above",
        )


def swapped_axes(facts: Facts) -> Iterator[Finding]:
    """Elevations that go up and down like azimuths, and azimuths that stay like elevations."""
    elevations, azimuths = _observed(facts, "elevation"), _signed(facts, "azimuth")
    if not len(elevations) or not len(azimuths):
        return
    many = len(np.unique(elevations)) > 2 * len(np.unique(azimuths))
    if many and np.ptp(elevations) > 120 and np.abs(azimuths).max() <= 90:
        yield Finding(
            WARNING,
            "swapped-axes",
            f"elevation goes from {elevations.min():g} to {elevations.max():g}, azimuth only from "
            f"{azimuths.min():g} to {azimuths.max():g}: the columns look swapped",
            "azimuth is the way round the object, elevation the height above it",
        )


def scale_percent(facts: Facts) -> Iterator[Finding]:
    """Scales that look like percentages."""
    values = _observed(facts, "scale")
    if len(values) and np.median(values) > 10:
        yield Finding(
            WARNING,
            "scale-percent",
            f"scale is {np.median(values):g} in the middle: it looks like percent or pixels, and "
            "is taken as a ratio",
            "divide it so that 1 is the usual size",
        )


def jitter(facts: Facts) -> Iterator[Finding]:
    """Azimuths that scatter a little about a few values."""
    values = np.sort(np.unique(_observed(facts, "azimuth").round(3)))
    if len(values) < 3 * _FEWEST:
        return
    gaps = np.diff(np.append(values, values[0] + 360))
    wide = gaps > 4
    places, spread = int(wide.sum()), gaps[~wide]
    # Few places, several values at each, and the gaps within far smaller than those between.
    if 2 <= places <= 72 and len(values) >= 3 * places and spread.max() < gaps[wide].min() / 4:
        widest = max(np.ptp(part) for part in _runs(values, gaps > 4))
        yield Finding(
            REMARK,
            "jitter",
            f"azimuths scatter by up to {widest:.2g}° about {counted(places, 'place')}",
            "if the places were meant, round the labels: searched poses then lie on them",
        )


def _runs(values: np.ndarray, cut_after: np.ndarray) -> list[np.ndarray]:
    """Divide ascending azimuths after some of them; the last part goes on with the first."""
    cuts = np.flatnonzero(cut_after) + 1
    turned = np.concatenate([values[cuts[-1] :] - 360, values[: cuts[-1]]])
    return np.split(turned, cuts[:-1] + len(values) - cuts[-1])


def _observed(facts: Facts, axis: str) -> np.ndarray:
    """Return the labels of an axis of all images of objects that have one."""
    values = facts.axis(axis)[facts.is_object]
    return values[~np.isnan(values)]


def _signed(facts: Facts, axis: str) -> np.ndarray:
    """Return angles in (-180, 180], as they may have been written before they were wrapped.

    Small positive ones stay as they are: a reader wraps -3 to 357.
    """
    values = _observed(facts, axis)
    return values if AXIS[axis].period is None else 180.0 - (180.0 - values) % 360.0


def _fractions(values: np.ndarray) -> bool:
    """Whether there are several different values, and most are no whole numbers."""
    different = np.unique(values)
    if len(different) < _FEWEST:
        return False
    return bool((np.abs(different - different.round()) > 1e-3).mean() > 0.5)


CHECKS: dict[str, Check] = {
    "radians": radians,
    "turns": turns,
    "constant-azimuth": constant_azimuth,
    "constant-axis": constant_axis,
    "below-horizon": below_horizon,
    "swapped-axes": swapped_axes,
    "scale-percent": scale_percent,
    "jitter": jitter,
}
