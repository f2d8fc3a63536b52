"""Strict reading of JSON: a file's text, and whether a value is as types say it must be.

What a value must be is said by ordinary types: `int`, `float`, `str`, `list[float]`,
`dict[str, T]`, `T | None`, `Literal`, typed dictionaries and dataclasses, and
``Annotated[float, Limits(0, 1)]``. Numbers must be finite, and so small that nothing overflows.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LARGEST = 1e15  # of any number; whole ones are exact as float64 up to here
_MOST_BYTES = 1 << 30
_SHOWN = 60  # characters of a name that a message repeats
_MOST_PLACE = 200  # characters of a place

Problem = tuple[str, str]
"""Where within a value, as ".pose[3].azimuth", and what is wrong there."""
Check = Callable[[Any], Problem | None]


@dataclass(frozen=True)
class Limits:
    """Ends, inclusive, that a number is within."""

    lowest: float = -LARGEST
    highest: float = LARGEST


Share = typing.Annotated[float, Limits(0, 1)]
Count = typing.Annotated[int, Limits(0)]


def read_json(path: Path, most: int = _MOST_BYTES) -> Any:
    """Read a file as JSON of the standard: no NaN, no name twice in one object.

    Args:
        path: The file.
        most: Bytes that it may have.

    Raises:
        OSError: It cannot be read.
        ValueError: It is a folder, pipe or device, too large, or not JSON; the message says
            which, without the path.
    """
    if not path.is_file():
        if path.exists():
            raise ValueError("not a file")
        path.stat()  # raises what is wrong: missing, or a loop of links
    if path.stat().st_size > most:
        raise ValueError(f"larger than {most:,} bytes")
    return parse_json(path.read_bytes())


def parse_json(content: bytes | str) -> Any:
    """Read JSON of the standard; raises ValueError as `read_json` does."""
    try:
        text = content if isinstance(content, str) else content.decode("utf-8")
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refused)
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text from byte {error.start} on") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"{shown(twice)} is listed twice")
    return found


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")


def shown(name: str) -> str:
    """Return a name for a message: in quotes, short, and on one line."""
    short = name if len(name) <= _SHOWN else name[: _SHOWN - 1] + "…"
    return repr(short) if short.isprintable() else ascii(short)


def misfit(value: Any, kind: Any) -> str:
    """Say what is wrong with a value read from JSON: "pose[3].azimuth must be a number"; or "".

    Args:
        value: From `read_json`.
        kind: A type, see above.
    """
    try:
        problem = _check(kind)(value)
    except RecursionError:
        problem = "", "is nested too deeply"
    return f"{_cut(problem[0].removeprefix('.')) or 'it'} {problem[1]}" if problem else ""


@functools.cache
def _check(kind: Any) -> Check:
    """Return the test of a kind; made once, for files have many values of few kinds."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return lambda value: None
    if origin is typing.Annotated:
        return _limited(_check(parts[0]), parts[1])
    if origin in (typing.Union, types.UnionType):
        return _either([_check(part) for part in parts])
    if origin is typing.Literal:
        listed = ", ".join(map(str, parts))
        return lambda value: None if value in parts else ("", f"must be one of {listed}")
    if origin is list:
        return _list(_check(parts[0]))
    if origin is dict:
        return _table(_check(parts[1]))
    if typing.is_typeddict(kind) or dataclasses.is_dataclass(kind):
        return _object(kind)
    return _PLAIN[kind]


def _limited(inner: Check, limits: Limits) -> Check:
    def check(value: Any) -> Problem | None:
        if problem := inner(value):
            return problem
        if limits.lowest <= value <= limits.highest:
            return None
        if limits.highest == LARGEST:
            return "", f"must be at least {limits.lowest:g}"
        return "", f"must be within {limits.lowest:g} and {limits.highest:g}"

    return check


def _either(checks: list[Check]) -> Check:
    def check(value: Any) -> Problem | None:
        problems = [one(value) for one in checks]
        # The longest place belongs to the kind that was meant.
        return None if None in problems else max(filter(None, problems), key=_depth)

    return check


def _depth(problem: Problem) -> int:
    return len(problem[0])


def _list(inner: Check) -> Check:
    def check(value: Any) -> Problem | None:
        if not isinstance(value, list):
            return "", "must be a list"
        for number, item in enumerate(value):
            if problem := inner(item):
                return f"[{number}]{problem[0]}", problem[1]
        return None

    return check


def _table(inner: Check) -> Check:
    def check(value: Any) -> Problem | None:
        if not isinstance(value, dict):
            return "", "must be an object"
        for name, item in value.items():
            if problem := _text(name) or inner(item):
                return f".{_key(name)}{problem[0]}", problem[1]
        return None

    return check


def _object(kind: Any) -> Check:
    def check(value: Any) -> Problem | None:
        if not isinstance(value, dict):
            return "", "must be an object"
        fields, needed, closed = _fields(kind)
        for name, inner in fields.items():
            if name in value:
                if problem := inner(value[name]):
                    return f".{name}{problem[0]}", problem[1]
            elif name in needed:
                return f".{name}", "is missing"
        strangers = [name for name in value if name not in fields] if closed else []
        return (f".{_key(strangers[0])}", "is unknown") if strangers else None

    return check


@functools.cache
def _fields(kind: Any) -> tuple[dict[str, Check], frozenset[str], bool]:
    """Return the tests of an object's values, which it needs, and whether others are refused.

    Found when they are first used: kinds may hold themselves.
    """
    hints = typing.get_type_hints(kind, include_extras=True)
    if dataclasses.is_dataclass(kind):
        missing = dataclasses.MISSING
        own = dataclasses.fields(kind)
        needed = {f.name for f in own if f.default is missing and f.default_factory is missing}
        return {name: _check(hint) for name, hint in hints.items()}, frozenset(needed), True
    optional = {n for n, hint in hints.items() if typing.get_origin(hint) is typing.NotRequired}
    inner = {n: typing.get_args(h)[0] if n in optional else h for n, h in hints.items()}
    needed = kind.__required_keys__ - optional
    return {name: _check(hint) for name, hint in inner.items()}, frozenset(needed), False


def _cut(place: str) -> str:
    return place if len(place) <= _MOST_PLACE else f"…{place[-_MOST_PLACE:]}"


def _key(name: str) -> str:
    return name if name.isidentifier() and len(name) <= _SHOWN else shown(name)


def _text(value: Any) -> Problem | None:
    if not isinstance(value, str):
        return "", "must be text"
    return None


def _number(value: Any) -> Problem | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "", "must be a number"
    # Compared as it is: a whole number of a thousand digits is no float.
    return None if -LARGEST <= value <= LARGEST else ("", "must be a finite number")


def _whole(value: Any) -> Problem | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return "", "must be a whole number"
    return None if -LARGEST <= value <= LARGEST else ("", "is too large a number")


_PLAIN: dict[Any, Check] = {
    int: _whole,
    float: _number,
    str: _text,
    bool: lambda value: None if isinstance(value, bool) else ("", "must be true or false"),
    type(None): lambda value: None if value is None else ("", "must be null"),
    list: lambda value: None if isinstance(value, list) else ("", "must be a list"),
    dict: lambda value: None if isinstance(value, dict) else ("", "must be an object"),
}
