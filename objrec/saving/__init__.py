"""Model folders: written and read whole, without pickle, with a card for people."""

from objrec.saving.calibration import FOLDS, VALIDATION, Calibration
from objrec.saving.card import model_card
from objrec.saving.folder import (
    CARD,
    CONFIG,
    FORMAT,
    KINDS,
    WEIGHTS,
    SavedModel,
    build_network,
    load_model,
    save_model,
    shipped_model,
    store_calibration,
    stored_state,
)

__all__ = [
    "CARD",
    "CONFIG",
    "FOLDS",
    "FORMAT",
    "KINDS",
    "VALIDATION",
    "WEIGHTS",
    "Calibration",
    "SavedModel",
    "build_network",
    "load_model",
    "model_card",
    "save_model",
    "shipped_model",
    "store_calibration",
    "stored_state",
]
