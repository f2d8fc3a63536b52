"""What several images of one object came to: the rows of pools, averaged over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gathered import Row

SHOWN = {"several": "whole", "several_hidden": "70 % hidden"}


def several_figures(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return a row for what is shown and each way to add.

    Args:
        rows: Trainings of one kind and of different seeds.

    Returns:
        Rows ``shown``, ``how``, ``counts``, ``groups``, ``objects``, and by count ``error_rate``,
        a mean over the trainings, and ``error_rate_ci``, the means of the ends of their intervals.
    """
    return [
        _row(shown, how, [found for found in measured if found["how"] == how])
        for key, shown in SHOWN.items()
        for measured in [[found for row in rows for found in row.get(key, ())]]
        for how in dict.fromkeys(found["how"] for found in measured)
    ]


def _row(shown: str, how: str, measured: Sequence[dict[str, Any]]) -> dict[str, Any]:
    first = measured[0]
    return {
        "shown": shown,
        "how": how,
        "counts": first["counts"],
        "groups": first["groups"],
        "objects": first["objects"],
        "seeds": len(measured),
        "error_rate": np.mean([found["error_rate"] for found in measured], axis=0).tolist(),
        "error_rate_ci": np.mean([found["error_rate_ci"] for found in measured], axis=0).tolist(),
    }
