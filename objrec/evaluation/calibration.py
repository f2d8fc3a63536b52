"""Whether the probabilities are right: calibration error, likelihood, reliability diagram.

A probability is right if, of the answers given with 80 %, eight in ten are correct. Pure functions
of energies and labels: nothing is fitted here, and no recogniser is asked.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from objrec.evaluation.metrics import Bootstrap

BINS = 15


def probabilities(energies: np.ndarray, beta: float) -> np.ndarray:
    """Return the Gibbs probabilities exp(-beta E) / Z of the categories, (N, K).

    Args:
        energies: (N, K) lowest energy of each category.
        beta: Inverse temperature.
    """
    return np.exp(_log_probabilities(energies, beta))


def expected_calibration_error(
    confidences: np.ndarray, right: np.ndarray, bins: int = BINS
) -> float:
    """Return the expected calibration error: mean distance of confidence and accuracy by bin.

    Bins are equal intervals of the confidence, open below, and count by their images (Guo et al.
    2017, On Calibration of Modern Neural Networks, eq. 3). It is never negative, so with few
    images it is above 0 even where every probability is right.

    Args:
        confidences: (N,) probability of each answer.
        right: (N,) bool, whether the answer is correct.
        bins: Number of intervals.

    Raises:
        ValueError: There are no answers.
    """
    if len(confidences) == 0:
        raise ValueError("the calibration error of no answers is not defined")
    gaps = np.bincount(_bin_of(confidences, bins), confidences - right, bins)
    return float(np.abs(gaps).sum() / len(confidences))


def reliability(
    confidences: np.ndarray, right: np.ndarray, bins: int = BINS
) -> list[dict[str, float | int | None]]:
    """Return the reliability diagram, a row a bin.

    Args:
        confidences: (N,) probability of each answer.
        right: (N,) bool, whether the answer is correct.
        bins: Number of intervals.

    Returns:
        Rows of ``low``, ``high``, ``count``, and mean ``confidence`` and ``accuracy``, which are
        None in an empty bin.
    """
    place, edges = _bin_of(confidences, bins), np.linspace(0, 1, bins + 1)
    rows: list[dict[str, float | int | None]] = []
    for number, (low, high) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        inside = place == number
        filled = bool(inside.any())
        rows.append(
            {
                "low": low,
                "high": high,
                "confidence": float(confidences[inside].mean()) if filled else None,
                "accuracy": float(right[inside].mean()) if filled else None,
                "count": int(inside.sum()),
            }
        )
    return rows


def negative_log_likelihoods(energies: np.ndarray, labels: np.ndarray, beta: float) -> np.ndarray:
    """Return -ln of the probability of each image's true category, (N,) in nats.

    Args:
        energies: (N, K) lowest energy of each category.
        labels: (N,) true categories.
        beta: Inverse temperature.
    """
    return -_log_probabilities(energies, beta)[np.arange(len(labels)), labels]


def calibration_figures(
    energies: np.ndarray,
    labels: np.ndarray,
    objects: np.ndarray,
    bootstrap: Bootstrap,
    *,
    beta: float = 1.0,
    fitted_on: str | None = None,
) -> dict[str, Any] | None:
    """Return the figures of calibration, as `Evaluation` keeps them.

    Args:
        energies: (N, K) lowest energy of each category.
        labels: (N,) true categories; images of background, K, are left out: they have none.
        objects: (N,) the object each image shows.
        bootstrap: How to make intervals.
        beta: Inverse temperature of the probabilities.
        fitted_on: What beta was fitted on, in words; None where it was not.

    Returns:
        ``beta``, ``fitted``, ``fitted_on``, ``ece`` and ``nll`` with ``_ci``,
        ``nll_uncalibrated`` (at beta 1) and ``bins``. None if every image is of background.
    """
    known = labels < energies.shape[1]
    if not known.any():
        return None
    energies, labels, objects = energies[known], labels[known], objects[known]
    likely = probabilities(energies, beta)
    confidences, right = likely.max(axis=1), energies.argmin(axis=1) == labels
    unlikely = negative_log_likelihoods(energies, labels, beta)
    return {
        "beta": float(beta),
        "fitted": fitted_on is not None,
        "fitted_on": fitted_on or "nothing: beta is 1",
        "ece": expected_calibration_error(confidences, right),
        "ece_ci": _error_interval(confidences, right, objects, labels, bootstrap),
        "nll": float(unlikely.mean()),
        "nll_ci": list(bootstrap.interval(unlikely, objects, labels)),
        "nll_uncalibrated": float(negative_log_likelihoods(energies, labels, 1.0).mean()),
        "bins": reliability(confidences, right),
    }


def _error_interval(
    confidences: np.ndarray,
    right: np.ndarray,
    objects: np.ndarray,
    labels: np.ndarray,
    bootstrap: Bootstrap,
) -> list[float]:
    """Return the percentile interval of the calibration error, computed anew in each draw.

    Drawing adds chance to every bin and distances add up, so the interval leans to the high side.
    """
    gaps = np.zeros((len(confidences), BINS + 1))
    gaps[np.arange(len(gaps)), _bin_of(confidences, BINS)] = confidences - right
    gaps[:, BINS] = 1  # counts the images
    sums = bootstrap.draws(objects, labels).sums(gaps)
    return bootstrap.percentiles(np.abs(sums[:, :BINS]).sum(axis=1) / sums[:, BINS])


def _bin_of(confidences: np.ndarray, bins: int) -> np.ndarray:
    """Return the interval (low, high] that each confidence lies in."""
    return np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidences, side="left")


def _log_probabilities(energies: np.ndarray, beta: float) -> np.ndarray:
    scores = -beta * np.asarray(energies, dtype=float)
    scores = scores - scores.max(axis=1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
