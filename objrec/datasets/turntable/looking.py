"""Finding the object in the frames of a run, and the crops that follow from it.

Frames are read, none is kept: they may be many and large.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from objrec.datasets.cropping import Box, Finding, look_for_object, steady_crops
from objrec.datasets.turntable.video import Footage, common_size
from objrec.errors import DataError, Failure

# With the object found in fewer frames than this share, the boxes are not to be trusted.
_ENOUGH = 0.5


@dataclass(frozen=True)
class Run:
    """One input: an object that turns once before one camera.

    Attributes:
        footage: Its frames.
        instance: The object's name.
        elevation: Of the camera in degrees, None if not known.
        indices: (n,) the frames that are used.
        azimuths: (n,) their azimuths in degrees.
    """

    footage: Footage
    instance: str
    elevation: float | None
    indices: np.ndarray
    azimuths: np.ndarray


@dataclass(frozen=True)
class Look:
    """What was seen in a run.

    Attributes:
        findings: n boxes, or why there is none.
        crops: n squares to cut out; None: the frames are kept whole.
        failures: Frames that cannot be used.
        usable: (n,) bool, the others.
    """

    findings: tuple[Finding, ...]
    crops: tuple[Box, ...] | None
    failures: tuple[Failure, ...]
    usable: np.ndarray

    @property
    def found(self) -> int:
        """The number of frames with a box."""
        return sum(finding.box is not None for finding in self.findings)

    @property
    def reason(self) -> str:
        """Why there is no box in most of the frames that have none."""
        reasons = Counter(finding.reason for finding in self.findings if finding.box is None)
        return reasons.most_common(1)[0][0] if reasons else ""


def frames_of(run: Run) -> Iterator[np.ndarray | Failure]:
    """Read the frames of a run that are used."""
    return run.footage.read(run.indices.tolist())


def look_at(run: Run, *, crop: bool, margin: float, on_frame: Callable[[], None]) -> Look:
    """Look for the object in all frames of a run.

    Args:
        run: The run.
        crop: Whether to look for the object at all; otherwise frames are only tried.
        margin: Left free on each side of the object, as a share of it.
        on_frame: Called after each frame.

    Raises:
        DataError: No frame can be read.
    """
    sizes: list[tuple[int, int] | None] = []
    findings: list[Finding] = []
    failures: dict[int, Failure] = {}
    for number, pixels in enumerate(frames_of(run)):
        if isinstance(pixels, Failure):
            failures[number] = pixels
        finding = look_for_object(pixels) if crop and number not in failures else Finding(None)
        findings.append(finding)
        sizes.append(None if number in failures else pixels.shape[:2])
        on_frame()
    failures |= _odd_sizes(run, sizes)
    if len(failures) == len(findings):
        raise DataError(str(next(iter(failures.values()))))
    usable = np.array([number not in failures for number in range(len(findings))])
    size = common_size([s for s, good in zip(sizes, usable, strict=True) if s and good])
    boxes = [f.box if good else None for f, good in zip(findings, usable, strict=True)]
    enough = sum(box is not None for box in boxes) >= max(1.0, _ENOUGH * usable.sum())
    return Look(
        tuple(findings[i] for i in range(len(findings))),
        steady_crops(boxes, size, margin) if enough else None,
        tuple(failures.values()),
        usable,
    )


def _odd_sizes(run: Run, sizes: list[tuple[int, int] | None]) -> dict[int, Failure]:
    """Refuse frames of another size than most: boxes of different sizes cannot be compared."""
    known = [size for size in sizes if size]
    usual = common_size(known) if known else (0, 0)
    return {
        number: Failure(
            f"{run.footage.path}#{run.indices[number]}",
            f"is {size[1]} x {size[0]} pixels, and most frames {usual[1]} x {usual[0]}; "
            "leave out what is no frame of the same camera",
        )
        for number, size in enumerate(sizes)
        if size and size != usual
    }


def shown_path(path: Path) -> str:
    """Return what an input is called in remarks and pictures."""
    return path.name or str(path.resolve().name)
