"""Which losses are safe: every loss of the library over the plane (E_C, E_I).

Each loss is called on two answers, one right and one wrong, at every point of a grid. Where its
lowest value lies decides the table of margins; autograd gives the arrows; gradient descent on the
two energies shows what training by that loss would do if nothing else stood in the way.

Source: the sufficient condition and the table of losses are those of LeCun and Huang, AISTATS
2005, and the tutorial by LeCun, Chopra, Hadsell, Ranzato and Huang, 2006.
"""

from __future__ import annotations

from typing import Any

import torch

from objrec.demos.conditions.figures import descent_player, loss_player, profile_figure
from objrec.demos.conditions.planes import (
    BOX,
    MARGIN,
    RATE,
    SAME,
    Plane,
    descend,
    gradient_of,
    plane_of,
)
from objrec.demos.lesson import Context, Demo, Lesson, Section, Table
from objrec.losses import LOSSES, LossSettings

LARGER_BOX, OTHER_MARGIN = 9, 3.0
GAP = 1.0  # of the half plane that is drawn: half the margin asked for
STEPS = 600


def margin_text(small: float, large: float, other: float, push: float) -> str:
    """Say a margin as the library's table does.

    Args:
        small: The measured margin.
        large: The same in the larger box.
        other: The same as `small`, when another margin is asked for.
        push: The hardest push anywhere.
    """
    if push == 0:
        return "none"
    if small <= 0:
        return "0"
    return "m" if (small, large, other) == (MARGIN, MARGIN, OTHER_MARGIN) else "> 0"


def measure(plane: Plane, path: torch.Tensor) -> dict[str, Any]:
    """Return the numbers of one loss; `path` is from `descend`."""
    name, total = plane.name, plane.pull - plane.push
    margin = plane.margin()
    large, other = plane_of(name, LARGER_BOX).margin(), plane_of(name, BOX, OTHER_MARGIN).margin()
    ends = path[-1, :, 1] - path[-1, :, 0]
    below = torch.tensor([[-1.0, -2.0]], dtype=torch.float64)
    pulled = gradient_of(name, below, LossSettings(soft=False, margin=MARGIN))[0, 0]
    push = abs(float(plane.push.max()))
    reads = "both energies" if total.abs().max() > SAME else "the difference"
    return {
        "margin": margin,
        "margin_in_larger_box": large,
        "margin_when_3_is_asked_for": other,
        "margin_text": margin_text(margin, large, other, push),
        "condition_holds": margin > 0,
        "table_margin": LOSSES[name].margin,
        "table_condition_holds": LOSSES[name].sufficient,
        "largest_push_of_wrong": push,
        "reads": "E_C alone" if push == 0 else reads,
        "pull_at_minus_1_minus_2": float(pulled),
        "starts": len(ends),
        "ends_inside": int((ends > GAP).sum()),
        "ends_right_below_wrong": int((ends > 1e-9).sum()),
        "end_points": [[round(v, 4) for v in point] for point in path[-1].tolist()],
    }


def measure_all(
    context: Context,
) -> tuple[dict[str, Plane], dict[str, torch.Tensor], dict[str, Any]]:
    """Return, by loss, its plane and its descent, and all numbers."""
    planes, paths, rows = {}, {}, {}
    for done, name in enumerate(LOSSES, 1):
        planes[name] = plane_of(name)
        paths[name] = descend(name, context.steps(STEPS))
        rows[name] = measure(planes[name], paths[name])
        context.on_progress(done, len(LOSSES))
    settings = {"box": BOX, "larger_box": LARGER_BOX, "margin_asked_for": MARGIN, "gap_drawn": GAP}
    agrees = all(
        (row["margin_text"], row["condition_holds"])
        == (row["table_margin"], row["table_condition_holds"])
        for row in rows.values()
    )
    return planes, paths, {**settings, "agrees_with_table": agrees, "losses": rows}


def run(context: Context) -> Lesson:
    """Compute every loss on the plane, descend on it, and compare with the library's table."""
    planes, paths, found = measure_all(context)
    sections = (
        _plane_section(planes, paths, found),
        _descent_section(planes, paths, found["losses"]),
        _margin_section(planes, found),
        _traps(found["losses"]),
    )
    return Lesson(_SUMMARY, sections, found)


_SUMMARY = (
    "Training changes two energies: that of the best right answer, E_C, and that of the most "
    "offending wrong answer, E_I (the wrong answer that comes closest to winning). The right "
    "answer wins if its energy is the lower one. A loss turns the two energies into one number, "
    "and training makes that number small. So the loss is safe if its lowest value lies where the "
    "right answer wins, with some room to spare. Here every loss that objrec has is checked, "
    "by computing each loss at every pair of energies: some losses are safe, and some reward a tie "
    "just as much as a victory."
)


def _plane_section(planes: dict, paths: dict, found: dict[str, Any]) -> Section:
    return Section(
        "Where is each loss lowest?",
        (
            "Each point of the square is a pair of energies: E_C across, E_I upwards. On the solid "
            "line both are equal: a tie. Above it the right answer wins, below it a wrong one "
            f"does. The dashed line is a win by a gap of {GAP:g}; above it lies the goal.",
            "Dark means a low loss. Pale dots mark all points where the loss is at its lowest. "
            "Arrows show where gradient descent moves the two energies: to the left it pulls E_C "
            "down, upwards it pushes E_I up. Leaf through the losses and look for two things: do "
            "all pale dots lie above the dashed line, and do the arrows lead there?",
            "The sufficient condition says it in symbols. There must be a gap m > 0 such that the "
            "loss is lower somewhere in the half plane than anywhere outside of it:",
        ),
        ("min { L(E_C, E_I) : E_C + m < E_I }  <  min { L(E_C, E_I) : E_C + m ≥ E_I }",),
        (loss_player(list(planes.values()), paths, found["losses"], GAP),),
        (
            "The loss, its level lines, the arrows of gradient descent and the points of lowest "
            "loss. White paths: gradient descent from six starts (circles) to where it ends "
            "(filled dots). On the right: the lowest loss the square offers at each gap E_I − E_C. "
            "The condition holds if the curve goes on falling to the right of 0.",
        ),
    )


def _descent_section(planes: dict, paths: dict, numbers: dict[str, Any]) -> Section:
    rows = [
        (name, f"{n['ends_right_below_wrong']} of {n['starts']}", f"{n['ends_inside']}")
        for name, n in numbers.items()
    ]
    return Section(
        "Six pairs of energies go downhill",
        (
            "The same six starts under every loss, and nothing in their way: both energies may go "
            "anywhere in the square. A real system cannot move them so freely, because all answers "
            "share one set of weights.",
            "`energy` moves only to the left: it has nothing to say about wrong answers. Here they "
            "stay where they were, so it seems to win. With shared weights nothing keeps them from "
            "coming down too: `objrec demo collapse` shows that. "
            "`perceptron` and `lvq2` stop as soon as they reach the tie line, and do not move the "
            "tie they started with at all. `hinge` and `square-square` go on until the gap of "
            f"{MARGIN:g} that they were asked for. `log`, `nll` and `square-exp` never stop, they "
            "only slow down; at an edge of the square they slide along it.",
            "The condition says where the lowest loss lies; it does not promise that descent gets "
            "there. `mce` and `mee` satisfy it and are nearly flat far below the line: a badly "
            "wrong answer hardly moves. `lvq2` is quite flat there: where E_C is over twice E_I it "
            "gives up.",
        ),
        figures=(descent_player(list(planes.values()), paths, GAP),),
        captions=(
            "Gradient descent under ten losses. Level lines and the tie line as above; the dashed "
            f"line is the gap of {GAP:g}.",
        ),
        tables=(
            Table(
                ("loss", "ends with the right answer lower", f"by more than {GAP:g}"),
                rows,
                f"After {len(next(iter(paths.values()))) - 1} steps of size {RATE:g}.",
            ),
        ),
    )


def _margin_section(planes: dict, found: dict[str, Any]) -> Section:
    columns = (
        "loss",
        "measured margin",
        f"in the square to {LARGER_BOX}",
        f"when {OTHER_MARGIN:g} is asked for",
        "so the margin is",
        "condition holds",
    )
    rows = [
        (
            name,
            f"{n['margin']:g}",
            f"{n['margin_in_larger_box']:g}",
            f"{n['margin_when_3_is_asked_for']:g}",
            n["margin_text"],
            "yes" if n["condition_holds"] else "no",
        )
        for name, n in found["losses"].items()
    ]
    agrees = "agrees" if found["agrees_with_table"] else "does not agree"
    return Section(
        "The table of margins, measured",
        (
            "The measured margin is the smallest gap E_I − E_C among all points of lowest loss: "
            "the condition holds for every gap below it. To tell apart what sets it, it is "
            f"measured three times: in the square to {BOX}, in a larger one, and with another "
            "margin asked for.",
            "If it follows what is asked for, the loss has the margin m. If it fills whatever "
            "square it is given, the loss keeps asking for more: its margin is some number above 0 "
            "and the condition holds for any gap. If it is 0, a tie costs no more than a victory, "
            "and the condition fails. A loss that never pushes E_I has no margin at all. Its 0 "
            "comes from the edge of the square: energies here cannot go below 0.",
            f"The result {agrees} with the table that the library states in `objrec.losses`, in "
            "every row.",
        ),
        figures=(profile_figure(list(planes.values())),),
        captions=(
            "The lowest loss at each gap, for all losses. Left of the vertical line a wrong answer "
            "wins. The dot is the measured margin: the first gap where the loss is lowest.",
        ),
        tables=(Table(columns, rows),),
    )


def _traps(numbers: dict[str, Any]) -> Section:
    columns = ("loss", "reads", "hardest push of E_I", "pull of E_C at (−1, −2)")
    rows = [
        (
            name,
            n["reads"],
            f"{n['largest_push_of_wrong']:.2f}",
            f"{n['pull_at_minus_1_minus_2']:.2f}",
        )
        for name, n in numbers.items()
    ]
    return Section(
        "Traps",
        (
            "The condition is sufficient, not necessary. A loss that fails it may still train well "
            "if something else keeps the energies of wrong answers up: the energy loss works for "
            "least squares, where the energy is a distance and cannot be low everywhere.",
            "Losses that read only the difference do not care where zero is. `square-square`, "
            "`square-exp` and `lvq2` do: they compare each energy with 0, and need energies that "
            "cannot fall below it, such as distances. The table shows a wrong decision below 0: "
            "E_C = −1, E_I = −2. There these three no longer pull the right answer down. Free "
            "energies of many answers can get there: they lie below the lowest energy.",
            "With two answers only, `nll` is `log`, and `mee` is `mce`. They differ once there are "
            "many answers: `nll` and `mee` see all wrong answers, not only the most offending one.",
        ),
        tables=(Table(columns, rows),),
    )


DEMO = Demo(
    name="conditions",
    title="Which losses put the right answer on top?",
    teaches="Where each loss is lowest in the plane of right and wrong energies, and its margin.",
    run=run,
)
