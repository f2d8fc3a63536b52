import numpy as np
import pytest

from objrec.evaluation.predictions import true_energies, write_pictures, wrong_first
from objrec.evaluation.run import run


@pytest.fixture
def done(fake_set, fake_recognizer):
    dataset = fake_set(objects=("car/1", "cup/1"), views=3)
    answers = ["car", "cup", "cup", "cup", "car", "cup"]
    return run(fake_recognizer(("cup", "car"), answers, dataset.poses), dataset), dataset


def test_excess_is_that_of_the_true_category(done):
    found, _ = done
    # The fake's lowest energy of image i is i / 7, its other category has 1 more.
    np.testing.assert_allclose(true_energies(found), [0, 8 / 7, 9 / 7, 3 / 7, 11 / 7, 5 / 7])
    assert set(wrong_first(found)) == {1, 2, 4}


def test_wrong_answers_are_sorted_by_excess(done):
    found, _ = done
    found.energies[4] = [5.0, 1.0]  # a cup, taken for a car by 4
    assert wrong_first(found).tolist()[0] == 4


def test_pictures_of_wrong_answers_come_first(done, tmp_path):
    found, dataset = done
    tiles, images = write_pictures(found, dataset, tmp_path, 0, None)
    assert sorted(tiles.tolist()) == [0, 1, 2, 3, 4, 5] and set(tiles[[1, 2, 4]]) == {0, 1, 2}
    assert images["count"] == 6 and (tmp_path / images["sheets"][0]).is_file()
    assert write_pictures(found, dataset, None, 0, None) == (None, None)
