"""Extractors: shapes, what reaches them, and what is trained."""

import pytest
import torch

from objrec.energy.features import (
    ADAPTER_WIDTH,
    BACKBONE_IMAGE,
    BACKBONES,
    EXTRACTORS,
    SIZES,
    Extractor,
    build_extractor,
    image_size,
)

sizes = pytest.mark.parametrize("name", SIZES)
kinds = pytest.mark.parametrize(
    ("cameras", "colour"), [(1, False), (2, False), (1, True), (2, True)]
)


def random_images(name, cameras, colour, batch=2):
    generator = torch.Generator().manual_seed(0)
    side = image_size(name)
    return torch.rand(batch, cameras, 3 if colour else 1, side, side, generator=generator)


@sizes
@kinds
def test_the_map_has_the_stated_shape(name, cameras, colour):
    extractor = build_extractor(name, cameras, colour, 7).eval()
    features = extractor(random_images(name, cameras, colour))
    assert features.shape == (2, 7, extractor.side, extractor.side)
    assert extractor.channels == 7 and not extractor.frozen


def test_the_small_size_is_the_measured_one():
    extractor = build_extractor("small", 2, False, 48)
    assert (image_size("small"), extractor.side) == (48, 6)
    widths = [2, 32, 64, 64, 96, 96]
    kernels = [5, 3, 3, 3, 3]
    layers = zip(widths, widths[1:], kernels, strict=False)
    wanted = sum(a * b * k * k + 2 * b for a, b, k in layers) + 96 * 48 + 48
    assert sum(p.numel() for p in extractor.parameters()) == wanted


def test_medium_is_small_on_larger_images():
    small, medium = (build_extractor(name, 2, False, 48) for name in ("small", "medium"))
    assert (image_size("medium"), medium.side) == (64, 8)
    shapes = [[p.shape for p in e.parameters()] for e in (small, medium)]
    assert shapes[0] == shapes[1]


def test_a_given_image_side_replaces_the_extractors_own():
    extractor = build_extractor("small", 1, False, 5, image_side=80).eval()
    assert (image_size("small", 80), extractor.side) == (80, 10)
    assert extractor(torch.rand(1, 1, 1, 80, 80)).shape == (1, 5, 10, 10)


@sizes
def test_stem_then_head_is_the_whole(name):
    extractor = build_extractor(name, 2, False, 5).eval()
    images = random_images(name, 2, False)
    assert torch.equal(extractor(images), extractor.head(extractor.stem(images)))


def test_every_camera_and_colour_channel_reaches_the_map():
    extractor = build_extractor("small", 2, True, 5).eval()
    images = random_images("small", 2, True).requires_grad_()
    extractor(images).square().sum().backward()
    assert (images.grad.abs().sum(dim=(0, 3, 4)) > 0).all()


def test_an_image_does_not_change_the_map_of_another_in_use():
    extractor = build_extractor("small", 1, False, 5)
    extractor(random_images("small", 1, False, 8))  # batch statistics of training
    extractor.eval()
    images = random_images("small", 1, False, 3)
    with torch.no_grad():
        together = extractor(images)
        alone = torch.cat([extractor(image[None]) for image in images])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_all_weights_of_an_own_extractor_are_trained():
    extractor = build_extractor("small", 1, False, 5)
    extractor(random_images("small", 1, False, 4)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in extractor.parameters())


def test_names_and_image_sizes():
    assert set(EXTRACTORS) == {*SIZES, *BACKBONES}
    for name in BACKBONES:
        assert image_size(name) == BACKBONE_IMAGE


def test_a_backbone_is_frozen_and_its_adapter_trained(monkeypatch):
    pretrained = pytest.importorskip("objrec.energy.pretrained")
    monkeypatch.setattr(pretrained, "load_backbone", lambda name, weights: Backbone())
    extractor = build_extractor("resnet18", 2, False, 5)
    assert isinstance(extractor, Extractor) and extractor.frozen
    assert (extractor.side, extractor.channels) == (8, 5)
    images = random_images("resnet18", 2, False).expand(-1, -1, 3, -1, -1)
    extractor(images).square().sum().backward()
    trained = [name for name, p in extractor.named_parameters() if p.grad is not None]
    assert trained and all(name.startswith("head.") for name in trained)
    assert extractor.head[1].weight.shape == (ADAPTER_WIDTH, 12, 1, 1)


class Backbone(torch.nn.Module):
    """A stand-in: patches of 16 pixels as 12 channels, weights not trained."""

    def __init__(self):
        super().__init__()
        self.patches = torch.nn.Conv2d(6, 12, 16, 16).requires_grad_(False)

    def forward(self, images):
        return self.patches(images.flatten(1, 2))
