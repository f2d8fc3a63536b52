"""The invariance sweep: models are asked about the test images, changed step by step."""

from objrec.evaluation.sweep.changes import CHANGES, Change
from objrec.evaluation.sweep.measuring import sweep

__all__ = ["CHANGES", "Change", "sweep"]
