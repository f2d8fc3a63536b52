"""What the experiments were to reach, and whether they did: the goals of docs/quality.md.

A goal names the figure that it is about and what is wanted of it; its words and its check come from
the same numbers. `quality_tables.py` writes the table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"

# Variants of the recipe that answer the questions; all others belong to the search for it.
DEFAULT, OWN = "default", "own features"  # OWN: photographs without pretrained features

Experiment = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """A figure of each kind of model.

    Attributes:
        unit: '%' (of shares), '°', 's', or '' for areas under curves.
        values: Kind → the figure.
        intervals: Kind → its interval, where there is one.
        against: Other kind → ``difference`` (the other less the energy model) and ``ratio`` (the
            energy model's over the other's), with their intervals.
        parameters: Kind → how many.
        seeds: Of the energy model's trainings.
        note: What stands in the CNN's column, where it is no CNN.
    """

    unit: str
    values: dict[str, float]
    intervals: dict[str, Sequence[float]] = field(default_factory=dict)
    against: dict[str, dict[str, Any]] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    note: str = ""

    def written(self, value: float, sign: str = "") -> str:
        """Write a value of this figure, without its unit."""
        factor, digits = {"%": (100, 1), "°": (1, 1), "s": (1, 0), "": (1, 3)}[self.unit]
        return f"{factor * value:{sign}.{digits}f}"

    @property
    def name(self) -> str:
        """The unit as it follows a number."""
        return {"%": " %", "s": " s"}.get(self.unit, self.unit)


@dataclass(frozen=True)
class Limit:
    """A value that must not be exceeded, or (`least`) be reached."""

    value: float
    least: bool = False

    def text(self, unit: str) -> str:
        """Say what is wanted."""
        number = f"{100 * self.value:g} %" if unit == "%" else f"{self.value:g}"
        return f"{'≥' if self.least else '≤'} {number}" + {"°": "°", "s": " s"}.get(unit, "")

    def missed(self, found: Found) -> str:
        """Say by how much it was missed; nothing if it was not."""
        over = found.values["energy"] - self.value
        over = -over if self.least else over
        unit = {"%": " points", "s": " s"}.get(found.unit, found.unit)
        return f"by {found.written(over)}{unit}" if over > 0 else ""


@dataclass(frozen=True)
class Ratio:
    """The energy model's figure over another's must not exceed a value."""

    value: float
    of: str = "cnn"

    def text(self, unit: str) -> str:
        """Say what is wanted."""
        return f"≤ {self.value:g} × the CNN"

    def missed(self, found: Found) -> str:
        """Say how high it is, if too high."""
        ratio = found.against.get(self.of, {}).get("ratio")
        if ratio is None:
            return "no CNN to compare with"
        return f"ratio {ratio:.2f}" if ratio > self.value else ""


@dataclass(frozen=True)
class Better:
    """The energy model must be better than another by more than a margin.

    A kind that higher is better for has a `sign` of -1.
    """

    margin: float = 0.0
    sign: int = 1
    words: str = "below"
    of: str = "cnn"

    def text(self, unit: str) -> str:
        """Say what is wanted."""
        if self.margin:
            return f"≥ {100 * self.margin:g} points better than the CNN"
        return self.words

    def missed(self, found: Found) -> str:
        """Say how far off it is."""
        if self.of not in found.values:
            return "nothing to compare with"
        ahead = self.sign * (found.values[self.of] - found.values["energy"])
        if ahead >= self.margin and ahead > 0:
            return ""
        unit = " points" if found.unit == "%" else ""
        return f"{'ahead' if ahead >= 0 else 'behind'} by {found.written(abs(ahead))}{unit}"


@dataclass(frozen=True)
class NotAbove:
    """The paired interval must not say that the energy model errs more; nor is it larger."""

    of: str = "cnn-pose"

    def text(self, unit: str) -> str:
        """Say what is wanted."""
        return "not above the CNN with pose heads, at no more parameters"

    def missed(self, found: Found) -> str:
        """Say which of the two does not hold."""
        apart = found.against.get(self.of, {})
        if "difference_ci" not in apart:
            return "no CNN with pose heads to compare with"
        if apart["difference_ci"][1] < 0:
            return f"above it by {found.written(-apart['difference'])} points"
        more = found.parameters["energy"] > found.parameters[self.of]
        return "more parameters than it has" if more else ""


Condition = Limit | Ratio | Better | NotAbove


@dataclass(frozen=True)
class Goal:
    """A row of the table.

    Attributes:
        title: The question, in words.
        plan: The plan of pool.py that answers it, or another script.
        read: Returns the figure, or None if it was not measured.
        wanted: What is asked of it.
        compare: The kind that the comparison in the table is with.
    """

    title: str
    plan: str
    read: Callable[[], Found | None]
    wanted: tuple[Condition, ...]
    compare: str = "cnn"


def experiments() -> list[Experiment]:
    """Return the experiments of scripts/results/experiments.json."""
    return json.loads((RESULTS / "experiments.json").read_text(encoding="utf-8"))["experiments"]


def chosen(name: str, question: str, variant: str) -> Experiment | None:
    """Return the experiment of a set, question and variant, if the energy model was in it."""
    wanted = {"set": name, "question": question, "variant": variant}
    found = (one for one in experiments() if wanted.items() <= one.items())
    return next((one for one in found if "energy" in one["kinds"]), None)


def verdict(goal: Goal, found: Found | None) -> str:
    """Say whether a goal was reached, or by how much it was missed."""
    if found is None:
        return "not measured"
    missed = [text for text in (one.missed(found) for one in goal.wanted) if text]
    return f"missed: {'; '.join(missed)}" if missed else "**reached**"
