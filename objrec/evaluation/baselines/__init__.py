"""What needs no network of its own: nearest neighbour, an SVM, retrieval in feature space."""

from objrec.evaluation.baselines.running import BASELINES, run_baselines

__all__ = ["BASELINES", "run_baselines"]
