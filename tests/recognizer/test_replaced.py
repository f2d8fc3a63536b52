"""A model that another process replaces while it is read is the old one or the new one, whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from objrec.errors import ModelError
from objrec.saving import CONFIG, SavedModel, load_model, save_model, shipped_model, weights


def changed(saved: SavedModel) -> SavedModel:
    """Return another model: other weights, another threshold."""
    saved.network.references.volumes.data.add_(1)
    return replace(saved, calibration=replace(saved.calibration, threshold=1.0))


@pytest.mark.parametrize("after_weights", [True, False])
def test_a_model_replaced_while_it_is_read_is_not_mixed(tmp_path, monkeypatch, after_weights):
    old, new = load_model(shipped_model()), changed(load_model(shipped_model()))
    save_model(tmp_path, old)
    load_file, meanwhile = weights.load_file, [new]

    def load(path: Path) -> dict[str, torch.Tensor]:
        found = load_file(path) if after_weights else None
        while meanwhile:
            save_model(tmp_path, meanwhile.pop())
        return found or load_file(path)

    monkeypatch.setattr(weights, "load_file", load)
    found = load_model(tmp_path)
    assert found.calibration == new.calibration
    assert torch.equal(found.network.references.volumes, new.network.references.volumes)


def test_a_model_that_is_gone_while_it_is_read_is_refused(tmp_path, monkeypatch):
    save_model(tmp_path, load_model(shipped_model()))
    load_file = weights.load_file

    def load(path: Path) -> dict[str, torch.Tensor]:
        (tmp_path / CONFIG).unlink()
        return load_file(path)

    monkeypatch.setattr(weights, "load_file", load)
    with pytest.raises(ModelError, match="is being replaced by another process"):
        load_model(tmp_path)
