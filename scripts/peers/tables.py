"""The table of peers, as Markdown."""

from __future__ import annotations

from typing import Any

HEAD = (
    "| | images | error (objrec's) | azimuth median | within 30° (objrec's) "
    "| energy above objrec's | ms an image, one at a time | many at once "
    "| grid search is faster by | refined, by | setup, s | held, MB |"
)


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows of bench_peers.json: ratios are for one image, and for many at once."""
    lines = [HEAD, "|---" + "|---:" * 11 + "|"]
    for row in rows:
        cells = [
            row["name"],
            *_accuracy(row),
            _number(row["ms_one"]),
            f"{_number(row['ms_many'])} ({row['batch']})" if row["ms_many"] else "–",
            *(_ratio(row, search) for search in ("grid", "refined")),
            _number(row["setup_s"], ".2f"),
            _number(row["held_bytes"] / 1e6, ".1f"),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _accuracy(row: dict[str, Any]) -> list[str]:
    if "images" not in row:
        return ["–"] * 5
    own = row["objrec"]["refined"]
    within = [_number(each["azimuth_within_30"], ".0%") for each in (row, own)]
    return [
        str(row["images"]),
        f"{row['error_rate']:.1%} ({own['error_rate']:.1%})",
        _number(row["azimuth_median"], ".1f", "°"),
        "{} ({})".format(*within),
        f"{row['energy_above']:+.2f}",
    ]


def _ratio(row: dict[str, Any], search: str) -> str:
    ratios = [row[f"ratio_{how}_{search}"] for how in ("one", "many")]
    return ", ".join(_number(ratio, ",.1f") for ratio in ratios)


def _number(value: float | None, form: str = ",.2f", unit: str = "") -> str:
    if value is None:
        return "–"
    return (f"{value:,.0f}" if value >= 100 else f"{value:{form}}") + unit
