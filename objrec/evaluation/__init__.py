"""Measuring a given recogniser: `evaluate` makes an `Evaluation`; nothing here trains."""

from objrec.evaluation.extras import Extras
from objrec.evaluation.hardware import describe_hardware
from objrec.evaluation.landscapes import Explanation, explain
from objrec.evaluation.measure import evaluate
from objrec.evaluation.result import Evaluation

__all__ = [
    "Evaluation",
    "Explanation",
    "Extras",
    "describe_hardware",
    "evaluate",
    "explain",
]
