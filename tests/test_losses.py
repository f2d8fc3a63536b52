"""The losses against scalar loops, finite differences, their margin conditions and their limits."""

import dataclasses
import math

import pytest
import torch

from objrec.answers import Answers
from objrec.errors import SettingsError
from objrec.losses import LOSSES, LossSettings, part_energy, total_loss

PAIRS = [name for name, loss in LOSSES.items() if loss.kind == "pair"]
LIKELIHOODS = [name for name, loss in LOSSES.items() if loss.kind == "likelihood"]
MODES = [
    LossSettings(soft=False),
    LossSettings(soft=True),
    LossSettings(soft=False, beta=3.0, margin=1.5, window=0.3, push=2.0),
    LossSettings(soft=True, beta=0.4, margin=7.0, window=2.0, push=0.5),
]


def random_case(seed=0, batch=6, categories=4, poses=5, scale=6.0, dtype=torch.float64):
    """Energies in (0, scale) and answers with one to three right and up to two forbidden poses."""
    generator = torch.Generator().manual_seed(seed)
    energies = scale * torch.rand(batch, categories, poses, generator=generator, dtype=dtype)
    right = torch.zeros(batch, categories, poses, dtype=torch.bool)
    forbidden = torch.zeros_like(right)
    for i in range(batch):
        right[i, i % categories, : 1 + i % 3] = True
        forbidden[i, i % categories, 1 + i % 3 : 1 + i % 3 + i % 3] = True
    return energies, Answers(right, forbidden)


def pair(name, right, wrong, **settings):
    """One pair loss of two plain numbers, as a plain number."""
    tensors = (torch.tensor([float(v)], dtype=torch.float64) for v in (right, wrong))
    return float(LOSSES[name].function(*tensors, LossSettings(**settings)))


def gradients(name, right, wrong, **settings):
    """(dL/dE_C, dL/dE_I) of a pair loss."""
    tensors = [
        torch.tensor([float(v)], dtype=torch.float64).requires_grad_() for v in (right, wrong)
    ]
    loss = LOSSES[name].function(*tensors, LossSettings(**settings)).sum()
    return tuple(float(g) for g in torch.autograd.grad(loss, tensors, materialize_grads=True))


# ---------------------------------------------------------------- scalar loops, in plain Python


def free_energy(energies, beta):
    lowest = min(energies)
    return lowest - math.log(sum(math.exp(-beta * (e - lowest)) for e in energies)) / beta


def scalar_loss(name, energies, answers, s):
    """The loss of every sample by explicit loops over its answers, as the sources print it."""
    losses = []
    for i in range(len(energies)):
        right, wrong = [], []
        for k in range(energies.shape[1]):
            for p in range(energies.shape[2]):
                if answers.right[i, k, p]:
                    right.append(float(energies[i, k, p]))
                elif not answers.forbidden[i, k, p]:
                    wrong.append(float(energies[i, k, p]))
        best = free_energy(right, s.beta) if s.soft else min(right)
        worst = free_energy(wrong, s.beta) if s.soft else min(wrong)
        everything = (right if s.soft else [best]) + wrong
        normaliser = sum(math.exp(-s.beta * e) for e in everything)
        losses.append(
            {
                "energy": best,
                "perceptron": best - min(best, worst),
                "hinge": max(0.0, s.margin + best - worst),
                "log": math.log(1 + math.exp(s.beta * (best - worst))) / s.beta,
                "lvq2": min(1.0, max(0.0, (best - worst) / (s.window * max(worst, 1e-12)))),
                "mce": 1 / (1 + math.exp(-s.beta * (best - worst))),
                "square-square": max(0.0, best) ** 2 + max(0.0, s.margin - worst) ** 2,
                "square-exp": max(0.0, best) ** 2
                + s.push * (math.exp(-worst) if worst > 0 else 1 - worst),
                "nll": best + math.log(normaliser) / s.beta,
                "mee": 1 - math.exp(-s.beta * best) / normaliser,
            }[name]
        )
    return torch.tensor(losses, dtype=torch.float64)


@pytest.mark.parametrize("settings", MODES, ids=lambda s: f"soft={s.soft},beta={s.beta}")
@pytest.mark.parametrize("name", LOSSES)
def test_equals_the_scalar_loop(name, settings):
    energies, answers = random_case()
    wanted = scalar_loss(name, energies, answers, settings)
    torch.testing.assert_close(LOSSES[name](energies, answers, settings), wanted)
    single = LOSSES[name](energies.float(), answers, settings)
    torch.testing.assert_close(single, wanted.float(), rtol=1e-4, atol=2e-5)


def test_hard_perceptron_subtracts_the_minimum_over_right_and_wrong():
    energies, answers = random_case(3)
    lowest = torch.where(answers.forbidden, torch.inf, energies).flatten(1).amin(1)
    right = torch.where(answers.right, energies, torch.inf).flatten(1).amin(1)
    value = LOSSES["perceptron"](energies, answers, LossSettings(soft=False))
    torch.testing.assert_close(value, right - lowest)


# ---------------------------------------------------------------- contract over the registry


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_equal_finite_differences(name, soft):
    energies, answers = random_case(1)
    settings = LossSettings(soft=soft, beta=0.7)
    energies.requires_grad_()
    assert torch.autograd.gradcheck(lambda e: LOSSES[name](e, answers, settings), energies)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("beta", [0.001, 1.0, 1000.0])
def test_finite_in_float32_with_large_energies_and_many_answers(name, soft, beta):
    energies, answers = random_case(
        2, batch=8, categories=5, poses=162, scale=50, dtype=torch.float32
    )
    energies[0] = 50.0
    energies[1] = 0.0
    energies[2][~answers.right[2]] = 0.0
    energies[2][answers.right[2]] = 50.0
    energies[3][~answers.right[3]] = 50.0
    energies[3][answers.right[3]] = 0.0
    energies.requires_grad_()
    loss = LOSSES[name](energies, answers, LossSettings(soft=soft, beta=beta))
    assert loss.shape == (8,)
    assert loss.isfinite().all()
    (gradient,) = torch.autograd.grad(loss.sum(), energies, materialize_grads=True)
    assert gradient.isfinite().all()
    assert (gradient[answers.forbidden] == 0).all()


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_without_wrong_answers_nothing_is_pushed(name, soft):
    energies, answers = random_case(4)
    energies.requires_grad_()
    right, forbidden = answers.right.clone(), answers.forbidden.clone()
    right[0], forbidden[0] = True, False
    forbidden[1] = ~right[1]
    settings = LossSettings(soft=soft)
    loss = LOSSES[name](energies, Answers(right, forbidden), settings)
    (gradient,) = torch.autograd.grad(loss.sum(), energies, materialize_grads=True)
    assert loss.isfinite().all()
    assert gradient.isfinite().all()
    # Only the losses that pull E_C whatever E_I is have anything left to do.
    if name in ("energy", "square-square", "square-exp"):
        assert (gradient[:2] >= 0).all()
    else:
        assert (loss[:2] == 0).all()
        assert (gradient[:2] == 0).all()


@pytest.mark.parametrize("name", PAIRS)
def test_pair_function_takes_an_infinite_wrong_energy(name):
    right = torch.tensor([0.5, 50.0]).requires_grad_()
    wrong = torch.tensor([math.inf, math.inf]).requires_grad_()
    loss = LOSSES[name].function(right, wrong, LossSettings())
    d_right, d_wrong = torch.autograd.grad(loss.sum(), (right, wrong), materialize_grads=True)
    assert loss.isfinite().all()
    assert d_right.isfinite().all()
    assert (d_wrong == 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_refuses_a_sample_without_a_right_answer(name):
    energies, answers = random_case()
    answers.right[2] = False
    with pytest.raises(ValueError, match="at least one right answer"):
        LOSSES[name](energies, answers, LossSettings())


@pytest.mark.parametrize("name", LOSSES)
def test_refuses_answers_of_another_shape(name):
    energies, answers = random_case()
    with pytest.raises(ValueError, match="do not fit energies"):
        LOSSES[name](energies[:, :, :3], answers, LossSettings())


def test_registry_names_every_row():
    pairs = ["energy", "perceptron", "hinge", "log", "lvq2", "mce", "square-square", "square-exp"]
    assert pairs == PAIRS
    assert LIKELIHOODS == ["nll", "mee"]
    assert all(loss.name == name for name, loss in LOSSES.items())
    with pytest.raises(SettingsError, match="did you mean 'hinge'"):
        LossSettings(loss="hinges")


# ---------------------------------------------------------------- energies of a part


def test_part_energy_is_minimum_or_free_energy():
    energies, answers = random_case(5)
    hard = part_energy(energies, answers.right, None)
    soft = part_energy(energies, answers.right, 2.0)
    for i in range(len(energies)):
        values = energies[i][answers.right[i]].tolist()
        assert float(hard[i]) == min(values)
        assert float(soft[i]) == pytest.approx(free_energy(values, 2.0), rel=1e-12)


@pytest.mark.parametrize("beta", [None, 1.0])
def test_an_empty_part_is_infinite_without_gradient(beta):
    energies = torch.rand(3, 2, 4).requires_grad_()
    mask = torch.ones(3, 2, 4, dtype=torch.bool)
    mask[1] = False
    value = part_energy(energies, mask, beta)
    assert value[1] == math.inf
    (gradient,) = torch.autograd.grad(value[[0, 2]].sum() + value[1], energies)
    assert (gradient[1] == 0).all()
    torch.testing.assert_close(gradient[[0, 2]].flatten(1).sum(1), torch.ones(2))


def test_equal_minima_share_the_gradient():
    energies = torch.ones(1, 1, 4).requires_grad_()
    value = part_energy(energies, torch.ones(1, 1, 4, dtype=torch.bool), None)
    (gradient,) = torch.autograd.grad(value.sum(), energies)
    assert (gradient == 0.25).all()


def test_part_energy_refuses_another_shape():
    with pytest.raises(ValueError, match="does not fit"):
        part_energy(torch.rand(2, 3, 4), torch.ones(2, 3, dtype=torch.bool), None)


# ---------------------------------------------------------------- margins


@pytest.mark.parametrize("name", PAIRS)
def test_pulls_right_and_pushes_wrong_energies(name):
    for right in (0.1, 1.0, 2.0, 3.9):
        for wrong in (0.2, 1.1, 2.1, 4.2, 6.0):
            d_right, d_wrong = gradients(name, right, wrong, margin=3.0)
            assert d_right >= 0
            assert d_wrong <= 0
            violated = right > wrong
            if name == "lvq2":
                violated = wrong < right < 2 * wrong  # beyond the window it is flat
            if violated and name != "energy":
                assert d_right > 0
                assert d_wrong < 0
    assert gradients("energy", 1.0, 2.0) == (1.0, 0.0)


def two_answers(name, margin):
    """A loss of the plane (E_C, E_I): its own, or of one right and one wrong answer."""
    settings = LossSettings(margin=margin)
    if LOSSES[name].kind == "pair":
        return lambda right, wrong: LOSSES[name].function(right, wrong, settings)
    right_one = torch.tensor([[[True]], [[False]]]).view(1, 2, 1)

    def loss(right, wrong):
        mask = right_one.expand(len(right), 2, 1)
        answers = Answers(mask, torch.zeros_like(mask))
        return LOSSES[name](torch.stack([right, wrong], 1)[:, :, None], answers, settings)

    return loss


@pytest.mark.parametrize("name", LOSSES)
def test_sufficient_condition_flag(name):
    """Scan E_C, E_I >= 0: is the loss lower with a gap than anywhere without it?"""
    margin = 3.0
    axis = torch.linspace(0, 20, 201, dtype=torch.float64)
    right, wrong = (v.flatten() for v in torch.meshgrid(axis, axis, indexing="ij"))
    loss = two_answers(name, margin)(right, wrong)

    def holds(gap):
        with_gap = right + gap < wrong - 1e-9
        return bool(loss[with_gap].min() < loss[~with_gap].min())

    # The losses of margin m promise every gap below m; those of margin > 0 promise some gap.
    gap = 0.9 * margin if LOSSES[name].margin == "m" else 0.5
    assert holds(gap) == LOSSES[name].sufficient
    if LOSSES[name].margin == "m":
        assert not holds(1.1 * margin)
    if LOSSES[name].margin in ("none", "0"):
        assert not holds(0.0)


# ---------------------------------------------------------------- traps in the sources


def test_square_square_adds_and_does_not_pull_far_wrong_answers_back():
    assert pair("square-square", 2.0, 1.0, margin=3.0) == pytest.approx(4.0 + 4.0)
    assert pair("square-square", 2.0, 9.0, margin=3.0) == pytest.approx(4.0)
    assert gradients("square-square", 2.0, 1.0, margin=3.0) == (4.0, -4.0)
    assert gradients("square-square", 2.0, 9.0, margin=3.0)[1] == 0


@pytest.mark.parametrize("soft", [False, True])
def test_nll_pulls_right_answers_down_and_pushes_wrong_ones_up(soft):
    energies, answers = random_case(6)
    energies.requires_grad_()
    loss = LOSSES["nll"](energies, answers, LossSettings(soft=soft))
    assert (loss > 0).all()
    (gradient,) = torch.autograd.grad(loss.sum(), energies)
    assert (gradient[answers.right] >= 0).all()
    assert gradient[answers.right].sum() > 0
    assert (gradient[answers.wrong] < 0).all()


def test_lvq2_divides_by_the_wrong_energy():
    assert pair("lvq2", 3.0, 2.0, window=1.0) == pytest.approx((3 - 2) / 2)
    assert pair("lvq2", 3.0, 2.0, window=0.8) == pytest.approx((3 - 2) / (0.8 * 2))
    assert pair("lvq2", 9.0, 2.0, window=1.0) == 1
    assert pair("lvq2", 1.0, 2.0, window=1.0) == 0


def test_free_energies_below_zero_are_neither_pulled_nor_overflow():
    for name in ("square-square", "square-exp"):
        assert gradients(name, -3.0, 2.0)[0] == 0
    assert gradients("square-exp", 1.0, -200.0) == (2.0, -1.0)
    assert gradients("square-exp", 1.0, 0.0) == (2.0, -1.0)


# ---------------------------------------------------------------- limits and kinship


def test_nll_becomes_the_perceptron_as_beta_grows():
    energies, answers = random_case(7)
    perceptron = LOSSES["perceptron"](energies, answers, LossSettings(soft=False))
    for beta, near in ((1.0, 4.0), (100.0, 0.04), (1000.0, 0.004)):
        nll = LOSSES["nll"](energies, answers, LossSettings(beta=beta))
        assert (nll - perceptron).abs().max() < near


def test_nll_of_two_answers_is_the_log_loss():
    energies = torch.tensor([[[1.3], [0.4]], [[0.2], [3.0]]], dtype=torch.float64)
    right = torch.tensor([[[True], [False]]] * 2)
    answers = Answers(right, torch.zeros_like(right))
    for soft in (False, True):
        nll = LOSSES["nll"](energies, answers, LossSettings(soft=soft))
        wanted = [math.log(1 + math.exp(a - b)) for a, b in ((1.3, 0.4), (0.2, 3.0))]
        torch.testing.assert_close(nll, torch.tensor(wanted, dtype=torch.float64))


@pytest.mark.parametrize("beta", [0.3, 1.0, 4.0])
@pytest.mark.parametrize(("likelihood", "margin_loss"), [("nll", "log"), ("mee", "mce")])
def test_likelihoods_are_soft_margin_losses(likelihood, margin_loss, beta):
    energies, answers = random_case(8)
    settings = LossSettings(beta=beta, soft=True)
    left = LOSSES[likelihood](energies, answers, settings)
    torch.testing.assert_close(left, LOSSES[margin_loss](energies, answers, settings))


def test_nll_is_cross_entropy_of_the_gibbs_distribution():
    energies, answers = random_case(9, batch=4)
    logits = (-energies).masked_fill(answers.forbidden, -torch.inf).flatten(1)
    answers.right[:] = False
    labels = torch.tensor([0, 5, 10, 15])
    answers.right.flatten(1)[torch.arange(4), labels] = True
    logits = logits.masked_fill(answers.forbidden.flatten(1), -torch.inf)
    wanted = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    torch.testing.assert_close(LOSSES["nll"](energies, answers, LossSettings()), wanted)


def test_small_losses_survive_float32():
    energies = torch.tensor([[[20.0], [50.0]]])
    right = torch.tensor([[[True], [False]]])
    answers = Answers(right, torch.zeros_like(right))
    for name in ("nll", "mee", "log", "mce"):
        assert float(LOSSES[name](energies, answers, LossSettings())) == pytest.approx(
            math.exp(-30), rel=1e-4
        )


# ---------------------------------------------------------------- the total


@pytest.mark.parametrize("name", LOSSES)
def test_total_adds_the_weighted_category_loss(name):
    energies, answers = random_case(10)
    settings = LossSettings(loss=name, category_weight=0.25, pose_weight=0.0)
    right = answers.right.any(2, keepdim=True).expand_as(answers.right)
    coarse = scalar_loss(name, energies, Answers(right, torch.zeros_like(right)), settings)
    fine = scalar_loss(name, energies, answers, settings)
    torch.testing.assert_close(total_loss(energies, answers, settings), fine + 0.25 * coarse)


@pytest.mark.parametrize("name", LOSSES)
def test_total_adds_the_weighted_pose_loss(name):
    energies, answers = random_case(12)
    settings = LossSettings(loss=name, category_weight=0.0, pose_weight=0.5)
    own = answers.right.any(2, keepdim=True).expand_as(answers.right)
    asked = (answers.wrong & own).flatten(1).any(1)  # others have no wrong pose to tell from
    energies, own = energies[asked], own[asked]
    answers = Answers(answers.right[asked], answers.forbidden[asked])
    alone = scalar_loss(name, energies, Answers(answers.right, answers.forbidden | ~own), settings)
    both = scalar_loss(name, energies, answers, settings)
    torch.testing.assert_close(total_loss(energies, answers, settings), both + 0.5 * alone)


def test_without_a_labelled_pose_the_pose_loss_is_nothing():
    energies, answers = random_case(13)
    answers = answers.category_only()
    settings = LossSettings(category_weight=0.0, pose_weight=3.0)
    wanted = LOSSES["log"](energies, answers, settings)
    torch.testing.assert_close(total_loss(energies, answers, settings), wanted)


def test_weights_of_zero_leave_the_other_losses_out():
    energies, answers = random_case(11)
    energies.requires_grad_()
    settings = LossSettings(category_weight=0.0, pose_weight=0.0)
    loss = total_loss(energies, answers, settings)
    torch.testing.assert_close(loss, LOSSES["log"](energies, answers, settings))
    (gradient,) = torch.autograd.grad(loss.sum(), energies)
    assert (gradient[answers.forbidden] == 0).all()
    both = dataclasses.replace(settings, category_weight=1.0, pose_weight=1.0)
    assert both == LossSettings().settled(frozen=False)
