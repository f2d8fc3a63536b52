"""All answers in blocks: some categories, some poses; never all at once.

A block is small, since a warp that stays in the processor's cache takes half the time of one that
does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from objrec.energy.distance import Compare, LocalDistance, SquaredDistance
from objrec.energy.model import EnergyModel
from objrec.energy.references import Chosen
from objrec.warping import Operators

WARPED = 4_000_000  # bytes of warped references a block: about what a processor's cache holds


class Block(NamedTuple):
    """Some answers.

    Attributes:
        categories: Which categories.
        poses: Which poses of the grid, in row-major order.
        ranges: The same poses, on each axis.
    """

    categories: slice
    poses: slice
    ranges: tuple[range, ...]


def answer_bytes(model: EnergyModel) -> int:
    """Return how many bytes the comparison with one warped reference holds."""
    numbers = model.references.channels * model.references.side**2
    if isinstance(model.distance, SquaredDistance):
        numbers *= 2
    return numbers * model.distance.log_scale.element_size()


def pose_runs(shape: tuple[int, ...], most: int) -> Iterator[tuple[slice, tuple[range, ...]]]:
    """Yield runs of a row-major grid, each a product of ranges on the axes.

    Args:
        shape: Values on each axis.
        most: Poses of a run, at most.
    """
    axis, inner = len(shape), 1
    while axis and inner * shape[axis - 1] <= most:
        axis -= 1
        inner *= shape[axis]
    if not axis:
        yield slice(0, inner), tuple(range(n) for n in shape)
        return
    width, whole = max(1, most // inner), tuple(range(n) for n in shape[axis:])
    for outer in range(math.prod(shape[: axis - 1])):
        places, rest = [], outer
        for n in reversed(shape[: axis - 1]):
            rest, place = divmod(rest, n)
            places.insert(0, range(place, place + 1))
        for first in range(0, shape[axis - 1], width):
            run = range(first, min(first + width, shape[axis - 1]))
            start = (outer * shape[axis - 1] + first) * inner
            yield slice(start, start + len(run) * inner), (*places, run, *whole)


def blocks(categories: int, models: int, shape: tuple[int, ...], most: int) -> Iterator[Block]:
    """Yield all answers, the poses of some categories after one another.

    Args:
        categories: K.
        models: M references a category.
        shape: Grid values on each axis.
        most: Answers of a block, at most, unless one pose has more references.
    """
    width = min(categories, max(1, most // (models * math.prod(shape))))
    for first in range(0, categories, width):
        some = slice(first, min(first + width, categories))
        for poses, ranges in pose_runs(shape, max(1, most // models)):
            yield Block(some, poses, ranges)


def compared(model: EnergyModel, ops: Operators, categories: slice, chosen: Chosen) -> Compare:
    """Return the comparison with the references of a block, in the order (K', M, P')."""
    maps, coverage = model.references.part(ops, categories, chosen)
    coverage = coverage.expand(*maps.shape[:2], -1, -1, -1, -1)
    return model.distance.against(maps.flatten(0, 2), coverage.flatten(0, 2))


def cells_held(model: EnergyModel) -> int:
    """Return how many numbers the distance of one image to one reference takes on its way."""
    return 4 * model.references.side**2 if isinstance(model.distance, LocalDistance) else 1
