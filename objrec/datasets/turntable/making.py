"""Making a labelled set, or one more object of one, from videos or folders of frames.

Frames are read twice: to find the object, and to cut it out. None is kept in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from objrec.datasets.cropping import cut_out
from objrec.datasets.frame import OBSERVED, RELATIVE, AxisNote, PoseFrame
from objrec.datasets.naming import safe_name
from objrec.datasets.resizing import shrunk
from objrec.datasets.turntable.angles import TurntableSettings, picked_frames
from objrec.datasets.turntable.joining import Addition, View, add_object, check_addition
from objrec.datasets.turntable.looking import Look, Run, frames_of, look_at, shown_path
from objrec.datasets.turntable.sheet import draw_crops
from objrec.datasets.turntable.video import open_footage
from objrec.errors import DataError, Failure
from objrec.pose import AXES, INDEX

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Turned:
    """What was made.

    Attributes:
        images: The number of images written.
        instances: The names of the objects.
        failures: Frames that are not among them.
        remarks: How the frames were taken and cropped, in sentences.
    """

    images: int
    instances: tuple[str, ...]
    failures: tuple[Failure, ...]
    remarks: tuple[str, ...]


def from_turntable(
    inputs: Sequence[str | Path],
    category: str,
    out: str | Path,
    settings: TurntableSettings | None = None,
    *,
    instance: str | None = None,
    picture: Path | None = None,
    add: bool = False,
    force: bool = False,
    on_progress: Progress | None = None,
) -> Turned:
    """Make an object's frames a labelled folder.

    Args:
        inputs: Videos, or folders of frames, of one object; each shows one turn.
        category: What it is.
        out: The set: a new folder, or with `add` one that was made in this way.
        settings: How it turns, and how it is cropped.
        instance: The object's name; the first input's, if left out.
        picture: Where to draw the frames and their crops; None: nowhere.
        add: Put the object into a set that is there.
        force: Write into a folder that is not empty.
        on_progress: Called with (frames done, frames to do).

    Raises:
        DataError: An input cannot be read, or the set not be written or added to.
        SettingsError: The elevations do not fit the inputs.
    """
    settings, out = settings or TurntableSettings(), Path(out)
    name = instance or _stem(inputs)
    if not category.strip() or not name.strip():
        raise DataError(f"{out}: category and instance need names; give --category and --instance")
    names = _instances(name, len(inputs), settings)
    check_addition(out, category, names, _frame(settings), add=add, force=force)
    runs = _runs(inputs, names, settings)
    tick = _counter(2 * sum(len(run.indices) for run in runs), on_progress)
    looks = [
        look_at(run, crop=settings.crop, margin=settings.margin, on_frame=tick) for run in runs
    ]
    addition = Addition(category, _frame(settings), _views(runs, looks, settings, tick))
    written = add_object(out, addition, add=add, force=force)
    if picture is not None:
        draw_crops(runs, looks, picture)
    return Turned(
        written,
        tuple(dict.fromkeys(names)),
        tuple(failure for look in looks for failure in look.failures),
        tuple(_remarks(runs, looks, settings)),
    )


def picture_beside(out: Path, instance: str | None, inputs: Sequence[str | Path]) -> Path:
    """Return where the crops of an object are drawn unless somebody says where."""
    return out.with_name(f"{out.name}-{safe_name(instance or _stem(inputs))}.jpg")


def _stem(inputs: Sequence[str | Path]) -> str:
    return safe_name(Path(inputs[0]).expanduser().resolve().stem)


def _instances(name: str, inputs: int, settings: TurntableSettings) -> list[str]:
    """Name the object of each input: one for all, unless their starts have nothing in common."""
    if settings.same_start or inputs == 1:
        return [name] * inputs
    return [f"{name}-{number}" for number in range(1, inputs + 1)]


def _frame(settings: TurntableSettings) -> PoseFrame:
    zero = "the first frame of each turn" if settings.start is None else "the object's front"
    known = settings.start is not None
    note = AxisNote(
        unit="deg",
        zero=zero,
        labels=OBSERVED if known else RELATIVE,
        front=0.0 if known else None,
    )
    return PoseFrame({"azimuth": note})


def _runs(
    inputs: Sequence[str | Path], names: Sequence[str], settings: TurntableSettings
) -> list[Run]:
    runs = []
    elevations = settings.elevations(len(inputs))
    for path, name, elevation in zip(inputs, names, elevations, strict=True):
        footage = open_footage(path)
        indices, azimuths = picked_frames(footage.count, settings, footage.times)
        runs.append(Run(footage, name, elevation, indices, azimuths))
    return runs


def _counter(total: int, on_progress: Progress | None) -> Callable[[], None]:
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if on_progress:
            on_progress(done, total)

    return tick


def _views(
    runs: Sequence[Run],
    looks: Sequence[Look],
    settings: TurntableSettings,
    tick: Callable[[], None],
) -> Iterator[View]:
    """Read the frames once more, and cut out of each what its crop says."""
    for number, (run, look) in enumerate(zip(runs, looks, strict=True), 1):
        for i, pixels in enumerate(frames_of(run)):
            tick()
            if isinstance(pixels, Failure) or not look.usable[i]:
                continue
            pixels = cut_out(pixels, look.crops[i]) if look.crops else pixels
            pose = np.full(len(AXES), np.nan)
            pose[INDEX["azimuth"]] = run.azimuths[i]
            if run.elevation is not None:
                pose[INDEX["elevation"]] = run.elevation
            before = f"{number}-" if len(runs) > 1 else ""
            name = f"{before}{run.azimuths[i]:07.3f}"
            yield View(run.instance, name, pose, shrunk(pixels, settings.size))


def _remarks(
    runs: Sequence[Run], looks: Sequence[Look], settings: TurntableSettings
) -> Iterator[str]:
    for run, look in zip(runs, looks, strict=True):
        frames = f"{shown_path(run.footage.path)}: {len(run.indices)} of {run.footage.count} frames"
        if not settings.crop:
            yield f"{frames}, not cropped"
        elif look.crops is None:
            yield (
                f"{frames}, not cropped: the object was found in {look.found} of them only "
                f"({look.reason})"
            )
        else:
            lost = "" if look.found == len(look.findings) else f" ({look.reason} in the others)"
            yield (
                f"{frames}, object found in {look.found}{lost}, "
                f"crops of {look.crops[0].width} x {look.crops[0].height} pixels"
            )
    if len(runs) > 1:
        yield (
            "all inputs are taken to start at the same angle; if not, add --no-same-start"
            if settings.same_start
            else "each input is an object of its own, since they start at different angles"
        )
