"""Whether a checkpoint is what a run left: nothing of it is taken before all of it is known to be.

After so many steps the schedule and the settings of the optimiser are what they must be, and so are
names, shapes and types of all tensors; only the numbers in these are taken as they come, if finite.
"""

from __future__ import annotations

import math
import typing
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from typing_extensions import TypedDict

from objrec.energy.distance import LARGEST
from objrec.strict import misfit, shown
from objrec.training.optimisation import one_cycle
from objrec.training.reports import EpochReport
from objrec.training.settings import TrainingSettings

States = dict[str, dict[str, Any]]
"""The state dicts of ``network``, ``averaged``, ``optimizer`` and ``schedule``."""

_MAY_BE_ODD = ("reference_gap", "feature_variance")  # NaN where a network is at its end
_CLOSE = 1e-6


_ENTRIES = typing.get_type_hints(EpochReport)
_Report = TypedDict("_Report", _ENTRIES)


class Numbers(TypedDict):
    """What a checkpoint says in JSON."""

    identity: dict[str, Any]
    state: dict[str, Any]
    reports: list[dict[str, Any]]


def wrong_reports(stored: list[dict[str, Any]], epochs: int) -> str:
    """Say what is wrong with the stored reports of a run of so many epochs; "" if nothing."""
    if len(stored) > epochs:
        return f"holds {len(stored)} epochs of {epochs}"
    for number, row in enumerate(stored, 1):
        odd = {name: 0.0 for name in _MAY_BE_ODD if isinstance(row.get(name), float)}
        if problem := misfit({**row, **odd}, _Report):
            return f"reports[{number - 1}]: {problem}"
        if strangers := row.keys() - _ENTRIES:
            return f"reports[{number - 1}].{shown(min(strangers))} is unknown"
        if row["epoch"] != number:
            return f"reports[{number - 1}] is of epoch {row['epoch']}"
    return ""


def wrong_states(
    found: Any,
    own: States,
    optimizer: torch.optim.Optimizer,
    settings: TrainingSettings,
    done: int,
    steps: int,
) -> str:
    """Say what is wrong with the stored states of a run; "" if nothing.

    Args:
        found: From the checkpoint.
        own: Those of the same run before its first step.
        optimizer: Of that run.
        settings: Of that run.
        done: Steps done.
        steps: Steps in all.
    """
    if problem := misfit(found, dict[str, dict]):
        return f"state: {problem}"
    if "optimizer" not in found:
        return "state.optimizer is missing"
    schedule, groups = _advanced(optimizer.param_groups, settings, done, steps)
    indices = [group["params"] for group in own["optimizer"]["param_groups"]]
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    moments = found["optimizer"].get("state")
    number = len(moments) if isinstance(moments, dict) else 0
    wanted = {
        "network": own["network"],
        "averaged": {**own["averaged"], "n_averaged": done},
        "optimizer": {
            # A weight that no step has reached yet has no moments.
            "state": {
                i: _moments(p, done) for i, p in enumerate(trained) if number and i in moments
            },
            "param_groups": [{**g, "params": own} for g, own in zip(groups, indices, strict=True)],
        },
        "schedule": schedule,
    }
    return _unlike(found, wanted, "state")


def _advanced(
    groups: list[dict[str, Any]], settings: TrainingSettings, done: int, steps: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the states of the schedule and of the optimiser's groups after so many steps."""
    bare = [{**group, "params": [nn.Parameter(torch.zeros(()))]} for group in groups]
    optimizer = torch.optim.AdamW(bare, lr=settings.lr)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nothing is trained in between
        schedule = one_cycle(optimizer, settings, steps)
        for _ in range(done):
            schedule.step()
    return schedule.state_dict(), optimizer.state_dict()["param_groups"]


def _moments(weight: torch.Tensor, done: int) -> dict[str, Any]:
    step = _Within(torch.tensor(0.0), 0, done)
    return {"step": step, "exp_avg": weight, "exp_avg_sq": _Within(weight, 0, LARGEST)}


@dataclass(frozen=True)
class _Within:
    """A tensor like another, its numbers within ends."""

    like: torch.Tensor
    lowest: float = -LARGEST
    highest: float = LARGEST


def _unlike(found: Any, wanted: Any, place: str) -> str:
    """Say where two nested values differ, the numbers within tensors aside; "" nowhere."""
    if isinstance(wanted, torch.Tensor):
        lowest = 0 if place.endswith("running_var") else -LARGEST
        return _unlike(found, _Within(wanted, lowest), place)
    if isinstance(wanted, _Within):
        return _unlike_tensor(found, wanted, place)
    if isinstance(found, torch.Tensor):
        found = found.tolist() if found.numel() == 1 else None
    if isinstance(wanted, dict):
        if not isinstance(found, dict) or found.keys() != wanted.keys():
            return f"{place} has other keys than it must"
        parts = [(f"{place}.{key}", found[key], wanted[key]) for key in wanted]
    elif isinstance(wanted, list | tuple):
        if not isinstance(found, list | tuple) or len(found) != len(wanted):
            return f"{place} must be a list of {len(wanted)}"
        parts = [(f"{place}[{i}]", *pair) for i, pair in enumerate(zip(found, wanted, strict=True))]
    else:
        return "" if _same(found, wanted) else f"{place} is not {wanted}"
    return next(filter(None, (_unlike(f, w, p) for p, f, w in parts)), "")


def _unlike_tensor(found: Any, wanted: _Within, place: str) -> str:
    like = wanted.like
    if not isinstance(found, torch.Tensor):
        return f"{place} must be a tensor"
    if found.shape != like.shape or found.dtype != like.dtype:
        return f"{place} is {_kind(found)}, not {_kind(like)}"
    if not ((found >= wanted.lowest) & (found <= wanted.highest)).all():
        return f"{place} holds numbers that no training leaves"
    return ""


def _kind(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def _same(found: Any, wanted: Any) -> bool:
    """Whether two plain values are equal; floats nearly, as another library may round them."""
    if isinstance(wanted, float) and isinstance(found, float):
        return math.isclose(found, wanted, rel_tol=_CLOSE, abs_tol=1e-12)
    return type(found) is type(wanted) and found == wanted
