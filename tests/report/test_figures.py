import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from objrec.report.figures import (
    LEVELS,
    azimuth_histogram,
    confusion_figure,
    scale_top,
    viewpoint_figure,
)


def texts(svg):
    root = ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns:xlink="x" ', 1))
    return ["".join(element.itertext()) for element in root.iter("text")]


def cells(svg):
    """Return the steps of the error scale in the order in which the map's cells are drawn."""
    first = svg[svg.index("QuadMesh_1") : svg.index("QuadMesh_2")]
    return [int(step) for step in re.findall(r"var\(--heat-(\d+)\)", first)]


def test_confusion_shows_every_count_under_its_names():
    found = texts(confusion_figure([[7, 3], [0, 12]], ["cup", "car"]))
    assert {"cup", "car", "7", "3", "12", "true category", "answered"} <= set(found)


def test_mistakes_are_coloured_by_their_share_and_right_answers_are_not():
    steps = cells(confusion_figure([[88, 10, 2], [0, 50, 0], [0, 0, 98]], list("abc")))
    assert len(steps) == 6  # the three right ones are left out
    assert steps == [LEVELS - 1, 1, 0, 0, 0, 0]


def test_a_category_without_images_is_drawn_empty():
    assert cells(confusion_figure([[3, 1], [0, 0]], ["a", "b"])) == [7]


def test_viewpoint_writes_percent_and_leaves_empty_views_empty():
    view = {
        "azimuth": [0.0, 22.5, 180.0],
        "elevation": [10.0, 50.0],
        "error_rate": [[0.0, 0.5, None], [0.25, 1.0, 0.07]],
    }
    svg = viewpoint_figure(view)
    assert {"22.5", "180", "50", "100", "25", "7"} <= set(texts(svg))
    assert cells(svg) == [0, 4, 2, 8, 0]
    assert 'aria-label="Error over 3 azimuths and 2 elevations, from 0 to 100 percent."' in svg


def test_histogram_draws_right_and_wrong_apart():
    everything = {"step_deg": 10.0, "counts": [50, 5] + [1] * 16}
    correct = {"step_deg": 10.0, "counts": [40, 5] + [0] * 16}
    svg = azimuth_histogram(everything, correct)
    assert {"right category", "wrong category", "180"} <= set(texts(svg))
    assert svg.count("var(--wrong)") == svg.count("var(--right)") == 19  # 18 bars and the legend
    assert "79% are below 30" in svg
    assert "wrong category" in azimuth_histogram(everything, None)


@pytest.mark.parametrize(
    ("rates", "top"),
    [([0.0], 0.1), ([0.1, np.nan], 0.1), ([0.31], 0.5), ([1.0], 1.0), ([np.nan], 0.1)],
)
def test_the_scale_ends_at_a_round_rate(rates, top):
    assert scale_top(np.array(rates)) == top


def test_figures_repeat_and_leave_matplotlib_as_it_was():
    import matplotlib

    before = dict(matplotlib.rcParams)
    first = confusion_figure([[1, 2], [3, 4]], ["a", "b"])
    assert confusion_figure([[1, 2], [3, 4]], ["a", "b"]) == first
    assert dict(matplotlib.rcParams) == before


@pytest.mark.filterwarnings("error")
def test_names_in_any_script_draw_without_a_warning():
    assert "杯子" in texts(confusion_figure([[1, 0], [0, 1]], ["杯子", "कप"]))
