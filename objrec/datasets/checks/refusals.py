"""What a labels.csv that is refused suggests: the column holds something else than it should.

The reader stops at the first cell out of range. Here the whole column is looked at, to say what it
looks like. Only the table is read, and only after it was refused.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import numpy as np

from objrec.datasets.checks.finding import ERROR, Finding
from objrec.datasets.delimited import read_delimited
from objrec.errors import DataError

_PLACE = re.compile(r"^(?P<path>.*):\d+: (?P<axis>elevation|scale|shift_x|shift_y) ")


def refused_labels(error: DataError) -> Finding | None:
    """Turn the refusal of a pose label into a finding; None if it is about something else."""
    place = _PLACE.match(str(error))
    if place is None:
        return None
    try:
        table = read_delimited(Path(place["path"]), ())
    except DataError:
        return None
    columns = {name: _numbers([row[name] for _, row in table.rows]) for name in table.columns}
    values = columns.get(place["axis"], np.zeros(0))
    if not len(values):
        return None
    if place["axis"] == "elevation":
        advice = _elevation(values, columns.get("azimuth"))
    else:
        advice = _plane(place["axis"], values)
    return Finding(ERROR, "refused-labels", str(error), advice, (place["path"],))


def _numbers(cells: list[str]) -> np.ndarray:
    found = []
    for cell in cells:
        with contextlib.suppress(ValueError):
            found.append(float(cell.replace(",", ".")))
    return np.array([value for value in found if np.isfinite(value)])


def _elevation(values: np.ndarray, azimuths: np.ndarray | None) -> str:
    span = f"the column goes from {values.min():g} to {values.max():g}"
    if azimuths is not None and len(azimuths) and np.abs(azimuths).max() <= 90:
        return (
            f"{span}, azimuth only from {azimuths.min():g} to {azimuths.max():g}: if the two were "
            "swapped, swap their names"
        )
    if values.min() >= 0 and values.max() <= 180:
        return f"{span}: if it is the angle from straight above, write 90 minus it"
    if values.max() <= 360:
        return f"{span}: if it goes round, write -10 for 350"
    return f"{span}: write degrees above the horizon"


def _plane(axis: str, values: np.ndarray) -> str:
    if axis == "scale":
        return f"{(values <= 0).sum()} cells are not positive: if they are logarithms, take exp"
    return (
        f"the column goes from {values.min():g} to {values.max():g}: if these are pixels, divide "
        "them by the longer side of the image"
    )
