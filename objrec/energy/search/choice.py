"""Which search a model needs."""

from __future__ import annotations

from objrec.energy.model import EnergyModel
from objrec.energy.search.blocks import answer_bytes
from objrec.energy.search.coarse import CoarseToFine
from objrec.energy.search.exhaustive import Exhaustive
from objrec.errors import SettingsError

MEMORY = 2 << 30
"""Bytes that warped references may take, unless told otherwise."""

METHODS = ("auto", "exhaustive", "coarse-to-fine")


def fits(model: EnergyModel, memory: int = MEMORY) -> bool:
    """Say whether the references of all answers can be held, as `EnergyModel.prepare` does."""
    answers = len(model.categories) * model.space.size * model.references.models
    return 2 * answers * answer_bytes(model) <= memory  # the maps, and what is compared with


def search_of(
    model: EnergyModel, method: str = "auto", memory: int = MEMORY
) -> Exhaustive | CoarseToFine | None:
    """Return the search that a model's answers need, or None if all of them can be held.

    Args:
        model: Its own poses are meant.
        method: One of `METHODS`; auto is from coarse to fine where not all can be held.
        memory: Bytes.

    Raises:
        SettingsError: There is no such method, or the memory is too small for it.
    """
    if method not in METHODS:
        raise SettingsError(f"search: no method '{method}'; choose {', '.join(METHODS)}")
    if method == "exhaustive":
        return Exhaustive(model, memory)
    if method == "auto" and fits(model, memory):
        return None
    return CoarseToFine(model, memory)
