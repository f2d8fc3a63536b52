import xml.etree.ElementTree as ElementTree

import pytest

from objrec.report.figures.distributions import both_histogram, given_histogram, unknown_histogram


def texts(svg):
    root = ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns:xlink="x" ', 1))
    return ["".join(element.itertext()) for element in root.iter("text")]


def figures(*counts, **parts):
    counts = [*counts, *[0] * (18 - len(counts))]
    return {"count": sum(counts), "histogram": {"step_deg": 10.0, "counts": counts}, **parts}


def test_errors_given_the_category_with_and_without_the_best_offset():
    aligned = {"per": "category", **figures(9, 1)}
    svg = given_histogram(figures(4, 3, 2, 1, aligned=aligned))
    assert {"as labelled", "after the best offset per category", "180"} <= set(texts(svg))
    assert "90% are below 30 degrees" in svg
    assert svg.count("var(--right)") == 19  # 18 bars and the legend
    assert "after the best offset" not in given_histogram(figures(1))


def test_right_and_wrong_categories_are_told_apart_without_colour():
    svg = both_histogram(figures(5, 5, correct=figures(4, 2)))
    assert {"right category", "wrong category"} <= set(texts(svg))
    assert "60% are of the right category and below 30" in svg
    assert "<pattern" in svg  # hatched


def test_no_right_answer_draws_too():
    assert "0% are of the right" in both_histogram(figures(5, correct={"count": 0}))


@pytest.mark.parametrize("threshold", [2.5, None])
def test_known_and_unknown_energies(threshold):
    unknown = {
        "known_images": 30,
        "unknown_images": 20,
        "threshold": threshold,
        "histogram": {"edges": [1.0, 2.0, 3.0], "known": [20, 10], "unknown": [0, 20]},
    }
    found = texts(unknown_histogram(unknown))
    assert {"known objects", "unknown objects", "lowest energy"} <= set(found)
    assert ("called unknown from here" in found) == (threshold is not None)
