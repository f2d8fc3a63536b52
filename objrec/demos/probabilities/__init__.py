"""From energies to probabilities and back."""

from objrec.demos.probabilities.lesson import DEMO

__all__ = ["DEMO"]
