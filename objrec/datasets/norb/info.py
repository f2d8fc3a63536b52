"""What the columns of a NORB info file mean, both ways: numbers ↔ poses and factors.

    0 instance    1 elevation index    2 azimuth index    3 lighting       both sets
    4 horizontal shift in pixels, -6 to 6      5 vertical shift, likewise  )
    6 lumination change, -20 to 20             7 contrast, 0.8 to 1.3      )  jittered-cluttered
    8 object scale, 0.78 to 1.0                9 rotation, -5 to 5 degrees )

How an index becomes degrees is stated in `objrec.datasets.description`. Columns and ranges are
those of the set's page, https://cs.nyu.edu/~ylclab/data/norb-v1.0/.

Convention:
    The page does not state directions: shifts are taken as positive to the right and downwards,
    the rotation as counter-clockwise as seen in the image. If that is wrong for a set, its
    `pose_frame` can call the axes latent.

    A number that is not known is negative in the first four columns, NaN in the others. A scale
    that is not positive is not known either: public readers of the set (pylearn2) find whole
    numbers in its info files, where the fractions of contrast and scale are cut off.

    Samples of a background category show no object, and their numbers mean nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from objrec.datasets.description import FILE_NAME, IndexScale, SetDescription
from objrec.datasets.norb.names import is_number
from objrec.datasets.sample import Dataset
from objrec.errors import DataError
from objrec.pose import AXES, INDEX

INSTANCE, ELEVATION, AZIMUTH, LIGHTING = range(4)
SHIFT_X, SHIFT_Y, LUMINATION, CONTRAST, SCALE, ROTATION = range(4, 10)
WIDTHS = (4, 10)
# The factors that NORB files can hold, and their columns.
COUNTED = {"instance": INSTANCE, "lighting": LIGHTING}
MEASURED = {"lumination": LUMINATION, "contrast": CONTRAST}
_TOLERANCE = 1e-6
_MOST = np.iinfo(np.int32).max


def poses_and_factors(
    info: np.ndarray, nothing: np.ndarray, side: int, description: SetDescription, path: Path
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Turn the numbers of an info file into poses and factors.

    Args:
        info: (N, 4) or (N, 10) numbers.
        nothing: (N,) bool, the samples of a background category.
        side: The longer side of the images in pixels.
        description: Holds the index scales.
        path: The file, for messages.

    Returns:
        (N, 6) poses in stored units, and factor → (N,) text. Samples of a background category
        have no pose, and no factor but "".

    Raises:
        DataError: A number is infinite, an index is not whole, an elevation is beyond 90 degrees.
    """
    dtype = info.dtype
    info = np.where(nothing[:, None], np.nan, info.astype(np.float64))
    _check_numbers(info, path)
    info[:, :4][info[:, :4] < 0] = np.nan
    poses = np.full((len(info), len(AXES)), np.nan)
    poses[:, INDEX["elevation"]] = _degrees(info[:, ELEVATION], description.elevation)
    poses[:, INDEX["azimuth"]] = _degrees(info[:, AZIMUTH], description.azimuth) % 360.0
    _check_elevations(poses[:, INDEX["elevation"]], info, path)
    columns = COUNTED
    if info.shape[1] == 10:
        columns = COUNTED | MEASURED
        poses[:, INDEX["shift_x"]] = info[:, SHIFT_X] / side
        poses[:, INDEX["shift_y"]] = info[:, SHIFT_Y] / side
        poses[:, INDEX["scale"]] = np.log(np.where(info[:, SCALE] > 0, info[:, SCALE], np.nan))
        poses[:, INDEX["roll"]] = info[:, ROTATION]
    return poses, {name: _as_text(info[:, column], dtype) for name, column in columns.items()}


def _check_numbers(info: np.ndarray, path: Path) -> None:
    names = ("instance", "elevation index", "azimuth index", "lighting")
    indices = info[:, :4]
    uneven = (indices != np.round(indices)) & ~np.isnan(indices)
    for wrong, what in ((np.isinf(info), "finite"), (uneven, "whole")):
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            name = (*names, *["number"] * 6)[column]
            raise DataError(
                f"{path}: {name} {info[row, column]:g} of sample {row} is not a {what} number; "
                "copy the file again, or correct it"
            )


def _check_elevations(elevations: np.ndarray, info: np.ndarray, path: Path) -> None:
    beyond = np.flatnonzero(np.abs(elevations) > 90)
    if len(beyond):
        row = beyond[0]
        raise DataError(
            f"{path}: elevation index {info[row, ELEVATION]:g} of sample {row} means "
            f"{elevations[row]:g} degrees; state first and step of the elevation in {FILE_NAME}"
        )


def _degrees(index: np.ndarray, scale: IndexScale) -> np.ndarray:
    return scale.first + index * scale.step


def _as_text(numbers: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Write numbers of a type as short as they can be read back; NaN as ""."""

    def text(value: float) -> str:
        if value % 1 == 0 and abs(value) <= _MOST:
            return str(int(value))
        return "" if np.isnan(value) else str(dtype.type(value))

    # By value: large sets have few different ones, and numpy's own texts are 32 wide.
    values, place = np.unique(numbers, return_inverse=True)
    return np.array([text(value) for value in values.tolist()], dtype=str)[place.ravel()]


def info_of(dataset: Dataset, description: SetDescription, side: int) -> np.ndarray:
    """Return the numbers that `poses_and_factors` would turn into this set's poses and factors.

    They are those of the file that the set was read from, but for three things that cannot be
    told any more: samples of a background category have -1 for what is not known and 0 for the
    rest; other numbers that are not known have one value (-1, a scale 0, otherwise NaN);
    azimuths are within one turn.

    Args:
        dataset: Any set; of its factors only `COUNTED` and `MEASURED` are taken.
        description: Holds the index scales to use.
        side: The longer side of the images in pixels.

    Returns:
        (N, 10), or (N, 4) if there is nothing to say in the other columns; int32 if all numbers
        are whole, float64 otherwise.

    Raises:
        DataError: A sample has a pose that is not on the index scale, or a factor that is no
            number; the message names it.
    """
    info = np.full((len(dataset), 10), np.nan)
    for axis, column, scale in (
        ("elevation", ELEVATION, description.elevation),
        ("azimuth", AZIMUTH, description.azimuth),
    ):
        info[:, column] = _indices(dataset, axis, scale)
    for name, column in (COUNTED | MEASURED).items():
        info[:, column] = _numbers(dataset, name, whole=name in COUNTED)
    poses = dataset.poses
    info[:, SHIFT_X] = _rounded(poses[:, INDEX["shift_x"]] * side)
    info[:, SHIFT_Y] = _rounded(poses[:, INDEX["shift_y"]] * side)
    info[:, SCALE] = _rounded(np.exp(poses[:, INDEX["scale"]]))
    info[:, ROTATION] = poses[:, INDEX["roll"]]
    return _filled(info, dataset.shows_background)


def _filled(info: np.ndarray, nothing: np.ndarray) -> np.ndarray:
    """Put numbers where nothing is known, and leave out what no sample has."""
    info[nothing] = np.nan
    width = 4 if np.isnan(info[:, 4:]).all() else 10
    info[:, :4] = np.where(np.isnan(info[:, :4]), -1, info[:, :4])
    info[:, SCALE] = np.where(np.isnan(info[:, SCALE]), 0, info[:, SCALE])
    info[nothing, 4:] = 0
    info = info[:, :width]
    whole = np.array_equal(info, np.round(info)) and np.abs(info).max(initial=0) <= _MOST
    return info.astype(np.int32) if whole else info


def _rounded(values: np.ndarray) -> np.ndarray:
    """Take away what the arithmetic added to whole numbers."""
    whole = np.round(values)
    return np.where(np.abs(values - whole) < _TOLERANCE**2, whole, values)


def _indices(dataset: Dataset, axis: str, scale: IndexScale) -> np.ndarray:
    degrees = dataset.poses[:, INDEX[axis]]
    steps = degrees - scale.first
    if axis == "azimuth":
        steps = steps % (360.0 if scale.step >= 0 else -360.0)
    index = np.round(steps / scale.step) if scale.step else np.zeros_like(steps)
    off = np.abs(steps - index * scale.step) > _TOLERANCE
    wrong = np.flatnonzero(~np.isnan(degrees) & (off | (index < 0)))
    if len(wrong):
        row = wrong[0]
        raise DataError(
            f"{dataset.sources[row]}: {axis} {degrees[row]:g} is not on the scale "
            f"{scale.first:g}, {scale.first + scale.step:g}, …; state another first and step of "
            f"the {axis} in {FILE_NAME}"
        )
    if axis == "azimuth":
        index[np.abs(index * scale.step) > 360 - _TOLERANCE] = 0
    return np.where(np.isnan(degrees), np.nan, index)


def _numbers(dataset: Dataset, factor: str, *, whole: bool) -> np.ndarray:
    if factor not in dataset.factors:
        return np.full(len(dataset), np.nan)
    texts, place = np.unique(dataset.factors[factor], return_inverse=True)
    values = [_number(text, whole) for text in texts.tolist()]
    for i, (text, value) in enumerate(zip(texts, values, strict=True)):
        if value is None:
            row = int(np.argmax(place.ravel() == i))
            kind = "a whole number" if whole else "a number"
            raise DataError(
                f"{dataset.sources[row]}: {factor} '{text}' is not {kind}, which is all that "
                "NORB files can hold; number them"
            )
    return np.array(values, dtype=np.float64)[place.ravel()]


def _number(text: str, whole: bool) -> float | None:
    """Return the number that a text says, NaN for ""; None if it says none, or says it otherwise.

    '007' is no whole number: it would come back as '7'.
    """
    if text == "":
        return np.nan
    if whole:
        return float(text) if is_number(text) else None
    try:
        return float(text) if np.isfinite(float(text)) else None
    except ValueError:
        return None
