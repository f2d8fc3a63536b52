"""Index scales that hold every angle of a set exactly, found by arithmetic on millionths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from objrec.datasets.description import AZIMUTH, ELEVATION, IndexScale
from objrec.datasets.norb.index_scales import fitting_scale

some = settings(max_examples=100, deadline=None, database=None)


@pytest.mark.parametrize(
    ("degrees", "turning", "first", "step"),
    [
        ([30, 35, 70], False, 30, 5),  # as small NORB
        ([20, 45, 70], False, 20, 25),
        ([12.5, -10, 80], False, -10, 22.5),
        ([0.01, 0.03], False, 0.01, 0.02),
        ([7], False, 7, 5),
        ([0, 20, 340], True, 0, 10),  # as small NORB
        ([350, 15], True, 15, 5),
        ([0, 22.5, 337.5], True, 0, 22.5),
        ([3], True, 3, 360),
        ([90.01], True, 90.01, 360),
    ],
)
def test_the_coarsest_scale_that_fits(degrees, turning, first, step):
    known = AZIMUTH if turning else ELEVATION
    scale = fitting_scale(np.array([*degrees, np.nan]), known, turning=turning)
    if len(degrees) == 1 and turning:
        assert scale.first == first
    else:
        assert scale == IndexScale(first=first, step=step)


def test_a_third_of_a_degree_has_no_scale():
    assert fitting_scale(np.array([0, 1 / 3]), AZIMUTH, turning=True) is None


def test_a_known_scale_is_kept_wherever_it_fits():
    known = IndexScale(first=90, step=-15)
    assert fitting_scale(np.array([90, 45, 0.0]), known, turning=False) == known
    assert fitting_scale(np.array([90, 105.0]), known, turning=False) != known
    assert fitting_scale(np.array([np.nan]), known, turning=False) == known


@some
@given(st.lists(st.integers(-9000, 9000), min_size=1), st.booleans())
def test_every_hundredth_of_a_degree_comes_back(hundredths, turning):
    degrees = np.array(hundredths) / 100
    degrees = degrees % 360 if turning else degrees
    degrees = degrees.round(2)
    scale = fitting_scale(degrees, AZIMUTH if turning else ELEVATION, turning=turning)
    away = degrees - scale.first
    index = np.rint((away % 360 if turning else away) / scale.step)
    assert (index >= 0).all()
    again = scale.first + index * scale.step
    np.testing.assert_allclose(again % 360 if turning else again, degrees, atol=1e-9)
