"""A quadratic and a saturated energy: equal decisions, unequal integrals."""

from objrec.demos.saturated.lesson import DEMO

__all__ = ["DEMO"]
