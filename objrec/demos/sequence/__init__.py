"""Words whose cuts nobody tells: a trellis, trained end to end."""

from objrec.demos.sequence.lesson import DEMO

__all__ = ["DEMO"]
