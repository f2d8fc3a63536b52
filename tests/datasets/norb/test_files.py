"""Which files belong together: splits, numbered parts, and what is missing."""

import pytest

from objrec.datasets.norb.files import find_norb
from objrec.errors import DataError

CLUTTERED = "norb-5x46789x9x18x6x2x108x108-training"


def touch(folder, *names):
    for name in names:
        (folder / name).touch()


def touch_sets(folder, *prefixes, end=".mat"):
    touch(folder, *(f"{p}-{kind}{end}" for p in prefixes for kind in ("dat", "cat", "info")))


def prefixes(folder):
    return {split: [part.prefix for part in parts] for split, parts in find_norb(folder).items()}


def test_splits_are_found_by_name(tmp_path):
    touch_sets(tmp_path, "latest-testing")
    touch_sets(tmp_path, "latest-training", end=".mat.gz")
    touch(tmp_path, "set.json", ".hidden-training-dat.mat", "other-training-info.mat")
    assert prefixes(tmp_path) == {"train": ["latest-training"], "test": ["latest-testing"]}


@pytest.mark.parametrize("word", ["val", "valid", "Validation"])
def test_there_may_be_a_validation_split(tmp_path, word):
    touch_sets(tmp_path, "x-test", f"x-{word}-1", f"x-{word}-2", "x-train")
    assert list(find_norb(tmp_path)) == ["train", "val", "test"]
    assert prefixes(tmp_path)["val"] == [f"x-{word}-1", f"x-{word}-2"]


def test_files_without_a_split_are_one_split(tmp_path):
    touch_sets(tmp_path, "latest")
    assert prefixes(tmp_path) == {"all": ["latest"]}


def test_a_folder_without_matrix_files_has_no_splits(tmp_path):
    touch(tmp_path, "labels.csv", "training-cat.mat", "dat.mat")
    assert find_norb(tmp_path) == {}


def test_parts_are_in_the_order_of_their_numbers(tmp_path):
    touch_sets(tmp_path, *(f"{CLUTTERED}-{n:02d}" for n in (10, 2, 1, 3, 9, 8, 7, 6, 5, 4)))
    touch_sets(tmp_path, "x-testing-2", "x-testing-10", "x-testing-9", "x-testing-8")
    touch_sets(tmp_path, *(f"x-testing-{n}" for n in (3, 4, 5, 6, 7)), end=".mat.gz")
    assert prefixes(tmp_path) == {
        "train": [f"{CLUTTERED}-{n:02d}" for n in range(1, 11)],
        "test": [f"x-testing-{n}" for n in range(2, 11)],
    }


def test_one_part_of_many_can_be_used_alone(tmp_path):
    touch_sets(tmp_path, f"{CLUTTERED}-07")
    assert prefixes(tmp_path) == {"train": [f"{CLUTTERED}-07"]}


@pytest.mark.parametrize(
    ("present", "missing"), [(("01", "03"), "02"), (("1", "2", "9"), "3"), (("08", "12"), "09")]
)
def test_a_part_that_is_missing_in_between_is_listed(tmp_path, present, missing):
    touch_sets(tmp_path, *(f"{CLUTTERED}-{n}" for n in present))
    parts = {part.prefix: part for part in find_norb(tmp_path)["train"]}
    with pytest.raises(DataError, match=rf"{CLUTTERED}-{missing}-dat\.mat: no such file, with or"):
        parts[f"{CLUTTERED}-{missing}"].path("dat")


@pytest.mark.parametrize("kind", ["dat", "cat", "info"])
def test_a_part_of_which_a_file_is_missing_is_listed(tmp_path, kind):
    touch_sets(tmp_path, f"{CLUTTERED}-01", f"{CLUTTERED}-02", end=".mat.gz")
    (tmp_path / f"{CLUTTERED}-02-{kind}.mat.gz").unlink()
    second = find_norb(tmp_path)["train"][1]
    with pytest.raises(DataError, match=rf"{CLUTTERED}-02-{kind}\.mat: no such file, with or with"):
        second.path(kind)


def test_numbers_far_apart_do_not_make_a_long_list(tmp_path):
    touch_sets(tmp_path, "a-training-1", "a-training-20240131")
    assert prefixes(tmp_path)["train"] == ["a-training-1", "a-training-2", "a-training-20240131"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a-training", "b-training"),
        (f"{CLUTTERED}-01", "smallnorb-5x46789x9x18x6x2x96x96-training"),
        ("a-training", "a-training-01"),
        ("a-training-01", "a-training-1"),
        ("a-training-01", "b-training-02"),
    ],
)
def test_two_sets_in_one_folder_are_refused(tmp_path, one, other):
    touch_sets(tmp_path, one, other)
    with pytest.raises(DataError, match=f"{one} and {other} are both the train split; keep one"):
        find_norb(tmp_path)


def test_a_set_that_is_no_split_beside_one_that_is_is_refused(tmp_path):
    touch_sets(tmp_path, "a-training", "b")
    with pytest.raises(DataError, match="b is neither training nor testing, as other files are; "):
        find_norb(tmp_path)


def test_a_plain_file_is_preferred_to_the_same_one_zipped(tmp_path):
    touch_sets(tmp_path, "a")
    touch_sets(tmp_path, "a", end=".mat.gz")
    (part,) = find_norb(tmp_path)["all"]
    assert part.path("dat") == tmp_path / "a-dat.mat"


def test_names_may_have_spaces_and_any_letters(tmp_path):
    touch_sets(tmp_path, "mein Würfel 🎲 training-1", "mein Würfel 🎲 training-2")
    assert prefixes(tmp_path) == {
        "train": ["mein Würfel 🎲 training-1", "mein Würfel 🎲 training-2"]
    }
