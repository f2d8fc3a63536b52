"""How ``objrec data info`` shows what a data set holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from objrec.cli.tables import print_table, say

if TYPE_CHECKING:
    from objrec.datasets.summary import AxisCoverage, CategorySummary, SetSummary, SplitSummary

_MOST_FAILURES = 20


def print_summary(summary: SetSummary) -> None:
    """Print each split's categories, pose coverage and factors; on stderr what is unreadable."""
    front = summary.frame.get("azimuth", {}).get("front")
    known = "" if front is None else f", front at azimuth {front:g}"
    click.echo(f"{summary.name}: {summary.layout}{known}")
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
            click.echo(f"{name}: {_listed(list(values))}")
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
