"""The energy over poses: of one image, explained; of every wrong answer, for the report."""

from objrec.evaluation.landscapes.details import landscape_axes, mistake_details
from objrec.evaluation.landscapes.explaining import Explanation, explain

__all__ = ["Explanation", "explain", "landscape_axes", "mistake_details"]
