"""Evaluation of images on disk by a real recogniser, though an untrained one."""

import cv2
import numpy as np
import pytest
import torch

from objrec.datasets import open_dataset
from objrec.energy.settings import ModelSettings
from objrec.evaluation import evaluate
from objrec.pose import PoseSpace
from objrec.preprocessing import Preprocessing
from objrec.recognizer import Recognizer
from objrec.saving import SavedModel, build_network


@pytest.fixture
def photos(tmp_path):
    """Eight images of odd shapes with labels.csv, and a text file that calls itself an image."""
    rng = np.random.default_rng(0)
    rows = ["file,category,instance,azimuth,elevation,lighting"]
    for i in range(8):
        pixels = rng.integers(0, 256, (30 + i, 50 - i, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f"{i}.png"), pixels)
        azimuth = "" if i == 3 else 45 * i
        rows.append(f"{i}.png,{'cup' if i < 4 else 'car'},{i // 2},{azimuth},30,day")
    (tmp_path / "text.png").write_text("no image")
    rows.append("text.png,car,9,0,30,day")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


@pytest.fixture
def recognizer():
    def make(kind, categories=("car", "cup", "van")):
        torch.manual_seed(0)
        space = PoseSpace({"azimuth": tuple(np.arange(0, 360, 40.0)), "elevation": (20.0, 40.0)})
        preprocessing, settings = Preprocessing(), ModelSettings(features="small")
        network = build_network(kind, categories, space, preprocessing, settings)
        return Recognizer(SavedModel(kind, network, settings, preprocessing, None, {}), "cpu")

    return make


@pytest.mark.parametrize("kind", ["energy", "cnn", "cnn-pose"])
def test_evaluation_says_what_classification_of_the_file_says(photos, recognizer, kind):
    model = recognizer(kind)
    found = evaluate(model, open_dataset(photos, "all"), resamples=20, batch_size=3)
    assert found.model["kind"] == kind and found.model["parameters"] > 0
    assert len(found.predictions) == 8
    for row in found.predictions:
        alone = model.recognize(photos / row["file"].rsplit("/")[-1])
        assert row["predicted"] == alone.category
        assert row["energy"] == pytest.approx(alone.energy, abs=1e-3)
        assert row["pose"].keys() == alone.pose.to_dict().keys()
    assert [f["file"].rsplit("/")[-1] for f in found.failures] == ["text.png"]
    if kind == "cnn":
        assert found.pose == {}
    else:
        assert (found.pose["azimuth"]["count"], found.pose["elevation"]["count"]) == (7, 8)
    assert found.data["objects"] == 4
