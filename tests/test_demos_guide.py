"""docs/demos.md: every demonstration has its section and its row; tables are of the results."""

import json
import re
import shlex
from pathlib import Path

from objrec.demos import NAMES

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "demos.md").read_text(encoding="utf-8")
RESULTS = json.loads((ROOT / "scripts" / "results" / "demos.json").read_text(encoding="utf-8"))


def test_every_demonstration_has_its_section_and_was_run():
    sections = re.findall(r"^## (\w+):", TEXT, re.MULTILINE)
    assert sections == list(NAMES) == [row["demo"] for row in RESULTS]
    for name in NAMES:
        section = TEXT.split(f"## {name}:")[1].split("\n## ")[0]
        assert "```\n" in section and f"<!-- table demo-{name} -->" in section


def test_each_took_less_than_a_minute_on_two_cores():
    assert all(row["cpu_seconds"] < 100 for row in RESULTS)  # two cores have 120 s a minute
    assert all(row["seed"] == 0 and row["commit"] and row["hardware"] for row in RESULTS)


def test_its_commands_are_commands_of_objrec(command, tmp_path):
    (code,) = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    listed, one = (shlex.split(line.partition("  #")[0]) for line in code.splitlines())
    assert listed[0] == one[0] == "objrec" and command(*listed[1:]).code == 0
    (tmp_path / "parabola.html").write_text("")  # so that it is refused before it trains
    ran = command(*one[1:-1], tmp_path)
    assert one[-2] == "--out" and "parabola.html: exists" in ran.err


def test_its_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert links and all((ROOT / "docs" / link).exists() for link in links)


def test_the_verdicts_it_names_are_those_measured():
    found = {row["demo"]: row["numbers"] for row in RESULTS}["collapse"]["losses"]
    assert {name: found[name]["verdict"] for name in ("energy", "perceptron", "lvq2")} == {
        "energy": "collapsed",
        "perceptron": "stalled",
        "lvq2": "stalled",
    }
    assert found["square-exp"]["verdict"] == "collapsed" and found["square-exp"]["condition_holds"]
    assert found["perceptron, free energies"]["verdict"] == "learned"
    others = ("hinge", "log", "mce", "square-square", "nll", "mee")
    assert all(found[name]["verdict"] == "learned" for name in others)
