"""The loss family: how energies of right and wrong answers become one number per sample.

Every loss is a function of the energies of all answers (B, K, P) and of their parts (`answers`).
The pair losses see two numbers of them,

    E_C  the energy of the best right answer
    E_I  the energy of the most offending wrong answer

each either hard (the minimum over its part) or soft (the free energy F = -(1/beta) log sum
exp(-beta E) over its part). The likelihood losses see every right and wrong answer. Forbidden
answers are in neither part and get no gradient. The minimum is differentiated where it is
attained (envelope theorem).

A loss satisfies the sufficient condition when, for some gap m > 0, it is lower somewhere in the
half plane E_C + m < E_I than anywhere outside: minimising it then cannot end with a wrong answer
on top. Terms, table and condition: Y. LeCun and F. J. Huang, "Loss Functions for Discriminative
Training of Energy-Based Models", AISTATS 2005, and LeCun, Chopra, Hadsell, Ranzato and Huang, "A
Tutorial on Energy-Based Learning", 2006. beta is 1 there in `log` and `mce`; here it sets their
steepness too, which makes NLL the soft log loss and MEE the soft MCE at any beta.

Nothing here knows images, poses or networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch.nn.functional import logsigmoid

from objrec.answers import Answers
from objrec.options import Settings, option

Tensor = torch.Tensor

# Energies at and beyond this (+inf where there is no wrong answer) count as infinitely far, where
# an infinity in a quotient would give NaN. It is squared nowhere.
_FAR = 1e30


def part_energy(energies: Tensor, mask: Tensor, beta: float | None) -> Tensor:
    """Return the energy of one part of the answers: its minimum or its free energy.

    Args:
        energies: (B, ...) finite energies.
        mask: (B, ...) bool, the part.
        beta: Inverse temperature of the free energy; None: the minimum. Where several answers
            share the minimum they share its gradient.

    Returns:
        (B,): +inf, with zero gradient, for a sample whose part is empty.

    Raises:
        ValueError: The shapes differ.
    """
    if energies.shape != mask.shape:
        raise ValueError(f"mask {tuple(mask.shape)} does not fit energies {tuple(energies.shape)}")
    energies, mask = energies.flatten(1), mask.flatten(1)
    empty = ~mask.any(dim=1)
    # An all-infinite row would make NaN gradients that no later masking removes: an empty part
    # is computed over the whole row, and its result replaced.
    inside = energies.masked_fill(~(mask | empty[:, None]), torch.inf)
    value = inside.amin(1) if beta is None else -torch.logsumexp(-beta * inside, 1) / beta
    return value.masked_fill(empty, torch.inf)


def energy(E_C: Tensor, E_I: Tensor, settings: LossSettings) -> Tensor:
    """Return E_C: it pulls only, and collapses unless the architecture raises the rest.

    Source: LeCun and Huang 2005.
    """
    return E_C


def perceptron(E_C: Tensor, E_I: Tensor, settings: LossSettings) -> Tensor:
    """Return E_C - min E, the minimum over right and wrong answers, that is max(0, E_C - E_I).

    Source: LeCun, Bottou, Bengio and Haffner 1998; Collins 2002.
    """
    return torch.relu(E_C - E_I)


def hinge(E_C: Tensor, E_I: Tensor, settings: LossSettings) -> Tensor:
    """Return max(0, margin + E_C - E_I).

    Source: Taskar, Guestrin and Koller 2003; Altun and Hofmann 2003.
    """
    return torch.relu(settings.margin + E_C - E_I)


def log(E_C: Tensor, E_I: Tensor, settings: LossSettings) -> Tensor:
    """Return 1/beta times the log of 1 + exp(beta (E_C - E_I)), a hinge with a soft corner.

    Source: LeCun and Huang 2005.
    """
    return -logsigmoid(settings.beta * (E_I - E_C)) / settings.beta


def lvq2(E_C: Tensor, E_I: Tensor, settings: LossSettings) -> Tensor:
    """Return min(1, max(0, (E_C - E_I) / (window E_I))).

    It divides by the wrong answer's energy, and needs energies above 0: where a free energy E_I
    is below, the loss is its limit 0 or 1, without gradient.

    Source: Kohonen, Barna and Chrisley 1988 (LVQ2); Driancourt, Bottou and Gallinari 1991.
    """
    E_I = E_I.clamp(max=_FAR)
    scale = settings.window * E_I.clamp(min=torch.finfo(E_I.dtype).eps)
    return ((E_C - E_I) / scale).clamp(0, 1)


def mce(E_C: Tensor, E_I: Tensor, settings: LossSettings) -> Tensor:
    """Return 1 / (1 + exp(-beta (E_C - E_I))), a smooth count of errors.

    Source: Juang, Chou and Lee 1997, minimum classification error.
    """
    return torch.sigmoid(settings.beta * (E_C - E_I))


def square_square(E_C: Tensor, E_I: Tensor, settings: LossSettings) -> Tensor:
    """Return E_C^2 + max(0, margin - E_I)^2.

    It needs energies bounded below by 0: E_C is not pulled once a free energy is below.

    Source: LeCun and Huang 2005. The tutorial's table has a minus for the plus, and the slides
    leave out the max(0, .), without which a far wrong answer is pulled back to the margin.
    """
    return torch.relu(E_C).square() + torch.relu(settings.margin - E_I).square()


def square_exp(E_C: Tensor, E_I: Tensor, settings: LossSettings) -> Tensor:
    """Return E_C^2 + push exp(-E_I).

    It needs energies bounded below by 0: where a free energy is below, E_C is not pulled and the
    exponential goes on as its tangent 1 - E_I, so that it cannot overflow.

    Source: Osadchy, LeCun and Miller 2007 (faces and their pose).
    """
    push = torch.where(E_I > 0, torch.exp(-torch.relu(E_I)), 1 - E_I.clamp(max=_FAR))
    return torch.relu(E_C).square() + settings.push * push


def nll(energies: Tensor, answers: Answers, settings: LossSettings) -> Tensor:
    """Return E_C + (1/beta) log sum exp(-beta E), the sum over right and wrong answers.

    This is (1/beta) log(1 + exp(beta (F_right - F_wrong))), the log loss of two free energies,
    and computed as such: the difference of two long sums would lose a small loss to rounding. A
    hard E_C stands for the right part in the sum too: right answers are never pushed.

    Source: Bahl, Brown, de Souza and Mercer 1986 (maximum mutual information); LeCun and Huang
    2005.

    Args:
        energies: (B, K, P).
        answers: Their parts.
        settings: `beta` and `soft`.

    Returns:
        (B,), not negative.
    """
    right = part_energy(energies, answers.right, settings.beta if settings.soft else None)
    wrong = part_energy(energies, answers.wrong, settings.beta)
    return log(right, wrong, settings)


def mee(energies: Tensor, answers: Answers, settings: LossSettings) -> Tensor:
    """Return 1 - exp(-beta E_C) / sum exp(-beta E), the sum over right and wrong answers.

    It is one minus the likelihood that `nll` is the logarithm of: the expected error.

    Source: Ljolje, Ephraim and Rabiner 1990, minimum empirical error.

    Args:
        energies: (B, K, P).
        answers: Their parts.
        settings: `beta` and `soft`.

    Returns:
        (B,) in [0, 1].
    """
    return -torch.expm1(-settings.beta * nll(energies, answers, settings))


@dataclass(frozen=True)
class Loss:
    """One row of the table of losses; call it on energies and answers.

    Attributes:
        name: As `--loss` takes it.
        function: (E_C, E_I, settings) → (B,) for a pair loss, (energies, answers, settings) →
            (B,) for a likelihood loss.
        margin: The gap it asks for between right and wrong energies, as text.
        sufficient: Whether the sufficient condition holds (see the module's text).
        kind: What `function` takes.
    """

    name: str
    function: Callable[..., Tensor]
    margin: str
    sufficient: bool
    kind: Literal["pair", "likelihood"]

    def __call__(self, energies: Tensor, answers: Answers, settings: LossSettings) -> Tensor:
        """Return the loss of each sample.

        Args:
            energies: (B, K, P) finite energies.
            answers: Their parts; at least one right answer a sample. A sample without wrong
                answers gets the limit E_I → infinity.
            settings: The loss settings; `settings.loss` is not read.

        Returns:
            (B,) finite.

        Raises:
            ValueError: The shapes differ, or a sample has no right answer.
        """
        if energies.shape != answers.right.shape:
            got, wanted = tuple(answers.right.shape), tuple(energies.shape)
            raise ValueError(f"answers {got} do not fit energies {wanted}")
        # On a GPU this would wait for the device at every step; a loss of inf shows it there.
        on_cpu = answers.right.device.type == "cpu"
        if on_cpu and not bool(answers.right.flatten(1).any(dim=1).all()):
            raise ValueError("every sample needs at least one right answer")
        if self.kind == "likelihood":
            return self.function(energies, answers, settings)
        beta = settings.beta if settings.soft else None
        right = part_energy(energies, answers.right, beta)
        wrong = part_energy(energies, answers.wrong, beta)
        return self.function(right, wrong, settings)


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        # The energy loss works only where the architecture itself raises all other energies.
        Loss("energy", energy, "none", False, "pair"),
        Loss("perceptron", perceptron, "0", False, "pair"),
        Loss("hinge", hinge, "m", True, "pair"),
        Loss("log", log, "> 0", True, "pair"),
        Loss("lvq2", lvq2, "0", False, "pair"),
        Loss("mce", mce, "> 0", True, "pair"),
        Loss("square-square", square_square, "m", True, "pair"),
        Loss("square-exp", square_exp, "> 0", True, "pair"),
        Loss("nll", nll, "> 0", True, "likelihood"),
        Loss("mee", mee, "> 0", True, "likelihood"),
    )
}


@dataclass(frozen=True)
class LossSettings(Settings):
    """Which loss digs the holes and builds the hills, and its constants."""

    loss: str = option(
        "log", "how energies of right and wrong answers become a loss", choices=tuple(LOSSES)
    )
    beta: float = option(
        1.0,
        "inverse temperature of free energies and of the log, mce, nll and mee losses",
        minimum=0.001,
        maximum=1000.0,
    )
    soft: bool = option(
        True, "right and wrong energies are free energies over their answers, else minima"
    )
    margin: float = option(
        4.0, "wanted gap between wrong and right energies (hinge, square-square)", minimum=0.0
    )
    window: float = option(
        1.0,
        "lvq2: energy differences count up to this share of the wrong energy",
        minimum=0.001,
    )
    push: float = option(
        1.0, "square-exp: weight of the term that raises wrong energies", minimum=0.0
    )
    category_weight: float = option(
        1.0, "weight of the same loss with every pose of the category right", minimum=0.0
    )
    pose_weight: float | None = option(
        None,
        "weight of the same loss among the poses of the right category alone; auto: 1, or 0 on a "
        "frozen backbone",
        minimum=0.0,
    )

    def settled(self, frozen: bool) -> LossSettings:
        """Return the settings with the pose's weight, if it was left open.

        Args:
            frozen: Whether the features are a frozen backbone's; on folds of photographs those
                did better without it, where own features did better with it.
        """
        if self.pose_weight is not None:
            return self
        return replace(self, pose_weight=0.0 if frozen else 1.0)


def loss_terms(energies: Tensor, answers: Answers, settings: LossSettings) -> dict[str, Tensor]:
    """Return the loss over (category, pose), and the weighted losses over either alone.

    Args:
        energies: (B, K, P) finite energies.
        answers: Their parts; at least one right answer a sample.
        settings: The loss, its constants and the weights of the other terms; that of the
            pose, if left open, is the one for own features.

    Returns:
        Name of the term → (B,) finite; a term of weight 0 is left out.

    Raises:
        ValueError: The shapes differ, or a sample has no right answer.
    """
    settings, loss = settings.settled(frozen=False), LOSSES[settings.loss]
    terms = {"answer": loss(energies, answers, settings)}
    if settings.category_weight:
        category = loss(energies, answers.category_only(), settings)
        terms["category"] = settings.category_weight * category
    if settings.pose_weight:
        pose = loss(energies, answers.pose_only(), settings)
        terms["pose"] = settings.pose_weight * pose
    return terms


def total_loss(energies: Tensor, answers: Answers, settings: LossSettings) -> Tensor:
    """Return the sum of `loss_terms`, (B,); arguments and errors are the same."""
    return sum(loss_terms(energies, answers, settings).values())
