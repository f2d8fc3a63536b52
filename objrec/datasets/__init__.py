"""Reading data sets, whatever their layout, into one type: `Dataset`, a sequence of `Sample`."""

from objrec.datasets.front import estimate_front_azimuth
from objrec.datasets.images import read_image
from objrec.datasets.opening import list_splits, open_dataset, open_splits
from objrec.datasets.sample import Dataset, Sample
from objrec.datasets.splits import hold_out_objects
from objrec.datasets.summary import SetSummary, summarise

__all__ = [
    "Dataset",
    "Sample",
    "SetSummary",
    "estimate_front_azimuth",
    "hold_out_objects",
    "list_splits",
    "open_dataset",
    "open_splits",
    "read_image",
    "summarise",
]
