"""docs/performance.md: its tables are those of the results, and its commands exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")


def test_every_table_is_on_the_page(script):
    named = re.findall(r"<!-- table (.*?) -->", TEXT)
    assert named == list(script("performance_tables").TABLES)


def test_scripts_named_are_there():
    named = set(re.findall(r"scripts/\w+\.py", TEXT))
    assert len(named) >= 5 and all((ROOT / name).is_file() for name in named)
