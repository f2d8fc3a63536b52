"""Where the pages' templates, styles and script are, and how templates are filled in."""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment() -> Environment:
    """Return an environment that escapes all text and refuses what it was not given."""
    return Environment(
        loader=PackageLoader("objrec", "report/assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def asset(name: str) -> str:
    """Return the text of a file in assets/."""
    return resources.files("objrec.report").joinpath("assets", name).read_text(encoding="utf-8")
