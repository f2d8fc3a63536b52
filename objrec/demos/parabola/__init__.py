"""Four ways to learn a parabola, one of which collapses."""

from objrec.demos.parabola.lesson import DEMO

__all__ = ["DEMO"]
