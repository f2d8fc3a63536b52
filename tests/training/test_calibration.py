"""Calibration: a known beta comes back from samples of it, and the threshold is a quantile."""

import numpy as np
import pytest
import torch

from objrec.training.calibration import HeldOut, calibrate, fit_beta


def sampled(beta, count=8000, categories=4, seed=0):
    """Energies of any kind, and labels drawn from their Gibbs distribution at beta."""
    generator = torch.Generator().manual_seed(seed)
    energies = 3 * torch.rand(count, categories, generator=generator) / beta + 5
    likely = torch.softmax(-beta * energies, dim=1)
    return energies, torch.multinomial(likely, 1, generator=generator)[:, 0]


def likelihood_by_hand(beta, energies, labels):
    energies = energies.double().numpy()
    logs = -beta * energies - np.log(np.exp(-beta * energies).sum(axis=1, keepdims=True))
    return logs[np.arange(len(labels)), labels.numpy()].mean()


@pytest.mark.parametrize("beta", [0.05, 1.0, 2.5, 40.0])
def test_the_beta_that_labels_were_drawn_at_is_found(beta):
    assert fit_beta(*sampled(beta)) == pytest.approx(beta, rel=0.06)


def test_no_other_beta_is_more_likely():
    energies, labels = sampled(1.3, count=300)
    fitted = fit_beta(energies, labels)
    best = likelihood_by_hand(fitted, energies, labels)
    for beta in np.geomspace(0.01, 100, 200):
        assert likelihood_by_hand(beta, energies, labels) <= best + 1e-12


def test_beta_undoes_the_scale_of_the_energies():
    energies, labels = sampled(1.0, count=500)
    assert fit_beta(8 * energies, labels) == pytest.approx(fit_beta(energies, labels) / 8, rel=1e-4)
    assert fit_beta(energies - 100, labels) == pytest.approx(fit_beta(energies, labels), rel=1e-4)


def test_beta_is_bounded_where_the_labels_leave_it_open():
    energies = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    assert fit_beta(energies, torch.tensor([0, 1])) == pytest.approx(1000, rel=1e-3)
    assert fit_beta(energies, torch.tensor([1, 0])) == pytest.approx(0.001, rel=1e-3)


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_the_threshold_is_the_quantile_of_the_lowest_energies(rate):
    energies, labels = sampled(1.0, count=1000)
    result = calibrate([HeldOut(energies, labels, 3)], rate)
    lowest = energies.numpy().min(axis=1)
    assert result.threshold == pytest.approx(np.quantile(lowest, 1 - rate), rel=1e-6)
    above = (lowest > result.threshold).mean()
    assert result.false_alarm_rate == pytest.approx(above, abs=1e-6)
    assert result.false_alarm_rate == pytest.approx(rate, abs=1e-3)


def test_folds_are_taken_together():
    energies, labels = sampled(2.0, count=900)
    parts = [slice(0, 200), slice(200, 600), slice(600, 900)]
    folds = [HeldOut(energies[p], labels[p], n) for p, n in zip(parts, (5, 4, 4), strict=True)]
    together = calibrate([HeldOut(energies, labels, 13)])
    apart = calibrate(folds)
    assert (apart.beta, apart.threshold) == (together.beta, together.threshold)
    assert (apart.folds, apart.objects) == (3, 13)
    wrong = (energies.argmin(dim=1) != labels).float()
    assert apart.error_rate == pytest.approx(wrong.mean().item())
    assert folds[1].error_rate == pytest.approx(wrong[200:600].mean().item())


def test_answers_made_in_inference_mode_will_do():
    with torch.inference_mode():
        energies, labels = sampled(1.0, count=100)
    assert calibrate([HeldOut(energies, labels, 1)]).beta > 0
