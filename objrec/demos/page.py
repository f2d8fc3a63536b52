"""The page of a demonstration: one file that needs nothing beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from objrec.demos.lesson import Demo, Lesson, Player
from objrec.files import write_text
from objrec.report.templates import asset, environment, policy

_ASSETS = "demos/assets"


def write_page(demo: Demo, lesson: Lesson, facts: dict[str, Any], path: Path) -> None:
    """Write the page of a lesson.

    Args:
        demo: What was run.
        lesson: What it found.
        facts: Seed, duration and hardware, for the foot of the page.
        path: The file.
    """
    write_text(path, render(demo, lesson, facts))


def render(demo: Demo, lesson: Lesson, facts: dict[str, Any]) -> str:
    """Return the page as HTML."""
    filled = environment(_ASSETS)
    css = asset("page.css") + asset("demo.css", _ASSETS)
    script = asset("demo.js", _ASSETS)
    filled.filters |= {"prose": prose, "svg": Markup, "is_player": is_player}
    return filled.get_template("demo.html.j2").render(
        demo=demo,
        lesson=lesson,
        facts=facts,
        policy=policy([css], [script]),
        css=Markup(css),
        script=Markup(script),
    )


# A letter with an index or exponent: E_C, n_wrong, x^2, Z_{t-1}. Not within words: file_name stays.
_INDEXED = re.compile(
    r"(?<![\w/.])([^\W\d_])((?:[_^](?:[A-Za-z0-9]+|\{[^{}]*\}))+)(?![A-Za-z0-9_/])"
)
# A number and its unit stay on one line.
_UNIT = re.compile(r"(?<=\d) (?=[%°])")
_MARKS = re.compile(r"([_^])(?:\{([^{}]*)\}|([A-Za-z0-9]+))")


def prose(text: str) -> Markup:
    """Escape a paragraph; set what stands in backticks as code, and E_C with its index lowered."""
    parts = re.split(r"`([^`]+)`", _UNIT.sub("\N{NO-BREAK SPACE}", str(text)))
    filled = [
        f"<code>{escape(part)}</code>" if i % 2 else _indexed(str(escape(part)))
        for i, part in enumerate(parts)
    ]
    return Markup("".join(filled))


def _indexed(text: str) -> str:
    def lowered(found: re.Match) -> str:
        tag = "sub" if found[1] == "_" else "sup"
        return f"<{tag}>{found[2] or found[3]}</{tag}>"

    return _INDEXED.sub(lambda found: found[1] + _MARKS.sub(lowered, found[2]), text)


def is_player(figure: str | Player) -> bool:
    """Whether a figure is one to leaf through."""
    return isinstance(figure, Player)
