"""Settings that explain themselves: checking, strict JSON, hints."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objrec.errors import SettingsError
from objrec.options import Settings, did_you_mean, option, options_of


@dataclass(frozen=True)
class Paint(Settings):
    """How to paint."""

    colour: str = option("red", "which colour", choices=("red", "green"))
    coats: int = option(2, "how many coats", minimum=1, maximum=5)
    thickness: float = option(0.5, "how thick", minimum=0.0)
    glossy: bool = option(False, "whether it shines")
    hours: float | None = option(None, "drying time; auto: by thickness", minimum=1)
    rooms: tuple[str, ...] = option((), "where")

    def check(self) -> None:
        if self.glossy and self.coats == 1:
            raise SettingsError("settings: one glossy coat does not cover; use coats 2")


def test_fields_describe_themselves():
    described = {o.name: o for o in options_of(Paint)}
    assert described["coats"].flag == "--coats"
    assert (described["coats"].minimum, described["coats"].maximum) == (1, 5)
    assert described["hours"].optional and described["hours"].kind is float
    assert described["rooms"].repeated and described["rooms"].kind is str
    assert described["colour"].choices == ("red", "green")
    assert [o.text for o in options_of(Paint)][:2] == ["which colour", "how many coats"]


def test_a_flag_has_hyphens():
    @dataclass(frozen=True)
    class Long(Settings):
        batch_size: int = option(1, "…")

    assert options_of(Long)[0].flag == "--batch-size"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"colour": "blue"}, "colour 'blue' is none of red, green"),
        ({"colour": "gren"}, "did you mean 'green'"),
        ({"colour": 3}, "colour must be text, not 3"),
        ({"coats": 0}, "coats must be at least 1"),
        ({"coats": 6}, "coats must be at most 5"),
        ({"coats": 1.5}, "coats must be a whole number, not 1.5"),
        ({"coats": True}, "coats must be a whole number, not True"),
        ({"coats": None}, "coats must be a whole number, not None"),
        ({"thickness": "thin"}, "thickness must be a number, not 'thin'"),
        ({"thickness": math.nan}, "thickness must be a finite number"),
        ({"thickness": math.inf}, "thickness must be a finite number"),
        ({"glossy": 1}, "glossy must be true or false, not 1"),
        ({"hours": 0.5}, "hours must be at least 1"),
        ({"rooms": "kitchen"}, "rooms must be a list, not 'kitchen'"),
        ({"rooms": [1]}, "rooms must be text, not 1"),
        ({"glossy": True, "coats": 1}, "one glossy coat does not cover"),
    ],
)
def test_wrong_values_are_refused_when_built_and_when_read(values, sentence):
    with pytest.raises(SettingsError, match=sentence):
        Paint(**values)
    with pytest.raises(SettingsError, match=sentence):
        Paint.from_json(values, "config.json")


def test_unknown_names_in_json_are_refused_with_a_hint():
    with pytest.raises(SettingsError, match=r"config.json: unknown setting 'coat'; did you mean"):
        Paint.from_json({"coat": 1}, "config.json")
    with pytest.raises(SettingsError, match=r"config.json: unknown setting 'xyz'$"):
        Paint.from_json({"xyz": 1}, "config.json")
    with pytest.raises(SettingsError, match="settings must be an object"):
        Paint.from_json([1], "config.json")  # type: ignore[arg-type]


def test_values_take_the_type_of_their_field():
    paint = Paint(thickness=1, rooms=["hall"])
    assert type(paint.thickness) is float
    assert paint.rooms == ("hall",)


def test_names_left_out_keep_their_defaults():
    assert Paint.from_json({"coats": 3}, "config.json") == Paint(coats=3)


@given(
    colour=st.sampled_from(["red", "green"]),
    coats=st.integers(2, 5),
    thickness=st.floats(0, 1e9),
    glossy=st.booleans(),
    hours=st.none() | st.floats(1, 1e9),
    rooms=st.lists(st.text(), max_size=3),
)
def test_json_round_trip(**values):
    paint = Paint(**values)
    assert Paint.from_json(paint.to_json(), "here") == paint


@pytest.mark.parametrize(
    ("word", "answer"), [("trian", "; did you mean 'train'?"), ("xyzzy", ""), ("", "")]
)
def test_hints(word, answer):
    assert did_you_mean(word, ("train", "classify")) == answer
