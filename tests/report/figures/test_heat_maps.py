import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from objrec.report.figures.heat_maps import (
    cell_ends,
    confusion_figure,
    pose_map_figure,
    scale_top,
    viewpoint_figure,
)
from objrec.report.figures.svg import LEVELS


def parsed(svg):
    return ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns:xlink="x" ', 1))


def texts(svg):
    return ["".join(element.itertext()) for element in parsed(svg).iter("text")]


def links(svg):
    """Key → (label, step of the scale or colour) of each cell that is a link."""
    found = {}
    for link in parsed(svg).iter("a"):
        style = link.find("path").get("style")
        colour = re.search(r"fill: var\(--(?:heat-)?(\w+)\)", style)[1]
        found[link.get("data-key")] = (link.get("aria-label"), colour)
    return found


def test_confusion_shows_every_count_under_its_names():
    found = texts(confusion_figure([[7, 3], [0, 12]], ["cup", "car"], "here"))
    assert {"cup", "car", "7", "3", "12", "true category", "answered"} <= set(found)


def test_mistakes_are_coloured_by_their_share_and_right_answers_are_not():
    svg = confusion_figure([[88, 10, 2], [0, 50, 0], [0, 0, 98]], list("abc"), "here")
    colours = {key: colour for key, (_, colour) in links(svg).items()}
    top = str(LEVELS - 1)
    assert colours == {"0,0": "quiet", "0,1": top, "0,2": "1", "1,1": "quiet", "2,2": "quiet"}


def test_cells_of_the_confusion_matrix_lead_to_their_images():
    svg = confusion_figure([[7, 3], [0, 12]], ["cup", "car"], "here")
    assert links(svg)["0,1"][0] == "cup taken for car: 3 of 10 images"
    assert links(svg)["1,1"][0] == "car recognised: 12 of 12 images"
    assert svg.count('href="#here"') == 3


def test_a_category_without_images_is_drawn_empty():
    svg = confusion_figure([[3, 1], [0, 0]], ["a", "b"], "here")
    assert set(links(svg)) == {"0,0", "0,1"}


@pytest.mark.slow
def test_a_huge_confusion_matrix_stays_small():
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 3, (60, 60)).tolist()
    svg = confusion_figure(counts, [f"name {i}" for i in range(60)], "here")
    assert not links(svg) and len(svg) < 1_500_000


VIEW = {
    "azimuth": [0.0, 22.5, 180.0],
    "elevation": [10.0, 50.0],
    "error_rate": [[0.0, 0.5, None], [0.25, 1.0, 0.07]],
    "count": [[4, 2, 0], [4, 1, 100]],
    "azimuth_error_deg": [[3.0, None, None], [10.0, 44.0, 170.0]],
}


def test_viewpoint_writes_percent_and_leaves_empty_views_empty():
    svg = viewpoint_figure(VIEW, "here")
    assert {"50", "100", "25", "7", "0"} <= set(texts(svg))
    steps = {key: colour for key, (_, colour) in links(svg).items()}
    assert steps == {"0,0": "0", "0,1": "4", "1,0": "2", "1,1": "8", "1,2": "0"}
    assert 'aria-label="Error over 3 azimuths and 2 elevations, from 0 to 100 percent."' in svg


def test_a_view_says_what_it_holds():
    label = links(viewpoint_figure(VIEW, "here"))["1,0"][0].replace("\N{NO-BREAK SPACE}", " ")
    assert label == "azimuth 0°, elevation 50°: 25.0 % of 4 images wrong, azimuth off by 10.0°"
    binned = VIEW | {"azimuth_ranges": [[0.0, 10.0], [20.0, 30.0], [180.0, 190.0]]}
    assert links(viewpoint_figure(binned, "here"))["1,0"][0].startswith("azimuth 0° to 10°, ")


def test_the_pose_map_leaves_views_without_a_pose_gray():
    svg = pose_map_figure(VIEW, "here")
    assert links(svg)["0,1"][1] == "quiet"
    assert {"3", "10", "44", "170"} <= set(texts(svg))
    nothing = VIEW | {"azimuth_error_deg": [[None] * 3] * 2}
    assert pose_map_figure(nothing, "here") is None


def test_cells_meet_half_way_around_the_circle():
    assert cell_ends(np.array([0.0, 20.0, 40.0, 350.0])) == [
        (-5.0, 10.0),
        (10.0, 30.0),
        (30.0, 55.0),  # never wider than 30 degrees towards a gap
        (335.0, 355.0),
    ]
    assert cell_ends(np.array([90.0])) == [(75.0, 105.0)]
    assert cell_ends(np.array([])) == []


@pytest.mark.parametrize(
    ("rates", "top"),
    [([0.0], 0.1), ([0.1, np.nan], 0.1), ([0.31], 0.5), ([1.0], 1.0), ([np.nan], 0.1)],
)
def test_the_scale_ends_at_a_round_rate(rates, top):
    assert scale_top(np.array(rates)) == top


@pytest.mark.filterwarnings("error")
def test_names_in_any_script_draw_without_a_warning():
    assert "杯子" in texts(confusion_figure([[1, 0], [0, 1]], ["杯子", "कप"], "here"))
