"""Untrained models of every kind, and the shipped one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from objrec import Recognizer
from objrec.energy.settings import ModelSettings
from objrec.pose import PoseSpace
from objrec.preprocessing import Preprocessing
from objrec.saving import Calibration, SavedModel, build_network

SPACE = PoseSpace(
    {"azimuth": tuple(range(-60, 60, 30)), "elevation": (20.0, 40.0), "scale": (-0.2, 0.0, 0.2)}
)
CALIBRATION = Calibration(2.5, 7.0, 0.05, 0.1, 3, 9)


@pytest.fixture(scope="session")
def untrained() -> Callable[..., Recognizer]:
    """Make a recogniser whose answers are random, but always the same."""

    def make(
        kind: str = "energy",
        *,
        preprocessing: Preprocessing | None = None,
        background: bool = False,
        calibration: Calibration | None = None,
        **settings,
    ) -> Recognizer:
        torch.manual_seed(0)
        model = ModelSettings(
            **{"features": "small", "channels": 8, "volume_channels": 4, **settings}
        )
        preprocessing = preprocessing or Preprocessing(mean=0.4)
        names = ("box", "cross", "disc")
        network = build_network(kind, names, SPACE, preprocessing, model, background=background)
        norms = (torch.nn.BatchNorm2d, torch.nn.BatchNorm1d)
        for name, module in network.named_modules():  # as of a model that has seen images
            if isinstance(module, norms) and not name.startswith("extractor.stem"):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2)
        others = ("other",) if background else ()
        saved = SavedModel(
            kind, network.eval(), model, preprocessing, calibration, {}, background=others
        )
        return Recognizer(saved, "cpu", name="untrained")

    return make


@pytest.fixture(scope="session")
def shipped() -> Recognizer:
    """The model that comes with objrec."""
    return Recognizer.load(device="cpu")
