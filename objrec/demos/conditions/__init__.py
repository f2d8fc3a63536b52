"""The loss family in the plane of two energies."""

from objrec.demos.conditions.lesson import DEMO

__all__ = ["DEMO"]
