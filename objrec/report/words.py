"""How the report writes numbers and names: shares, counts, energies, angles, intervals.

Every figure gets the precision it deserves. No markup here, and no sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from objrec.pose import AXIS

SPACE = "\N{NO-BREAK SPACE}"  # between a number and its unit
NONE = "–"
KINDS = {
    "energy": "energy-based recogniser",
    "cnn": "convolutional classifier (softmax)",
    "cnn-pose": "convolutional classifier with pose heads",
    "nearest": "nearest neighbour in pixels",
    "svm": "support vector machine on pixels",
    "retrieval": "nearest neighbour in features",
}


def percent(share: float | None) -> str:
    """Write a share: "12.3 %"; "–" for None."""
    return NONE if share is None else f"{100 * share:.1f}{SPACE}%"


def count(number: int) -> str:
    """Write a whole number with thin groups of three: "24 300" from five digits on."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}") if number > 9999 else str(number)


def number(value: float | None, digits: int = 3) -> str:
    """Write a number with so many significant digits, without exponent where it can be read."""
    if value is None:
        return NONE
    if value and abs(value) >= 10**digits:
        return count(round(value)) if abs(value) < 1e9 else f"{value:.{digits}g}"
    return f"{value:.{digits}g}"


def energy(value: float | None) -> str:
    """Write an energy with three significant digits, zeros and all: energies stand in a column."""
    return NONE if value is None else f"{value:#.3g}".rstrip(".")


def degrees(value: float | None) -> str:
    """Write an angle that was measured: "4.3°", "169°"."""
    return NONE if value is None else f"{value:.0f}°" if value >= 99.95 else f"{value:.1f}°"


def factor_value(row: dict[str, Any]) -> str:
    """Write what a row of a factor table stands for: a number, a range or a name."""
    if "range" in row:
        low, high = row["range"]
        return f"{low:.4g} to {high:.4g}"
    return row["value"] if isinstance(row["value"], str) else f"{row['value']:.4g}"


def interval(ends: Sequence[float | None] | None, *, share: bool = True) -> str:
    """Write an interval: "9.1 to 14.0 %"; "–" where there is none."""
    if ends is None or None in ends:
        return NONE
    low, high = ends
    if share:
        return f"{100 * low:.1f} to {percent(high)}"
    return f"{number(low)} to {number(high)}"


def points(difference: float | None) -> str:
    """Write a difference of shares in percentage points with its sign: "+6.3", "−0.2"."""
    if difference is None:
        return NONE
    return f"{100 * difference:+.1f}".replace("-", "\N{MINUS SIGN}")


def p_value(value: float | None) -> str:
    """Write a p-value: "0.011", "< 0.001"."""
    if value is None:
        return NONE
    return "< 0.001" if value < 0.001 else f"{value:.2g}"


def some(number: int, one: str, many: str) -> str:
    """Write how many: "1 image", "25 images"."""
    return f"{count(number)} {one if number == 1 else many}"


def axis_name(name: str) -> str:
    """Write an axis for people: "shift x"."""
    return name.replace("_", " ")


def pose(values: dict[str, float | None]) -> str:
    """Write a pose: "azimuth 30°, elevation 12.5°"."""
    return ", ".join(
        f"{axis_name(axis)} " + (f"{round(value, 1):g}°" if _angular(axis) else number(value))
        for axis, value in values.items()
        if value is not None and axis in AXIS
    )


def _angular(axis: str) -> bool:
    return AXIS[axis].unit == "deg"


def category_name(name: str) -> str:
    """Shorten a name, without the half characters of broken file names: no font has them."""
    name = name.encode("utf-8", "replace").decode("utf-8")
    return name if len(name) <= 18 else name[:17] + "…"
