"""Reading JSON strictly: hostile texts as rows, and types against jsonschema-like expectations."""

from __future__ import annotations

import json
import os
from typing import Annotated, Any, Literal, NotRequired

import pytest
from typing_extensions import TypedDict

from objrec.strict import LARGEST, Number, limits, misfit, parse_json, read_json, shown


class Leaf(TypedDict):
    name: str
    size: NotRequired[int]


class Tree(TypedDict):
    leaves: list[Leaf]
    within: NotRequired[Tree]


HALF = Annotated[float, limits(0, 0.5)]


@pytest.mark.parametrize(
    ("value", "kind", "problem"),
    [
        (1, int, ""),
        (1, float, ""),
        (1.0, int, "it must be a whole number"),
        (True, int, "it must be a whole number"),
        (True, float, "it must be a number"),
        (True, bool, ""),
        (0, bool, "it must be true or false"),
        (10**400, float, "it must be a number"),
        (float("nan"), float, "it must be a finite number"),
        (float("-inf"), float, "it must be a finite number"),
        (2 * LARGEST, Number, "it must be at most 1e+15"),
        (-(10**400), Annotated[int, limits()], "it must be at least -1e+15"),
        (None, int | None, ""),
        ("a", int | None, "it must be a whole number"),
        (0.5, HALF, ""),
        (0.6, HALF, "it must be at most 0.5"),
        ("x", HALF, "it must be a number"),
        ("a", Literal["a", "b"], ""),
        ("c", Literal["a", "b"], "it must be 'a' or 'b'"),
        ([], Literal["a", "b"], "it must be 'a' or 'b'"),
        ([1, 2, "3"], list[int], "[2] must be a whole number"),
        ({"a": {"b": [0.0, None]}}, dict[str, dict[str, list[float]]], "a.b[1] must be a number"),
        ({"a b": 1}, dict[str, str], "'a b' must be text"),
        ({"name": "x", "further": 1}, Leaf, ""),
        ({"size": 1}, Leaf, "name is missing"),
        ({"name": "x", "size": "1"}, Leaf, "size must be a whole number"),
        ({"leaves": [], "within": {"leaves": [{}]}}, Tree, "within.leaves[0].name is missing"),
        ([{}], Leaf | list[Leaf], "[0].name is missing"),
        (object(), Any, ""),
    ],
)
def test_a_value_is_held_against_a_type(value, kind, problem):
    assert misfit(value, kind) == problem


def test_values_nested_without_end_are_a_problem_not_a_crash():
    value: dict = {"leaves": []}
    for _ in range(5000):
        value = {"leaves": [], "within": value}
    assert misfit(value, Tree).endswith("within is nested too deeply")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ("{'a': 1}", "Expecting property name"),
        ("[NaN]", "NaN is no number of JSON"),
        ("-Infinity", "-Infinity is no number"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "'c' is listed twice"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("9" * 5000, "digits"),
        (b"\xff\xfe{}", "not UTF-8 text from byte 0 on"),
    ],
)
def test_what_is_no_json_is_said(text, message):
    with pytest.raises(ValueError, match=message):
        parse_json(text)


def test_what_is_json_is_read_as_the_library_reads_it():
    text = '{"a": [1, -2.5e3, true, null, "\\u00fc", {}], "b": {"c": 12345678901234567890}}'
    assert parse_json(text) == parse_json(text.encode()) == json.loads(text)


def test_only_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # whoever opened it would wait for good
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "large").write_text("[1, 2, 3]")
    for name, message in (("pipe", "not a file"), (".", "not a file"), ("large", "than 8 bytes")):
        with pytest.raises(ValueError, match=message):
            read_json(tmp_path / name, most=8)
    for name in ("loop", "missing"):
        with pytest.raises(OSError, match=name):
            read_json(tmp_path / name)
    assert read_json(tmp_path / "large", most=9) == [1, 2, 3]


def test_a_name_is_shown_short_and_on_one_line():
    assert shown("cup") == "'cup'"
    assert shown("a\nb") == "'a\\nb'"
    assert shown("\ud800") == "'\\ud800'"
    assert len(shown("x" * 1000)) <= 62
