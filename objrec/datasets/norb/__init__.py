"""The NORB sets: small NORB and the jittered-cluttered one, read and written."""

from objrec.datasets.norb.files import NorbPart, find_norb
from objrec.datasets.norb.reading import CATEGORIES, read_norb, write_norb
from objrec.datasets.norb.writing import NorbWriter

__all__ = ["CATEGORIES", "NorbPart", "NorbWriter", "find_norb", "read_norb", "write_norb"]
