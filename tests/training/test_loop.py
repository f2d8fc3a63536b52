"""Stopping and going on: the same bits, the same settings, and never a spoilt checkpoint."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from objrec.errors import ModelError, SettingsError
from objrec.training import TrainingDiverged, train
from objrec.training.checkpoint import CHECKPOINT, Checkpoint

ROOT = Path(__file__).parents[2]
FINISHED = ["README.md", "config.json", "metrics.csv", "model.safetensors"]
KINDS = {
    "energy": {},
    "relative": {"pose": ("azimuth=relative",)},
    "cnn": {"kind": "cnn"},
    "cnn-pose": {"kind": "cnn-pose"},
    "frozen": {"features": "resnet18", "cached_copies": 2},
}


class Killed(BaseException):
    """No handler of errors sees it: the run is over at this point."""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def without_time(reports) -> list:
    return [replace(report, seconds=0.0) for report in reports]


@pytest.fixture
def recipe(quick, backbone):
    return lambda kind="energy", **changes: quick(**KINDS[kind], **changes)


@contextmanager
def killed_while_writing(name: str, call: int):
    """Let the n-th writing of a file of tensors end half-way, and the run with it."""
    original, calls = safetensors.torch.save_file, []

    def half(tensors, path, **kwargs):
        original(tensors, path, **kwargs)
        calls.extend([path] if Path(path).name.startswith(name) else [])
        if len(calls) == call:
            content = Path(path).read_bytes()
            Path(path).write_bytes(content[: len(content) // 2])
            Path(path).parent.rename(path.parent.with_suffix(".kept"))  # from all clearing up
            raise Killed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr("safetensors.torch.save_file", half)
        yield
    (left,) = calls[-1].parents[1].glob("*.kept")
    left.rename(left.with_suffix(".partial"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "folds"), [*((k, None) for k in KINDS), ("energy", 2)], ids=[*KINDS, "folds"]
)
def test_a_run_killed_again_and_again_ends_with_the_same_bits(few, tmp_path, recipe, kind, folds):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    expected = list(train(few, whole, recipe(kind), folds=folds))
    rng, kills = random.Random(kind), 0

    def end_after(calls: int):
        def tick(done: int, total: int) -> None:
            nonlocal calls
            calls -= 1
            if not calls:
                raise Killed

        return tick

    while not (broken / "config.json").exists():
        assert kills < 40
        try:
            moment = end_after(rng.randint(4, 6) + (4 if folds else 0))
            last = list(train(few, broken, recipe(kind), folds=folds, resume=True, on_batch=moment))
        except Killed:
            kills += 1
    assert kills >= 2
    assert weights(broken) == weights(whole)
    own = [report for report in expected if not report.stage]
    assert without_time(r for r in last if not r.stage) == without_time(own)
    assert names(broken) == names(whole) == FINISHED


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")
def test_a_process_killed_at_any_moment_ends_with_the_same_bits(toys, few, tmp_path, recipe):
    settings = recipe(epochs=12)
    list(train(few, tmp_path / "whole", settings))
    np.save(tmp_path / "rows.npy", few.rows)
    script = (
        "import sys, numpy, torch\n"
        "from objrec.datasets import open_dataset\n"
        "from objrec.training import Recipe, train\n"
        f"torch.set_num_threads({torch.get_num_threads()})\n"
        f"few = open_dataset({str(toys)!r}).subset(numpy.load({str(tmp_path / 'rows.npy')!r}))\n"
        "recipe = Recipe().replaced(features='small', epochs=12, batch_size=12)\n"
        "recipe = recipe.replaced(azimuth_step=60.0, channels=12)\n"
        f"for report in train(few, {str(tmp_path / 'killed')!r}, recipe):\n"
        "    print(report.epoch, flush=True)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout.readline() == "1\n"
        time.sleep(random.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "config.json").exists()
    list(train(few, tmp_path / "killed", settings, resume=True))
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")


@pytest.mark.parametrize(
    ("name", "call"), [("checkpoint", 1), ("checkpoint", 3), ("frozen", 2), ("model", 1)]
)
def test_killed_while_it_writes_a_file(few, tmp_path, recipe, name, call):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    list(train(few, whole, recipe("frozen")))
    with killed_while_writing(name, call):
        list(train(few, broken, recipe("frozen")))
    assert any(name.endswith(".partial") for name in names(broken))
    list(train(few, broken, recipe("frozen"), resume=True))
    assert weights(broken) == weights(whole)
    assert names(broken) == FINISHED


@pytest.mark.slow
def test_a_seed_says_it_all(few, tmp_path, recipe):
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    list(train(few, tmp_path / "a", recipe(), folds=2))
    after = torch.get_rng_state(), np.random.get_state()[1], random.getstate()
    assert torch.equal(before[0], after[0])
    assert np.array_equal(before[1], after[1])
    assert before[2] == after[2]
    torch.manual_seed(99)
    np.random.seed(99)
    list(train(few, tmp_path / "b", recipe()))
    list(train(few, tmp_path / "c", recipe(seed=1)))
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert weights(tmp_path / "a") != weights(tmp_path / "c")


def test_every_epoch_has_an_order_and_augmentation_of_its_own(few, tmp_path, recipe):
    losses = [report.loss for report in train(few, tmp_path / "m", recipe(lr=0.0))]
    assert len(set(losses)) == 3


def stopped_after(reports, count: int) -> None:
    for _ in range(count):
        next(reports)
    reports.close()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"lr": 0.001}, r"settings training lr 0\.003, not 0\.001"),
        ({"epochs": 5}, "settings training epochs 3, not 5"),
        ({"margin": 1.0}, r"settings loss margin 4\.0, not 1\.0"),
        ({"kind": "cnn"}, "settings kind energy, not cnn"),
        ({"pose": ("roll=latent",)}, r"settings pose pose \[\], not \['roll=latent'\]"),
    ],
)
def test_other_settings_are_not_resumed(few, tmp_path, recipe, changes, named):
    stopped_after(train(few, tmp_path / "m", recipe()), 1)
    with pytest.raises(SettingsError, match=f"{CHECKPOINT}: made with {named}; resume with"):
        next(train(few, tmp_path / "m", recipe(**changes), resume=True))


def test_other_data_are_not_resumed(few, tmp_path, recipe):
    stopped_after(train(few, tmp_path / "m", recipe()), 1)
    fewer = few.subset(range(30))
    with pytest.raises(SettingsError, match="made with data images 36, not 30"):
        next(train(fewer, tmp_path / "m", recipe(), resume=True))
    renamed = replace(few, categories=("a", *few.categories[1:]))
    with pytest.raises(SettingsError, match=r"data categories \['duck', .*, not \['a', "):
        next(train(renamed, tmp_path / "m", recipe(), resume=True))
    relabelled = replace(few, poses=few.poses + 60)
    with pytest.raises(SettingsError, match=r"data sha256 \w{64}, not \w{64}"):
        next(train(relabelled, tmp_path / "m", recipe(), resume=True))


def test_frozen_features_are_not_taken_over_by_another_run(few, tmp_path, recipe):
    """A run is most often stopped in its longest step, before any epoch is done."""

    def stop(done: int, total: int) -> None:
        if total == 2 * len(few) and done == total:
            raise Killed

    with pytest.raises(Killed):
        list(train(few, tmp_path / "m", recipe("frozen"), on_batch=stop))
    assert "frozen-0.safetensors" in names(tmp_path / "m")
    with pytest.raises(SettingsError, match=r"augment_roll 6\.0, not 0\.0"):
        next(train(few, tmp_path / "m", recipe("frozen", augment_roll=0.0), resume=True))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"features", "not readable as safetensors"),
        (None, r"not the features of \d+ images; delete"),
    ],
)
def test_frozen_features_that_are_damaged_are_refused(few, tmp_path, recipe, content, sentence):
    stopped_after(train(few, tmp_path / "m", recipe("frozen")), 1)
    kept = tmp_path / "m" / "frozen-0.safetensors"
    if content is None:
        less = {n: t[1:].clone() for n, t in safetensors.torch.load_file(kept).items()}
        safetensors.torch.save_file(less, kept)
    else:
        kept.write_bytes(content)
    with pytest.raises(ModelError, match=f"{kept}: {sentence}"):
        list(train(few, tmp_path / "m", recipe("frozen"), resume=True))


def test_a_file_that_is_no_checkpoint(few, tmp_path, recipe):
    stopped_after(train(few, tmp_path / "m", recipe()), 1)
    path = tmp_path / "m" / CHECKPOINT
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ModelError, match=f"{path}: not a checkpoint of objrec .* --force"):
        next(train(few, tmp_path / "m", recipe(), resume=True))


def test_a_loss_that_is_not_finite_ends_the_run_before_its_checkpoint(
    few, tmp_path, recipe, monkeypatch
):
    from objrec.training import objective

    original, calls = objective.loss_terms, []

    def spoilt(*arguments):
        terms = original(*arguments)
        calls.append(1)
        return {**terms, "pose": terms["pose"] * (torch.nan if len(calls) == 5 else 1)}

    monkeypatch.setattr(objective, "loss_terms", spoilt)
    reports = train(few, tmp_path / "m", recipe())
    next(reports)
    good = (tmp_path / "m" / CHECKPOINT).read_bytes()
    with pytest.raises(TrainingDiverged, match="epoch 2, batch 2: the pose term is not finite"):
        next(reports)
    assert (tmp_path / "m" / CHECKPOINT).read_bytes() == good
    assert names(tmp_path / "m") == [CHECKPOINT, "metrics.csv"]
    monkeypatch.undo()
    list(train(few, tmp_path / "m", recipe(), resume=True))
    list(train(few, tmp_path / "whole", recipe()))
    assert weights(tmp_path / "m") == weights(tmp_path / "whole")


@pytest.mark.parametrize("kind", ["energy", "cnn-pose", "frozen"])
def test_steps_that_are_far_too_long_are_noticed(few, tmp_path, recipe, kind):
    with pytest.raises(TrainingDiverged, match=r"epoch 1, batch \d: the .* is not finite"):
        list(train(few, tmp_path / "m", recipe(kind, lr=1e30)))
    checkpoint = Checkpoint.load(tmp_path / "m" / CHECKPOINT)
    assert checkpoint.numbers["reports"] == []
    assert all(tensor.isfinite().all() for tensor in checkpoint.tensors.values())


def test_a_gradient_that_is_not_finite_is_named(few, tmp_path, recipe, monkeypatch):
    nan = torch.tensor(torch.nan)
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda *_: nan)
    with pytest.raises(TrainingDiverged, match="batch 1: the gradient is not finite"):
        next(train(few, tmp_path / "m", recipe()))


@pytest.mark.parametrize("warmup", [0.0, 1 / 9, 0.15, 0.9])
def test_the_learning_rate_rises_and_falls_whatever_the_warm_up(few, tmp_path, recipe, warmup):
    """9 steps: a warm-up of one ninth ends at the very first, which PyTorch cannot."""
    rates = [r.learning_rate for r in train(few, tmp_path / "m", recipe(warmup=warmup))]
    assert max(rates) <= 3e-3 * 1.001
    assert rates[-1] < 1e-7
