"""Strict reading of JSON: a file's text, and whether a value is as types say it must be.

What a value must be is said by ordinary types: `int`, `float`, `str`, `list[float]`,
`dict[str, T]`, `T | None`, `Literal`, typed dictionaries, and ``Annotated[float, limits(0, 1)]``;
pydantic holds it against them. Nothing is converted, and numbers must be finite.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Interval

if TYPE_CHECKING:
    from pydantic import TypeAdapter

LARGEST = 1e15  # whole numbers are exact as float64 up to here
_MOST_BYTES = 1 << 30
_SHOWN = 60  # characters of a name that a message repeats
_MOST_PLACE = 200  # characters of a place


def limits(lowest: float = -LARGEST, highest: float = LARGEST) -> Interval:
    """Return ends, inclusive, that a number is within."""
    return Interval(ge=lowest, le=highest)


Number = Annotated[float, limits()]
Share = Annotated[float, limits(0, 1)]
Count = Annotated[int, limits(0)]


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
    from pydantic import ValidationError

    try:
        _adapter(kind).validate_python([value])
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        # Of several kinds that a value may be of, the one that was meant fits the deepest.
        return _told(max(found, key=lambda one: len(one["loc"])), value)
    return ""


@functools.cache
def _adapter(kind: Any) -> TypeAdapter:
    """Return what checks lists of a kind: settings of a list hold for all that is in it."""
    from pydantic import ConfigDict, TypeAdapter

    return TypeAdapter(list[kind], config=ConfigDict(strict=True, allow_inf_nan=False))


_WORDS = {
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "string_unicode": "holds half a character",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "none_required": "must be null",
    "missing": "is missing",
    "extra_forbidden": "is unknown",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "recursion_depth_exceeded": "is nested too deeply",
    "recursion_loop": "is nested too deeply",  # what older versions call it
}


def _told(error: Mapping[str, Any], value: Any) -> str:
    words = _WORDS.get(error["type"], "is damaged")
    place = _cut(_place(error["loc"][1:], value).removeprefix(".")) or "it"
    return f"{place} {words.format(**error.get('ctx', {}))}"


def _place(steps: tuple[int | str, ...], value: Any) -> str:
    """Return where a value is; steps that name one of several kinds lead nowhere."""
    place = ""
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        if isinstance(value, list) and isinstance(step, int):
            place, value = f"{place}[{step}]", value[step]
        elif isinstance(value, dict) and (step in value or last):
            place, value = f"{place}.{_key(str(step))}", value.get(step)
    return place


def _cut(place: str) -> str:
    return place if len(place) <= _MOST_PLACE else f"…{place[-_MOST_PLACE:]}"


def _key(name: str) -> str:
    return name if name.isidentifier() and len(name) <= _SHOWN else shown(name)
