"""Epoch reports as TensorBoard curves, read back by TensorBoard itself."""

from __future__ import annotations

import sys

import pytest

from objrec.errors import SettingsError
from objrec.training import EpochReport, train
from objrec.training.tensorboard import CURVES, logged

accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


def report(epoch: int, stage: str = "") -> EpochReport:
    return EpochReport(stage, epoch, 3, 1 / epoch, 0.5, 1e-3, 2.0, 0.1, 0.2)


def curves(folder) -> dict[str, list[tuple[int, float]]]:
    read = accumulator.EventAccumulator(str(folder))
    read.Reload()
    return {n: [(e.step, e.value) for e in read.Scalars(n)] for n in read.Tags()["scalars"]}


def test_every_report_is_passed_on_and_becomes_a_point_of_each_curve(tmp_path):
    reports = [report(1, "fold 1 of 2"), report(1), report(2)]
    assert list(logged(iter(reports), tmp_path)) == reports
    found = curves(tmp_path)
    assert found.keys() == {*CURVES, *(f"fold 1 of 2/{name}" for name in CURVES)}
    assert found["loss"] == [(1, 1.0), (2, 0.5)]
    assert found["fold 1 of 2/error_rate"] == [(1, 0.5)]


def test_points_are_there_while_training_goes_on(tmp_path):
    going = logged((report(epoch) for epoch in (1, 2)), tmp_path)
    next(going)
    assert curves(tmp_path)["loss"] == [(1, 1.0)]


def test_the_curves_may_lie_in_the_model_folder(few, tmp_path, quick):
    folder = tmp_path / "m"
    list(logged(train(few, folder, quick(epochs=1)), folder / "tensorboard"))
    assert (folder / "config.json").is_file()
    assert len(curves(folder / "tensorboard")["loss"]) == 1


def test_nothing_is_written_for_a_run_that_is_refused(few, tmp_path, quick):
    (tmp_path / "m").touch()
    with pytest.raises(SettingsError, match="m: is a file"):
        next(logged(train(few, tmp_path / "m", quick()), tmp_path / "curves"))
    assert not (tmp_path / "curves").exists()


def test_without_tensorboard_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(SettingsError, match=r"pip install 'objrec\[tensorboard\]'"):
        next(logged(iter([report(1)]), tmp_path))
