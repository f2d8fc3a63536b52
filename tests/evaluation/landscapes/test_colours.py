"""Feature maps as colours: equal features, equal colours; the main direction is lightness."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from objrec.energy.distance import CosineDistance, SquaredDistance
from objrec.evaluation.landscapes.colours import FeatureColours, comparable, hex_colours


@pytest.fixture
def maps():
    generator = torch.Generator().manual_seed(0)
    strength = torch.tensor([4.0, 2.0, 1.0, 0.2, 0.1])[:, None, None]
    return torch.randn(6, 5, 7, 4, generator=generator) * strength


def luminance(colours):
    return colours @ np.array([0.299, 0.587, 0.114])


def test_colours_are_those_of_the_place_alone(maps):
    paint = FeatureColours.fit(maps)
    colours = paint(maps)
    assert colours.shape == (6, 7, 4, 3) and colours.dtype == np.uint8
    assert np.array_equal(paint(maps[2:3])[0], colours[2])
    again = maps.clone()
    again[0] = again[1]
    painted = paint(again)
    assert np.array_equal(painted[0], painted[1])


def test_lightness_is_the_first_principal_component(maps):
    cells = maps.permute(0, 2, 3, 1).reshape(-1, 5).numpy()
    first = PCA(3).fit_transform(cells)[:, 0]
    shown = luminance(FeatureColours.fit(maps)(maps).reshape(-1, 3))
    inside = np.abs(first) < np.percentile(np.abs(first), 80)  # the ends are clipped
    assert abs(np.corrcoef(first[inside], shown[inside])[0, 1]) > 0.97


def test_most_colours_lie_inside_what_can_be_shown(maps):
    colours = FeatureColours.fit(maps)(maps)
    assert ((colours > 0) & (colours < 255)).mean() > 0.9
    assert colours.std(axis=(0, 1, 2)).min() > 20


def test_maps_that_vary_in_few_directions_or_none_have_colours_too():
    flat = torch.ones(2, 5, 3, 3)
    assert len(np.unique(FeatureColours.fit(flat)(flat))) == 1
    narrow = torch.randn(2, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    grays = FeatureColours.fit(narrow)(narrow)
    assert (np.ptp(grays.astype(int), axis=-1) == 0).all() and len(np.unique(grays)) > 3


def test_maps_at_cosine_distance_0_are_comparable_as_equal(maps):
    both = torch.cat([maps[:1], 7.5 * maps[:1]])
    one, other = comparable(both, CosineDistance())
    torch.testing.assert_close(one, other)
    assert one.square().mean().item() == pytest.approx(1.0, rel=1e-5)
    assert comparable(both, SquaredDistance()) is both
    assert torch.isfinite(comparable(torch.zeros(1, 2, 3, 3), CosineDistance())).all()


def test_colours_in_hexadecimal_as_css_writes_them():
    colours = np.array([[[0, 15, 255], [16, 1, 2]]], np.uint8)
    assert hex_colours(colours) == [["#000fff", "#100102"]]
