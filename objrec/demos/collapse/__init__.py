"""The recogniser itself under every loss."""

from objrec.demos.collapse.lesson import DEMO

__all__ = ["DEMO"]
