"""Search among more answers than can be held: in blocks, or from coarse to fine."""

from objrec.energy.search.choice import MEMORY, METHODS, fits, search_of
from objrec.energy.search.coarse import CoarseToFine
from objrec.energy.search.exhaustive import Exhaustive
from objrec.energy.search.found import Found

__all__ = ["MEMORY", "METHODS", "CoarseToFine", "Exhaustive", "Found", "fits", "search_of"]
