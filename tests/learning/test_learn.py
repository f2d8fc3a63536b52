"""A category is added, and nothing else changes: weights, order, energies of the known ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from objrec import Recognizer, learn, open_dataset
from objrec.datasets.frame import AxisNote, PoseFrame
from objrec.energy.settings import ModelSettings
from objrec.errors import DataError, Failure, SettingsError
from objrec.learning.learn import with_category
from objrec.learning.views import COPIES, Views, seen_views
from objrec.pose import INDEX, Pose, PoseSpace
from objrec.preprocessing import Preprocessing
from objrec.saving import SavedModel, build_network, load_model, save_model, shipped_model

SPACE = PoseSpace({"azimuth": (0.0, 90.0, 180.0, 270.0), "elevation": (0.0, 45.0)})


@pytest.fixture(scope="module")
def shipped() -> SavedModel:
    return load_model(shipped_model())


def fresh(kind: str = "energy", **settings) -> SavedModel:
    """Make an untrained model of two categories."""
    torch.manual_seed(0)
    model = ModelSettings(**{"features": "small", "channels": 8, "volume_channels": 4, **settings})
    preprocessing = Preprocessing(size=48)
    network = build_network(kind, ("cat", "dog"), SPACE, preprocessing, model)
    return SavedModel(kind, network.eval(), model, preprocessing, None, {"facts": {}})


def images(count: int, seed: int = 0) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return list(generator.integers(0, 256, (count, 40, 40), np.uint8))


def test_all_else_is_bit_identical(tmp_path, shipped):
    before = {name: tensor.clone() for name, tensor in shipped.network.state_dict().items()}
    toys = open_dataset("data/toys", "test")
    learned = learn(shipped, [toys[i] for i in range(3)], "thing", device="cpu")
    for name, tensor in shipped.network.state_dict().items():
        assert torch.equal(tensor, before[name])  # the model that was handed in too
    save_model(tmp_path / "more", learned.model)
    after = load_model(tmp_path / "more")
    assert after.network.categories == (*shipped.network.categories, "thing")
    for name, tensor in after.network.state_dict().items():
        old = before[name]
        assert torch.equal(tensor[: len(old)] if name == "references.volumes" else tensor, old)
    assert after.calibration == shipped.calibration
    more, less = Recognizer(after, "cpu"), Recognizer(shipped, "cpu")
    energies = more.energies([toys[i] for i in range(40, 44)]).values[:, :-1]
    wanted = less.energies([toys[i] for i in range(40, 44)]).values
    torch.testing.assert_close(energies, wanted, atol=1e-5, rtol=1e-5)
    assert more.recognize(toys[0]).category == "thing"  # one of its own views


@pytest.mark.slow
def test_a_category_left_out_is_learned_better_from_more_views(shipped):
    # The reference of a known category is taken away, and learned anew from views of new objects.
    toys = open_dataset("data/toys", "test")
    network = shipped.network
    left = network.categories[-1]
    kept = with_category(network, "x", network.references.volumes[-1, 0])
    kept.references.volumes = torch.nn.Parameter(network.references.volumes[:-1].detach().clone())
    kept.categories = network.categories[:-1]
    less = replace(shipped, network=kept)
    rows = np.flatnonzero(toys.labels == toys.categories.index(left))
    views, asked = rows[::7][:20], rows[3::11]

    def error(count: int) -> float:
        poses = [Pose.from_vector(toys.poses[i]) for i in views[:count]]
        learned = learn(less, [toys[i] for i in views[:count]], left, poses, device="cpu")
        recognizer = Recognizer(learned.model, "cpu")
        answers = [a.category for a in recognizer.recognize_many([toys[i] for i in asked])]
        return float(np.mean([answer != left for answer in answers]))

    assert error(20) <= error(1)
    assert error(20) < 0.3


def test_repeats_itself_and_counts_its_views():
    saved = fresh()
    poses = [Pose(azimuth=90.0, elevation=0.0), None]
    first = learn(saved, images(2), "new", poses, device="cpu")
    second = learn(saved, images(2), "new", poses, device="cpu")
    volumes = [m.model.network.references.volumes for m in (first, second)]
    assert torch.equal(*volumes)
    note = {"name": "new", "views": 2, "poses": "given in part"}
    assert first.model.training["learned"] == [note]
    again = learn(first.model, images(1, 5), "newer", device="cpu")
    assert again.model.network.categories == ("cat", "dog", "new", "newer")
    assert [n["poses"] for n in again.model.training["learned"]] == ["given in part", "found"]


def test_several_references_a_category_and_in_plane_axes():
    torch.manual_seed(0)
    space = PoseSpace({"azimuth": (0.0, 120.0, 240.0), "roll": (-10.0, 0.0, 10.0)})
    model = ModelSettings(features="small", channels=8, volume_channels=4, models_per_category=2)
    preprocessing = Preprocessing(size=48)
    network = build_network("energy", ("cat", "dog"), space, preprocessing, model).eval()
    saved = SavedModel("energy", network, model, preprocessing, None, {"facts": {}})
    learned = learn(saved, images(2), "new", device="cpu")
    assert learned.model.network.references.volumes.shape[:2] == (3, 2)
    assert Recognizer(learned.model, "cpu").energies(images(1)[0]).values.isfinite().all()


def test_unreadable_images_are_left_out(tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no image")
    listed = [bad, images(1)[0], Failure("gone.png", "no such file")]
    learned = learn(fresh(), listed, "new", device="cpu")
    assert learned.views == 1
    assert [Path(f.source).name for f in learned.failures] == ["bad.png", "gone.png"]
    with pytest.raises(DataError, match="none of the 1 images can be read; the first is"):
        learn(fresh(), [bad], "new", device="cpu")


@pytest.mark.parametrize(
    ("saved", "name", "message"),
    [
        (fresh(), "dog", "--name: the model has 'dog' already"),
        (fresh(), " ", "--name: is empty"),
        (fresh("cnn"), "new", "kind 'cnn' has no reference models"),
        (fresh(references="planar"), "new", "planar references cannot be turned"),
        (fresh(distance="squared"), "new", "squared distances depend on"),
    ],
)
def test_what_is_refused(saved, name, message):
    with pytest.raises(SettingsError, match=message):
        learn(saved, images(1), name, device="cpu")


def test_allowed_poses_are_the_nearest_on_every_axis_known():
    poses = torch.full((3, 6), torch.nan)
    poses[0, INDEX["azimuth"]] = 350.0
    poses[1, INDEX["azimuth"]], poses[1, INDEX["elevation"]] = 100.0, 40.0
    grid = SPACE.grid()
    allowed = Views(torch.zeros(3, 1), poses).allowed(grid)
    shown = [grid.poses[row][:, :2].tolist() for row in allowed]
    assert shown[:2] == [[[0.0, 0.0], [0.0, 45.0]], [[90.0, 45.0]]]
    assert len(shown[2]) == grid.size


@pytest.mark.parametrize(("front", "parts"), [(90.0, 2), (None, 1)])
def test_mirror_images_only_where_the_front_is_known(front, parts):
    saved = fresh()
    frame = PoseFrame({"azimuth": AxisNote(front=front)} if front is not None else {})
    pixels = torch.randint(0, 256, (1, 1, 1, 48, 48), dtype=torch.uint8)
    poses = torch.tensor([[30.0, 45.0, 0.0, 0.0, 0.0, 0.0]])
    views = seen_views(saved.network, saved.preprocessing, frame, pixels, poses)
    assert len(views.features) == parts + COPIES
    azimuths = set(views.poses[:, INDEX["azimuth"]].tolist())
    assert azimuths == ({30.0, 150.0} if front is not None else {30.0})
    with torch.no_grad():
        plain = saved.network.extractor(saved.preprocessing.normalised(pixels))
    torch.testing.assert_close(views.features[:1], plain)
