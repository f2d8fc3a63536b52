"""Options that take several words: ``--compare out/a out/b``, as well as one option a word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


class SeveralOption(click.Option):
    """An option that takes all words up to the next option."""


def several(flag: str, metavar: str, text: str) -> Callable:
    """Decorate a command with an option that takes several words; it is handed a tuple.

    Args:
        flag: ``--compare``.
        metavar: What stands for the words in help.
        text: The help.
    """
    return click.option(flag, cls=SeveralOption, multiple=True, metavar=metavar, help=text)


class SeveralCommand(click.Command):
    """A command whose `SeveralOption` options take all words up to the next option.

    The command's own arguments are therefore written before such an option, or after another one.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each of its words, which is what click understands."""
        flags = {p.opts[0] for p in self.params if isinstance(p, SeveralOption)}
        return super().parse_args(ctx, spread(args, flags))


def spread(args: list[str], flags: set[str]) -> list[str]:
    """Write ``--compare a b`` as ``--compare a --compare b``."""
    words: list[str] = []
    current, first = None, False
    for word in args:
        if word.startswith("-") and word != "-":
            current, first = (word, True) if word in flags else (None, False)
        elif current is not None and not first:
            words.append(current)
        else:
            first = False
        words.append(word)
    return words


def words_of(values: Any) -> list[str]:
    """Return the words of such an option; commas separate words too."""
    return [word for value in values for word in value.split(",") if word]
