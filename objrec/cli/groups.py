"""Groups of verbs that help: alone they explain themselves, a misspelt verb gets a hint."""

from __future__ import annotations

from pathlib import Path

import click

from objrec.options import did_you_mean


class VerbGroup(click.Group):
    """A click group with those two manners."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Print the help, and be done, if there are no words."""
        if not args:
            click.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple:
        """Find the verb; if there is none of that name, say what was probably meant."""
        word = args[0]
        if self.get_command(ctx, word) is None and not word.startswith("-"):
            hint = did_you_mean(word, tuple(self.commands))
            if Path(word).exists():
                hint = f"; did you mean 'objrec classify {word}'?"
            raise click.UsageError(f"no such command '{word}'{hint}", ctx)
        return super().resolve_command(ctx, args)
