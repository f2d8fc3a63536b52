"""The first table of docs/quality.md: what every question came to, beside its goal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from quality_cells import KINDS, NONE
from quality_goals import Found, Goal, Ratio, verdict
from quality_questions import GOALS


def goal_table() -> Iterable[str]:
    """Return one row a question: all kinds of models, what was wanted, and whether it is so."""
    yield (
        "| question | energy [95 %] | CNN | CNN with pose heads | energy / CNN, or CNN less energy "
        "[95 %] | goal | | plan; seeds |"
    )
    yield "|---|---:|---:|---:|---:|---|---|---|"
    for goal in GOALS:
        found = goal.read()
        unit = found.unit if found else _unit(goal)
        cells = [_value(found, kind) for kind in KINDS] if found else [NONE] * len(KINDS)
        seeds = f"; {' '.join(map(str, found.seeds))}" if found and found.seeds else ""
        wanted = ", ".join(one.text(unit) for one in goal.wanted)
        yield (
            f"| {goal.title} | {' | '.join(cells)} | {_comparison(goal, found)} | {wanted} "
            f"| {verdict(goal, found)} | `{goal.plan}`{seeds} |"
        )


def _unit(goal: Goal) -> str:
    """Return the unit of a figure that is not there: shares, except where the title says."""
    named = {"AUROC": "", "median": "°", "training on": "s"}
    return next((unit for word, unit in named.items() if word in goal.title), "%")


def _value(found: Found, kind: str) -> str:
    if kind not in found.values:
        return NONE
    ends = found.intervals.get(kind)
    interval = f" [{', '.join(found.written(end) for end in ends)}]" if ends else ""
    note = f" ({found.note})" if found.note and kind != "energy" else ""
    number = f"{found.written(found.values[kind])}{found.name}"
    return (f"**{number}**" if kind == "energy" else number) + interval + note


def _comparison(goal: Goal, found: Found | None) -> str:
    apart = found.against.get(goal.compare) if found else None
    if not apart or found is None:
        return NONE
    if any(isinstance(one, Ratio) for one in goal.wanted):
        return _ratio(apart)
    ends = apart.get("difference_ci")
    interval = f" [{', '.join(found.written(end) for end in ends)}]" if ends else ""
    of = " (pose heads)" if goal.compare == "cnn-pose" else ""
    return f"{found.written(apart['difference'], '+')}{interval}{of}"


def _ratio(apart: dict[str, Any]) -> str:
    if apart.get("ratio") is None:
        return NONE
    ends = apart.get("ratio_ci")
    high = [f"{end:.2f}" if end is not None else "∞" for end in ends or ()]
    return f"× {apart['ratio']:.2f}" + (f" [{', '.join(high)}]" if high else "")
