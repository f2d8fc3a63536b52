"""Whole experiments: train on some views, labels or objects of a set, test on others."""

from objrec.protocols.experiment import Experiment, Watch
from objrec.protocols.parts import Part, Plan
from objrec.protocols.plans import PROTOCOLS, WITHIN_TRAINING, plan
from objrec.protocols.running import run_protocol
from objrec.protocols.settings import ProtocolSettings
from objrec.protocols.subsets import few_objects, leave_one_out, without_category

__all__ = [
    "PROTOCOLS",
    "WITHIN_TRAINING",
    "Experiment",
    "Part",
    "Plan",
    "ProtocolSettings",
    "Watch",
    "few_objects",
    "leave_one_out",
    "plan",
    "run_protocol",
    "without_category",
]
