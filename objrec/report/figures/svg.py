"""A matplotlib figure as an SVG element that takes its colours from the page around it.

Figures are drawn in the placeholder colours named here, which become CSS variables of page.css, so
that one figure suits light and dark pages and paper. Text stays text. Nothing is written to disk.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape

import matplotlib
from matplotlib.figure import Figure

LEVELS = 9  # steps of the scale of errors: --heat-0 to --heat-8 of page.css
LINES = 6  # colours of curves: --line-0 to --line-5
# Any colours do that nothing else in the SVG uses.
HEAT = [f"#0a00{i:02x}" for i in range(LEVELS)]
LINE = [f"#0d00{i:02x}" for i in range(LINES)]
INK, FAINT, ACCENT, SOFT, ON_STRONG, RIGHT, WRONG, QUIET, PAPER = (
    f"#0c00{i:02x}" for i in range(9)
)
VARIABLES = {
    **{colour: f"var(--heat-{i})" for i, colour in enumerate(HEAT)},
    **{colour: f"var(--line-{i})" for i, colour in enumerate(LINE)},
    INK: "var(--ink)",
    FAINT: "var(--rule)",
    ACCENT: "var(--accent)",
    SOFT: "var(--soft)",
    ON_STRONG: "var(--on-strong)",
    RIGHT: "var(--right)",
    WRONG: "var(--wrong)",
    QUIET: "var(--quiet)",
    PAPER: "var(--paper)",
}
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "objrec",
    "text.parse_math": False,
    "font.size": 9.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.prop_cycle": matplotlib.cycler(color=[ACCENT]),
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.linewidth": 0.6,
}
_PIXELS_PER_POINT = 4 / 3
_LINK = re.compile(r'<a xlink:href="#([^"]*)"( target="[^"]*")?>')
_COLOUR = re.compile("|".join(VARIABLES))
_LONG = re.compile(r"-?\d+\.\d{3,}")  # a hundredth of a point is finer than any screen


@dataclass(frozen=True)
class Links:
    """What the parts of a figure lead to that were given a URL ``#key`` (`Artist.set_url`).

    Attributes:
        target: Id of the element of the page that all of them lead to.
        labels: Key → what the part says when pointed at or read aloud; the key itself becomes
            the attribute data-key, for scripts.
    """

    target: str
    labels: Mapping[str, str] = field(default_factory=dict)


def svg(
    draw: Callable[[Figure], None],
    width: float,
    height: float,
    name: str,
    alt: str,
    links: Links | None = None,
) -> str:
    """Draw a figure and return it as an SVG element.

    Args:
        draw: Draws into an empty figure.
        width: In inches.
        height: In inches.
        name: Begins all ids, which must differ between the figures of one page.
        alt: What the figure shows, for those who do not see it.
        links: What its parts lead to, if they are links.
    """
    stream = io.StringIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # The page's own font draws the text; what matplotlib's lacks does not matter.
        for message in ("Glyph .* missing from", "Matplotlib currently does not support"):
            warnings.filterwarnings("ignore", message=message)
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    # The page has its own styles; a <style> in here would reach all of it.
    text = re.sub(r"<(metadata|style).*?</\1>", "", text, flags=re.DOTALL)
    # Tags alone: a category may be called 'id="x"' or '#0a0001'. In attributes '>' is escaped.
    text = re.sub(r"<[^>]*>", lambda tag: _adapted(tag[0], name, links), text)
    view_box = re.search(r'viewBox="[^"]*"', text).group()
    opening = (
        f'<svg {view_box} role="{"group" if links else "img"}" aria-label="{escape(alt)}" '
        f'style="--width:{round(72 * width * _PIXELS_PER_POINT)}px">'
    )
    return re.sub(r"<svg[^>]*>", lambda _: opening, text, count=1).strip()


def _adapted(tag: str, name: str, links: Links | None) -> str:
    """Return a tag with the page's colours and with ids of its own; a link as the page has them."""
    link = _LINK.fullmatch(tag)
    if link and links:
        return _opening(link[1], links)
    tag = re.sub(r" font-family: [^;\"]*;", "", tag)
    tag = _COLOUR.sub(lambda found: VARIABLES[found[0]], tag)
    tag = re.sub(r' d="[^"]*"', lambda path: _LONG.sub(_shortened, path[0]), tag)
    tag = re.sub(r'\bid="', f'id="{name}-', tag)
    tag = re.sub(r'((?:xlink:href|clip-path)="(?:url\()?)#', rf"\g<1>#{name}-", tag)
    return re.sub(r"(: url\()#", rf"\g<1>#{name}-", tag)


def _shortened(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _opening(key: str, links: Links) -> str:
    label = escape(links.labels.get(key, key))
    return f'<a href="#{links.target}" data-key="{key}" aria-label="{label}"><title>{label}</title>'
