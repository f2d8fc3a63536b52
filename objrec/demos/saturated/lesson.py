"""The same decisions from an energy that makes probabilities and from one that makes none.

A small network G is trained so that the energy (y - G(x))² is low at the points it is shown. Then
the same G is given a second energy, 1 - exp(-(y - G(x))²), whose walls are flat. The answer of
lowest energy is the same for every x. But the integral of exp(-E) over all answers, by which a
probability is divided, ends at √π for the first, and grows with the range for the second.

Source: LeCun and Huang, AISTATS 2005, and the tutorial by LeCun, Chopra, Hadsell, Ranzato and
Huang, 2006: energies need not be such that the integral converges.
"""

from __future__ import annotations

import math
from typing import Any

from objrec.demos.lesson import Context, Demo, Lesson, Section, Table
from objrec.demos.saturated.figures import height_figure, range_player, training_player
from objrec.demos.saturated.system import (
    ENERGIES,
    NEAR,
    Training,
    fit_height,
    partition,
    probability,
    same_decisions,
    train,
)

RANGES = tuple(range(1, 26))
FITTED = (2, 4, 8, 16, 32, 64)  # ranges in which the height of the walls is fitted by likelihood


def run(context: Context) -> Lesson:
    """Train G, give it both energies, and widen the range."""
    training = train(context)
    same, of = same_decisions(training, 3.0)
    numbers = {
        "updates": training.at[-1],
        "loss_first": training.losses[0],
        "loss_last": training.losses[-1],
        "same_decisions": same,
        "inputs_compared": of,
        "right_within": NEAR,
        "ranges": [_row(reach) for reach in RANGES],
        "heights": [
            {"range": r, **{n: fit_height(e, training.residuals, r) for n, e in ENERGIES.items()}}
            for r in FITTED
        ],
        "residual_mean_square": float(training.residuals.square().mean()),
    }
    sections = (_training(training, numbers), _widening(numbers), _fitting(numbers))
    return Lesson(_SUMMARY, sections, numbers)


def _row(reach: int) -> dict[str, Any]:
    return {
        "range": reach,
        **{f"integral_{name}": partition(e, reach) for name, e in ENERGIES.items()},
        "closed_form_quadratic": math.sqrt(math.pi) * math.erf(reach),
        **{f"probability_{name}": probability(e, reach) for name, e in ENERGIES.items()},
    }


_SUMMARY = (
    "An energy says how badly an answer fits; the decision is the answer of lowest energy. Nothing "
    "more is needed to decide. A probability needs more: exp(−E) must be divided by its sum over "
    "all answers. Here two energies have their valley in the same place, and so decide alike for "
    "every input. The walls of one rise without end, those of the other level off. The sum of the "
    "first soon settles. That of the second grows for as long as more answers are allowed, and the "
    "probability of the very same decision melts away."
)


def _training(training: Training, numbers: dict[str, Any]) -> Section:
    return Section(
        "One valley, two energies",
        (
            "A small network G(x) is shown points (x, y), here a wave with noise. It is trained so "
            "that the energy of each point is low. The energy of an answer y depends on its "
            "distance d = y − G(x) from what the network proposes; both formulas are below.",
            "Only the right answers are pulled down; nothing pushes the wrong ones up. It is not "
            "needed here: a distance cannot be small for all answers at once. (What happens where "
            "an energy can be low everywhere is shown by `objrec demo collapse`.)",
            f"G was trained with the quadratic energy alone. The mean loss went from "
            f"{numbers['loss_first']:.2f} to {numbers['loss_last']:.2f} in {numbers['updates']} "
            "updates. Then the same G was given the saturated energy too. For "
            f"{numbers['same_decisions']} of {numbers['inputs_compared']} inputs x both have their "
            "lowest energy at the same answer.",
        ),
        ("quadratic:  E = d²", "saturated:  E = 1 − exp(−d²)"),
        (training_player(training, ENERGIES),),
        (
            "Both energies of every answer y for every input x, while G is trained. Dark is low: "
            "the valley follows the points (orange), along the white line y = G(x), and it is the "
            "same valley. Away from it the left one rises steeply (all above 4 has the colour of "
            "4); the right one is a plain of height 1.",
        ),
    )


def _widening(numbers: dict[str, Any]) -> Section:
    shown = [row for row in numbers["ranges"] if row["range"] in (1, 2, 3, 5, 10, 25)]
    rows = [
        (
            f"±{row['range']}",
            f"{row['integral_quadratic']:.4f}",
            f"{row['closed_form_quadratic']:.4f}",
            f"{row['integral_saturated']:.4f}",
            f"{row['probability_quadratic']:.1%}",
            f"{row['probability_saturated']:.1%}",
        )
        for row in shown
    ]
    columns = ("range", "∫ quadratic", "√π erf(R)", "∫ saturated")
    columns += ("P right, quadratic", "P right, saturated")
    last = numbers["ranges"][-1]
    return Section(
        "Allow more answers",
        (
            "To make probabilities of energies, exp(−E) is divided by its integral Z over all "
            "answers that are allowed, here all with −R ≤ d ≤ R. Leaf through the range R.",
            "The area under the quadratic one is complete after a few steps: Z ends at √π ≈ 1.772. "
            "Under the saturated one every unit of further range adds as much as the last did: on "
            "the plain E = 1, so exp(−E) = 1/e ≈ 0.368, and Z grows by 2/e with each step of R.",
            f"Now call an answer right if |d| < {NEAR:g}. The decision never changes: the lowest "
            "energy stays at d = 0. But the probability that the saturated energy gives to the "
            f"right answers falls to {last['probability_saturated']:.1%} at R = {last['range']}, "
            "and on to 0, in proportion to 1/R. The quadratic one stays at "
            f"{last['probability_quadratic']:.1%}.",
        ),
        ("P(y | x) = exp(−E(x, y)) / Z,   Z = ∫ exp(−E(x, y)) dy",),
        (range_player(numbers["ranges"], ENERGIES, NEAR),),
        (
            "Above: the energies (lines) and exp(−E) (filled, over the answers allowed). Below: "
            "the integral Z, and the probability of the right answers, as the range grows. Blue, "
            "solid: quadratic; red, dashed: saturated.",
        ),
        (Table(columns, rows, "Integrals over the answers allowed. R is the range."),),
    )


def _fitting(numbers: dict[str, Any]) -> Section:
    rows = [
        (f"±{row['range']}", f"{row['quadratic']:.3f}", f"{row['saturated']:.3f}")
        for row in numbers["heights"]
    ]
    return Section(
        "What likelihood makes of it",
        (
            "Training by likelihood works against that: it looks for the factor s that makes the "
            "points most probable under exp(−s E) / Z. For the quadratic energy the best s is half "
            "of 1 over the mean square of the distances, however many answers are allowed: "
            f"{0.5 / numbers['residual_mean_square']:.3f} here.",
            "For the saturated energy s is the height of the plain, and the best height depends on "
            "how far the plain reaches. The more answers are allowed, the higher it must stand, "
            "about as the logarithm of R, so that all of it together does not outweigh the valley. "
            "The points and the decisions are the same all the while: only the list of "
            "answers that nobody would have chosen has grown.",
            "So an energy with flat walls is no mistake. It forgives points that lie far off, and "
            "it decides as well as any. But train it with a loss that compares energies (see "
            "`objrec demo conditions`), and do not read its exp(−E) as a probability without "
            "saying over which answers.",
        ),
        figures=(height_figure(numbers["heights"]),),
        captions=("The factor s of highest likelihood, against the range of answers.",),
        tables=(Table(("range", "s, quadratic", "s, saturated"), rows),),
    )


DEMO = Demo(
    name="saturated",
    title="The same decision, no probability",
    teaches="A good decision needs no integral over all answers; a probability does.",
    run=run,
)
