"""Making the images of a set smaller: cropped, shrunk, gray; the pose labels move with them.

Images are never enlarged and never squashed. Nothing is read or written here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from objrec.datasets.cropping import Box, cut_out, look_for_object
from objrec.errors import DataError, SettingsError
from objrec.options import Settings, option
from objrec.pose import INDEX

OBJECT = "object"
# What is left free on either side of an object, as a share of it.
_MARGIN = 0.1


@dataclass(frozen=True)
class Resizing(Settings):
    """How images are changed on the way."""

    size: int | None = option(
        None, "shrink the longer side to this many pixels; smaller images stay", minimum=8
    )
    crop: str | None = option(
        None, "keep the middle share of each side, such as 0.8, or 'object' on a plain background"
    )
    gray: bool = option(False, "make colour images gray")

    def check(self) -> None:
        """Refuse a crop that is neither 'object' nor a share.

        Raises:
            SettingsError: It is so.
        """
        if self.crop in (None, OBJECT):
            return
        try:
            share = float(self.crop)
        except ValueError:
            share = math.nan
        if not 0 < share <= 1:
            raise SettingsError(
                f"--crop: '{self.crop}' is neither 'object' nor a share of the side; "
                "write a number up to 1, such as 0.8"
            )

    def applied(
        self, images: np.ndarray, pose: np.ndarray, *, square: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Change one sample.

        Args:
            images: uint8 (V, H, W) or (V, H, W, 3).
            pose: (6,) stored units; shift and scale follow a crop, NaN stays NaN.
            square: Pad the images to squares of exactly `size`, with the median colour of the
                border; needs a size.

        Returns:
            The changed images and pose.

        Raises:
            DataError: No object can be told from the background, where one is to be cropped to.
        """
        if square and self.size is None:
            raise ValueError("square images need a size")
        if self.gray:
            images = _gray(images)
        if self.crop is not None:
            images, pose = self._cropped(images, pose)
        if self.size is not None:
            images = np.stack([shrunk(view, self.size) for view in images])
        if square:
            # As in preprocessing, a pixel more on one side than on the other moves no label.
            pose = seen_in(pose, (0, 0), max(images.shape[1:3]), self.size)
            images = np.stack([_padded(view, self.size) for view in images])
        return images, pose

    def _cropped(self, images: np.ndarray, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        box = _object_box(images) if self.crop == OBJECT else _middle(images, float(self.crop))
        height, width = images.shape[1:3]
        moved = ((box.left + box.right - width) / 2, (box.top + box.bottom - height) / 2)
        pose = seen_in(pose, moved, max(height, width), max(box.height, box.width))
        return np.stack([cut_out(view, box) for view in images]), pose


def seen_in(
    pose: np.ndarray, moved: tuple[float, float], old_side: float, new_side: float
) -> np.ndarray:
    """Return a pose as it is in another frame of the same picture.

    Args:
        pose: (6,) stored units: shift as a fraction of the longer side, scale as a logarithm.
        moved: By how many pixels the centre of the new frame is right of and below the old one's.
        old_side: The longer side of the frame that the pose is meant in, in pixels.
        new_side: Likewise of the frame that will be the image.
    """
    result = pose.copy()
    shift = [INDEX["shift_x"], INDEX["shift_y"]]
    result[shift] = (pose[shift] * old_side - moved) / new_side
    result[INDEX["scale"]] += math.log(old_side / new_side)
    return result


def _middle(images: np.ndarray, share: float) -> Box:
    height, width = images.shape[1:3]
    h, w = max(1, round(height * share)), max(1, round(width * share))
    left, top = (width - w) // 2, (height - h) // 2
    return Box(left, top, left + w, top + h)


def _object_box(images: np.ndarray) -> Box:
    """Return a square round the object, the same for all cameras."""
    boxes = []
    for view in images:
        found = look_for_object(view)
        if found.box is None:
            raise DataError(f"no object to crop to: {found.reason}; crop it by hand")
        boxes.append(found.box)
    left, top = min(box.left for box in boxes), min(box.top for box in boxes)
    right, bottom = max(box.right for box in boxes), max(box.bottom for box in boxes)
    side = math.ceil(max(right - left, bottom - top) * (1 + 2 * _MARGIN))
    left, top = (left + right - side) // 2, (top + bottom - side) // 2
    return Box(left, top, left + side, top + side)


def _gray(images: np.ndarray) -> np.ndarray:
    if images.ndim == 3:
        return images
    return np.stack([cv2.cvtColor(view, cv2.COLOR_RGB2GRAY) for view in images])


def shrunk(view: np.ndarray, size: int) -> np.ndarray:
    """Return an image whose longer side is at most so many pixels; never enlarged, nor squashed."""
    height, width = view.shape[:2]
    longer = max(height, width)
    if longer <= size:
        return view
    h, w = max(1, round(height * size / longer)), max(1, round(width * size / longer))
    return cv2.resize(view, (w, h), interpolation=cv2.INTER_AREA)


def _padded(view: np.ndarray, size: int) -> np.ndarray:
    height, width = view.shape[:2]
    top, left = (size - height) // 2, (size - width) // 2
    return cut_out(view, Box(-left, -top, size - left, size - top))
