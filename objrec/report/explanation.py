"""The explanation of one image's answer, as a page or as a picture.

Made from an `Explanation` alone: no model, no data set, no network. All text of the page is
escaped by the template, explanation.html.j2; its looks are those of the report, page.css. The
picture is explanation_picture.py's.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from markupsafe import Markup

from objrec.errors import DataError
from objrec.evaluation.landscapes.explaining import Explanation, Fit
from objrec.files import write_text, writing
from objrec.pose import AXIS, Pose
from objrec.report.explanation_picture import write_picture
from objrec.report.figures import landscapes as figures
from objrec.report.figures.svg import svg
from objrec.report.templates import asset, environment, policy
from objrec.report.words import percent

SUFFIXES = (".html", ".png")
_STAGES = ("grid", "between")


def write_explanation(explanation: Explanation, path: str | Path) -> None:
    """Write an explanation into one file that needs nothing beside it.

    Args:
        explanation: From `explain`.
        path: The file to make or replace, .html or .png; its folder is made.

    Raises:
        DataError: The file's name ends in something else, or it cannot be written.
    """
    path = checked_path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".png":
        write_picture(explanation, path, heading(explanation), summary(explanation))
    else:
        write_text(path, render(explanation).encode("utf-8", "replace").decode("utf-8"))


def checked_path(path: str | Path) -> Path:
    """Return the path of an explanation, before anything is computed for it.

    Raises:
        DataError: Its name ends in neither of `SUFFIXES`.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: an explanation's name ends in {' or '.join(SUFFIXES)}")
    return path


def render(explanation: Explanation) -> str:
    """Return the page as HTML."""
    template = environment().get_template("explanation.html.j2")
    css = asset("page.css") + asset("explanation.css")
    return template.render(
        policy=policy([css]),
        css=Markup(css),
        title=heading(explanation),
        source=explanation.recognition.source or "an image",
        model=explanation.model,
        summary=summary(explanation),
        image=_image(figures.side_by_side(explanation.image)),
        cameras=len(explanation.image),
        features=_image(explanation.colours),
        fits=[_fit(explanation, number) for number in range(len(explanation.fits))],
        landscapes=[_landscape(explanation, name) for name in by_energy(explanation)],
        energy_scale=explanation.plane.rows
        and _scale(figures.energy_scale(explanation), "energy", "energy"),
        mismatch_scale=_scale(
            figures.mismatch_scale(explanation), "mismatch", "part of the energy, a cell"
        ),
        axes=" and ".join(axis.name for axis in explanation.plane.axes),
        truth=explanation.truth is not None,
    )


def heading(explanation: Explanation) -> str:
    """Return the answer: what the image is seen as."""
    answer = explanation.recognition
    named = _named(answer.category, answer.pose, symmetric=answer.symmetric)
    return f"Unknown, nearest: {named}" if answer.unknown else named


def summary(explanation: Explanation) -> str:
    """Return how sure the answer is, and whether it is right where that is known."""
    answer = explanation.recognition
    likely = answer.probabilities[answer.category]
    text = f"Energy {answer.energy:.3g}, probability {percent(likely)}."
    if answer.unknown:
        text += " The energy is so high that the model calls the object unknown."
    if explanation.truth:
        category, pose = explanation.truth
        verdict = "right" if category == answer.category else "wrong"
        text += f" The set says {_named(category, pose)}: the category is {verdict}."
    return text


def by_energy(explanation: Explanation) -> list[str]:
    """Return the categories, that of lowest energy first."""
    energies = explanation.recognition.energies
    return sorted(energies, key=energies.__getitem__)


def pose_text(pose: Pose, *, symmetric: bool = False) -> str:
    """Return a pose in words: azimuth 112°, elevation 40°, scale 1.2."""
    parts = []
    for axis, value in pose.to_dict().items():
        name = axis.replace("_", " ")
        if axis == "azimuth":
            parts.append("any azimuth" if symmetric else f"azimuth {round(value) % 360}°")
        elif AXIS[axis].unit == "deg":
            parts.append(f"{name} {value:.0f}°")
        else:
            parts.append(f"{name} {value:.2f}")
    return ", ".join(parts)


def _named(category: str, pose: Pose, *, symmetric: bool = False) -> str:
    text = pose_text(pose, symmetric=symmetric)
    return f"{category} at {text}" if text else category


def _fit(explanation: Explanation, number: int) -> dict[str, Any]:
    """Return what the page shows of a hypothesis."""
    fit = explanation.fits[number]
    hypothesis = fit.hypothesis
    shown = None
    if fit.mismatch is not None:
        shown = _image(fit.mismatch, figures.mismatch_scale(explanation))
    return {
        "number": number + 1,
        "category": hypothesis.category,
        "pose": pose_text(hypothesis.pose, symmetric=hypothesis.symmetric),
        "probability": percent(explanation.recognition.probabilities[hypothesis.category]),
        "energy": f"{hypothesis.energy:.3f}",
        "refined": f"{fit.path[-1].energy:.3f}",
        "reference": _image(fit.reference),
        "mismatch": shown,
        "steps": _steps(fit),
        "path": Markup(
            svg(
                lambda figure: figures.draw_path(figure.subplots(), explanation, fit),
                *(2.7, 1.75),
                f"path-{number}",
                f"Energy around the pose of hypothesis {number + 1}, {hypothesis.category}, and "
                "the way of its refinement; the steps are listed beside it.",
            )
        ),
    }


def _steps(fit: Fit) -> list[dict[str, str]]:
    """Return the path of a hypothesis in words."""
    rows = []
    for i, step in enumerate(fit.path):
        still = i > 0 and step.pose == fit.path[i - 1].pose
        rows.append(
            {
                "stage": _STAGES[i],
                "pose": "no better pose" if still else precise(step.pose),
                "energy": f"{step.energy:.3f}",
            }
        )
    return rows


def precise(pose: Pose) -> str:
    """Return the values of a pose alone, angles with a decimal."""
    return ", ".join(
        f"{value:.1f}°" if AXIS[axis].unit == "deg" else f"{value:.3f}"
        for axis, value in pose.to_dict().items()
    )


def _landscape(explanation: Explanation, category: str) -> dict[str, Any]:
    """Return what the page shows of a category."""
    landscape, plane = explanation.landscapes[category], explanation.plane
    lowest, *others = landscape.to_dict(plane)["minima"]
    energy = lowest.pop("energy")
    place = ", ".join(f"{axis.replace('_', ' ')} {value:.4g}" for axis, value in lowest.items())
    count = len(others)
    alt = (
        f"Energy of {category} over {' and '.join(axis.name for axis in plane.axes)}, from "
        f"{energy:.3g} to {landscape.energy.max():.3g}; lowest at {place}."
    )
    index = list(explanation.landscapes).index(category)
    return {
        "category": category,
        "energy": f"{energy:.3f}",
        "place": place,
        "others": f"{count or 'no'} other local {'minimum' if count == 1 else 'minima'}",
        "svg": Markup(
            svg(
                lambda figure: figures.draw_landscape(figure.subplots(), explanation, category),
                *(3.0, 1.9),
                f"landscape-{index}",
                alt,
            )
        ),
    }


def _scale(scale: figures.Normalize, name: str, title: str) -> Markup:
    alt = f"Colour scale: {title}, from {scale.vmin:.3g} (dark) to {scale.vmax:.3g} (light)."

    def draw(figure: Any) -> None:
        figures.draw_scale(figure.subplots(), scale, title, across=True)

    return Markup(svg(draw, 3.0, 0.62, f"scale-{name}", alt))


def _image(pixels: Any, scale: figures.Normalize | None = None) -> str:
    """Return pixels as an address that holds them."""
    return "data:image/png;base64," + base64.b64encode(figures.png(pixels, scale)).decode()
