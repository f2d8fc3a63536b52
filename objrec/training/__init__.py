"""Training: a generator of epoch reports that leaves a model folder behind."""

from objrec.training.loop import TrainingDiverged
from objrec.training.reports import EpochReport
from objrec.training.run import train
from objrec.training.settings import (
    AugmentationSettings,
    PoseSettings,
    Recipe,
    TrainingSettings,
)

__all__ = [
    "AugmentationSettings",
    "EpochReport",
    "PoseSettings",
    "Recipe",
    "TrainingDiverged",
    "TrainingSettings",
    "train",
]
