import pytest

from objrec.report import headline
from objrec.report.words import SPACE


def plain(text):
    return text.replace(SPACE, " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_the_sentence_says_the_error_and_guessing(make_evaluation):
    evaluation = make_evaluation()
    text = plain(headline.summary(evaluation))
    low, high = evaluation.error_rate_ci
    assert f"was wrong on {100 * evaluation.error_rate:.1f} % of 288 images of 12 objects" in text
    assert f"(95 % interval {100 * low:.1f} to {100 * high:.1f} %)" in text
    assert "guessing among its 3 categories would be wrong on 66.7 %" in text
    assert "category and azimuth are both right in" in text


def rows_of(*rates, count=20):
    rates = dict(zip((0.0, 90.0, 180.0, 270.0), rates, strict=True))
    return [
        {"value": a, "error_rate": r, "count": count, "errors": int(r * count)}
        for a, r in rates.items()
    ]


def test_it_says_from_where_the_error_is_largest(make_evaluation):
    evaluation = make_evaluation(by_factor={"azimuth": rows_of(0.1, 0.0, 0.25, 0.2)})
    text = plain(headline.summary(evaluation))
    assert "most often on objects seen from azimuth 180° (25.0 %), least from 90° (0.0 %)" in text


@pytest.mark.parametrize(
    "rows", [rows_of(0.1, 0.1, 0.1, 0.1), rows_of(0.1, 0.0, 0.2, 0.3, count=2)]
)
def test_it_does_not_where_that_says_nothing(make_evaluation, rows):
    evaluation = make_evaluation(by_factor={"azimuth": rows})
    assert "most often" not in headline.summary(evaluation)


def test_a_large_offset_is_mentioned_and_a_small_one_is_not(make_evaluation):
    assert "after the best offset" not in headline.summary(make_evaluation())
    turned = make_evaluation(offset=120.0)
    assert "within 30° in 0.0 % (100.0 % after the best offset)" in plain(headline.summary(turned))
    (tile,) = [t for t in headline.tiles(turned) if t["name"].startswith("azimuth")]
    assert "100.0 % after the best offset" in plain(tile["detail"])


def test_the_best_of_the_others_is_named(everything):
    text = plain(headline.summary(everything))
    assert f"On the same images, a network is wrong on {100 * everything.error_rate:.1f} %." in text


@pytest.mark.parametrize("kind", ["energy", "cnn"])
def test_there_are_four_numbers_with_intervals(make_everything, tmp_path, kind):
    axes = ("azimuth", "elevation") if kind == "energy" else ()
    tiles = headline.tiles(make_everything(tmp_path, kind=kind, axes=axes))
    assert len(tiles) == 4
    assert tiles[0]["name"] == "wrong category"
    assert all("interval" in tile["detail"] for tile in tiles)


def test_speed_fills_up_where_little_is_known(make_evaluation):
    tiles = headline.tiles(make_evaluation(axes=(), kind="cnn"))
    assert [tile["name"] for tile in tiles][-1] == "images a second"
    assert tiles[-1] == {"name": "images a second", "value": "72", "detail": "CPU, 1 thread"}


def test_cells_rest_on_images(make_evaluation):
    assert headline.cells(make_evaluation()) == "Each cell rests on 12 images."
    assert headline.cells(make_evaluation(labelled=False)) == ""
