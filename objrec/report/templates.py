"""Where the pages' templates, styles and script are, and how templates are filled in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


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


def policy(styles: Iterable[str], scripts: Iterable[str] = ()) -> Markup:
    """Return the content security policy of a page: nothing is loaded, only these are run.

    Styles of single elements (widths, colours of figures) are allowed, which browsers that do not
    know ``style-src-elem`` extend to all.

    Args:
        styles: The text of each <style>, exactly.
        scripts: Likewise of each <script>.
    """
    rules = (
        "default-src 'none'",
        "img-src data:",
        "style-src 'unsafe-inline'",
        f"style-src-elem {_hashes(styles)}",
        f"script-src {_hashes(scripts)}",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return Markup("; ".join(rules))  # words of this page and digits of base 64


def _hashes(texts: Iterable[str]) -> str:
    digests = (hashlib.sha256(text.encode()).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(d).decode()}'" for d in digests) or "'none'"
