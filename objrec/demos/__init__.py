"""The tutorial's small systems, each trained for real in under a minute, one file each."""

from objrec.demos.lesson import Context, Demo, Lesson, Player, Section, Table
from objrec.demos.running import NAMES, load, run_demo

__all__ = [
    "NAMES",
    "Context",
    "Demo",
    "Lesson",
    "Player",
    "Section",
    "Table",
    "load",
    "run_demo",
]
