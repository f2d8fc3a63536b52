"""Whole experiments: train on some views or labels of a set, test on the others, model by model."""

from objrec.protocols.plans import PROTOCOLS, Plan, plan
from objrec.protocols.running import Experiment, Watch, run_protocol
from objrec.protocols.settings import ProtocolSettings

__all__ = ["PROTOCOLS", "Experiment", "Plan", "ProtocolSettings", "Watch", "plan", "run_protocol"]
