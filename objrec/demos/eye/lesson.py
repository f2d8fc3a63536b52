"""Learn an eye-shaped curve, where one x has two right y: what an energy can say, a function not.

`eye_systems` trains and measures; this file says and shows what was found.
"""

from __future__ import annotations

from typing import Any

import torch

from objrec.demos.embeddings import figures as figures
from objrec.demos.eye.systems import (
    GRID,
    LOSSES,
    NOISE,
    PAIRS,
    TESTED,
    TOLERANCE,
    UPDATES,
    Tensor,
    X,
    draw_pairs,
    lids,
    measured,
    run_system,
    valleys,
)
from objrec.demos.lesson import Context, Demo, Lesson, Player, Section, Table
from objrec.energy.minima import local_minima

TITLES = {"embeddings": "B, likelihood: an energy", "function": "A, energy loss: a function"}
PLANE = figures.Plane(
    X.numpy(), GRID.numpy(), list(lids(X).numpy()), "the eye", "minima of the energy at each x"
)
# The x at which the energy is shown as a curve over y.
CUT = 65


def run(context: Context) -> Lesson:
    """Train the two systems on the same pairs."""
    pairs, updates = draw_pairs(context.seed), context.steps(UPDATES)
    runs = {n: run_system(n, pairs, context, updates * i) for i, n in enumerate(LOSSES)}
    numbers: dict[str, Any] = {name: measured(looks[updates]) for name, looks in runs.items()}
    numbers |= {
        "x_tested": int(TESTED.sum()),
        "tolerance": TOLERANCE,
        "pairs": PAIRS,
        "noise_sd": NOISE,
        "updates": updates,
    }
    last = {name: looks[updates] for name, looks in runs.items()}
    sections = (_task(pairs), _film(runs), _cut(last), _why(numbers))
    return Lesson(_summary(numbers), sections, numbers)


def _summary(numbers: dict[str, Any]) -> str:
    energy, function = numbers["embeddings"], numbers["function"]
    return (
        "Most questions have one right answer; some have several. Here the right pairs (x, y) lie "
        "on a closed curve, an eye, so that one x has two right y: one on the lower lid, one on "
        "the upper. A function can name only one y for each x. Trained on both lids, it answers "
        "with their mean, the middle of the eye, where nothing was ever seen: "
        f"{function['mean_distance_of_answer_to_nearest_lid']:.2f} from the nearest lid. An energy "
        "need not choose. It says how well each y fits, and can be low at two places: at "
        f"{energy['share_of_x_with_its_two_minima_on_the_two_lids']:.0%} of the tested x its two "
        "lowest minima lie on the two lids."
    )


def _task(pairs: tuple[Tensor, Tensor]) -> Section:
    alt = "The training pairs: dots along two arcs that meet at x = -1 and x = 1, like an eye."
    return Section(
        "The task",
        (
            f"There are {PAIRS:,} pairs (x, y), each from one lid or the other by the toss of a "
            f"coin, with a little noise (normal, standard deviation {NOISE}). A pair does not say "
            "that there is another right y, nor which lid it is from. "
            f"Possible answers are {len(GRID)} values of y from -1 to 1.",
            "System A has one network, G, and the energy is the squared distance of y from what G "
            "makes of x: its lowest energy is always at the one place G(x). It is trained with the "
            "energy loss, which here is ordinary least squares. System B has two networks that "
            "turn x and y into 8 numbers each; the energy is the distance between the two lists "
            "(its tip rounded, so that it has a slope there). It is trained with the negative log "
            "likelihood: the energy of the y that was seen is pulled down, all others are pushed "
            "up, the lowest the hardest. The demo `parabola` introduces both.",
        ),
        equations=(
            "A: E(x, y) = (y − G(x))²",
            "B: E(x, y) = ‖G₁(x) − G₂(y)‖",
            "energy loss: E⁺, the energy of the y that was seen",
            "negative log likelihood: E⁺ + log Σ exp(−E(x, y)), the sum over all y",
        ),
        figures=(figures.pairs(*(v.numpy() for v in pairs), PLANE, "pairs", alt),),
        captions=("What the systems are shown. The dashed eye is not shown to them.",),
    )


def _film(runs: dict[str, dict[int, Tensor]]) -> Section:
    times = sorted(runs["embeddings"])
    frames = [_frame({name: looks[time] for name, looks in runs.items()}, time) for time in times]
    return Section(
        "Watch the surface while it is shaped",
        (
            "Each square is the energy of every pair (x, y): dark is low. At each x, orange dots "
            "are the local minima, the y whose neighbours have higher energies (the two lowest, "
            "if there are more). The dashed line is the eye. Press play.",
        ),
        figures=(Player(frames, [f"after {time} updates" for time in times], "updates"),),
        captions=(
            "B: one valley becomes two, and the two move onto the lids; at the corners of the eye "
            "they join. (The likelihood compares the y of one x only, so that a column may be "
            "bright from top to bottom, and its lowest place be the answer all the same.) A: the "
            "one valley that it can have settles half way between the lids. The scale of colours "
            "is logarithmic and the same for both.",
        ),
    )


def _frame(energies: dict[str, Tensor], time: int) -> str:
    panels = [
        figures.Panel(TITLES[name], values.numpy(), list(_dots(values).T.numpy()))
        for name, values in energies.items()
    ]
    share = measured(energies["embeddings"])["share_of_x_with_its_two_minima_on_the_two_lids"]
    alt = (
        f"Energy over x and y of B and A after {time} updates. In B both minima are on the lids "
        f"at {share:.0%} of the tested x; A has one minimum at each x."
    )
    return figures.surfaces(PLANE, panels, f"film-{time}", alt)


def _dots(energies: Tensor) -> Tensor:
    """Return (N, 2): the two lowest minima, or the one that there is and NaN."""
    found, only = valleys(energies, GRID), GRID[energies.argmin(1)]
    single = torch.stack([only, torch.full_like(only, torch.nan)], 1)
    return torch.where(found.two.isnan(), single, found.two)


def _cut(last: dict[str, Tensor]) -> Section:
    x, right = float(X[CUT]), lids(X[CUT : CUT + 1])[:, 0].tolist()
    columns = {TITLES[name]: energies[CUT] for name, energies in last.items()}
    shown = [figures.Cut(t, c.numpy(), _minima(c)) for t, c in columns.items()]
    alt = f"Energy over y at x = {x:g} of B and A, with the two right y and the local minima."
    return Section(
        f"One column of each: the energy at x = {x:g}",
        (
            f"Cut the squares open at x = {x:g}, where y = {right[0]:.2f} and y = {right[1]:.2f} "
            "are right (dashed). B has a valley at each. A has one, between them. A system that "
            "must name one y, and cannot know the lid, is least wrong there, since the square of "
            "a distance makes a far miss cost most. But there it is never right.",
        ),
        figures=(figures.cuts(GRID.numpy(), shown, right, "cuts", alt),),
        captions=("Each plot has a scale of its own. Orange dots are the local minima.",),
    )


def _minima(column: Tensor) -> list[int]:
    return local_minima(column[None, None], wraps=[False])[0, 0].nonzero()[:, 0].tolist()


def _why(numbers: dict[str, Any]) -> Section:
    rows = [
        (
            TITLES[name],
            f"{row['share_of_x_with_exactly_two_minima']:.0%}",
            f"{row['share_of_x_with_its_two_minima_on_the_two_lids']:.0%}",
            f"{row['mean_distance_of_answer_to_nearest_lid']:.3f}",
            f"{row['mean_distance_of_answer_to_mean_of_lids']:.3f}",
        )
        for name, row in ((name, numbers[name]) for name in TITLES)
    ]
    return Section(
        "Measured, and why",
        (
            "Least squares learns the mean of the y that go with an x. The lids are as far above 0 "
            "as below it, and equally frequent, so that mean is y = 0. Neither more training nor a "
            "larger network would help: the function is as good as a function can be.",
            "With the likelihood, at one x half of the pairs pull the upper lid down and push all "
            "else up, half do so with the lower. At each lid, pulls and pushes come to a balance; "
            "everywhere else there are pushes only. So B ends with two valleys of about the "
            "same depth, though no pair ever said that there are two. Which one is the lowest is "
            "a toss-up, and a later part of a larger system may choose between them.",
            f"The table: at {numbers['x_tested']} values of x between -0.9 and 0.9, where the lids "
            "are well apart, the share with exactly two local minima, and the share whose two "
            f"lowest are within {TOLERANCE} of the two lids; then the mean distance of the answer, "
            "the y of the lowest energy, from the nearest lid and from the mean of the lids.",
        ),
        tables=(
            Table(
                ("system", "two minima", "on both lids", "answer to lid", "answer to mean"),
                rows,
            ),
        ),
    )


DEMO = Demo(
    name="eye",
    title="Two right answers to one question",
    teaches="An energy can hold several right answers where a function learns their mean.",
    run=run,
)
