"""Models as one file that needs neither objrec nor, as ONNX, Python: see `export`."""

from objrec.export.checking import Difference
from objrec.export.run import FORMATS, Exported, export

__all__ = ["FORMATS", "Difference", "Exported", "export"]
