"""The toy set: its settings, its files, and the set that ships with the project."""

import dataclasses
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from objrec.datasets.norb.reading import read_norb
from objrec.errors import DataError, SettingsError
from objrec.rendering import CATEGORIES, ToySettings, make_toys, toys

SMALL = ToySettings(
    size=16,
    train_instances=2,
    test_instances=1,
    categories=("cup", "car"),
    elevations=2,
    azimuth_step=90,
    samples=1,
)
SHIPPED = Path(__file__).parents[2] / "data" / "toys"


@pytest.fixture
def renderer():
    pytest.importorskip("trimesh")
    pytest.importorskip("embreex")


@pytest.mark.usefixtures("renderer")
class TestMaking:
    def test_what_is_written_is_read_again(self, tmp_path):
        make_toys(tmp_path / "set", SMALL)
        training, testing = (read_norb(tmp_path / "set", which) for which in ("train", "test"))
        assert training.categories == ("cup", "car")
        assert training.frame.front_azimuth == 0
        assert (len(training), len(testing), training.cameras) == (16, 8, 2)
        assert set(training.factors["instance"]) == {"0", "1"}
        assert set(testing.factors["instance"]) == {"2"}
        images, info = toys.render_toy(SMALL, "car", 1)
        rows = np.flatnonzero((training.labels == 1) & (training.factors["instance"] == "1"))
        for row, image, (_, elevation, azimuth, lamp) in zip(rows, images, info, strict=True):
            sample = training[row]
            np.testing.assert_array_equal(sample.images, image)
            np.testing.assert_array_equal(sample.pose[:2], [10 * azimuth, 30 + 5 * elevation])
            assert sample.category == "car"
            assert sample.factors["lighting"] == str(lamp)

    def test_files_are_the_same_whatever_the_number_of_workers(self, tmp_path):
        for name, workers in (("one", 1), ("two", 2)):
            make_toys(tmp_path / name, SMALL, workers=workers)
        one, two = (sorted((tmp_path / name).iterdir()) for name in ("one", "two"))
        assert [path.name for path in one] == [path.name for path in two]
        assert len(one) == 8
        for path, other in zip(one, two, strict=True):
            assert path.read_bytes() == other.read_bytes()

    def test_the_seed_changes_the_toys(self):
        other = dataclasses.replace(SMALL, seed=1)
        assert np.any(toys.render_toy(SMALL, "car", 0)[0] != toys.render_toy(other, "car", 0)[0])

    def test_progress_counts_image_pairs(self, tmp_path):
        calls = []
        make_toys(tmp_path / "set", SMALL, lambda done, total: calls.append((done, total)))
        assert calls == [(n, 24) for n in range(4, 25, 4)]

    def test_an_interrupted_run_leaves_nothing(self, tmp_path):
        def stop(done, total):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            make_toys(tmp_path / "set", SMALL, stop)
        assert not list(tmp_path.iterdir())

    def test_a_full_folder_needs_force(self, tmp_path):
        (tmp_path / "notes.txt").write_text("mine")
        with pytest.raises(DataError, match="is not empty; name another folder or add --force"):
            make_toys(tmp_path, SMALL)
        make_toys(tmp_path, SMALL, force=True)
        make_toys(tmp_path, SMALL, force=True)
        assert (tmp_path / "notes.txt").read_text() == "mine"
        assert len(list(tmp_path.iterdir())) == 9

    def test_a_file_in_the_place_of_the_folder(self, tmp_path):
        (tmp_path / "set").touch()
        with pytest.raises(DataError, match="set: is a file; name a folder"):
            make_toys(tmp_path / "set", SMALL)

    def test_the_record_gives_the_settings_back(self, tmp_path):
        make_toys(tmp_path / "set", SMALL)
        record = json.loads((tmp_path / "set" / toys.RECORD).read_text())
        assert record.pop("made by") == "objrec data make-toys"
        assert ToySettings.from_json(record, "toys.json") == SMALL


@pytest.mark.parametrize("package", ["trimesh", "embreex"])
def test_a_missing_package_is_named(tmp_path, monkeypatch, package):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else find(name)
    )
    with pytest.raises(SettingsError, match=rf"{package} is not installed; pip install 'objrec"):
        make_toys(tmp_path / "set", SMALL)


def test_settings_need_neither_trimesh_nor_torch():
    code = "import sys, objrec.rendering; print({'trimesh', 'embreex', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"azimuth_step": 25}, "azimuth_step 25 does not fit"),
        ({"azimuth_step": 70}, "azimuth_step 70 does not fit"),
        ({"categories": ()}, "at least one, and none twice"),
        ({"categories": ("car", "car")}, "at least one, and none twice"),
        ({"categories": ("truck",)}, "categories 'truck' is none of airplane, .*"),
        ({"elevations": 1, "azimuth_step": 180, "test_views": 3}, "at most 2 with so few views"),
    ],
)
def test_settings_that_cannot_be(values, message):
    with pytest.raises(SettingsError, match=message):
        ToySettings(**values)


def test_categories_are_those_of_the_recipes():
    pytest.importorskip("trimesh")
    from objrec.rendering.meshes import RECIPES

    assert tuple(RECIPES) == CATEGORIES


def test_two_toys_fill_a_chequer_pattern():
    settings = ToySettings()
    one, two = (map(tuple, toys.views_of(settings, i)) for i in (0, 1))
    one, two = set(one), set(two)
    assert not one & two
    assert one | two == {(i, j) for i in range(9) for j in range(0, 36, 2)}
    assert len(one) == len(two) == 81


class TestShipped:
    """data/toys is what the command makes with its default settings."""

    def test_it_was_made_with_the_defaults(self):
        record = json.loads((SHIPPED / toys.RECORD).read_text())
        assert record.pop("made by") == "objrec data make-toys"
        assert ToySettings.from_json(record, "toys.json") == ToySettings()

    def test_it_is_small_and_complete(self):
        assert sum(path.stat().st_size for path in SHIPPED.iterdir()) <= 8_000_000
        training, testing = (read_norb(SHIPPED, which) for which in ("train", "test"))
        assert training.categories == CATEGORIES
        assert (len(training), len(testing)) == (6 * 8 * 81, 6 * 4 * 81)
        assert not set(training.objects) & set(testing.objects)
        for dataset in (training, testing):
            counts = np.unique(dataset.factors["lighting"], return_counts=True)[1]
            assert len(counts) == 6
            assert counts.max() < 1.1 * counts.min()

    @pytest.mark.usefixtures("renderer")
    def test_rendering_gives_its_pixels(self):
        images, _ = toys.render_toy(ToySettings(), "animal", 8)
        dataset = read_norb(SHIPPED, "test")
        rows = np.flatnonzero(dataset.objects == "animal/8")
        shipped = np.array([dataset[row].images for row in rows]).astype(int)
        # Another machine may round a ray to the other side of an edge.
        assert np.abs(shipped - images).mean() < 0.1
