"""Names of files and folders from any text: safe everywhere, different for different things."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from objrec.datasets.naming import Names, safe_name

some = settings(max_examples=200, deadline=None, database=None)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("blue mug", "blue mug"),
        ("007", "007"),
        ("Täßchen 茶", "Täßchen 茶"),
        ("tea/cup", "tea_cup"),
        ("a\\b:c", "a_b_c"),
        ("..", "unnamed"),
        ("☕", "unnamed"),
        (".hidden", "hidden"),
        ("__x", "x"),
        ("end. ", "end"),
        ("CON", "CON_"),
        ("nul.txt", "nul_.txt"),
        ("Com1 .tar.gz", "Com1_.tar.gz"),
        ("lpt²", "lpt²_"),
        ("console", "console"),
        ("", "unnamed"),
    ],
)
def test_a_name_reminds_of_the_text(text, name):
    assert safe_name(text) == name


@some
@given(st.text(max_size=300))
def test_a_name_is_one_every_file_system_takes(text):
    name = safe_name(text)
    assert name
    assert not set(name) & set('/\\:*?"<>|\0\n\r\t')
    assert name[0] not in "._ "
    assert name[-1] not in ". "
    assert len(name.encode()) <= 121
    assert safe_name(name) == name


@some
@given(st.lists(st.sampled_from(["a", "A", "a-2", "A-2", "a/b", "a_b", "☕", "🫖", "ß", "SS"])))
def test_different_things_get_different_names_and_the_same_thing_the_same(texts):
    names = Names()
    found = {}
    for text in texts:
        assert found.setdefault(text, names.folder("", text)) == names.folder("", text)
    assert len({name.casefold() for name in found.values()}) == len(found)


def test_names_within_another_folder_do_not_count():
    names = Names()
    assert names.file("a", "one", "view", ".png") == "a/view.png"
    assert names.file("b", "two", "view", ".png") == "b/view.png"
    assert names.file("b", "three", "VIEW", ".png") == "b/VIEW-2.png"
    assert names.file("b", "four", "view", ".jpg") == "b/view.jpg"
