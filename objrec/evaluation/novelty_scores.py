"""Scores of how unknown an image looks, and how well they tell unknown images from known ones.

Pure functions of numpy arrays: of the lowest energy of each category, and of scores, which are
higher for what looks unknown.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from objrec.evaluation.metrics import Draws

ACCEPTED = 0.95  # share of known images that the false positive rate is stated at


def lowest_energy(energies: np.ndarray) -> np.ndarray:
    """Return the energy of the best answer, (N,): how badly everything known fits.

    Args:
        energies: (N, K) lowest energy of each category.
    """
    return energies.min(axis=1)


def softmax_surprise(energies: np.ndarray) -> np.ndarray:
    """Return -ln of the largest softmax probability, (N,).

    It orders images as Hendrycks & Gimpel (2017, A Baseline for Detecting Misclassified and
    Out-of-Distribution Examples) do, but keeps apart probabilities that would round to 1.

    Args:
        energies: (N, K); of a classifier, its negated logits.
    """
    above = np.sort(energies - energies.min(axis=1, keepdims=True), axis=1)
    return np.log1p(np.exp(-above[:, 1:]).sum(axis=1))


def energy_score(energies: np.ndarray) -> np.ndarray:
    """Return the free energy -ln sum exp(-E) over the categories, (N,).

    Of a classifier this is the energy of Liu et al. (2020, Energy-based Out-of-distribution
    Detection) at temperature 1.

    Args:
        energies: (N, K); of a classifier, its negated logits.
    """
    lowest = energies.min(axis=1)
    return lowest - np.log(np.exp(lowest[:, None] - energies).sum(axis=1))


SCORES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "lowest energy": lowest_energy,
    "maximum softmax": softmax_surprise,
    "energy score": energy_score,
}


def auroc(known: np.ndarray, unknown: np.ndarray) -> float:
    """Return the probability that an unknown image scores above a known one; ties count half.

    Args:
        known: (n,) scores.
        unknown: (m,) scores.
    """
    truth = np.repeat([0, 1], [len(known), len(unknown)])
    from sklearn.metrics import roc_auc_score  # takes two seconds to import

    return float(roc_auc_score(truth, np.concatenate([known, unknown])))


def fpr_at_tpr(known: np.ndarray, unknown: np.ndarray, accepted: float = ACCEPTED) -> float:
    """Return the share of unknown images that are accepted as known.

    Known is the positive class (Hendrycks & Gimpel 2017, Liu et al. 2020): the threshold is the
    lowest one at which at least the share `accepted` of the known images is accepted.

    Args:
        known: (n,) scores.
        unknown: (m,) scores.
        accepted: Share of known images accepted, 0.95 for FPR95.
    """
    threshold = np.quantile(known, accepted, method="inverted_cdf")
    return float((unknown <= threshold).mean())


def drawn_figures(
    known: np.ndarray, unknown: np.ndarray, draws: Draws
) -> tuple[np.ndarray, np.ndarray]:
    """Return `auroc` and `fpr_at_tpr` of every draw of the objects, (resamples,) each.

    Args:
        known: (n,) scores.
        unknown: (m,) scores.
        draws: Of the objects that the known images show, and then of those of the unknown ones.
    """
    scores = np.concatenate([known, unknown])
    order = np.argsort(scores, kind="stable")
    is_known = (order < len(known)).astype(float)
    tied = np.flatnonzero(np.diff(scores[order], prepend=-np.inf) > 0)  # equal scores go together
    areas, rates = np.empty(len(draws.times)), np.empty(len(draws.times))
    for part, weights in draws.weights(order):
        positive = np.add.reduceat(weights * is_known, tied, axis=1)
        negative = np.add.reduceat(weights * (1 - is_known), tied, axis=1)
        below, wrongly = positive.cumsum(axis=1), negative.cumsum(axis=1)
        pairs = below[:, -1] * wrongly[:, -1]
        areas[part] = (negative * (below - positive / 2)).sum(axis=1) / pairs
        place = (below >= ACCEPTED * below[:, -1:] - 1e-9).argmax(axis=1)
        rates[part] = wrongly[np.arange(len(place)), place] / wrongly[:, -1]
    return areas, rates
