"""Energy landscapes: the energy over two pose axes, the lowest over all others, with its minima.

Works on `Energies` alone; knows no image and draws nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from objrec.energy.energies import Energies
from objrec.energy.minima import local_minima
from objrec.pose import AXIS, PoseSpace


@dataclass(frozen=True)
class PlaneAxis:
    """A pose axis across or up a landscape.

    Attributes:
        name: One of `AXES`.
        values: Ascending, in the units people use: degrees, scale as a ratio.
        wraps: Whether the last value and the first are neighbours.
    """

    name: str
    values: tuple[float, ...]
    wraps: bool

    def placed(self, value: float) -> float:
        """Return an equal value on the scale of `values`: of 0 to 340 degrees, 355 is -5."""
        return near(self.name, value, (self.values[0] + self.values[-1]) / 2)


@dataclass(frozen=True)
class Plane:
    """The two pose axes of a landscape.

    Attributes:
        columns: Across: azimuth, where the model searches it.
        rows: Upwards: elevation; None where no second axis is searched, for one row.
    """

    columns: PlaneAxis
    rows: PlaneAxis | None

    @classmethod
    def of(cls, space: PoseSpace) -> Plane | None:
        """Choose the axes for a pose space; None if it searches none.

        Azimuth and elevation, azimuth alone where elevation has a single value, or the first two
        axes of a space that does not search azimuth.
        """
        searched = [name for name, values in space.values.items() if len(values) > 1]
        if "azimuth" in searched:
            searched = ["azimuth", *(["elevation"] if "elevation" in searched else [])]
        if not searched:
            return None
        grid = space.grid()
        axes = [
            PlaneAxis(name, tuple(shown(name, v) for v in space.values[name]), grid.wraps(name))
            for name in searched[:2]
        ]
        return cls(axes[0], axes[1] if len(axes) > 1 else None)

    @property
    def axes(self) -> tuple[PlaneAxis, ...]:
        """The columns, and the rows if there are any."""
        return (self.columns, self.rows) if self.rows else (self.columns,)

    def to_dict(self) -> dict[str, list[float]]:
        """Return axis → its values."""
        return {axis.name: list(axis.values) for axis in self.axes}


@dataclass(frozen=True)
class Minimum:
    """A cell of a landscape that is not higher than its neighbours.

    Attributes:
        row: Its index.
        column: Likewise.
        energy: There.
    """

    row: int
    column: int
    energy: float


@dataclass(frozen=True)
class Landscape:
    """The energy of one category over a `Plane`.

    Attributes:
        energy: (rows, columns), the lowest over all other axes.
        minima: Local minima, lowest first.
    """

    energy: np.ndarray
    minima: tuple[Minimum, ...]

    @classmethod
    def of(cls, energy: torch.Tensor, plane: Plane) -> Landscape:
        """Find the minima of energies (rows, columns)."""
        wraps = [bool(plane.rows and plane.rows.wraps), plane.columns.wraps]
        lowest = local_minima(energy[None, None], wraps)[0, 0].nonzero().tolist()
        values = energy.double().cpu().numpy()
        minima = [Minimum(row, column, float(values[row, column])) for row, column in lowest]
        return cls(values, tuple(sorted(minima, key=lambda minimum: minimum.energy)))

    def to_dict(self, plane: Plane) -> dict[str, Any]:
        """Return plain values, each minimum with the pose it stands for."""
        minima = []
        for minimum in self.minima:
            pose = {plane.columns.name: plane.columns.values[minimum.column]}
            if plane.rows:
                pose[plane.rows.name] = plane.rows.values[minimum.row]
            minima.append(pose | {"energy": minimum.energy})
        return {"energy": self.energy.tolist(), "minima": minima}


def over_plane(energies: Energies, plane: Plane) -> torch.Tensor:
    """Return the energies over a plane, (B, K, rows, columns), minimal over all other axes."""
    names = energies.grid.axes
    surfaces = energies.surfaces()
    kept = [names.index(axis.name) + 2 for axis in plane.axes]
    others = [dim for dim in range(2, surfaces.ndim) if dim not in kept]
    surfaces = surfaces.amin(dim=others) if others else surfaces
    if plane.rows is None:
        return surfaces[:, :, None]
    return surfaces if kept[0] > kept[1] else surfaces.transpose(2, 3)


def near(name: str, value: float, other: float) -> float:
    """Return the value of an axis that equals a given one and is nearest to another."""
    return float(other + AXIS[name].difference(value, other))


def shown(name: str, stored: float) -> float:
    """Return a stored value of an axis in the unit people use; azimuth is left unwrapped."""
    return math.exp(stored) if name == "scale" else float(stored)
