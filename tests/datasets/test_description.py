"""set.json: strict, with one line for each mistake."""

import json

import pytest

from objrec.datasets.description import IndexScale, SetDescription, SetEntries, read_description
from objrec.errors import DataError


def test_without_the_file_the_defaults_are_those_of_small_norb(tmp_path):
    description = read_description(tmp_path)
    assert description == SetDescription()
    assert description.elevation == IndexScale(first=30, step=5)
    assert description.azimuth == IndexScale(first=0, step=10)


def test_what_is_written_is_read_back(tmp_path):
    entries = SetEntries(name="toys", categories=("a", "b"))
    description = SetDescription(entries, elevation=IndexScale(0.0, 15.0))
    (tmp_path / "set.json").write_text(json.dumps(description.to_json()))
    assert read_description(tmp_path) == description
    (tmp_path / "set.json").write_text(json.dumps(SetDescription().to_json()))
    assert read_description(tmp_path) == SetDescription()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"set\.json: is not valid JSON \(.*\); correct or remove it"),
        ("[" * 100_000, r"set\.json: is not valid JSON \(maximum recursion depth"),
        ('{"name": "\\ud800"}', r"set\.json: is not valid JSON \('utf-8' codec can't encode"),
        (
            '{"azimuth": {"step": %s}}' % ("9" * 400),
            r"step must be a finite number, not one of 333",
        ),
        ('{"front_azimuth": %s}' % ("9" * 400), r"front must be a finite number, not one of 333"),
        ('{"%s": 1}' % ("x" * 9999), r"set\.json: unknown setting 'x{79}…$"),
        ('{"name": "%s"}' % ("x" * 1001), r"set\.json: 'x{60}…' is longer than 1,000 characters"),
        ("[]", r"set\.json: must hold an object with names and values"),
        ('{"nam": "x"}', r"set\.json: unknown setting 'nam'; did you mean 'name'\?"),
        ('{"name": 3}', r"set\.json: name must be text, not 3"),
        ('{"categories": "a"}', r"set\.json: categories must be a list, not 'a'"),
        ('{"categories": ["a", 1]}', r"set\.json: categories must be text, not 1"),
        ('{"categories": ["a", "a"]}', r"set\.json: categories must be different, non-empty"),
        ('{"front_azimuth": "left"}', r"set\.json: front_azimuth must be a number, not 'left'"),
        ('{"elevation": 5}', r"set\.json: elevation: settings must be an object, not 5"),
        ('{"elevation": {"fist": 5}}', r"set\.json: elevation: unknown setting 'fist'; did you"),
        ('{"azimuth": {"step": "x"}}', r"set\.json: azimuth: step must be a number, not 'x'"),
    ],
)
def test_mistakes_are_refused(tmp_path, text, message):
    (tmp_path / "set.json").write_text(text)
    with pytest.raises(DataError, match=message) as error:
        read_description(tmp_path)
    assert "\n" not in str(error.value)
