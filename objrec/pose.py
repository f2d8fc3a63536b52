"""Poses: the axes, their units and directions, and the grids that inference searches.

This page is the one place where conventions are stated; everything else refers to it.

Convention:
    azimuth    degrees, [0, 360): 0 = camera in front of the object; grows as the camera moves
               counter-clockwise round the object, seen from above.
    elevation  degrees: 0 = camera at the horizon, 90 = straight above.
    roll       degrees, (-180, 180]: the object turned in the image plane, counter-clockwise as
               seen in the image.
    scale      ratio, 1 = as the reference; *stored* (in vectors) as its natural logarithm.
    shift_x    fraction of the image side, positive to the right.
    shift_y    fraction of the image side, positive downwards.

A pose vector has all six axes in the order of `AXES`, in stored units, NaN where an axis was not
observed. Angles are degrees everywhere in objrec; radians live only inside single expressions.

Letters used for shapes in the whole project:
    B images   V cameras   C channels   H W image   h w feature map   K categories
    M reference models a category   P poses of a grid   A = 6 pose axes   N hypotheses
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from typing_extensions import TypedDict

from objrec.errors import SettingsError
from objrec.strict import misfit


@dataclass(frozen=True)
class Axis:
    """One pose axis: its unit as stored in pose vectors, and its period if it wraps round."""

    name: str
    unit: str
    period: float | None = None

    def difference(self, a: Any, b: Any) -> Any:
        """Return a - b by the shortest way round; works on numbers, arrays and tensors."""
        if self.period is None:
            return a - b
        half = self.period / 2
        return (a - b + half) % self.period - half

    def wrapped(self, value: Any) -> Any:
        """Bring a value into the axis' stated range."""
        if self.name == "azimuth":
            return value % 360.0 % 360.0  # twice: -1e-20 % 360.0 is 360.0
        if self.name == "roll":
            return 180.0 - (180.0 - value) % 360.0 % 360.0
        return value


AXIS: dict[str, Axis] = {
    axis.name: axis
    for axis in (
        Axis("azimuth", "deg", period=360.0),
        Axis("elevation", "deg"),
        Axis("roll", "deg", period=360.0),
        Axis("scale", "log ratio"),
        Axis("shift_x", "image side"),
        Axis("shift_y", "image side"),
    )
}
AXES: tuple[str, ...] = tuple(AXIS)
INDEX: dict[str, int] = {name: i for i, name in enumerate(AXES)}
VIEW_AXES = ("azimuth", "elevation")
PLANE_AXES = ("roll", "scale", "shift_x", "shift_y")
_SHOWN = 60  # characters of a name in a message
# In stored units: what is computed with values within it is finite, as float32 too.
_FARTHEST = dict.fromkeys(AXES, 1e6) | {"scale": 20.0}


@dataclass(frozen=True)
class Pose:
    """A pose in the units people use: degrees, scale as a ratio; None where unknown."""

    azimuth: float | None = None
    elevation: float | None = None
    roll: float | None = None
    scale: float | None = None
    shift_x: float | None = None
    shift_y: float | None = None

    @classmethod
    def from_vector(cls, vector: Iterable[float], axes: Iterable[str] = AXES) -> Pose:
        """Read a stored pose vector, keeping the axes named; NaN becomes None."""
        kept = set(axes)
        values = {}
        for name, value in zip(AXES, vector, strict=True):
            if name in kept and not math.isnan(value):
                stored = float(AXIS[name].wrapped(float(value)))
                values[name] = math.exp(stored) if name == "scale" else stored
        return cls(**values)

    def to_vector(self) -> np.ndarray:
        """Return the stored pose vector (6,), float64, NaN for unknown axes.

        Raises:
            ValueError: The scale is not positive.
        """
        vector = np.full(len(AXES), np.nan)
        for name, value in self.to_dict().items():
            if name == "scale" and value <= 0:
                raise ValueError(f"scale must be positive, not {value}")
            vector[INDEX[name]] = math.log(value) if name == "scale" else value
        return vector

    def to_dict(self) -> dict[str, float]:
        """Return the known axes, in the order of `AXES`."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:.4g}" for name, value in self.to_dict().items())


@dataclass(frozen=True)
class PoseSpace:
    """The poses that inference searches: for each searched axis its grid values, ascending.

    Axes that are not named stay at their neutral value: azimuth and elevation 0, no roll, scale
    1 (log 0), no shift.

    Example:
        >>> space = PoseSpace({"azimuth": (0.0, 120.0, 240.0), "elevation": (30.0, 60.0)})
        >>> space.axes, space.shape, space.size
        (('azimuth', 'elevation'), (3, 2), 6)
    """

    values: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        ordered = {}
        for name in self.values:
            if name not in AXIS:
                raise SettingsError(
                    f"pose space: unknown axis '{name}'; axes are {', '.join(AXES)}"
                )
        for name in AXES:
            if name in self.values:
                ordered[name] = _checked_values(name, self.values[name])
        object.__setattr__(self, "values", ordered)

    @property
    def axes(self) -> tuple[str, ...]:
        """The searched axes, in the order of `AXES`."""
        return tuple(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of grid values on each searched axis."""
        return tuple(len(v) for v in self.values.values())

    @property
    def size(self) -> int:
        """P, the number of poses of the grid (1 for a space without axes)."""
        return math.prod(self.shape)

    def part(self, axes: Iterable[str]) -> PoseSpace:
        """Return the space of those of the named axes that this space searches."""
        return PoseSpace({name: v for name, v in self.values.items() if name in axes})

    def grid(self) -> PoseGrid:
        """Return the grid of all combinations."""
        return PoseGrid(self)

    def to_json(self) -> dict[str, Any]:
        """Return axes, units and grid values as plain values."""
        return {n: {"unit": AXIS[n].unit, "values": list(v)} for n, v in self.values.items()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], place: str) -> PoseSpace:
        """Read what `to_json` wrote; raises SettingsError when it is not that."""
        values = {}
        for name, entry in stored.items():
            if name not in AXIS:
                raise SettingsError(f"{place}: pose_space.{name[:_SHOWN]} is not a pose axis")
            if problem := misfit(entry, _StoredAxis):
                raise SettingsError(
                    f"{place}: pose_space.{name} is not a pose axis with values: {problem}"
                )
            if entry["unit"] != AXIS[name].unit:
                unit = AXIS[name].unit
                raise SettingsError(f"{place}: pose_space.{name} must be in '{unit}'")
            values[name] = entry["values"]
        return cls(values)


class _StoredAxis(TypedDict):
    unit: str
    values: list[float]


def _checked_values(name: str, values: Iterable[float]) -> tuple[float, ...]:
    period = AXIS[name].period
    try:
        numbers = [float(v) for v in values]
    except (TypeError, ValueError, OverflowError) as error:
        raise SettingsError(f"pose space: {name} has a value that is not a number") from error
    if not numbers or not all(map(math.isfinite, numbers)):
        raise SettingsError(f"pose space: {name} needs at least one finite value")
    if max(map(abs, numbers)) > _FARTHEST[name]:
        raise SettingsError(f"pose space: {name} has a value beyond {_FARTHEST[name]:,g}")
    numbers = sorted(numbers if period is None else [v % period for v in numbers])
    if any(a == b for a, b in pairwise(numbers)):
        raise SettingsError(f"pose space: {name} lists one value twice")
    return tuple(numbers if period is None else _opened_at_largest_gap(numbers, period))


def _opened_at_largest_gap(numbers: list[float], period: float) -> list[float]:
    """Order values on a circle so that they ascend without crossing the widest gap.

    Views from 300 to 40 degrees become -60 to 40: neighbours in the list are neighbours in space.
    """
    gaps = [b - a for a, b in pairwise(numbers)]
    around = period - (numbers[-1] - numbers[0])
    if not gaps or max(gaps) <= 1.5 * around:
        return numbers
    first = gaps.index(max(gaps)) + 1
    return [v - period for v in numbers[first:]] + numbers[:first]


class PoseGrid:
    """All poses of a `PoseSpace`, flattened in row-major order of its axes.

    Attributes:
        space: The space that was enumerated.
        poses: (P, A) float32 stored units; axes that are not searched are at their neutral 0.
    """

    def __init__(self, space: PoseSpace) -> None:
        self.space = space
        self._kept: dict[tuple[str, torch.device], torch.Tensor] = {}
        self._gaps: dict[str, torch.Tensor] = {}

    @cached_property
    def poses(self) -> torch.Tensor:
        """The poses, (P, A) float32, built on first use."""
        poses = torch.zeros(self.size, len(AXES))
        if self.space.axes:
            axes_values = [torch.tensor(v, dtype=torch.float64) for v in self.space.values.values()]
            mesh = torch.meshgrid(*axes_values, indexing="ij")
            for name, values in zip(self.space.axes, mesh, strict=True):
                poses[:, INDEX[name]] = values.reshape(-1).float()
        return poses

    @property
    def axes(self) -> tuple[str, ...]:
        """The searched axes."""
        return self.space.axes

    @property
    def shape(self) -> tuple[int, ...]:
        """Grid values per searched axis; their product is P."""
        return self.space.shape

    @property
    def size(self) -> int:
        """P, the number of poses."""
        return self.space.size

    def __len__(self) -> int:
        return self.size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PoseGrid) and self.space == other.space

    def __hash__(self) -> int:
        return hash(tuple(self.space.values.items()))

    def __repr__(self) -> str:
        parts = (f"{n}[{len(v)}]" for n, v in self.space.values.items())
        return f"PoseGrid({' x '.join(parts) or 'single pose'})"

    def positions(self, name: str, values: torch.Tensor) -> torch.Tensor:
        """Say where values lie on one axis, counted in grid steps.

        A value on the j-th grid value has position j, one half way to the next j + 1/2; on a
        periodic axis that the grid goes all round, positions wrap at the number of values;
        beyond the ends of any other axis positions are clamped. NaN stays NaN.

        Args:
            name: A searched axis.
            values: (...) stored units.

        Returns:
            (...) float64 positions in [0, n - 1], or [0, n) where the axis wraps.
        """
        knots = self._values(name, values.device)
        values = values.double()
        n = len(knots)
        if self.wraps(name):
            knots = torch.cat([knots, knots[:1] + AXIS[name].period])
            values = (values - knots[0]) % AXIS[name].period + knots[0]
        elif AXIS[name].period is not None:
            middle = (knots[0] + knots[-1]) / 2
            values = middle + AXIS[name].difference(values, middle)
        if len(knots) == 1:
            return torch.where(values.isnan(), values, torch.zeros_like(values))
        inside = values.clamp(knots[0], knots[-1])
        left = (torch.searchsorted(knots, inside.contiguous(), right=True) - 1).clamp(
            0, len(knots) - 2
        )
        fraction = (inside - knots[left]) / (knots[left + 1] - knots[left])
        position = left + fraction
        return position % n if self.wraps(name) else position

    def _values(self, name: str, device: torch.device) -> torch.Tensor:
        """Return an axis' values as float64; kept, since a copy to a GPU waits for what it does."""
        if (name, device) not in self._kept:
            values = torch.tensor(self.space.values[name], dtype=torch.float64)
            self._kept[name, device] = values.to(device)
        return self._kept[name, device]

    def nearest(self, name: str, values: torch.Tensor | float) -> Any:
        """Return the index of the grid value nearest to each value on one axis."""
        position = self.positions(name, torch.as_tensor(values, dtype=torch.float64))
        index = position.round().long() % len(self.space.values[name])
        return index if isinstance(values, torch.Tensor) else int(index)

    def wraps(self, name: str) -> bool:
        """Whether the grid goes all the way round this axis.

        It does when the gap between its last and first value is at most 1.5 x the largest other.
        """
        values, period = self.space.values[name], AXIS[name].period
        if period is None or len(values) < 3:
            return False
        gaps = [b - a for a, b in pairwise(values)]
        return period - (values[-1] - values[0]) <= 1.5 * max(gaps)

    def gaps(self, name: str) -> torch.Tensor:
        """Return how far each value of an axis is from the ones before and after it, (n, 2).

        Beyond an end it is +inf, as for a single value.
        """
        if name not in self._gaps:
            values = torch.tensor(self.space.values[name], dtype=torch.float64)
            ends = torch.full((2,), torch.inf, dtype=torch.float64)
            if self.wraps(name):
                ends[:] = AXIS[name].period - (values[-1] - values[0])
            gaps = torch.cat([ends[:1], values.diff(), ends[1:]])
            self._gaps[name] = torch.stack([gaps[:-1], gaps[1:]], dim=1).float()
        return self._gaps[name]

    def steps(self, name: str) -> torch.Tensor:
        """Return the local grid step at each value of an axis, (n,); 0 for a single value.

        It is half the distance between the value's neighbours, the whole distance at an end.
        """
        values = torch.tensor(self.space.values[name], dtype=torch.float64)
        if len(values) == 1:
            return torch.zeros(1)
        if self.wraps(name):
            ends = torch.cat([values[-1:] - AXIS[name].period, values])
            ends = torch.cat([ends, values[:1] + AXIS[name].period])
            return ((ends[2:] - ends[:-2]) / 2).float()
        gaps = values.diff()
        return ((torch.cat([gaps[:1], gaps]) + torch.cat([gaps, gaps[-1:]])) / 2).float()

    def unravel(self, index: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return, for flat pose indices, the index on each searched axis."""
        parts = torch.unravel_index(index, self.shape) if self.axes else ()
        return dict(zip(self.axes, parts, strict=True))
