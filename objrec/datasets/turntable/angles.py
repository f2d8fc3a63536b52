"""Which frames of a turntable run are used, and the azimuth of each.

Convention:
    Azimuth grows as the camera goes round the object counter-clockwise, seen from above (see
    `objrec.pose`). A turntable that turns clockwise shows the same: the object's near side moves
    to the left in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from objrec.errors import SettingsError
from objrec.options import Settings, option

COUNTER_CLOCKWISE, CLOCKWISE = "ccw", "cw"
STEP = 5.0  # degrees between the frames that are used, unless their number is given
DECIMALS = 3  # of azimuth labels


@dataclass(frozen=True)
class TurntableSettings(Settings):
    """How the object turns, and what becomes of the frames."""

    turn: float = option(
        360.0,
        "degrees that each input shows: to the last frame, or, of whole turns, to where the first "
        "view comes again",
        minimum=-7200,
        maximum=7200,
    )
    direction: str = option(
        COUNTER_CLOCKWISE,
        "way the camera goes round the object, seen from above: ccw if the object's near side "
        "moves to the left in the picture (the table turns clockwise), cw if to the right",
        choices=(COUNTER_CLOCKWISE, CLOCKWISE),
    )
    start: float | None = option(
        None,
        "azimuth of the first frame if you know it, 0 being the object's front; the labels then "
        "count as they are, otherwise as right up to one offset for each object",
        minimum=-360,
        maximum=360,
    )
    elevation: tuple[float, ...] = option(
        (),
        "of the camera above the horizon, in degrees: one for each input, or one for all",
        minimum=-90,
        maximum=90,
    )
    same_start: bool = option(
        True, "all inputs start at the same angle; if not, each counts as an object of its own"
    )
    frames: int | None = option(
        None, "frames used of each input, spread evenly over the turn; auto: one every 5 degrees"
    )
    crop: bool = option(True, "crop to the object, which needs a plain background")
    margin: float = option(
        0.1, "left free on each side of the object, as a share of it", minimum=0, maximum=2
    )
    size: int = option(
        256, "shrink images to this side in pixels; smaller ones stay", minimum=16, maximum=8192
    )

    def check(self) -> None:
        """Refuse a turntable that stands still, and fewer than two frames.

        Raises:
            SettingsError: It does, or there are.
        """
        if not self.turn:
            raise SettingsError("--turn: 0 degrees are no turn; leave it out for a whole one")
        if self.frames is not None and self.frames < 2:
            raise SettingsError(f"--frames: {self.frames} is too few; use at least 2")

    @property
    def signed_turn(self) -> float:
        """Degrees of azimuth from the beginning to the end; negative the other way."""
        return self.turn if self.direction == COUNTER_CLOCKWISE else -self.turn

    def elevations(self, inputs: int) -> tuple[float | None, ...]:
        """Return the elevation of each input, None where it is not known.

        Raises:
            SettingsError: There are several, but not one for each input.
        """
        given = self.elevation
        if len(given) not in (0, 1, inputs):
            raise SettingsError(
                f"--elevation: {len(given)} numbers for {inputs} "
                f"{'input' if inputs == 1 else 'inputs'}; give one for each, or one for all"
            )
        return (given or (None,)) * (inputs if len(given) < 2 else 1)


def picked_frames(
    count: int, settings: TurntableSettings, times: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Choose frames that are spread evenly over a run, and give each its azimuth.

    An azimuth is that of the very frame, wherever the choice fell. Whole turns end one frame before
    the first view comes again, so that frame i of n has 1/n of the turn; other turns end with the
    last frame, so that it has 1/(n-1).

    Args:
        count: Frames of the run, two at least.
        settings: How far it turns, and how many frames are wanted.
        times: (count,) seconds, ascending, if the frames are not evenly spaced.

    Returns:
        Indices (n,) of frames, ascending, and their azimuths (n,) in degrees, [0, 360).
    """
    closed = settings.turn % 360 == 0
    shares = frame_shares(count, times, closed=closed)
    wanted = settings.frames or round(abs(settings.turn) / STEP) + (not closed)
    wanted = min(max(wanted, 2), count)
    targets = np.arange(wanted) / (wanted if closed else wanted - 1)
    after = np.searchsorted(shares, targets).clip(1, count - 1)
    nearer = after - (targets - shares[after - 1] <= shares[after] - targets)
    indices = np.unique(nearer)
    azimuths = (settings.start or 0.0) + settings.signed_turn * shares[indices]
    return indices, azimuths.round(DECIMALS) % 360


def frame_shares(count: int, times: np.ndarray | None, *, closed: bool) -> np.ndarray:
    """Return the share of the turn (count,) that is done at each frame, from 0 on."""
    passed = np.arange(count) if times is None else times - times[0]
    step = passed[-1] / (count - 1)
    return passed / (passed[-1] + step if closed else passed[-1])
