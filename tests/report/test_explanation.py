"""The explanation as page and picture: everything is there, escaped, from any kind of model."""

from __future__ import annotations

import base64
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from objrec.errors import DataError
from objrec.evaluation.landscapes.explaining import Explanation, Fit, Neighbourhood, Step
from objrec.evaluation.landscapes.surfaces import Landscape, Minimum, Plane
from objrec.pose import Pose, PoseSpace
from objrec.recognizer import Hypothesis, Recognition
from objrec.report.explanation import render, write_explanation
from objrec.report.figures import landscapes as figures

SPACES = {
    "view": PoseSpace({"azimuth": tuple(range(0, 360, 30)), "elevation": (30.0, 40.0, 60.0)}),
    "round": PoseSpace({"azimuth": tuple(range(0, 360, 30))}),
    "plane": PoseSpace({"roll": (-10.0, 0.0, 10.0), "scale": (-0.2, 0.0, 0.2)}),
}
POSES = {
    "view": [Pose(0, 30), Pose(352.5, 33.25)],
    "round": [Pose(0), Pose(352.5)],
    "plane": [Pose(roll=10, scale=1.0), Pose(roll=7.5, scale=1.1)],
}


def explanation_of(
    kind="view", categories=("cup", "car", "van"), fits=2, cameras=1, colour=False, **changes
):
    rng = np.random.default_rng(0)
    plane = Plane.of(SPACES[kind])
    shape = (len(plane.rows.values) if plane.rows else 1, len(plane.columns.values))
    landscapes = {}
    for k, name in enumerate(categories):
        values = 5 + k + rng.random(shape)
        row, column = np.unravel_index(values.argmin(), shape)
        lowest = Minimum(int(row), int(column), float(values.min()))
        landscapes[name] = Landscape(values, (lowest,))
    start, end = POSES[kind]
    hypotheses = tuple(
        Hypothesis(categories[n % len(categories)], end, 5.5 + n) for n in range(fits)
    )
    energies = {name: float(land.energy.min()) for name, land in landscapes.items()}
    likely = {name: 1 / len(categories) for name in categories}
    answer = Recognition(
        "photos/a.png", hypotheses[0].category, end, 5.5, energies, likely, hypotheses, None
    )
    columns = np.linspace(-20, 20, 9) if kind != "plane" else np.linspace(0, 10, 9)
    rows = np.linspace(30, 40, 9) if kind == "view" else np.linspace(0.8, 1.2, 9)
    rows = rows if plane.rows else np.zeros(1)
    around = Neighbourhood(columns, rows, rng.random((len(rows), 9)))
    colours = rng.integers(0, 255, (6, 6, 3), np.uint8)
    path = (Step(start, 5.5), Step(end, 5.25))
    image = (cameras, 48, 48, 3) if colour else (cameras, 48, 48)
    made = Explanation(
        model="mine",
        recognition=answer,
        image=rng.integers(0, 255, image, np.uint8),
        plane=plane,
        landscapes=landscapes,
        fits=tuple(Fit(h, path, around, colours, rng.random((6, 6))) for h in hypotheses),
        colours=colours,
    )
    return replace(made, **changes)


def pictures(page):
    """The embedded pixels, in order."""
    found = re.findall(r'src="data:image/png;base64,([^"]*)"', page)
    return [
        cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
        for text in found
    ]


def test_the_page_shows_answers_in_order_and_categories_by_energy():
    page = render(explanation_of(categories=("van", "cup", "car")))
    assert "<h1>van at azimuth 352°, elevation 33°</h1>" in page
    assert "Energy 5.5, probability 33.3\N{NO-BREAK SPACE}%." in page
    numbered = re.findall(r'<span class="badge">(\d)</span> (\w+)', page)
    assert numbered == [("1", "van"), ("2", "cup")]
    landscapes = page[page.index('id="landscapes"') :]
    assert re.findall(r"<h3>(\w+)</h3>", landscapes) == ["van", "cup", "car"]
    assert "photos/a.png" in page and "mine" in page


def test_the_path_is_told_step_by_step():
    page = render(explanation_of(fits=1))
    rows = re.findall(r'<th scope="row">(\w+)</th><td>(.*?)</td><td class="n">([\d.]+)</td>', page)
    assert rows == [
        ("grid", "0.0°, 30.0°", "5.500"),
        ("between", "352.5°, 33.2°", "5.250"),
    ]


@pytest.mark.parametrize("cameras", [1, 2])
@pytest.mark.parametrize("colour", [False, True])
def test_pixels_and_maps_are_embedded_as_they_are(cameras, colour):
    explanation = explanation_of(fits=1, cameras=cameras, colour=colour)
    image, features, reference, mismatch = pictures(render(explanation))
    first = image[:, :48] if colour else image[:, :48, 0]
    assert np.array_equal(first, explanation.image[0])
    assert image.shape == (48, 48 * cameras + cameras - 1, 3)
    assert np.array_equal(features, explanation.colours)
    assert np.array_equal(reference, explanation.fits[0].reference)
    assert mismatch.shape == (6, 6, 3)


def test_the_truth_is_told_and_marked():
    right = render(explanation_of(truth=("cup", Pose(30, 40))))
    assert "The set says cup at azimuth 30°, elevation 40°: the category is right." in right
    assert "the cross is the pose that the set gives" in right
    round_ = render(explanation_of("round", truth=("cup", Pose(30))))
    assert "the broken line is the pose" in round_ and "Colour scale: energy" not in round_
    wrong = render(explanation_of(truth=("car", Pose(30))))
    assert "The set says car at azimuth 30°: the category is wrong." in wrong
    assert "The set says" not in render(explanation_of())


def test_unknown_and_symmetric_answers_are_called_so():
    explanation = explanation_of()
    answer = replace(explanation.recognition, unknown=True)
    page = render(replace(explanation, recognition=answer))
    assert "<h1>Unknown, nearest: cup at azimuth" in page
    first, *others = explanation.recognition.hypotheses
    symmetric = (replace(first, symmetric=True), *others)
    answer = replace(explanation.recognition, hypotheses=symmetric)
    assert "<h1>cup at any azimuth, elevation 33°</h1>" in render(
        replace(explanation, recognition=answer)
    )


@pytest.mark.parametrize("suffix", ["html", "png"])
@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("fits", [1, 9])
def test_every_kind_of_space_and_number_of_answers_can_be_drawn(tmp_path, kind, fits, suffix):
    truth = ("cup", POSES[kind][0])
    categories = tuple(f"category {i}" for i in range(14)) if fits == 9 else ("cup", "car")
    explanation = explanation_of(kind, categories, fits, cameras=2, truth=truth)
    path = tmp_path / "new" / f"it.{suffix}"
    write_explanation(explanation, path)
    if suffix == "png":
        drawn = cv2.imread(str(path))
        assert min(drawn.shape[:2]) > 900
    else:
        assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_without_mismatch_or_path_there_is_still_a_page(tmp_path):
    explanation = explanation_of()
    bare = [replace(fit, mismatch=None, path=fit.path[:1]) for fit in explanation.fits]
    explanation = replace(explanation, fits=tuple(bare))
    page = render(explanation)
    assert "sum to the refined energy" not in page and len(pictures(page)) == 4
    write_explanation(explanation, tmp_path / "bare.png")


def test_names_are_escaped_and_nothing_is_fetched(tmp_path):
    names = ("<b>cup</b>", 'a "car" & $x$', "杯子")
    explanation = explanation_of(categories=names)
    answer = replace(explanation.recognition, source='<script>"\udcff.png')
    path = tmp_path / "odd.html"
    write_explanation(replace(explanation, recognition=answer), path)
    page = path.read_text(encoding="utf-8")
    assert "<b>" not in page and "<script" not in page
    assert all(
        address.startswith(("data:image/png", "#"))
        for address in re.findall(r'\b(?:src|href)="([^"]*)"', page)
    )
    write_explanation(replace(explanation, recognition=answer), tmp_path / "odd.png")


def test_all_pictures_and_figures_are_described_and_ids_are_unique():
    page = render(explanation_of())
    assert len(re.findall(r"<img ", page)) == len(re.findall(r'<img [^>]*alt="[^"]{10,}"', page))
    figures_ = re.findall(r"<svg [^>]*>", page)
    assert len(figures_) == 2 + 3 + 2
    assert all(
        'role="img"' in svg and re.search(r'aria-label="[^"]{20,}"', svg) for svg in figures_
    )
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))


def test_all_landscapes_share_one_scale_of_colours():
    explanation = explanation_of()
    scale = figures.energy_scale(explanation)
    everything = np.concatenate([land.energy for land in explanation.landscapes.values()])
    assert (scale.vmin, scale.vmax) == (everything.min(), everything.max())


@pytest.mark.parametrize("name", ["it.pdf", "it", "it.htm"])
def test_other_endings_are_refused(tmp_path, name):
    with pytest.raises(DataError, match=r"an explanation's name ends in \.html or \.png"):
        write_explanation(explanation_of(), tmp_path / name)


@pytest.mark.parametrize("suffix", ["html", "png"])
def test_a_folder_that_cannot_be_made_is_an_error_of_one_line(tmp_path, suffix):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        write_explanation(explanation_of(), tmp_path / "file" / f"it.{suffix}")
