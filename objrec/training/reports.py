"""What training yields: one `EpochReport` after every epoch, and its row in metrics.csv."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from objrec.files import write_text

METRICS = "metrics.csv"


@dataclass(frozen=True)
class EpochReport:
    """One epoch of training, measured on the augmented training images as they went by.

    Attributes:
        stage: "" for the model itself, "fold 1 of 5" for a leave-one-object-out model.
        epoch: Counted from 1.
        epochs: How many there will be.
        loss: Mean loss.
        error_rate: Share of images whose category was wrong.
        learning_rate: At the epoch's end.
        seconds: Duration of the epoch.
        reference_gap: Smallest relative distance between two categories' references; near 0
            means that they have merged (0 too for classifiers, which have none).
        feature_variance: Variance of the features over a batch; near 0 means collapse.
        note: A remark in a sentence, or "".
    """

    stage: str
    epoch: int
    epochs: int
    loss: float
    error_rate: float
    learning_rate: float
    seconds: float
    reference_gap: float
    feature_variance: float
    note: str = ""


def write_metrics(folder: Path, reports: list[EpochReport]) -> None:
    """Write metrics.csv, one row an epoch, whole or not at all."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(EpochReport)])
    writer.writeheader()
    writer.writerows(asdict(report) for report in reports)
    write_text(folder / METRICS, text.getvalue())
