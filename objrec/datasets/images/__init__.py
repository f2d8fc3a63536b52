"""Image files: what their headers say, and the one reader that turns any of them into pixels."""

from objrec.datasets.images.kinds import (
    IMAGE_SUFFIXES,
    UNREADABLE_SUFFIXES,
    is_image_name,
    is_litter,
)
from objrec.datasets.images.reading import read_image

__all__ = ["IMAGE_SUFFIXES", "UNREADABLE_SUFFIXES", "is_image_name", "is_litter", "read_image"]
