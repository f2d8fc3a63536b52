"""Where the pages' templates, styles and script are, and how templates are filled in."""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment(folder: str = "report/assets") -> Environment:
    """Return an environment that escapes all text and refuses what it was not given.

    Args:
        folder: Of the package `objrec`, where the templates are.
    """
    return Environment(
        loader=PackageLoader("objrec", folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def asset(name: str, folder: str = "report/assets") -> str:
    """Return the text of a file of such a folder."""
    return resources.files("objrec").joinpath(folder, name).read_text(encoding="utf-8")
