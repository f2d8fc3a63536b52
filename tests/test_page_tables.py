"""The tables of README.md and docs: those of the results, and well formed."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
    if "<!-- table " in path.read_text(encoding="utf-8")
)


def test_all_pages_are_written(script):
    written = {page.relative_to(ROOT).as_posix() for page in script("readme_tables").PAGES}
    assert set(PAGES) <= written


@pytest.mark.parametrize("page", PAGES)
def test_tables_are_those_of_the_results(script, page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert script("readme_tables").with_tables(text) == text


@pytest.mark.parametrize("page", PAGES)
def test_tables_have_as_many_cells_in_each_row(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for table in re.findall(r"<!-- table .*? -->\n(.*?)<!-- end", text, re.DOTALL):
        assert len({line.count("|") for line in table.splitlines()}) == 1
