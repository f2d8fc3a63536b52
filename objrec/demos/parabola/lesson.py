"""Learn y = x² four times: which loss goes with which architecture, and what collapse is.

After LeCun and Huang, "Loss Functions for Discriminative Training of Energy-Based Models",
AISTATS 2005. `parabola_systems` trains and measures; this file says and shows what was found.
"""

from __future__ import annotations

from typing import Any

from objrec.demos.embeddings import figures as figures
from objrec.demos.embeddings.systems import BATCH, frame_times, relief
from objrec.demos.lesson import Context, Demo, Lesson, Player, Section
from objrec.demos.parabola.systems import (
    FRAMES,
    GRID,
    LOSSES,
    NOISE,
    PAIRS,
    TEST_X,
    UPDATES,
    ZONES,
    Run,
    Tensor,
    draw_pairs,
    measured,
    run_system,
)
from objrec.demos.parabola.tables import TITLES, collapse_table, cost_table

PLANE = figures.Plane(TEST_X.numpy(), GRID.numpy(), [TEST_X.square().numpy()], "parabola y = x²")
# The x at which the energy is shown as a curve over y.
CUT = 75


def run(context: Context) -> Lesson:
    """Train the four systems, and the collapsing one once more on pairs without noise."""
    pairs, updates = draw_pairs(context.seed), context.steps(UPDATES)
    runs = {n: run_system(n, pairs, context, updates * i) for i, n in enumerate(LOSSES)}
    exact = run_system("energy", draw_pairs(context.seed, 0.0), context, updates * len(LOSSES))
    numbers = {name: measured(trained) for name, trained in runs.items()}
    numbers["energy_without_noise"] = measured(exact)
    numbers |= {"pairs": PAIRS, "noise_sd": NOISE, "updates": updates, "batch_size": BATCH}
    sections = (
        _task(pairs),
        _systems(),
        _film(runs, frame_times(updates, FRAMES)),
        _cut(runs),
        _collapse(runs, numbers),
        _cost(numbers),
    )
    return Lesson(_summary(numbers), sections, numbers)


def _summary(numbers: dict[str, Any]) -> str:
    flat, margin, nll = numbers["energy"], numbers["margin"], numbers["nll"]
    return (
        "An energy gives every pair (x, y) a number: low where y fits x, high where it does not. "
        "To answer, one looks for the y of the lowest energy. Four systems learn here that y = x². "
        "Three shape a valley along the parabola. The fourth, told only to lower the energy of "
        "what it is shown, lowers everything: between the highest and the lowest energy at one x "
        f"there is a difference of {flat['relief_before']:.2f} before training and of "
        f"{flat['relief']:.3f} after it. That is collapse. With the same networks and the same "
        "first weights, a loss that also pushes up wrong answers does not collapse: its mean "
        f"error of y is {margin['mean_error_of_y']:.3f} with the margin loss and "
        f"{nll['mean_error_of_y']:.3f} with the likelihood, where the collapsed system's is "
        f"{flat['mean_error_of_y']:.2f}."
    )


def _task(pairs: tuple[Tensor, Tensor]) -> Section:
    return Section(
        "The task",
        (
            f"There are {PAIRS} pairs (x, y) to learn from. Each y is x² and a little noise "
            f"(normal, standard deviation {NOISE}), as a measurement would have. The system never "
            "sees the formula. When training is over it is given an x and must say y.",
            f"Possible answers are {len(GRID)} values of y from {GRID[0]:g} to {GRID[-1]:g}, "
            f"{GRID[1] - GRID[0]:.3f} apart. For a training pair, the value nearest to its y is "
            "the right answer and the others are wrong. A loss is a rule that turns the energies "
            "of right and wrong answers into one number; training changes the weights a little, "
            "again and again, so that this number falls.",
        ),
        figures=(
            figures.pairs(
                *(values.numpy() for values in pairs),
                PLANE,
                "pairs",
                "The training pairs: dots close to the parabola y = x² between x = -1 and 1.",
            ),
        ),
        captions=("What the systems are shown. The dashed parabola is not shown to them.",),
    )


def _systems() -> Section:
    first, then = ZONES["margin"]
    return Section(
        "Two architectures, three losses",
        (
            "Architecture A has one network, G. The energy is the squared distance between y and "
            "what G makes of x. At every x this is the same fixed parabola of y; the network can "
            "only slide it along. Lowering the energy of one answer therefore raises all others "
            "that lie further away.",
            "Architecture B has two networks. G₁ turns x into 8 numbers, G₂ turns y into 8 "
            "numbers, and the energy is the distance between the two lists. It can take any shape, "
            "also a useless one: if G₁ and G₂ always return the same list, every energy is 0. "
            "(The tip of the distance is rounded, `sqrt(d² + 0.01²) - 0.01`, for a plain distance "
            "has no slope to follow where it is exactly 0.)",
            "The energy loss is the energy E⁺ of the right answer: it pulls that down, and does "
            "nothing else. The square-square margin loss also takes the lowest energy among the "
            "wrong answers, E⁻, that of the most offending one, and pushes it up until it "
            "exceeds the margin m = 1. Answers near the right one are nearly right and must "
            "not be pushed: those within a forbidden zone are left alone, "
            f"±{first} in the first half of the training and ±{then} in the second. The negative "
            "log likelihood pushes all wrong answers at once, the lowest the hardest.",
        ),
        equations=(
            "A: E(x, y) = (y − G(x))²",
            "B: E(x, y) = ‖G₁(x) − G₂(y)‖",
            "energy loss: E⁺",
            "margin loss: (E⁺)² + max(0, m − E⁻)²",
            "negative log likelihood: E⁺ + log Σ exp(−E(x, y)), the sum over all y",
        ),
    )


def _film(runs: dict[str, Run], times: list[int]) -> Section:
    return Section(
        "Watch the surface while it is shaped",
        (
            "Each square is the energy of every pair (x, y): dark is low. At each x, the orange "
            "dot is the answer, the y of the lowest energy. The dashed line is the parabola where "
            "the dots should come to lie. Press play. The three B squares begin with the same "
            "weights; only the loss differs.",
        ),
        figures=(
            Player(
                [_frame(runs, time) for time in times],
                [f"after {time} updates" for time in times],
                "updates",
            ),
        ),
        captions=(
            "A: a valley of fixed shape slides onto the parabola. B with the energy loss: the "
            "whole square sinks to the darkest shades, and the dots come to lie where small steps "
            "of training happen to leave the lowest point of a nearly flat floor. B with the "
            "margin loss or the likelihood: a narrow valley is dug and the land around it rises. "
            "The scale of colours is logarithmic and the same for all.",
        ),
    )


def _frame(runs: dict[str, Run], time: int) -> str:
    looks = {name: trained.looks[time] for name, trained in runs.items()}
    panels = [
        figures.Panel(TITLES[name], look.energies.numpy(), [look.answers().numpy()])
        for name, look in looks.items()
    ]
    found = "; ".join(
        f"{TITLES[name]}: mean error of y {look.error():.3f}" for name, look in looks.items()
    )
    alt = f"Energy over x and y of four systems after {time} updates. {found}."
    return figures.surfaces(PLANE, panels, f"film-{time}", alt)


def _cut(runs: dict[str, Run]) -> Section:
    x = float(TEST_X[CUT])
    columns = {TITLES[n]: trained.ends()[1].energies[CUT] for n, trained in runs.items()}
    cuts = [figures.Cut(t, c.numpy(), [int(c.argmin())]) for t, c in columns.items()]
    alt = f"Energy over y at x = {x:g}, one plot for each of the four systems."
    return Section(
        f"One column of each: the energy at x = {x:g}",
        (
            f"Cut the squares open at x = {x:g}, where the right y is {x * x:.2f} (dashed). A "
            "shows its fixed parabola. B with the energy loss would be a line near 0 if it were "
            "drawn at the scale of its neighbours; mind the numbers at its left edge. The other "
            "two are valleys with steep walls, whose bottom is the answer (orange).",
        ),
        figures=(figures.cuts(GRID.numpy(), cuts, [x * x], "cuts", alt),),
        captions=("Each plot has a scale of its own. The orange dot is the lowest energy.",),
    )


def _collapse(runs: dict[str, Run], numbers: dict[str, Any]) -> Section:
    times = sorted(runs["nll"].looks)
    reliefs = {
        TITLES[name]: [relief(trained.looks[time].energies) for time in times]
        for name, trained in runs.items()
    }
    exact = numbers["energy_without_noise"]
    alt = "Relief of the energy over the updates, logarithmic: it falls for B with the energy loss."
    return Section(
        "Collapse, measured",
        (
            "The relief of a surface is its highest energy less its lowest over y, averaged over "
            "x. The spread of an embedding is how much its list of 8 numbers varies over all "
            "inputs (the sum of their variances): 0 if it no longer tells its inputs apart. Both "
            "shrink together in the collapsed system and grow in the two that push. The hill is "
            "the lowest energy more than 0.2 away from the parabola, less the energy on it: what "
            "keeps the answer in its place.",
            "Why does it happen? The noise makes two slightly different y right at nearly the same "
            "x. Only a flat floor has no energy at either, and nothing in the energy loss keeps "
            "the rest up. Without the noise there is no such pressure, and what one gets is left "
            "to chance: run once more on exact pairs, the relief falls to "
            f"{exact['relief']:.3f} only, and a faint valley is left (mean error of y "
            f"{exact['mean_error_of_y']:.3f}). Clean practice data can hide this fault.",
        ),
        figures=(figures.histories(times, reliefs, "relief of the energy", "relief", alt),),
        captions=("The relief during training. Only one curve goes down and stays there.",),
        tables=(collapse_table(numbers),),
    )


def _cost(numbers: dict[str, Any]) -> Section:
    return Section(
        "What an update costs",
        (
            "The losses differ in how many energies they must know. The energy loss looks at one: "
            "the right answer's. The margin loss searches all answers for the most offending one, "
            "but only evaluates; it works out slopes (the costly part, as each is traced back "
            "through the networks) for two. The likelihood works out the slopes of all "
            f"{len(GRID)}. In return each of its updates shapes the whole column at once: compare "
            "how many updates it needs until the error is small, and how many energies that comes "
            "to. With an answer of two or three numbers in place of one, a grid as fine would have "
            "thousands or hundreds of thousands of values, and this sum over all of them is what "
            "becomes too dear.",
            "The table counts the energies of this run: for each sample of an update, then in all "
            f"({BATCH} samples an update) until the error is small, that is, until the mean error "
            "of y stays below 0.05, looked at every 10 updates. Another seed gives other counts.",
        ),
        tables=(cost_table(numbers),),
    )


DEMO = Demo(
    name="parabola",
    title="Four ways to learn a parabola, one of which collapses",
    teaches="A loss that only pulls down works with one architecture and flattens another.",
    run=run,
)
