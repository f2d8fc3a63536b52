"""What a demonstration is, and what it leaves: a lesson of text, figures and numbers.

Values only: nothing here trains, draws or writes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Context:
    """What a demonstration is handed.

    Attributes:
        seed: Of everything that is drawn.
        on_progress: Called with (done, in all).
        effort: Share of the full training, in (0, 1]; tests take less.
    """

    seed: int = 0
    on_progress: Callable[[int, int], None] = lambda done, total: None
    effort: float = 1.0

    def steps(self, full: int) -> int:
        """Return how many of so many training steps to take, at least 2."""
        return max(2, round(full * self.effort))


@dataclass(frozen=True)
class Player:
    """Figures to leaf through: an animation that waits for its reader.

    Attributes:
        frames: SVG elements of one size, from `objrec.report.figures.svg.svg`.
        captions: What each frame shows: "after 40 updates".
        label: What leafing moves through: "updates".
    """

    frames: Sequence[str]
    captions: Sequence[str]
    label: str


@dataclass(frozen=True)
class Table:
    """Rows of text under headings; numbers are set flush right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a lesson: paragraphs, then equations, figures and tables.

    Attributes:
        title: Its heading.
        text: Paragraphs of plain text; `…` in backticks is set as code.
        equations: Lines of plain text, each set on its own.
        figures: SVG elements, or players.
        captions: One for each figure, or none at all.
        tables: Beneath the figures.
    """

    title: str
    text: Sequence[str] = ()
    equations: Sequence[str] = ()
    figures: Sequence[str | Player] = ()
    captions: Sequence[str] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True)
class Lesson:
    """What a demonstration found.

    Attributes:
        summary: In one paragraph: what is seen, and why.
        sections: In order.
        numbers: Everything that was measured, as plain values, for the JSON.
    """

    summary: str
    sections: Sequence[Section]
    numbers: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Demo:
    """A demonstration.

    Attributes:
        name: What the command line calls it.
        title: What its page is called.
        teaches: What one learns by it, in one sentence.
        run: Trains and measures.
        threads: Of torch; systems as small as these only wait for one another in several. None:
            as many as torch would use.
    """

    name: str
    title: str
    teaches: str
    run: Callable[[Context], Lesson]
    threads: int | None = 1
