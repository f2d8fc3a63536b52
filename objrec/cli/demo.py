"""``objrec demo``: the tutorial's small systems, trained before your eyes."""

from __future__ import annotations

from pathlib import Path

import click

from objrec.cli.flags import force_option
from objrec.cli.provenance import provenance
from objrec.cli.tables import Bar, print_table
from objrec.errors import SettingsError


@click.command("demo")
@click.argument("name", metavar="NAME", required=False)
@click.option("--list", "listed", is_flag=True, help="list the demonstrations")
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="folder for NAME.html and NAME.json",
)
@click.option("--seed", metavar="N", default=0, show_default=True, help="seed of what is drawn")
@force_option
def demo(name: str | None, listed: bool, out: Path | None, seed: int, force: bool) -> None:
    """Train a small system of the tutorial and show it.

    Each takes less than a minute on two cores. The page DIR/NAME.html shows the energies as they
    are shaped, and says what is seen and why; DIR/NAME.json has the numbers.

    \b
    Examples:
      objrec demo --list
      objrec demo parabola --out out/demos
    """  # noqa: D301
    from objrec.demos import NAMES, Context, load, run_demo

    if listed:
        print_table(["demo", "what it teaches"], [(n, load(n).teaches) for n in NAMES])
        return
    if name is None or out is None:
        raise SettingsError("demo: say which, and where to: objrec demo parabola --out out/demos")
    with Bar(name) as bar:
        page, numbers = run_demo(
            name, out, Context(seed, bar.tick), force=force, provenance=provenance()
        )
    click.echo(f"page: {page}")
    click.echo(f"numbers: {numbers}")
