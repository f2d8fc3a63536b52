"""From energies to probabilities and back, for one image, three categories and an unknown azimuth.

Source: LeCun, Chopra, Hadsell, Ranzato and Huang, "A Tutorial on Energy-Based Learning", 2006:
Gibbs distribution, latent variables, and the losses; LeCun and Huang, AISTATS 2005.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from objrec.demos.lesson import Context, Demo, Lesson, Section, Table
from objrec.demos.probabilities.figures import (
    beta_player,
    free_energy_figure,
    limit_figure,
    training_player,
)
from objrec.demos.probabilities.system import (
    CATEGORIES,
    IMAGES,
    SAMPLES,
    Tensor,
    Training,
    category_energy,
    compare_versions,
    crossing,
    gibbs,
    image_energies,
    limit,
    train,
)

BETAS = (0, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.4, 1.8, 2.2, 2.6, 3, 3.4, 3.8, 4.5, 5.5, 7, 9, 12, 16, 25)
LIMIT_BETAS = tuple(10 ** (i / 8) for i in range(-8, 25))  # 0.1 to 1000


def run(context: Context) -> Lesson:
    """Go from energies to probabilities, to the limit of large beta, and back."""
    energies = image_energies()
    training, doubled = train(context), train(context, beta=2.0)
    spread = [float(t.tables[-1].max() - t.tables[-1].min()) for t in (training, doubled)]
    share = training.frequency[training.frequency > 0]
    numbers = {
        "energies": [[round(v, 6) for v in row] for row in energies[0].tolist()],
        "betas": [_row(energies, beta) for beta in BETAS],
        "free_energy_agrees_from_beta": crossing(energies),
        "limit": [_limit_row(energies, beta) for beta in LIMIT_BETAS],
        "versions": compare_versions(context.seed),
        "images": IMAGES,
        "samples": SAMPLES,
        "updates": training.at[-1],
        "nll_first": training.losses[0],
        "nll_last": training.losses[-1],
        "entropy_of_samples": -float((share * share.log()).sum()),
        "largest_probability_error": float(
            (gibbs(training.tables[-1][None], 1.0)[0] - training.frequency).abs().max()
        ),
        "spread_of_energies_beta_1": spread[0],
        "spread_of_energies_beta_2": spread[1],
    }
    sections = (
        _forth(energies, numbers),
        _latent(energies, numbers),
        _limits(numbers),
        _same(numbers),
        _back(energies, training, numbers),
    )
    return Lesson(_SUMMARY, sections, numbers)


def _row(energies: Tensor, beta: float) -> dict[str, Any]:
    chances = gibbs(energies, beta)
    lowest = category_energy(energies, None)
    # The free energy has no value at 0; the category's probability has.
    free = category_energy(energies, beta)[0].tolist() if beta else None
    return {
        "beta": beta,
        "probability": chances[0].sum(1).tolist(),
        "probability_from_minima": torch.softmax(-beta * lowest, dim=1)[0].tolist(),
        "free_energy": free,
        "largest_probability_of_an_answer": float(chances.max()),
    }


def _limit_row(energies: Tensor, beta: float) -> dict[str, float]:
    differences = {name: limit(energies, k, beta) for k, name in enumerate(CATEGORIES)}
    return {"beta": beta, **differences, "bound": math.log(energies.numel()) / beta}


def _text(value: float, digits: int = 2) -> str:
    """Return a number with a minus sign, and without one for a rounded 0."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def _short(value: float) -> str:
    """Return a number to two digits, without an exponent."""
    return f"{float(f'{value:.2g}'):g}"


_SUMMARY = (
    "Energies are made into probabilities by the Gibbs distribution: the lower the energy, the "
    "more probable the answer. One number, β, says how much lower energies are favoured: at β = 0 "
    "all answers are alike, and for large β only the lowest counts. On the way a decision can "
    "change: one very good answer may stand against many fairly good ones. Here that happens to "
    "three categories seen at an unknown azimuth. The way back is training: energies are learned "
    "from answers that were drawn from the probabilities."
)


def _forth(energies: Tensor, numbers: dict[str, Any]) -> Section:
    return Section(
        "From energies to probabilities",
        (
            "An image may show a car, a chair or a ball, seen from one of twelve directions "
            "(azimuths). Each of the 36 answers has an energy. The car fits best, but only near "
            "60°. The chair fits a little less, and from two sides. The ball fits no direction as "
            "well as the car its best one, but it fits all of them alike. (These energies are a "
            "formula made up for this page, so that all of it can be checked.)",
            "β is called the inverse temperature. Leaf through it: at β = 0 every answer has "
            "probability 1/36. With larger β the good answers gather the probability, and in the "
            "end the best one has all of it. The joint decision, the answer of lowest energy, is "
            "always the most probable single answer, whatever β is.",
        ),
        ("P(y, z) = exp(−β E(y, z)) / Z,   Z = the sum of exp(−β E) over all answers",),
        (beta_player(energies[0], numbers["betas"], CATEGORIES, gibbs),),
        (
            "Left: the energies, which do not change, and below them the probability of every "
            "answer (bright is probable, each frame scaled to its largest). Right: the "
            "probability of each category, with all azimuths summed, and what the lowest energy "
            "alone would make of it (softmax of the three minima).",
        ),
    )


def _latent(energies: Tensor, numbers: dict[str, Any]) -> Section:
    at = numbers["free_energy_agrees_from_beta"]
    shown = [row for row in numbers["betas"] if row["beta"] in (0.5, 1, 1.8, 2.6, 3.4, 5.5, 25)]
    rows = [
        (
            f"{row['beta']:g}",
            *(_text(value) for value in row["free_energy"]),
            CATEGORIES[min(range(3), key=row["free_energy"].__getitem__)],
            f"{max(row['probability']):.0%}",
        )
        for row in shown
    ]
    minima = category_energy(energies, None)[0].tolist()
    rows.append(("∞", *(_text(v) for v in minima), CATEGORIES[minima.index(min(minima))], "100%"))
    columns = ("β", *(f"F, {name}" for name in CATEGORIES), "decision", "its probability")
    return Section(
        "Minimum or free energy: what to do with an unknown azimuth",
        (
            "If only the category is asked for, the azimuth is a latent variable: unknown and "
            "not wanted. Two ways to get rid of it: take each category's lowest energy over the "
            "azimuth; or sum the probabilities over the azimuth, which is to take the free "
            "energy F (below).",
            "F lies below the minimum by at most log(12)/β, and the more so the more azimuths "
            "fit. The ball has twelve equally good ones and gains all of it: it wins as long as "
            f"β is small. From β = {at:.2f} on the free energy decides as the minimum does: car. "
            "Neither is wrong. The minimum asks for the best explanation, the free energy for "
            "the most probable category, and that depends on β: on how much a difference of "
            "energies is worth.",
        ),
        ("F(y) = −(1/β) log of the sum over z of exp(−β E(y, z))   →   min over z of E(y, z)",),
        (free_energy_figure(numbers["betas"], minima, CATEGORIES, at),),
        ("The free energies against β and the minima that they approach (right).",),
        (Table(columns, rows, "Free energy of each category and the decision by it."),),
    )


def _limits(numbers: dict[str, Any]) -> Section:
    shown = numbers["limit"][::4]
    rows = [
        (
            _short(row["beta"]),
            *(_text(row[name], 4) for name in CATEGORIES),
            f"{row['bound']:.4f}",
        )
        for row in shown
    ]
    return Section(
        "Likelihood becomes the perceptron",
        (
            "Training by likelihood minimises the NLL, the free energy of the right answers less "
            "that of all answers. For large β free energies become minima, so the NLL becomes the "
            "perceptron loss: the lowest energy of the right answers less the lowest of all. Each "
            "free energy lies below its minimum by no more than log(number of answers)/β, so the "
            "difference of the two losses is no larger than log(36)/β.",
            "Here is the measured difference of the library's two losses, with each category in "
            "turn as the right one, its azimuth unknown. For the car it soon falls much faster "
            "than the bound: a single answer is lowest, and it is right. The ball's twelve equal "
            "azimuths keep its difference near log(12)/β for ever.",
        ),
        ("| NLL(β) − perceptron |  ≤  log(36) / β",),
        (limit_figure(numbers["limit"], CATEGORIES),),
        (
            "Size of the difference between NLL and perceptron loss against β, both on scales of "
            "powers of ten. The straight line is the bound; nothing crosses it. The dips are where "
            "the difference changes its sign.",
        ),
        (Table(("β", *CATEGORIES, "bound"), rows, "NLL less perceptron loss, by right category."),),
    )


def _same(numbers: dict[str, Any]) -> Section:
    rows = [
        (
            row["version"],
            f"{row['same_decisions']} of {numbers['images']}",
            _text(row["log_partition"]),
            f"{row['probability_of_decision']:.1%}",
        )
        for row in numbers["versions"]
    ]
    return Section(
        "Other energies, same decisions",
        (
            f"The energies of {numbers['images']} random images of the same kind are changed in "
            "ways that keep their order. All decisions stay. The sum Z, by which probabilities are "
            "divided, does not, and neither do the probabilities, except where the same number was "
            "added to every energy of an image. So a decision needs neither Z nor the right β; a "
            "probability needs both. The last row adds log Z, which makes Z = 1: such energies are "
            "negative logarithms of probabilities.",
        ),
        tables=(Table(("energy", "same decisions", "mean log Z", "P of the decision"), rows),),
    )


def _back(energies: Tensor, training: Training, numbers: dict[str, Any]) -> Section:
    return Section(
        "And back: energies from answers",
        (
            f"Now the energies are hidden. {numbers['samples']} answers are drawn from the "
            "probabilities at β = 1, and a table of 36 energies, all 0 at first, is trained by "
            "the NLL. Each update pulls down the answers that are more frequent than the table "
            "says and pushes up the others; it comes to rest where the probabilities are the "
            "frequencies.",
            f"After {numbers['updates']} updates no probability differs from its frequency by "
            f"more than {numbers['largest_probability_error']:.7f}, and the loss has gone from "
            f"{numbers['nll_first']:.4f} (= log 36) to {numbers['nll_last']:.4f}. It cannot fall "
            f"below the entropy of the answers drawn, {numbers['entropy_of_samples']:.4f}. What "
            "is left of a difference to the hidden energies is chance: rare answers were drawn "
            "only a few times.",
            "Two things do not come back. The level: adding one number to all energies changes no "
            "probability, so both are drawn with Z = 1. And β: trained with β = 2 the energies "
            f"spread over {numbers['spread_of_energies_beta_2']:.2f} instead of "
            f"{numbers['spread_of_energies_beta_1']:.2f}, half as much, for the same frequencies.",
        ),
        ("β E(y, z) = −log frequency(y, z) + a number that is the same for all answers",),
        figures=(training_player(energies[0], training, CATEGORIES),),
        captions=(
            "The energy of every answer while the table is trained (dots), and the hidden energies "
            "that the answers were drawn from (grey lines). Both with Z = 1.",
        ),
    )


DEMO = Demo(
    name="probabilities",
    title="From energies to probabilities and back",
    teaches="What the inverse temperature does, and when minimum and free energy agree.",
    run=run,
)
