"""Epoch reports as TensorBoard curves; needs the extra ``tensorboard``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from objrec.errors import SettingsError
from objrec.training.reports import EpochReport

CURVES = ("loss", "error_rate", "learning_rate", "seconds", "reference_gap", "feature_variance")


def logged(reports: Iterable[EpochReport], folder: str | Path) -> Iterator[EpochReport]:
    """Pass reports on, writing each as a point of the curves in a TensorBoard folder.

    Raises:
        SettingsError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise SettingsError(
            "--tensorboard: not installed; run pip install 'objrec[tensorboard]'"
        ) from error
    waiting = iter(reports)
    # The folder is made after the first report: it may lie in the model folder, which a new run
    # wants empty.
    for first in waiting:
        with SummaryWriter(str(folder)) as writer:
            for report in chain([first], waiting):
                _write(report, writer)
                yield report


def _write(report: EpochReport, writer: Any) -> None:
    for name in CURVES:
        curve = f"{report.stage}/{name}" if report.stage else name
        writer.add_scalar(curve, getattr(report, name), report.epoch)
    writer.flush()
