"""No input makes a number that is not finite, and what is finite is right: checked in float64."""

from __future__ import annotations

import pytest
import torch

from objrec.answers import Answers
from objrec.energy.distance import DISTANCES, LARGEST
from objrec.energy.energies import Energies
from objrec.energy.minima import parabola_vertex
from objrec.energy.settings import ModelSettings
from objrec.losses import LOSSES, LossSettings, total_loss
from objrec.pose import PoseSpace
from objrec.preprocessing import Preprocessing
from objrec.saving import build_network

SPACE = PoseSpace({"azimuth": (0.0, 90.0, 180.0, 270.0), "elevation": (30.0, 40.0)})
SIZES = (0.0, 1e-30, 1e-8, 1.0, 1e6, LARGEST / 10)


def case(features: float, references: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features, maps and coverage of these sizes; a bare, a half covered and two equal maps."""
    generator = torch.Generator().manual_seed(0)
    g = torch.randn(3, 4, 5, 5, generator=generator) * features
    r = torch.randn(4, 4, 5, 5, generator=generator) * references
    coverage = torch.ones(4, 1, 5, 5)
    coverage[0], coverage[1, :, :, 3:] = 0, 0
    r[3] = r[2]
    return g, r * coverage, coverage


@pytest.mark.parametrize("name", DISTANCES)
def test_distances_of_any_size_are_finite_and_those_of_float64(name):
    for features in SIZES:
        for references in SIZES:
            g, r, coverage = case(features, references)
            g[1] = g[1, 0, 0, 0]  # a constant map
            leaves = [t.requires_grad_() for t in (g, r)]
            distance = DISTANCES[name]()
            energies = distance(*leaves, coverage)
            energies.sum().backward()
            for tensor in (energies, g.grad, r.grad, distance.log_scale.grad):
                assert torch.isfinite(tensor).all(), (features, references)
            exact = DISTANCES[name]().double()(g.double(), r.double(), coverage.double())
            error = (energies.double() - exact).abs().max() / exact.abs().max().clamp(min=1e-30)
            assert error < 1e-4, (features, references)
            assert torch.equal(energies[:, 2], energies[:, 3])


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("value", [-100.0, 0.0, 100.0])
def test_the_scale_of_a_distance_may_be_learned_to_any_size(name, value):
    distance = DISTANCES[name]()
    with torch.no_grad():
        distance.log_scale.fill_(value)
    energies = distance(*case(1.0, 1.0))
    energies.sum().backward()
    assert torch.isfinite(energies).all()
    assert torch.isfinite(distance.log_scale.grad)


def parts() -> Answers:
    """Return parts of four samples: usual, one right answer, no wrong one, nothing forbidden."""
    right = torch.zeros(4, 3, 4, dtype=torch.bool)
    right[:, 0, 0] = True
    wrong = ~right
    wrong[0, 0, 1], wrong[2] = False, False
    return Answers(right, wrong)


def extreme_energies() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    mixed = torch.randn(4, 3, 4, generator=generator)
    right = parts().right
    return {
        "zero": torch.zeros(4, 3, 4),
        "equal": torch.full((4, 3, 4), 7.0),
        "far": torch.full((4, 3, 4), 1e4),
        "tiny": mixed * 1e-30,
        "mixed": mixed.abs() * 1e4,
        "right far": torch.where(right, 1e4, 0.0),
        "wrong far": torch.where(right, 0.0, 1e4),
    }


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("soft", [True, False])
def test_losses_of_extreme_energies_and_temperatures_are_finite(loss, soft):
    for beta in (0.001, 1.0, 1000.0):
        settings = LossSettings(loss=loss, soft=soft, beta=beta)
        for name, energies in extreme_energies().items():
            values = energies.clone().requires_grad_()
            result = total_loss(values, parts(), settings)
            result.sum().backward()
            assert torch.isfinite(result).all(), (name, beta)
            assert torch.isfinite(values.grad).all(), (name, beta)
            # The float32 nearest to 1e4 is up to 5e-4 off: times beta, that is what losses see.
            if beta * energies.abs().max() <= 1e3:
                exact = total_loss(energies.double(), parts(), settings)
                assert torch.allclose(result.double(), exact, rtol=1e-3), (name, beta)


def energies_of(values: torch.Tensor) -> Energies:
    return Energies(values, ("a", "b"), SPACE.grid())


@pytest.mark.parametrize("value", [0.0, 1e-30, 1e4, 3e38])
def test_equal_energies_still_have_one_answer_on_the_grid(value):
    energies = energies_of(torch.full((2, 2, 8), value))
    for found in (energies.best(), energies.hypotheses(3, between=("azimuth", "elevation"))):
        assert torch.isfinite(found.energy).all()
        assert (found.energy == value).all()
        assert (found.pose[0, 0] == SPACE.grid().poses).all(dim=1).any()
        assert torch.equal(found.pose[0], found.pose[1])


def test_a_parabola_through_extreme_energies_stays_between_its_neighbours():
    levels = torch.tensor([0.0, 1e-38, 1e-6, 1.0, 1e4, 3e38, torch.inf])
    before, middle, after = torch.cartesian_prod(levels, levels, levels).T
    vertex = parabola_vertex(before, middle, after)
    assert ((vertex >= -1) & (vertex <= 1)).all()


def network(kind: str = "energy", **changes):
    settings = ModelSettings(features="small", channels=4, volume_channels=2, **changes)
    return build_network(kind, ("a", "b"), SPACE, Preprocessing(), settings).eval()


def odd_images() -> torch.Tensor:
    """Black, gray, white, one white pixel, one black pixel, a saturated checker, twice the same."""
    images = torch.zeros(8, 1, 1, 48, 48, dtype=torch.uint8)
    images[1], images[2], images[4] = 128, 255, 255
    images[3, :, :, 20, 20], images[4, :, :, 20, 20] = 255, 0
    images[5:, :, :, ::2, ::2] = 255
    return images


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("deviation", [0.001, 1.0])
def test_odd_images_have_finite_energies_alone_and_in_a_batch(distance, deviation):
    torch.manual_seed(0)
    model, how = network(distance=distance), Preprocessing(deviation=deviation)
    pixels = how.normalised(odd_images())
    with torch.no_grad():
        warped = model.prepare()
        together = model.energies(model.extractor(pixels), warped).values
        alone = [model.energies(model.extractor(p[None]), warped).values for p in pixels]
    assert torch.isfinite(together).all()
    assert torch.allclose(torch.cat(alone), together, rtol=1e-4, atol=1e-4)
    assert torch.allclose(together[6], together[7], atol=1e-5)
    exact, whole = model.double(), pixels.double()
    with torch.no_grad():
        exact = exact.energies(exact.extractor(whole), exact.prepare()).values
    assert torch.allclose(together.double(), exact, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("references", ["volume", "planar"])
@pytest.mark.parametrize("distance", DISTANCES)
def test_references_of_zero_and_equal_references_have_finite_energies(references, distance):
    model = network(references=references, distance=distance)
    kept = model.references.volumes if references == "volume" else model.references.maps
    pixels = Preprocessing().normalised(odd_images())
    for value in (0.0, 1.0):
        with torch.no_grad():
            kept.fill_(value)
        energies = model.energies(model.extractor(pixels), model.prepare()).values
        energies.sum().backward()
        assert torch.isfinite(energies).all()
        assert torch.equal(energies[:, 0], energies[:, 1])
        assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
