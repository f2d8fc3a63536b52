"""How ``objrec data info`` shows what a data set holds, and ``check`` what was found in it."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from objrec.cli.tables import print_table, say
from objrec.errors import one_line

if TYPE_CHECKING:
    from objrec.datasets.checking import SetCheck
    from objrec.datasets.checks import Finding
    from objrec.datasets.summary import AxisCoverage, CategorySummary, SetSummary, SplitSummary

_MOST_FAILURES = 20
_MOST_PLACES = 5
_WIDTH = 100


def print_summary(summary: SetSummary) -> None:
    """Print each split's categories, pose coverage and factors; on stderr what is unreadable."""
    front = summary.frame.get("azimuth", {}).get("front")
    known = "" if front is None else f", front at azimuth {front:g}"
    click.echo(one_line(f"{summary.name}: {summary.layout}{known}"))
    for split in summary.splits:
        click.echo(f"\nsplit {split.name}: {_split_line(split)}\n")
        print_table(
            ["category", "objects", "images", "views of an object"],
            [_category_row(category) for category in split.categories],
        )
        click.echo()
        axes = [_axis_row(axis) for axis in split.pose if axis.distinct]
        if axes:
            print_table(["pose axis", "labelled", "values"], axes)
        else:
            click.echo("no pose labels")
        for name, values in split.factors.items():
            click.echo(one_line(f"{name}: {_listed(list(values))}"))
    failures = [failure for split in summary.splits for failure in split.failures]
    for failure in failures[:_MOST_FAILURES]:
        say(f"objrec: {failure}")
    if len(failures) > _MOST_FAILURES:
        say(f"objrec: and {len(failures) - _MOST_FAILURES} more; --json lists them all")


def _split_line(split: SplitSummary) -> str:
    smallest, largest = split.sizes.smallest, split.sizes.largest
    size = "no image could be read"
    if smallest and largest:
        size = "{} x {}".format(*smallest)
        size += "" if smallest == largest else " to {} x {}".format(*largest)
    cameras = "one camera" if split.cameras == 1 else f"{split.cameras} cameras"
    return f"{split.images} samples, {cameras}, {'colour' if split.colour else 'gray'}, {size}"


def _category_row(category: CategorySummary) -> tuple[str, int | str, int, str]:
    views = [count for name, count in category.views.items() if name]
    few, many = (min(views), max(views)) if views else (0, 0)
    text = "" if not views else f"{few}" if few == many else f"{few} to {many}"
    return category.name, category.instances or "not named", category.images, text


def _axis_row(axis: AxisCoverage) -> tuple[str, str, str]:
    unit = "°" if axis.unit == "deg" else f" {axis.unit}"
    span = f"{axis.minimum:g} to {axis.maximum:g}{unit}"
    return axis.axis, f"{axis.observed:.0%}", f"{axis.distinct}, {span}"


def _listed(names: list[str]) -> str:
    named = [name or "(empty)" for name in names]
    return ", ".join(named) if len(named) <= 12 else f"{len(named)} values"


def print_check(check: SetCheck) -> None:
    """Print the findings of a check, the errors first, each with its advice; then what to do."""
    from objrec.datasets.checks.finding import counted

    counts = [counted(count, grade) for grade, count in check.counts.items() if count]
    click.echo(one_line(f"{check.path}: {_content(check)}"))
    click.echo(", ".join(counts) or "nothing was found that could be wrong")
    for finding in check.findings:
        click.echo()
        for line in _finding_lines(finding, f"{check.path.rstrip(os.sep)}{os.sep}"):
            click.echo(line)
    if check.advice or check.command:
        click.echo("\nnext")
    for sentence in check.advice:
        click.echo(_wrapped(f"- {sentence}", "  "))
    if check.command:
        click.echo(f"\n  {check.command}")


def _content(check: SetCheck) -> str:
    if check.facts is None:
        return "could not be opened"
    from objrec.datasets.checks.finding import counted

    told = [
        f"{name}: {counted(split['images'], 'sample')} of {counted(split['objects'], 'object')}"
        for name, split in check.splits.items()
    ]
    return "; ".join(told)


def _finding_lines(finding: Finding, root: str) -> Iterator[str]:
    yield _wrapped(one_line(f"{finding.grade}: {finding.message}  [{finding.code}]"), "")
    # Objects and categories are named in the message already.
    places = [place.replace(root, "") for place in finding.where if place.startswith(root)]
    for place in places[:_MOST_PLACES]:
        yield f"    {one_line(place)}"
    if len(places) > _MOST_PLACES:
        yield f"    … and {len(places) - _MOST_PLACES:,} more; --json lists them all"
    yield _wrapped(f"→ {finding.advice[:1].upper()}{finding.advice[1:]}.", "  ")


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
