"""An energy as a factor graph, and messages on it."""

from objrec.demos.factors.lesson import DEMO

__all__ = ["DEMO"]
