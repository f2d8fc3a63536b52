"""Devices and precisions agree about what they see; damaged weights give an error, no answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from objrec import Recognizer, open_dataset
from objrec.energy.settings import ModelSettings
from objrec.errors import ModelError, SettingsError
from objrec.pose import PoseSpace
from objrec.preprocessing import Preprocessing
from objrec.recognizer.precision import computed
from objrec.saving import Calibration, SavedModel, build_network, load_model, shipped_model

SPACE = PoseSpace({"azimuth": (0.0, 90.0, 180.0, 270.0)})
HAS_CUDA = torch.cuda.is_available()


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    """Every tenth image of the unseen toys."""
    toys, model = open_dataset("data/toys", "test"), Recognizer.load(device="cpu")
    return torch.stack([model.preprocessed(toys[i]).pixels for i in range(0, len(toys), 10)])


@pytest.fixture(scope="module")
def energies(pixels) -> torch.Tensor:
    return Recognizer.load(device="cpu").see(pixels).energies.values


def saved(kind: str = "energy", **changes) -> SavedModel:
    torch.manual_seed(0)
    settings = ModelSettings(features="small", channels=4, volume_channels=2)
    how = Preprocessing()
    network = build_network(kind, ("a", "b", "c"), SPACE, how, settings)
    return replace(SavedModel(kind, network.eval(), settings, how, None, {}), **changes)


def apart(recognizer: Recognizer, pixels: torch.Tensor, energies: torch.Tensor) -> tuple:
    """Return how far energies are apart at most, and the share of equal categories."""
    found = recognizer.see(pixels).energies.values
    assert found.dtype == torch.float32
    found = found.cpu()
    same = found.amin(2).argmin(1) == energies.amin(2).argmin(1)
    return float((found - energies).abs().max()), float(same.float().mean())


def test_bfloat16_says_the_same_category_and_nearly_the_same_energies(pixels, energies):
    difference, same = apart(Recognizer.load(None, "cpu", "bfloat16"), pixels, energies)
    # Features have 8 bits, energies 0 to 40: a part in 200 is what can be had, not 0.001.
    assert 0 < difference < 0.2
    assert same >= 0.99


def test_float16_is_ten_times_nearer(pixels, energies):
    few = slice(0, 32)  # processors emulate it
    difference, same = apart(Recognizer.load(None, "cpu", "float16"), pixels[few], energies[few])
    assert 0 < difference < 0.02
    assert same == 1


@pytest.mark.skipif(not HAS_CUDA, reason="needs a GPU")
@pytest.mark.parametrize(
    ("precision", "wanted"), [("float32", 1e-3), ("float16", 0.02), ("bfloat16", 0.2)]
)
def test_a_gpu_agrees_with_the_processor(pixels, energies, precision, wanted):
    difference, same = apart(Recognizer.load(None, "cuda", precision), pixels, energies)
    assert difference < wanted
    assert same >= (0.999 if precision == "float32" else 0.99)


@pytest.mark.parametrize("kind", ["cnn", "cnn-pose"])
def test_classifiers_compute_in_half_precision_too(kind):
    images = torch.randint(0, 256, (8, 1, 1, 48, 48), dtype=torch.uint8)
    whole = Recognizer(saved(kind), "cpu").see(images).energies.values
    difference, _ = apart(Recognizer(saved(kind), "cpu", "", "bfloat16"), images, whole)
    assert difference < 0.05


def test_what_does_not_fit_into_float16_is_computed_in_float32():
    extractor = saved().network.extractor
    with torch.no_grad():
        extractor.head[-1].weight.mul_(1e8)
    images = torch.rand(6, 1, 1, 48, 48)
    images[3:] = 0
    with torch.inference_mode():
        found = computed(extractor, images, torch.float16)
        assert torch.allclose(found, extractor(images), rtol=1e-2, atol=1.0)
    assert found.abs().max() > 65504


def test_an_unknown_precision_is_refused_with_a_hint():
    with pytest.raises(SettingsError, match=r"--precision: .*'bfloat'.*did you mean 'bfloat16'"):
        Recognizer.load(None, "cpu", "bfloat")


@pytest.mark.parametrize("factor", [1e30, float("nan")])
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_damaged_weights_give_an_error_not_an_answer(factor, precision):
    model = saved()
    with torch.no_grad():
        model.network.extractor.head[-1].weight.mul_(factor)
    recognizer = Recognizer(model, "cpu", "", precision)
    with pytest.raises(ModelError, match=r"model: its features .* copy the model folder anew"):
        recognizer.recognize(np.zeros((8, 8), np.uint8))


@pytest.mark.parametrize("value", [0, 1, 127, 255])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_blank_images_of_any_size_have_an_answer(value, precision):
    recognizer = Recognizer(saved(), "cpu", "", precision)
    images = [np.full(shape, value, np.uint8) for shape in ((1, 1), (1, 300), (64, 64), (2, 3))]
    for answer in recognizer.recognize_many(images):
        assert all(np.isfinite(list(answer.energies.values())))
        assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("beta", [1e-9, 1.0, 1e4, 1e30])
def test_probabilities_at_any_temperature_are_those_of_float64(beta):
    model = load_model(shipped_model())
    calibrated = replace(model, calibration=Calibration(beta, 1.0, 0.05, 0.1, 3, 9))
    toys = open_dataset("data/toys", "test")
    for answer in Recognizer(calibrated, "cpu").recognize_many(toys[i] for i in (0, 700, 1500)):
        values = np.array(list(answer.energies.values()), np.float64)
        exact = np.exp(-beta * (values - values.min()))
        assert list(answer.probabilities.values()) == pytest.approx(exact / exact.sum(), abs=1e-3)
        assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-6)
