"""A checkpoint that is not what the run left is refused whole, with the value that is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from objrec.errors import ModelError
from objrec.training import train
from objrec.training.checkpoint import CHECKPOINT, Checkpoint

WEIGHT = "state.network.extractor.head.0.weight"
MOMENT = "state.optimizer.state.0.exp_avg_sq"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("half")


@pytest.fixture
def half_way(few, quick, folder) -> Path:
    """The checkpoint of a run that was stopped after the first of its epochs; made once."""
    if not (folder / CHECKPOINT).is_file():
        run = train(few, folder, quick(), device="cpu")
        next(run)
        run.close()
    return folder / CHECKPOINT


def tensor(name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Callable:
    return lambda saved: saved.tensors.update({name: change(saved.tensors[name].clone())})


def part(saved: Checkpoint, *path: str) -> dict:
    """Find a packed part of the state."""
    found = saved.numbers["state"]
    for name in path:
        found = dict(found["dict"])[name]
    return found


def filled(value: float) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda t: torch.full_like(t, value)


WRONG = {
    "shape": (tensor(WEIGHT, lambda t: t[:1]), rf"{WEIGHT} is float32 \(1, .*\), not float32 \("),
    "type": (tensor(WEIGHT, torch.Tensor.half), f"{WEIGHT} is float16 .*, not float32"),
    "NaN": (tensor(WEIGHT, filled(float("nan"))), f"{WEIGHT} holds numbers that no training"),
    "a negative square": (tensor(MOMENT, filled(-1.0)), f"{MOMENT} holds numbers"),
    "steps": (tensor("state.optimizer.state.0.step", filled(1e6)), "state.0.step holds numbers"),
    "average": (tensor("state.averaged.n_averaged", filled(0)), "n_averaged is not "),
    "a tensor less": (lambda s: s.tensors.pop(WEIGHT), r"a tensor is missing \(tensor\)"),
    "no structure": (lambda s: s.numbers.update(state={"list": 3}), "a state is damaged"),
    "no state": (lambda s: s.numbers.pop("state"), "state is missing"),
    "no schedule": (lambda s: s.numbers["state"]["dict"].pop(), "state has other keys"),
    "another schedule": (
        lambda s: part(s, "schedule", "last_epoch").update(value=0),
        r"schedule.last_epoch is not \d+",
    ),
    "learning rate": (
        lambda s: dict(part(s, "optimizer", "param_groups")["list"][0]["dict"])["lr"].update(
            value=1e30
        ),
        r"param_groups\[0\].lr is not 0\.",
    ),
    "report": (lambda s: s.numbers["reports"][0].pop("loss"), r"reports\[0\]: loss is missing"),
    "text as report": (lambda s: s.numbers.update(reports=["x"]), r"reports\[0\] must be an ob"),
    "second report": (lambda s: s.numbers["reports"][0].update(epoch=2), "is of epoch 2"),
    "more reports": (
        lambda s: s.numbers.update(reports=s.numbers["reports"] * 99),
        "holds 99 epochs of",
    ),
}


@pytest.mark.parametrize(("damage", "sentence"), WRONG.values(), ids=WRONG)
def test_a_changed_checkpoint_is_refused(half_way, few, quick, tmp_path, damage, sentence):
    saved = Checkpoint.load(half_way)
    damage(saved)
    saved.save(tmp_path / CHECKPOINT)
    place = re.escape(str(tmp_path / CHECKPOINT))
    with pytest.raises(ModelError, match=f"^{place}: .*{sentence}.*; train anew with --force$"):
        next(train(few, tmp_path, quick(), resume=True, device="cpu"))


def test_numbers_are_taken_as_they_come(half_way, few, quick, tmp_path):
    """Another library may round the schedule otherwise; an indicator may be NaN at the end."""
    saved = Checkpoint.load(half_way)
    group = dict(part(saved, "optimizer", "param_groups")["list"][0]["dict"])
    group["lr"]["value"] *= 1 + 1e-9
    saved.numbers["reports"][0]["reference_gap"] = float("nan")
    saved.save(tmp_path / CHECKPOINT)
    assert next(train(few, tmp_path, quick(), resume=True, device="cpu")).epoch == 1
