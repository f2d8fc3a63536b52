"""Settings that explain themselves.

A settings class is a frozen dataclass that inherits `Settings` and whose fields are made by
`option`: each carries its own sentence and limits. From them come the command-line flag, its
help, strict JSON and the model card, so that a setting is described in exactly one place.
This module knows no command-line library and no particular setting.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from objrec.errors import SettingsError, shortened


def option(
    default: Any,
    text: str,
    *,
    choices: tuple[str, ...] | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
) -> Any:
    """Make a dataclass field that carries its own help sentence and limits.

    Args:
        default: The default value.
        text: One sentence without a full stop, as ``--help`` shows it.
        choices: For text settings, the values that are allowed.
        minimum: Smallest allowed number, inclusive.
        maximum: Largest allowed number, inclusive.
    """
    limits = {"text": text, "choices": choices, "minimum": minimum, "maximum": maximum}
    return dataclasses.field(default=default, metadata=limits)


@dataclass(frozen=True)
class Option:
    """One setting, described: what a flag, a help line and a model card need to know.

    Attributes:
        name: The field's name, with underscores.
        kind: ``bool``, ``int``, ``float`` or ``str``: the type of one value.
        optional: Whether None is allowed (shown as 'auto' or 'none').
        repeated: Whether the setting is a tuple of values of that type.
    """

    name: str
    kind: type
    optional: bool
    repeated: bool
    default: Any
    text: str
    choices: tuple[str, ...] | None
    minimum: float | None
    maximum: float | None

    @property
    def flag(self) -> str:
        """The command-line flag: ``--batch-size`` for ``batch_size``."""
        return "--" + self.name.replace("_", "-")

    def checked(self, value: Any, place: str) -> Any:
        """Return the value in the field's own type.

        Raises:
            SettingsError: The type or the range is wrong; the message starts with `place`.
        """
        if value is None and self.optional:
            return None
        if self.repeated:
            if not isinstance(value, list | tuple):
                raise SettingsError(f"{place}: {self.name} must be a list, not {_told(value)}")
            return tuple(self._checked_one(item, place) for item in value)
        return self._checked_one(value, place)

    def _checked_one(self, value: Any, place: str) -> Any:
        accepted = {float: (int, float), int: (int,), bool: (bool,), str: (str,)}[self.kind]
        if not isinstance(value, accepted) or (isinstance(value, bool) and self.kind is not bool):
            wanted = _NAMES[self.kind]
            raise SettingsError(f"{place}: {self.name} must be {wanted}, not {_told(value)}")
        if self.choices and value not in self.choices:
            hint = did_you_mean(value, self.choices)
            listed = ", ".join(self.choices)
            raise SettingsError(f"{place}: {self.name} {_told(value)} is none of {listed}{hint}")
        if self.kind in (int, float):
            self._check_range(value, place)
        return self.kind(value)

    def _check_range(self, value: float, place: str) -> None:
        if not math.isfinite(value) if isinstance(value, float) else abs(value) > _LARGEST:
            wanted = "a finite number" if self.kind is float else "a smaller number"
            raise SettingsError(f"{place}: {self.name} must be {wanted}, not {_told(value)}")
        if self.minimum is not None and value < self.minimum:
            raise SettingsError(f"{place}: {self.name} must be at least {self.minimum}")
        if self.maximum is not None and value > self.maximum:
            raise SettingsError(f"{place}: {self.name} must be at most {self.maximum}")


# Whole numbers beyond are nobody's, and neither a float nor a tensor can hold all of them.
_LARGEST = 2**63 - 1
_SHOWN = 80


def _told(value: Any) -> str:
    """Return a value as messages quote it, cut where it is long."""
    if isinstance(value, int) and abs(value) > _LARGEST:
        return f"one of {len(hex(value)) - 2} hexadecimal digits"  # decimal ones take forever
    return shortened(repr(value), _SHOWN)


_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


class Settings:
    """Base of the settings dataclasses: checks every field when an instance is built."""

    def __post_init__(self) -> None:
        for described in options_of(type(self)):
            value = described.checked(getattr(self, described.name), "settings")
            object.__setattr__(self, described.name, value)
        self.check()

    def check(self) -> None:
        """Check what no single field can say; subclasses raise SettingsError here."""

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain values that JSON can hold."""
        values = {o.name: getattr(self, o.name) for o in options_of(type(self))}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], place: str) -> Self:
        """Build the settings from JSON, strictly.

        Args:
            values: Name → value; names that are left out keep their defaults.
            place: The file the values come from, for messages.

        Raises:
            SettingsError: An unknown name, a wrong type or a value out of range.
        """
        if not isinstance(values, Mapping):
            raise SettingsError(f"{place}: settings must be an object, not {_told(values)}")
        described = {o.name: o for o in options_of(cls)}
        for name in values:
            if name not in described:
                hint = did_you_mean(str(name), tuple(described))
                raise SettingsError(f"{place}: unknown setting {_told(name)}{hint}")
        return cls(**{name: described[name].checked(v, place) for name, v in values.items()})


def options_of(settings_type: type) -> list[Option]:
    """Describe the fields of a settings class, in the order they are written."""
    hints = typing.get_type_hints(settings_type)
    return [_described(field, hints[field.name]) for field in dataclasses.fields(settings_type)]


def _described(field: dataclasses.Field, hint: Any) -> Option:
    optional = False
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        (hint,) = [part for part in typing.get_args(hint) if part is not type(None)]
        optional = True
    repeated = typing.get_origin(hint) is tuple
    kind = typing.get_args(hint)[0] if repeated else hint
    return Option(field.name, kind, optional, repeated, field.default, **field.metadata)


def did_you_mean(word: str, known: tuple[str, ...]) -> str:
    """Return "; did you mean 'x'?" for a near miss, otherwise an empty string."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""
