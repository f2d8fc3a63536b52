"""Settings classes as command-line options, and the options that several verbs share.

A command made by `settings_command` gets one option for every field of its settings classes, under
a titled group in ``--help``, and is handed the built instances. The classes are loaded only when
the command is parsed or its help is shown, since most of them live beside code that needs torch.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Callable
from functools import cached_property
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from objrec.errors import SettingsError
from objrec.options import Option, Settings, options_of

NOT_GIVEN = object()
_NONE = ("none", "auto")
_METAVARS = {int: "N", float: "X", str: "TEXT", bool: ""}
_WIDEST_CHOICES = 24


class SettingType(click.ParamType):
    """Parses the text of one setting and checks it; wrong values raise SettingsError."""

    def __init__(self, described: Option) -> None:
        self.described = described
        self.name = metavar(described)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value in the setting's own type: a tuple for repeated settings."""
        described = self.described
        place = described.flag
        if isinstance(value, str):
            value = _parsed(value, described, place)
        return described.checked(value, place)


def _parsed(text: str, described: Option, place: str) -> Any:
    if described.optional and text.lower() in _NONE:
        return None
    if described.repeated:
        words = [] if text.lower() == "none" else text.replace(",", " ").split()
        return [_parsed_one(word, described.kind, place) for word in words]
    return _parsed_one(text, described.kind, place)


def _parsed_one(text: str, kind: type, place: str) -> Any:
    if kind is str:
        return text
    try:
        return kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise SettingsError(f"{place}: '{text}' is not {wanted}") from None


class SettingOption(click.Option):
    """The option of one field, which remembers its field and the title of its group."""

    def __init__(self, described: Option, title: str) -> None:
        self.described, self.title = described, title
        self.many = described.repeated and described.kind in (int, float)
        flag, kind = described.flag, SettingType(described)
        if described.kind is bool:
            flag, kind = f"{flag}/--no-{flag[2:]}", None
        super().__init__(
            [flag, described.name],
            type=kind,
            metavar=metavar(described) or None,
            multiple=described.repeated,
            help=help_of(described),
        )

    def taken_from(self, ctx: click.Context) -> Any:
        """Remove the option's value from the parsed parameters and return it, or `NOT_GIVEN`."""
        value = ctx.params.pop(self.name)
        if ctx.get_parameter_source(self.name) is not ParameterSource.COMMANDLINE:
            return NOT_GIVEN
        return tuple(chain(*value)) if self.described.repeated else value


def metavar(described: Option) -> str:
    """Return what stands for the value in ``--help``: ``N``, ``X``, ``TEXT`` or the choices."""
    name = _METAVARS[described.kind]
    if described.choices:
        listed = f"[{'|'.join(described.choices)}]"
        name = listed if len(listed) <= _WIDEST_CHOICES else "NAME"
    return f"{name},…" if described.repeated else name


def help_of(described: Option) -> str:
    """Return a setting's sentence with its choices (if not shown already), limits and default."""
    notes = []
    if described.choices and metavar(described)[0] != "[":
        notes.append(f"one of {', '.join(described.choices)}")
    low, high = described.minimum, described.maximum
    if low is not None and high is not None:
        notes.append(f"{low:g} to {high:g}")
    elif low is not None or high is not None:
        notes.append(f"at least {low:g}" if low is not None else f"at most {high:g}")
    return f"{described.text}  [{'; '.join([*notes, f'default: {shown_default(described)}'])}]"


def shown_default(described: Option) -> str:
    """Return the default as one would write it after the flag."""
    value = described.default
    if value is None:
        return "auto" if "auto" in described.text else "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def parts_of(settings_type: type) -> dict[str, type[Settings]]:
    """Return the settings classes of a bundle: a dataclass whose fields are settings.

    A settings class alone is a bundle of one, with an empty field name.
    """
    if issubclass(settings_type, Settings):
        return {"": settings_type}
    hints = typing.get_type_hints(settings_type)
    named = {field.name: hints[field.name] for field in dataclasses.fields(settings_type)}
    return {n: t for n, t in named.items() if isinstance(t, type) and issubclass(t, Settings)}


def title_of(part: type[Settings]) -> str:
    """Return the title of a group: the first sentence of the settings class's docstring."""
    return (inspect.getdoc(part) or part.__name__).splitlines()[0].rstrip(".")


class SettingsCommand(click.Command):
    """A command with an option for every field of a settings class or a bundle of them.

    It calls its function with the built instance as `settings`.
    """

    def __init__(self, *args: Any, load: Callable[[], type], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._load = load

    @cached_property
    def settings_type(self) -> type:
        """The settings class or bundle, loaded on first use."""
        return self._load()

    @cached_property
    def options(self) -> dict[str, list[SettingOption]]:
        """The options of every part of the bundle, by the part's field name.

        Raises:
            ValueError: Two options of the command have the same name.
        """
        options = {
            field: [SettingOption(described, title_of(part)) for described in options_of(part)]
            for field, part in parts_of(self.settings_type).items()
        }
        names = [param.name for param in [*self.params, *chain(*options.values())]]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{self.name}: two options are called {', '.join(twice)}")
        return options

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters, those of its settings, and ``--help``."""
        *own, help_option = super().get_params(ctx)
        return [*own, *chain(*self.options.values()), help_option]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options first, then one titled section a settings class."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record and isinstance(param, click.Option):
                sections.setdefault(getattr(param, "title", "Options"), []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; a flag that may stand alone does not take the path that follows for its value.

        Repeated numbers may also be written as words of their own: ``--seeds 0 1 2``.
        """
        args = _numbers_joined(args, {o.opts[0] for o in chain(*self.options.values()) if o.many})
        alone = {p.opts[0]: p for p in self.params if isinstance(p, click.Option) and not p.is_flag}
        for i, (word, following) in enumerate(pairwise(args)):
            value = getattr(alone.get(word), "flag_value", None)
            if isinstance(value, str) and Path(following).exists():
                args = [*args[:i], f"{word}={value}", *args[i + 1 :]]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Build the settings from what was given, and call the command with them."""
        parts = parts_of(self.settings_type)
        built = {}
        for field, options in self.options.items():
            given = {option.described.name: option.taken_from(ctx) for option in options}
            given = {name: value for name, value in given.items() if value is not NOT_GIVEN}
            built[field] = parts[field](**given)
        alone = parts.keys() == {""}
        ctx.params["settings"] = built[""] if alone else self.settings_type(**built)
        return super().invoke(ctx)


def _numbers_joined(args: list[str], flags: set[str]) -> list[str]:
    """Join the numbers that follow one of these flags into its one value: ``0,1,2``."""
    joined: list[str] = []
    for word in args:
        after_flag = len(joined) > 1 and joined[-2] in flags
        if after_flag and re.fullmatch(r"[\d.]+", word) and re.fullmatch(r"[\d.,]+", joined[-1]):
            joined[-1] += f",{word}"
        else:
            joined.append(word)
    return joined


def settings_command(name: str, load: Callable[[], type], **kwargs: Any) -> Callable:
    """Decorate a function as a command that takes `settings` of the class that `load` returns.

    Args:
        name: The verb.
        load: Imports and returns the settings class, or the dataclass whose fields are settings.
        kwargs: Passed on to `click.command`.
    """
    return click.command(name, cls=SettingsCommand, load=load, **kwargs)


device_option = click.option(
    "--device", metavar="NAME", default="auto", show_default=True, help="cpu, cuda, cuda:1, mps"
)
model_option = click.option(
    "--model",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="model folder  [default: the model that comes with objrec]",
)
mirror_option = click.option(
    "--mirror",
    is_flag=True,
    help="look at the mirror image of every image too and average both energies: a little better "
    "for objects whose sides are alike, at twice the time",
)
precision_option = click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    default="float32",
    show_default=True,
    help="numbers that features are computed in: half precision is faster on GPUs, bfloat16 on "
    "some processors too; energies then differ by about 0.1 (bfloat16) or 0.01 (float16)",
)
split_option = click.option(
    "--split", metavar="NAME", help="train, test, … or 'all', if the set has several"
)
force_option = click.option("--force", is_flag=True, help="overwrite an output that exists")
set_argument = click.argument("set_path", metavar="SET", type=click.Path(path_type=Path))
workers_option = click.option(
    "--workers",
    metavar="N",
    default=1,
    type=click.IntRange(min=1),
    show_default=True,
    help="processes that render",
)
