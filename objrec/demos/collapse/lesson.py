"""The recogniser itself under every loss: which losses let it collapse or stall.

The energy is a distance between a feature map G(X) and a turned reference R_Y, and both are
learned. Nothing in it keeps the energies of wrong answers up: a loss that only pulls can make all
references one. Every loss gets the same images, weights to begin with, and steps.

Source: the danger is that of the tutorial by LeCun, Chopra, Hadsell, Ranzato and Huang (2006),
section 2.2; the setting, a recogniser of toys by category and pose, that of LeCun and Huang's
slides. No figure is theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from objrec.demos.collapse.figures import (
    curves_figure,
    epochs_player,
    objects_figure,
    verdicts_figure,
)
from objrec.demos.collapse.training import (
    CASES,
    EPOCHS,
    FLAT,
    MERGED,
    SHARED,
    Toys,
    Trained,
    counted_margins,
    sample_set,
    toys,
    train_case,
)
from objrec.demos.lesson import Context, Demo, Lesson, Section, Table
from objrec.losses import LOSSES, LossSettings

MARGIN = LossSettings().margin


def run(context: Context) -> Lesson:
    """Train a recogniser under every loss and measure what became of it."""
    epochs = context.steps(EPOCHS)
    share = min(1.0, max(0.1, EPOCHS * context.effort / epochs))
    total, done = epochs * len(CASES), 0

    def on_epoch() -> None:
        nonlocal done
        done += 1
        context.on_progress(done, total)

    with sample_set(context.on_progress) as folder:
        data = toys(folder, share)
        found = [train_case(case, data, epochs, context.seed, on_epoch) for case in CASES]
        margins = counted_margins(data)
        sections = (
            _task_section(data, epochs),
            _watched_section(found, data),
            _losses_section(found, data),
            _exceptions_section(found, margins),
        )
    return Lesson(_summary(found), sections, _numbers(found, data, epochs, margins))


def _numbers(
    found: Sequence[Trained], data: Toys, epochs: int, margins: tuple[float, float]
) -> dict[str, Any]:
    return {
        "training_images": len(data.seen),
        "unseen_images": len(data.unseen),
        "epochs": epochs,
        "steps": epochs * _steps(data),
        "settings": SHARED | {"epochs": epochs, "margin": MARGIN},
        "rule": {"merged_below": MERGED, "flat_below": FLAT},
        "chance_error": 1 - 1 / len(data.unseen.categories),
        "margin_by_counting": {"category_and_pose": margins[0], "category": margins[1]},
        "losses": {one.case.title: _case_numbers(one) for one in found},
    }


def _case_numbers(found: Trained) -> dict[str, Any]:
    loss = LOSSES[found.case.loss]
    return {
        "margin_asked_for": loss.margin,
        "condition_holds": loss.sufficient,
        "error_on_unseen_objects": round(found.error_rate, 4),
        "reference_gap": round(found.reference_gap, 5),
        "feature_variance": round(found.feature_variance, 6),
        "contrast": round(found.contrast, 4),
        "verdict": found.verdict,
        "loss_by_epoch": [round(r.loss, 5) for r in found.reports],
        "error_in_training_by_epoch": [round(r.error_rate, 4) for r in found.reports],
        "reference_gap_by_epoch": [round(r.reference_gap, 5) for r in found.reports],
        "feature_variance_by_epoch": [round(r.feature_variance, 6) for r in found.reports],
    }


def _steps(data: Toys) -> int:
    return max(1, len(data.seen) // SHARED["batch_size"])


def _summary(found: Sequence[Trained]) -> str:
    by = {
        which: [one.case.title for one in found if one.verdict == which]
        for which in ("collapsed", "stalled", "learned")
    }
    told = "; ".join(f"{which}: {', '.join(names)}" for which, names in by.items() if names)
    return (
        "A recogniser is trained eleven times on the same pictures of toys, from the same "
        "weights and for the same number of steps; only the loss differs. Its energy is a distance "
        "between two learned things, the features of the picture and the reference of a "
        "category, so there is a way to make every energy low at once: let all of them become the "
        "same. A loss that only pulls right energies down finds that way, and then no answer is "
        "better than any other; the recogniser has collapsed. A loss that is content with a tie "
        "does not get there, but stalls as soon as the right answer is barely in front. A loss "
        f"that asks for a gap goes on digging. Measured here – {told}."
    )


def _task_section(data: Toys, epochs: int) -> Section:
    objects = len(set(data.seen.objects))
    return Section(
        "What is trained",
        (
            "The recogniser turns a picture X into a feature map G(X). For each category it has "
            "a reference R, a small learned volume that can be turned to any azimuth. The energy "
            "of an answer (category and azimuth) is the distance between G(X) and the turned "
            "reference. The answer with the lowest energy wins.",
            f"It learns from {len(data.seen)} pictures of {objects} toys, {epochs} times over, in "
            f"{epochs * _steps(data)} steps. All figures below but the curves are about "
            f"{len(data.unseen)} pictures of {len(set(data.unseen.objects))} other toys. That is "
            "little training, just enough to see where each loss leads: `objrec train` takes "
            "about 1,400 larger steps, and changes the pictures at random besides.",
        ),
        ("E(category, azimuth, X) = s · (1 − cos(G(X), R[category] turned by azimuth))",),
        (objects_figure(data),),
        (
            "One toy of each category that no model was trained on. The landscapes below are about "
            "the framed one.",
        ),
    )


def _watched_section(found: Sequence[Trained], data: Toys) -> Section:
    watched = [one for one in found if one.case.watched]
    energy, perceptron, hinge = watched
    return Section(
        "Three losses, epoch by epoch",
        (
            "Write E_C for the energy of the right answer, and E_I for the lowest energy among "
            "the wrong answers. The first loss below pulls E_C down and never looks at E_I. The "
            "second is zero as soon as E_C is the lowest. The third is zero only when E_C is lower "
            f"than E_I by a margin m (here {MARGIN:g}).",
            "Press play. Above: the energies of one unseen picture for all azimuths, one line a "
            "category; the recogniser needs the thick line to lie below the thin ones, and lowest "
            "near the dotted line. Below: how far the categories' references are from each other. "
            "Bright is as far apart as unrelated maps, dark is the same.",
            f"Under the `energy` loss the matrix goes dark: the smallest distance ends at "
            f"{energy.reference_gap:.2f}, and all lines lie together on the floor. Over all unseen "
            f"pictures the best and the worst category are {energy.contrast:.2f} apart on average. "
            "Every energy is low, so none of them says anything. Under the `perceptron` loss the "
            f"references stay apart ({perceptron.reference_gap:.2f}), but the lines hardly part "
            f"({perceptron.contrast:.2f}): once the right answer is in front by a hair nothing is "
            f"left to learn from. Under the `hinge` loss they part by {hinge.contrast:.2f}.",
        ),
        ("energy: E_C", "perceptron: max(0, E_C − E_I)", "hinge: max(0, m + E_C − E_I)"),
        (epochs_player(watched, data.unseen, data.asked),),
        (
            "Drawn from the models after each epoch. All energies have one scale. Distances are "
            "squared, and relative to the references' squared norm: 0 for equal, 2 for unrelated.",
        ),
    )


def _losses_section(found: Sequence[Trained], data: Toys) -> Section:
    chance = 1 - 1 / len(data.unseen.categories)
    rows = [_row(one) for one in sorted(found, key=lambda one: one.contrast)]
    heads = ("loss", "margin", "condition holds", "error", "distance", "variance of G", "contrast")
    return Section(
        "Every loss, the same budget",
        (
            "Two signs tell a collapse early, and `objrec train` writes both into metrics.csv: the "
            "smallest distance between two categories' references, and the variance of G, that is "
            "how much the features differ from picture to picture. A stall shows in neither. It "
            "shows in the contrast: the energy of the worst category less that of the best, mean "
            "over the unseen pictures.",
            f"The rule for the verdicts. Collapsed: the smallest distance is below {MERGED:g}, a "
            f"tenth of that of unrelated maps. Stalled: not collapsed, and the contrast is below "
            f"{FLAT:g}; the model's own probabilities, exp(−E) over their sum, then give the "
            "best category less than e ≈ 2.7 times the chance of the worst. Learned: neither.",
            "The error alone would not tell. The lowest of six nearly equal energies is often "
            "still the right one, but nothing can be read from how low it is: no confidence, no "
            f"threshold for unknown objects. (Guessing errs in {100 * chance:.0f} % of cases.)",
        ),
        (),
        (curves_figure(found), verdicts_figure(found)),
        (
            "Measured on the training pictures as they went by, as in metrics.csv. Thick: "
            "collapsed. Dashed: stalled. Thin: learned.",
            "The rule as a map: the finished models on unseen objects.",
        ),
        (
            Table(
                (*heads, "verdict"),
                rows,
                "The finished models, from least contrast to most. Margin and condition are those "
                "of the loss: the gap that it asks for, and whether its lowest value lies where "
                "the right answer wins by some gap. All else is measured on unseen objects.",
            ),
        ),
    )


def _row(one: Trained) -> tuple[str, ...]:
    loss = LOSSES[one.case.loss]
    return (
        one.case.title,
        loss.margin,
        "yes" if loss.sufficient else "no",
        f"{100 * one.error_rate:.0f} %",
        f"{one.reference_gap:.2f}",
        f"{one.feature_variance:.4f}",
        f"{one.contrast:.2f}",
        one.verdict,
    )


def _exceptions_section(found: Sequence[Trained], margins: tuple[float, float]) -> Section:
    by = {one.case.title: one for one in found}
    soft, hard = by["perceptron, free energies"], by["perceptron"]
    text = [
        "The perceptron loss was trained a second time with free energies in place of the lowest "
        "energies; this is the default of `objrec train`. A free energy counts how many answers "
        "are low, not only how low the lowest is. There are many wrong answers and few right "
        "ones, so on flat energies the wrong side is lower, and the loss is not zero: it asks for "
        f"a gap of {margins[0]:.1f} between pairs of category and azimuth, and of "
        f"{margins[1]:.1f} between categories. It {soft.verdict}, with a contrast of "
        f"{soft.contrast:.1f} instead of {hard.contrast:.1f}. Counting answers is a margin too.",
        *_surprises(found),
        "These are small models, one seed, and few steps. README.md has the losses compared on "
        "the whole sample set.",
    ]
    equations = ("on flat energies: F_C − F_I = (log n_wrong − log n_right) / β",)
    return Section("What does not follow the table", tuple(text), equations)


def _surprises(found: Sequence[Trained]) -> list[str]:
    """Say where the condition alone did not foretell the verdict, and what is known of why."""
    lost = [one for one in found if LOSSES[one.case.loss].sufficient and one.verdict != "learned"]
    if not lost:
        return []
    names = " and ".join(f"`{one.case.title}` ({one.verdict})" for one in lost)
    texts = [
        f"The condition holds for {names}, and yet it did not learn. The condition says where the "
        "lowest value of the loss lies, not that a few steps of descent get there."
    ]
    if any(one.case.loss.startswith("square") for one in lost):
        texts[0] += (
            " The squared losses pull with 2 E_C, and unrelated maps begin at an energy of about "
            "10, so they pull with a force of 20; `square-exp` pushes with exp(−E_I), which is "
            "0.00005 there. At first it only pulls, like the energy loss."
        )
    return texts


DEMO = Demo(
    name="collapse",
    title="Collapse: when every answer becomes equally good",
    teaches="The recogniser under every loss: those that ask for no gap collapse or stall.",
    run=run,
    threads=None,
)
