"""Several right answers to one question."""

from objrec.demos.eye.lesson import DEMO

__all__ = ["DEMO"]
