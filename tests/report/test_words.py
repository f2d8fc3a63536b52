import pytest

from objrec.report import words


def plain(text):
    return text.replace(words.SPACE, " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1234, "12.3 %"), (0, "0.0 %"), (1, "100.0 %"), (None, "–")],
)
def test_percent(value, text):
    assert plain(words.percent(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(9999, "9999"), (24300, "24 300"), (1234567, "1 234 567")],
)
def test_count(value, text):
    assert plain(words.count(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.4321, "4.43"),
        (0.01234, "0.0123"),
        (329.4, "329"),
        (3294.4, "3294"),
        (0, "0"),
        (None, "–"),
    ],
)
def test_number(value, text):
    assert words.number(value) == text


@pytest.mark.parametrize(("value", "text"), [(2.6, "2.60"), (0.5, "0.500"), (123.4, "123")])
def test_energies_keep_their_zeros(value, text):
    assert words.energy(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(4.26, "4.3°"), (2.0, "2.0°"), (168.9, "169°"), (None, "–")]
)
def test_degrees(value, text):
    assert words.degrees(value) == text


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"value": 22.5}, "22.5"),
        ({"value": "day"}, "day"),
        ({"value": 5.0, "range": [0.0, 10.0]}, "0 to 10"),
    ],
)
def test_factor_values(row, text):
    assert words.factor_value(row) == text


@pytest.mark.parametrize(
    ("ends", "share", "text"),
    [
        ([0.091, 0.14], True, "9.1 to 14.0 %"),
        ([1.234, 20], False, "1.23 to 20"),
        ([None, 0.1], True, "–"),
        (None, True, "–"),
    ],
)
def test_interval(ends, share, text):
    assert plain(words.interval(ends, share=share)) == text


@pytest.mark.parametrize(("difference", "text"), [(0.0625, "+6.2"), (-0.003, "−0.3"), (None, "–")])
def test_points(difference, text):
    assert words.points(difference) == text


@pytest.mark.parametrize(("p", "text"), [(0.0004, "< 0.001"), (0.0109, "0.011"), (1.0, "1")])
def test_p_values(p, text):
    assert words.p_value(p) == text


def test_poses_have_units_and_leave_out_what_is_not_known():
    values = {"azimuth": 0.0967, "elevation": 30.0, "scale": 1.2345, "roll": None}
    assert words.pose(values) == "azimuth 0.1°, elevation 30°, scale 1.23"


def test_names_are_shortened_and_lose_half_characters():
    broken = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert words.category_name(broken) == "caf?"
    assert words.category_name("a" * 30) == "a" * 17 + "…"
