"""Mutations of bytes and of JSON, as hypothesis strategies."""

from __future__ import annotations

import json
import struct
from typing import Any

from hypothesis import strategies as st

WORDS = (0, 1, 2, 3, 5, 255, 256, 2**15, 2**16, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**62)
WORDS += (2**63 - 1, -1, -2, -(2**31), -(2**63))
_PACKS = ("<i", ">i", "<h", ">h", "<q", "b")


@st.composite
def mutated(draw: st.DrawFn, content: bytes, head: int = 64, most: int = 4) -> bytes:
    """Draw a file that differs from `content` by one to `most` mutations.

    Args:
        draw: From hypothesis.
        content: A good file.
        head: The length of its header, where half of the mutations are made.
        most: Of how many mutations at most.
    """
    for _ in range(draw(st.integers(1, most))):
        content = _once(draw, content, head)
    return content


def _once(draw: st.DrawFn, content: bytes, head: int) -> bytes:
    size = len(content)
    place = draw(st.integers(0, min(head, size)) | st.integers(0, size))
    kind = draw(st.sampled_from(("cut", "word", "flip", "insert", "drop", "repeat", "blank")))
    before, after = content[:place], content[place:]
    match kind:
        case "cut":
            return before
        case "word":
            word = _word(draw)
            return before + word + after[len(word) :]
        case "flip":
            return (
                before + bytes([(after[0] if after else 0) ^ draw(st.integers(1, 255))]) + after[1:]
            )
        case "insert":
            return before + draw(st.binary(min_size=1, max_size=16)) + after
    length = draw(st.integers(1, 16) | st.integers(1, max(1, size)))
    if kind == "drop":
        return before + after[length:]
    if kind == "repeat":
        return before + after[:length] + after
    return before + bytes(min(length, len(after))) + after[length:]


def _word(draw: st.DrawFn) -> bytes:
    code = draw(st.sampled_from(_PACKS))
    bits = 8 * struct.calcsize(code)
    value = draw(st.sampled_from(WORDS)) % 2**bits
    return struct.pack(code, value - 2**bits if value >= 2 ** (bits - 1) else value)


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(("", "<script>", "../x", "/etc/passwd", 1e308, -1, 0, 10**12, "energy"))
)
ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=4,
)


@st.composite
def changed_json(draw: st.DrawFn, value: Any, most: int = 2) -> bytes:
    """Draw the text of a JSON value that differs from `value` in a few places.

    A place is a key or an element at any depth: it is dropped, renamed, doubled, or replaced by
    anything, NaN and numbers past 64 bits included.
    """
    value = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(1, most))):
        holder, key = draw(st.sampled_from(_places(value) or [({}, None)]))
        _change(draw, holder, key)
    return json.dumps(value, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


def _places(value: Any) -> list[tuple[Any, Any]]:
    """List all (container, key) within a value."""
    if not isinstance(value, dict | list):
        return []
    keys = list(value) if isinstance(value, dict) else range(len(value))
    return [(value, key) for key in keys] + [p for key in keys for p in _places(value[key])]


def _change(draw: st.DrawFn, holder: Any, key: Any) -> None:
    if key is None:
        return
    kind = draw(st.sampled_from(("drop", "replace", "replace", "rename", "grow")))
    if kind == "replace":
        holder[key] = draw(ANYTHING)
    elif kind == "drop":
        del holder[key]
    elif isinstance(holder, dict):
        name = draw(st.text(max_size=8)) if kind == "grow" else f"{key}s"
        holder[name] = holder[key] if kind == "grow" else holder.pop(key)
    else:
        holder.append(holder[key])
