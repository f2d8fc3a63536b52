import dataclasses

import numpy as np
import pytest

from objrec.evaluation.metrics import Bootstrap
from objrec.evaluation.pose_tables import PoseTables
from objrec.pose import INDEX

AZIMUTH = INDEX["azimuth"]


@pytest.fixture
def tables(make):
    """Make tables from true, answered and given azimuths of categories a and b."""

    def build(labels, predicted, true, answered, given, **changes):
        outcomes = make(labels, predicted, azimuth=true)
        poses, best = outcomes.poses.copy(), outcomes.given.copy()
        poses[:, AZIMUTH], best[:, AZIMUTH] = answered, given
        outcomes = dataclasses.replace(outcomes, poses=poses, given=best)
        facts = {"excluded": (), "axes": ("azimuth",), "aligned_by": "category", **changes}
        return PoseTables(outcomes, bootstrap=Bootstrap(100), **facts)

    return build


def test_the_three_questions_about_pose_are_kept_apart(tables):
    # Image 0: all right. 1: wrong category, whose own pose is right. 2: right category, wrong
    # pose. 3: wrong category and pose, but given the category the pose is right.
    found = tables([0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0], [0, 5, 90, 180], [0, 90, 90, 350])
    answered, given, both = found.answered(), found.given(), found.both_right()
    assert answered["azimuth"]["acc30"] == 0.5 and answered["azimuth"]["correct"]["acc30"] == 0.5
    assert given["azimuth"]["acc30"] == 0.5 and given["azimuth"]["median_error_deg"] == 50
    assert (both["acc10"], both["acc30"], both["count"]) == (0.25, 0.25, 4)
    low, high = both["acc30_ci"]
    assert 0 <= low <= 0.25 <= high <= 1


def test_both_right_after_the_best_offset(tables):
    # Every azimuth of category a is 90 too high, every one of b right: one offset each mends it.
    labels = [0, 0, 0, 1, 1, 1]
    true = np.array([10, 20, 350, 10, 20, 30.0])
    answered = true + np.array([90, 90, 90, 0, 0, 0])
    both = tables(labels, labels, true, answered, answered).both_right()
    assert both["acc30"] == 0.5 and both["aligned_acc30"] == 1


def test_excluded_categories_and_unlabelled_images_do_not_count(tables):
    found = tables([0, 1, 1], [0, 1, 1], [0, 0, np.nan], [180, 0, 0], [180, 0, 0], excluded=("a",))
    assert found.both_right()["count"] == 1 and found.both_right()["acc10"] == 1
    assert np.isnan(found.azimuth_errors(aligned=False)).tolist() == [True, False, True]


def test_without_azimuths_there_is_nothing(tables):
    found = tables([0], [0], [0], [0], [0], axes=())
    assert found.answered() == {} and found.given() == {} and found.both_right() is None
    assert np.isnan(found.azimuth_errors(aligned=True)).all()


def test_azimuth_errors_go_the_short_way_round(tables):
    found = tables([0, 0, 0], [0, 0, 0], [350, 10, 0], [0, 0, 0], [10, 350, 180])
    np.testing.assert_allclose(found.azimuth_errors(aligned=False), [20, 20, 180])
