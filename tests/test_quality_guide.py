"""docs/quality.md: its tables are those of the results, and its verdicts follow from figures."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "quality.md").read_text(encoding="utf-8")


def test_every_table_of_experiments_is_on_the_page(script):
    named = re.findall(r"<!-- table (.*?) -->", TEXT)
    assert named == list(script("quality_tables").TABLES)


def test_tables_have_few_columns():
    for table in re.findall(r"<!-- table .*? -->\n(.*?)<!-- end", TEXT, re.DOTALL):
        assert max(line.count("|") for line in table.splitlines()) <= 10


def test_plans_exist(script, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts" / "experiments")
    plans = importlib.import_module("plans")
    named = re.findall(r"[Pp]lans? `(\w+)`(?:,? and `(\w+)`)?", TEXT)
    wanted = {goal.plan for goal in script("quality_questions").GOALS}
    for name in wanted | {one for pair in named for one in pair if one}:
        scripts = [ROOT / "scripts" / name, ROOT / "scripts" / "experiments" / name]
        assert hasattr(plans, name) or any(path.is_file() for path in scripts), name


@pytest.fixture(scope="module")
def goals(script):
    return script("quality_goals")


@pytest.mark.parametrize(
    ("condition", "energy", "cnn", "missed"),
    [
        (("Limit", 0.10), 0.10, 0.2, ""),
        (("Limit", 0.10), 0.121, 0.2, "by 2.1 points"),
        (("Limit", 0.92, True), 0.95, 0.9, ""),
        (("Limit", 0.92, True), 0.90, 0.9, "by 2.0 points"),
        (("Ratio", 0.5), 0.1, 0.2, ""),
        (("Ratio", 0.5), 0.12, 0.2, "ratio 0.60"),
        (("Better", 0.05), 0.30, 0.36, ""),
        (("Better", 0.05), 0.30, 0.34, "ahead by 4.0 points"),
        (("Better", 0.0), 0.30, 0.28, "behind by 2.0 points"),
        (("Better", 0.0, -1), 0.30, 0.28, ""),
    ],
)
def test_conditions(goals, condition, energy, cnn, missed):
    name, *values = condition
    values_found = {"energy": energy, "cnn": cnn}
    found = goals.Found("%", values_found, against={"cnn": {"ratio": energy / cnn}})
    assert getattr(goals, name)(*values).missed(found) == missed


@pytest.mark.parametrize(
    ("interval", "parameters", "missed"),
    [
        ([-0.02, 0.01], 10, ""),
        ([-0.03, -0.01], 10, "above it by 2.0 points"),
        ([-0.02, 0.01], 30, "more parameters than it has"),
    ],
)
def test_not_above_the_pose_heads(goals, interval, parameters, missed):
    found = goals.Found(
        "%",
        {"energy": 0.12, "cnn-pose": 0.10},
        against={"cnn-pose": {"difference": -0.02, "difference_ci": interval}},
        parameters={"energy": parameters, "cnn-pose": 20},
    )
    assert goals.NotAbove().missed(found) == missed


def test_verdicts(goals):
    goal = goals.Goal("", "full", lambda: None, (goals.Limit(0.1), goals.Ratio(0.5)))
    assert goals.verdict(goal, None) == "not measured"
    good, bad = (
        goals.Found("%", {"energy": error}, against={"cnn": {"ratio": 5 * error}})
        for error in (0.09, 0.15)
    )
    assert goals.verdict(goal, good) == "**reached**"
    assert goals.verdict(goal, bad) == "missed: by 5.0 points; ratio 0.75"
