"""Recognise sets of images that are too large for one process, by many workers: see `run`."""

from objrec.batch.connecting import check_ray
from objrec.batch.run import recognize_by_ray
from objrec.batch.worker import Asked, Reference, SampleAt

__all__ = ["Asked", "Reference", "SampleAt", "check_ray", "recognize_by_ray"]
