"""How a recogniser goes about its answers: all held at once, or searched within bounded memory."""

from __future__ import annotations

import torch

from objrec.energy.energies import Energies, Hypotheses
from objrec.energy.model import EnergyModel
from objrec.energy.network import Network
from objrec.energy.references import Warped
from objrec.energy.search import MEMORY, CoarseToFine, Exhaustive, search_of
from objrec.errors import SettingsError

Search = Exhaustive | CoarseToFine


@torch.inference_mode()
def made_ready(
    network: Network, method: str = "auto", memory: int = MEMORY
) -> tuple[Warped | None, Search | None]:
    """Return the warped references of all answers, or the search that does without them.

    Args:
        network: The model; a classifier has neither.
        method: As for `Recognizer.searching`.
        memory: Bytes.

    Raises:
        SettingsError: There is no such method, or the memory is too small for it.
    """
    search = search_of(network, method, memory) if isinstance(network, EnergyModel) else None
    return (network.prepare() if search is None else None), search


def searched(
    search: Search, features: torch.Tensor, count: int, refine: bool
) -> tuple[Energies, Hypotheses]:
    """Return the lowest energy of each category, and the best distinct answers."""
    found = search(features, count, refined=refine)
    return found.per_category(), found.hypotheses


def refuse_all(network: Network) -> None:
    """Raise SettingsError: what was asked needs the energies of all answers at once."""
    raise SettingsError(
        f"recogniser: the energies of {len(network.categories):,} categories x "
        f"{network.space.size:,} poses are searched, not held; recognise single images, or search "
        "fewer poses"
    )
