import xml.etree.ElementTree as ElementTree

import pytest

from objrec.report.figures.curves import (
    azimuth_curve,
    error_curve,
    legend_figure,
    reliability_figure,
    response_curve,
    together_curve,
)


def texts(svg):
    root = ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns:xlink="x" ', 1))
    return ["".join(element.itertext()) for element in root.iter("text")]


@pytest.fixture
def roll(everything):
    return everything.sweep["changes"][0]


@pytest.fixture
def darken(everything):
    return everything.sweep["changes"][1]


def test_models_are_told_by_colour_dash_and_marker(roll):
    svg = error_curve(roll, 0.5)
    assert "var(--line-0)" in svg and "var(--line-1)" in svg
    assert "stroke-dasharray" in svg
    assert "toy-model from 5% to 15%, a network from 5% to 25%" in svg
    assert {"degrees", "error"} <= set(texts(svg))


def test_amounts_run_as_they_are_listed(darken):
    svg = error_curve(darken, 0.5)
    assert "share of the light" in texts(svg)
    root = ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns:xlink="x" ', 1))
    x = {"".join(t.itertext()): float(t.get("x")) for t in root.iter("text") if t.get("x")}
    assert x["1.0"] < x["0.8"] < x["0.4"]


def test_responses_are_beside_the_ideal_where_there_are_any(roll, darken):
    assert {"ideal", "answered roll"} <= set(texts(response_curve(roll)))
    assert response_curve(darken) is None


def test_azimuth_errors_are_those_of_models_that_have_them(roll):
    svg = azimuth_curve(roll)
    assert "var(--line-0)" in svg and "var(--line-1)" not in svg
    nobody = roll | {"models": [m | {"azimuth_error_deg": None} for m in roll["models"]]}
    assert azimuth_curve(nobody) is None


def test_values_that_are_not_known_leave_a_gap(roll):
    gap = {"azimuth_error_deg": [5.0, None, 5.0, 5.0, 80.0], "response": [None, 0, 0, 0, 1]}
    model = roll["models"][0] | gap | {"response_ci": [[None, None], *[[0, 1]] * 4]}
    changed = roll | {"models": [model]}
    assert "80" in texts(azimuth_curve(changed)) and response_curve(changed)


def test_the_legend_names_every_model_and_shortens_long_names():
    found = texts(legend_figure(["a", "b" * 50, *"cdef"]))
    assert set(found) == {"b" * 31 + "…", *"acdef"}


def test_several_images_have_a_line_and_a_name_for_every_row(everything):
    together = everything.together
    names = [f"way {i}" for i in range(len(together["rows"]))]
    svg = together_curve(together, names)
    assert {*names, "1", "3", "8", "images of the object"} <= set(texts(svg))
    assert "way 0 from 12% to 2%" in svg and "var(--line-2)" in svg


def test_reliability_leaves_out_empty_bins(everything):
    svg = reliability_figure(everything.calibration)
    assert svg.count("probability ") >= 6 and "probability 45%, right 40%" in svg
