"""Frames of a video file or of a folder of images, in order, each read when it is wanted.

A video is decoded from its beginning every time that frames are read, and the number of its frames
is counted, not believed: containers state it wrongly. Frames are upright: the rotation that phones
note in a video, and the EXIF orientation of images, are applied.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from objrec.datasets.images import is_image_name, read_image
from objrec.datasets.turntable.video_files import is_cut_short
from objrec.errors import DataError, Failure

# FFmpeg's own lines on stderr would repeat what the DataError says; read when first used.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

Read = Callable[[Sequence[int]], Iterator[np.ndarray | Failure]]
Tick = Callable[[int, int], None]


@dataclass(frozen=True)
class Footage:
    """The frames of one video or folder.

    Attributes:
        path: The file or folder.
        count: How many frames there are.
        read: Yields the frames of ascending indices, uint8 (H, W, 3) RGB or (H, W) gray, a Failure
            where one cannot be read.
        times: (count,) seconds, ascending, where the frames of a video are not evenly spaced.
        stated: How many frames the container says there are; 0 if it does not.
    """

    path: Path
    count: int
    read: Read = field(repr=False)
    times: np.ndarray | None = None
    stated: int = 0


def open_footage(path: str | Path, on_progress: Tick | None = None) -> Footage:
    """Open a video file or a folder of frames.

    Args:
        path: Any video that OpenCV reads, or a folder whose images are the frames, in the order of
            their names, numbers by value: 2 before 10.
        on_progress: Called with (frames counted, frames stated) while a video is counted.

    Raises:
        DataError: There is no such file or folder, it is no video, is cut short, or has fewer than
            two frames.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        return _open_folder(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file or folder; name a video, or a folder of frames")
    if is_image_name(path) and path.suffix.lower() != ".gif":
        raise DataError(f"{path}: is a single image; name the folder that holds the frames")
    return _open_video(path, on_progress or (lambda done, total: None))


def _open_folder(folder: Path) -> Footage:
    paths = sorted((p for p in folder.iterdir() if is_image_name(p)), key=natural_key)
    if len(paths) < 2:
        has = "one image" if paths else "no images"
        raise DataError(f"{folder}: holds {has}; a turntable needs a video or a folder of frames")

    def read(indices: Sequence[int]) -> Iterator[np.ndarray | Failure]:
        for index in indices:
            try:
                yield read_image(paths[index])
            except DataError as error:
                source = str(paths[index])
                yield Failure.of(source, error)

    return Footage(folder, len(paths), read)


def natural_key(path: Path) -> tuple:
    """Return what paths are sorted by so that numbers in their names count by value.

    Example:
        >>> [p.name for p in sorted(map(Path, ["a10.png", "a2.png", "a1.png"]), key=natural_key)]
        ['a1.png', 'a2.png', 'a10.png']
    """
    parts = re.split(r"(\d+)", path.name.casefold())
    return ([int(part) if i % 2 else part for i, part in enumerate(parts)], path.name)


def _open_video(path: Path, on_progress: Tick) -> Footage:
    if _cut_short(path):
        raise DataError(f"{path}: the video is cut short; copy the file again")
    with _captured(path) as capture:
        stated = max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
        times: list[float] = []
        while capture.grab():
            times.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
            on_progress(len(times), max(stated, len(times)))
    if len(times) < 2:
        has = "one frame" if times else "no frame that can be read"
        raise DataError(f"{path}: the video has {has}; a turntable needs more")

    def read(indices: Sequence[int]) -> Iterator[np.ndarray | Failure]:
        return _decoded(path, indices)

    return Footage(path, len(times), read, uneven_times(np.array(times)), stated)


def _cut_short(path: Path) -> bool:
    try:
        if not path.stat().st_size:
            raise DataError(f"{path}: the file is empty; copy it again")
        return is_cut_short(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the file") from error


@contextmanager
def _captured(path: Path) -> Iterator[cv2.VideoCapture]:
    """Open a video for as long as it is read.

    Raises:
        DataError: It is no video.
    """
    # A path that is not absolute could be taken for an address: "http:turn.mp4".
    capture = cv2.VideoCapture(str(path.resolve()), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            raise DataError(
                f"{path}: is not a video, or is damaged; convert it to MP4, or save its frames as "
                "images in a folder"
            )
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        yield capture
    finally:
        capture.release()


def _decoded(path: Path, indices: Sequence[int]) -> Iterator[np.ndarray | Failure]:
    with _captured(path) as capture:
        at = -1
        for index in indices:
            while at < index and capture.grab():
                at += 1
            good, pixels = capture.retrieve() if at == index else (False, None)
            if good:
                yield cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
            else:
                yield Failure(f"{path}#{index}", "the frame cannot be decoded; convert the video")


def uneven_times(times: np.ndarray) -> np.ndarray | None:
    """Return the times of frames if they matter: if they go up, and not in even steps.

    A phone makes fewer frames in dim light, but the turntable goes on at its speed.

    Args:
        times: (n,) as the container states them.
    """
    if not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
        return None
    even = np.linspace(times[0], times[-1], len(times))
    step = (times[-1] - times[0]) / (len(times) - 1)
    return times if np.abs(times - even).max() > step / 2 else None


def common_size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the size that most frames have; the first of those that are equally frequent."""
    return Counter(sizes).most_common(1)[0][0]
