"""Demonstration: an energy of many variables as a factor graph, answered by passing messages.

A scene of five variables is a tree, where message passing is exact. Six patches in a ring are a
loop, where it counts the same evidence again and again. Both are compared with enumeration.
"""

from __future__ import annotations

import torch

from objrec.demos.factors.figures import (
    assignments_figure,
    curves_figure,
    patch_frames,
    scene_frames,
)
from objrec.demos.factors.messages import FactorGraph, Propagation, lowest_assignment, propagate
from objrec.demos.factors.system import (
    CATEGORY,
    LAMP,
    LOW,
    MOST,
    NAMES,
    SHOWN_COUPLING,
    STATES,
    STRONGEST,
    Point,
    exact_marginals,
    largest_error,
    left_after_a_round,
    patches,
    scene,
    sweep,
)
from objrec.demos.lesson import Context, Demo, Lesson, Player, Section, Table

Tensor = torch.Tensor

_MOST_FRAMES = 24


def run(context: Context) -> Lesson:
    """Answer the tree and the ring by messages and by enumeration."""
    tree = scene()
    asked = {"as seen": tree, "lamp known to be low": tree.given(LAMP, LOW)}
    answers = {name: _scene_numbers(graph) for name, graph in asked.items()}
    ring = propagate(patches(SHOWN_COUPLING), 1.0, most=MOST)
    points = sweep(context)
    numbers = {
        "assignments": tree.joint().numel(),
        "scene": answers,
        "ring": _ring_numbers(ring),
        "sweep": {name: [vars(p) for p in found] for name, found in points.items()},
    }
    sections = [
        _tree_section(propagate(tree, 1.0), exact_marginals(tree)),
        _answers_section(tree, answers),
        _ring_section(ring),
        _sweep_section(points),
    ]
    return Lesson(_summary(answers, numbers["ring"]), sections, numbers)


def _scene_numbers(graph: FactorGraph) -> dict:
    soft, hard, exact = propagate(graph, 1.0), propagate(graph, None), exact_marginals(graph)
    energies = graph.joint()
    # A variable that is held has one state left, here LOW.
    names = [s if len(e) > 1 else (s[LOW],) for s, e in zip(STATES, exact, strict=True)]
    lowest = lowest_assignment(graph)
    return {
        "steps": {"min-sum": hard.iterations, "sum-product": soft.iterations},
        "lowest_assignment": [n[i] for n, i in zip(names, lowest, strict=True)],
        "lowest_energy": {"messages": hard.total_energy(), "exact": float(energies.min())},
        "free_energy": {
            "messages": soft.total_energy(),
            "exact": -float(torch.logsumexp(-energies.flatten(), 0)),
        },
        "probabilities": {
            variable: dict(zip(states, belief.tolist(), strict=True))
            for variable, states, belief in zip(NAMES, names, soft.marginals(), strict=True)
        },
        "largest_error": largest_error(soft.marginals(), exact),
    }


def _ring_numbers(ring: Propagation) -> dict:
    exact, found = exact_marginals(ring.graph), ring.marginals()
    return {
        "coupling": SHOWN_COUPLING,
        "steps": ring.iterations,
        "settled": ring.converged,
        "left_after_a_round": left_after_a_round(SHOWN_COUPLING),
        "object_exact": [float(p[1]) for p in exact],
        "object_messages": [float(p[1]) for p in found],
        "largest_error": largest_error(found, exact),
        "free_energy": {
            "messages": ring.total_energy(),
            "exact": -float(torch.logsumexp(-ring.graph.joint().flatten(), 0)),
        },
    }


def _summary(answers: dict, ring: dict) -> str:
    seen = answers["as seen"]
    likely = max(seen["probabilities"]["category"].items(), key=lambda row: row[1])
    return (
        "When an energy is a sum of small parts, one need not try every combination of its "
        "variables: each part tells its variables how low the energy behind it can be, and a few "
        f"such messages settle everything. On a tree that is exact. The lowest energy below is a "
        f"{seen['lowest_assignment'][CATEGORY]}; yet the {likely[0]} is the most probable object, "
        f"at {likely[1]:.0%}, because more combinations explain it: that is the difference "
        "between a minimum and a free energy. On a loop a message comes back to where it "
        "started and is counted again as if it were news: the answer is still right, but too "
        f"sure of itself, by up to {ring['largest_error']:.0%} in the ring below."
    )


def _tree_section(soft: Propagation, exact: list[Tensor]) -> Section:
    frames, captions = scene_frames(soft, exact, NAMES, STATES)
    sizes = " × ".join(str(n) for n in soft.graph.sizes)
    return Section(
        "A scene as a tree",
        (
            "One photograph, five things to find out about it. Each square is a factor: a small "
            "table of energies of the variables it touches. One says that glass books are odd, "
            "one how well the outline fits each object in each pose, one that a low lamp throws "
            "a long shadow of what stands. The energy of a whole scene is the sum of the tables.",
            f"There are {sizes} = {soft.graph.joint().numel()} scenes, and one could try them "
            "all. Instead every factor sends each of its variables a message: for each of the "
            "variable's states, the lowest energy that everything behind the factor can reach. "
            "Adding up what arrives gives the variable's belief. With free energies in place of "
            "minima the same messages give probabilities, shown here.",
        ),
        ("M(f→v)(x) = min over the other variables of f [ E_f + Σ messages into them ]",),
        (Player(frames, captions, "steps of message passing"),),
        (
            "Bars: probability of each state after that step; the thin mark is the exact one, from "
            "all scenes. Arrows: messages that changed in that step. News travels one factor a "
            f"step, so after {soft.iterations} steps every variable has heard from every other.",
        ),
    )


def _answers_section(tree: FactorGraph, answers: dict) -> Section:
    rows = []
    for name, found in answers.items():
        chances = found["probabilities"]["category"]
        energy = found["lowest_energy"]["messages"]
        shown = ", ".join(found["lowest_assignment"])
        rows.append((name, shown, f"{energy:.2f}", *(f"{p:.0%}" for p in chances.values())))
    worst = max(found["largest_error"] for found in answers.values())
    return Section(
        "The lowest energy, and the most probable state",
        (
            "Every scene is a dot. Min-sum asks for the lowest dot. Sum-product weighs all dots "
            "of a column by exp(−energy) and adds them up: many fairly low dots can outweigh the "
            "one lowest. Neither is wrong; they answer different questions.",
            "Then one fact is added: the lamp is low. No factor joins lamp and object, but the "
            "shadow does, through the pose: what stands should throw a long shadow, and none is "
            "there. The message passes along and changes the best answer.",
            f"Messages and the list of all scenes agree to within {worst:.0e} in every "
            "probability, which is the rounding of the arithmetic.",
        ),
        figures=(assignments_figure(tree.joint(), CATEGORY, STATES[CATEGORY]),),
        captions=(
            "Energies of all scenes by object. Short line: the minimum of the column. Diamond: "
            "its free energy, −log Σ exp(−energy), which is lower the more scenes share it.",
        ),
        tables=(Table(("", "lowest scene", "energy", *STATES[CATEGORY]), rows),),
    )


def _ring_section(ring: Propagation) -> Section:
    exact = exact_marginals(ring.graph)
    taken = list(range(min(12, ring.iterations)))
    rest = torch.linspace(12, ring.iterations, _MOST_FRAMES - 12).round().int().tolist()
    frames, captions = patch_frames(ring, exact, list(dict.fromkeys([*taken, *rest])))
    share = left_after_a_round(SHOWN_COUPLING)
    return Section(
        "A loop: patches round a rim",
        (
            "Six patches lie round the rim of something; each is object or background. Each has "
            "weak evidence of its own, and it costs two neighbours the energy J to differ: here "
            f"{SHOWN_COUPLING:g}. Now there is a loop. A message that a patch sends comes back to "
            "it from the other side, and the patch cannot tell its own echo from news.",
            f"Each time round, the share {share:.2f} of what a message says is left; it is counted "
            "over and over until the rest has died away. So the messages take long to settle, and "
            "the beliefs end up too sure. Where there is only one loop they still favour the right "
            "state of each patch (Weiss 2000).",
        ),
        figures=(Player(frames, captions, "steps of message passing"),),
        captions=(
            "Left: the ring; the number in each patch is how probable it is, by its messages, that "
            "it is object. Middle: the same as bars, with the exact probability as a mark. "
            "Right: the largest error of a probability so far.",
        ),
    )


def _sweep_section(points: dict[str, list[Point]]) -> Section:
    strongest = {name: found[-1] for name, found in points.items()}
    weakest = {name: found[0] for name, found in points.items()}
    rows = [
        (title, *(_settled(ends[name]) for ends in (weakest, strongest)), *_shares(points[name]))
        for name, title in (
            ("ring", "ring"),
            ("everyone", "all with all"),
            ("everyone damped", "all with all, damped"),
        )
    ]
    return Section(
        "How wrong it gets as the coupling grows",
        (
            "Without coupling the patches do not speak, and nothing can be wrong. As the coupling "
            "grows, more of every message survives its way round, and the error grows. If each "
            "patch is joined with every other there are many loops. When all strongly want to "
            "agree (J well above 0) the messages settle in some ten steps, all but certain of "
            "what is really about two to one. When all strongly want to differ (J well below 0) "
            "not every pair can have its way; the messages swing to and fro and do not "
            "settle. Keeping half of the old message in each step, called damping, calms them for "
            "a while, but a settled answer is not a right one.",
        ),
        figures=(curves_figure(points),),
        captions=(
            "Largest error of a probability over the coupling J. Open marks: the messages had not "
            f"settled after {MOST} steps.",
        ),
        tables=(
            Table(
                (
                    "",
                    f"steps at J = {-STRONGEST:g}",
                    f"at J = {STRONGEST:g}",
                    "probabilities settle",
                    "min-sum finds the minimum",
                ),
                rows,
            ),
        ),
    )


def _settled(point: Point) -> str:
    return f"{point.iterations}" if point.settled else f"not in {MOST}"


def _shares(points: list[Point]) -> tuple[str, str]:
    settled, found = (sum(getattr(p, name) for p in points) for name in ("settled", "lowest_found"))
    return f"{settled} of {len(points)}", f"{found} of {len(points)}"


DEMO = Demo(
    name="factors",
    title="Messages on a factor graph",
    teaches="Messages minimise or sum an energy of many parts: exactly on a tree, not on a loop.",
    run=run,
)
