"""Find a demonstration, run it, and write its page and its numbers."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from objrec.demos.lesson import Context, Demo
from objrec.demos.page import write_page
from objrec.errors import DataError, SettingsError
from objrec.evaluation.hardware import describe_hardware
from objrec.files import write_text, writing
from objrec.options import did_you_mean

NAMES = (
    "parabola",
    "eye",
    "saturated",
    "conditions",
    "collapse",
    "probabilities",
    "factors",
    "sequence",
)


def load(name: str) -> Demo:
    """Return a demonstration; its file is imported only now.

    Raises:
        SettingsError: There is none of that name.
    """
    if name not in NAMES:
        hint = did_you_mean(name, NAMES) or f"; there are {', '.join(NAMES)}"
        raise SettingsError(f"demo: no demonstration is called '{name}'{hint}")
    return importlib.import_module(f"objrec.demos.{name}").DEMO


def run_demo(
    name: str,
    out: Path,
    context: Context | None = None,
    *,
    force: bool = False,
    provenance: dict[str, Any] | None = None,
) -> tuple[Path, Path]:
    """Run a demonstration and write OUT/NAME.html and OUT/NAME.json.

    Args:
        name: One of `NAMES`.
        out: The folder.
        context: Seed, progress, effort.
        force: Overwrite what is there.
        provenance: Kept in the JSON as it is.

    Returns:
        The two files.

    Raises:
        SettingsError: There is no such demonstration.
        DataError: A file exists or cannot be written.
    """
    demo, context = load(name), context or Context()
    page, numbers = out / f"{name}.html", out / f"{name}.json"
    for path in (page, numbers):
        if path.exists() and not force:
            raise DataError(f"{path}: exists; add --force to overwrite it")
    began = time.perf_counter()
    with _threads(demo.threads):
        lesson = demo.run(context)
        hardware = describe_hardware()
    facts = {
        "demo": name,
        "seed": context.seed,
        "seconds": round(time.perf_counter() - began, 1),
        "hardware": hardware,
        **(provenance or {}),
    }
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    write_text(numbers, json.dumps({**facts, "numbers": lesson.numbers}, indent=1) + "\n")
    write_page(demo, lesson, facts, page)
    return page, numbers


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Let torch use so many threads for a while; None changes nothing."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
