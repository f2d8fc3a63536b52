"""Searches in blocks and from coarse to fine, against the energies of all answers at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from objrec import Recognizer, open_dataset
from objrec.energy.distance import DISTANCES
from objrec.energy.model import EnergyModel
from objrec.energy.search import MEMORY, CoarseToFine, Exhaustive, fits, search_of
from objrec.energy.search.blocks import blocks, pose_runs
from objrec.energy.search.cells import Cells, repeated
from objrec.energy.search.table import coarse_places, coarse_steps
from objrec.energy.settings import ModelSettings
from objrec.errors import SettingsError
from objrec.pose import INDEX, PoseSpace

ROOT = Path(__file__).parents[2]
NAMES = tuple(f"c{i}" for i in range(5))
SPACE = PoseSpace(
    {
        "azimuth": tuple(range(0, 360, 40)),
        "elevation": (10, 30, 50),
        "roll": (-20, 0, 20),
        "shift_x": (-0.3, 0.0, 0.1),
    }
)
FINE = PoseSpace(
    {"azimuth": tuple(range(0, 360, 5)), "elevation": tuple(range(30, 71, 5)), "roll": (-5, 0, 5)}
)


def model_of(space=SPACE, dtype=torch.float64, background=False, **settings) -> EnergyModel:
    torch.manual_seed(0)
    chosen = ModelSettings(features="small", channels=6, volume_channels=3, depth=4, **settings)
    return EnergyModel(NAMES, space, 1, False, chosen, background).to(dtype).requires_grad_(False)


def features_of(model: EnergyModel, count: int = 9) -> torch.Tensor:
    """Make features: references somewhere, and noise."""
    generator = torch.Generator().manual_seed(1)
    grid = model.space.grid()
    category = torch.randint(len(NAMES), (count,), generator=generator)
    pose = grid.poses[torch.randint(grid.size, (count,), generator=generator)]
    maps = model.references.at(category, pose.to(model.distance.log_scale))[0][:, 0]
    noise = torch.randn(maps.shape, generator=generator, dtype=maps.dtype)
    return maps / maps.std() + 0.5 * noise


@pytest.fixture(scope="module")
def toys() -> tuple[EnergyModel, torch.Tensor]:
    """The shipped model, and its features of 108 images that it never saw."""
    recognizer, images = Recognizer.load(device="cpu"), open_dataset(ROOT / "data/toys", "test")
    chosen = [images[i].images for i in range(0, len(images), 18)]
    pixels = torch.stack([recognizer.preprocessing.images(image) for image in chosen])
    with torch.inference_mode():
        features = recognizer.network.extractor(recognizer.preprocessing.normalised(pixels))
    return recognizer.network, features


def same(found, energies, hypotheses, tolerance=1e-9) -> None:
    assert torch.allclose(found.lowest, energies.per_category(), atol=tolerance)
    own = found.hypotheses
    assert torch.allclose(own.energy, hypotheses.energy, atol=tolerance)
    assert torch.equal(own.category, hypotheses.category)
    assert torch.allclose(own.pose, hypotheses.pose.to(own.pose), atol=1e-4)
    assert (own.categories, own.axes) == (hypotheses.categories, hypotheses.axes)


CASES = {
    **{name: {"distance": name} for name in DISTANCES},
    "two models a category": {"models_per_category": 2},
    "planar": {"references": "planar", "models_per_category": 2},
    "background": {"background": True},
}


# Exhaustive ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("memory", [100_000, 400_000, 1 << 30])
@pytest.mark.parametrize("choices", CASES.values(), ids=CASES)
def test_exhaustive_search_in_blocks_finds_what_all_energies_say(choices, memory):
    model = model_of(**choices)
    features = features_of(model)
    energies = model.energies(features, model.prepare())
    search = Exhaustive(model, memory)
    assert search.keeps is (memory == 1 << 30)
    for refined in (True, False):
        found = search(features, 4, refined=refined)
        same(found, energies, model.hypotheses(features, energies, 4, refined=refined))
    if model.background:
        assert torch.equal(found.nothing, energies.nothing)
        assert found.per_category().nothing is found.nothing
    else:
        assert found.nothing is None


def test_in_single_precision_too():
    model = model_of(dtype=torch.float32)
    features = features_of(model)
    energies = model.energies(features, model.prepare())
    hypotheses = model.hypotheses(features, energies, 2)
    same(Exhaustive(model, 100_000)(features, 2), energies, hypotheses, 1e-4)


def test_a_model_without_axes():
    model = model_of(PoseSpace({}))
    features = features_of(model)
    energies = model.energies(features, model.prepare())
    for search in (Exhaustive(model, 20_000), CoarseToFine(model, 1 << 24)):
        same(search(features, 1), energies, model.hypotheses(features, energies, 1))


@pytest.mark.parametrize("shape", [(), (5,), (4, 3), (3, 2, 4, 2)])
@pytest.mark.parametrize("most", [1, 2, 3, 7, 10, 1000])
def test_runs_cover_a_grid_in_its_order(shape, most):
    grid = torch.arange(torch.Size(shape).numel()).view(shape)
    covered = []
    for run, ranges in pose_runs(shape, most):
        part = grid
        for axis, own in enumerate(ranges):
            part = part.index_select(axis, torch.tensor(own))
        assert part.flatten().tolist() == list(range(run.start, run.stop))
        assert run.stop - run.start <= most
        covered += part.flatten().tolist()
    assert covered == list(range(grid.numel()))


def test_blocks_cover_all_answers_once():
    seen = torch.zeros(7, 12, dtype=torch.long)
    for block in blocks(7, 2, (4, 3), 50):
        seen[block.categories, block.poses] += 1
    assert (seen == 1).all()


class Largest(TorchDispatchMode):
    """Notes the largest tensor that any operation returns, in bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self.bytes = max(self.bytes, leaf.untyped_storage().nbytes())
        return result


@pytest.mark.parametrize(("kind", "memory"), [(Exhaustive, 4_000_000), (CoarseToFine, 64_000_000)])
@torch.inference_mode()
def test_no_tensor_is_larger_than_the_memory(toys, kind, memory):
    model, features = toys[0].searching(FINE), toys[1]
    assert 4 * features[0].numel() * len(model.categories) * FINE.size > memory  # of all answers
    with Largest() as largest:
        kind(model, memory)(features, 3)
    assert largest.bytes <= memory


# From coarse to fine ------------------------------------------------------------------------------


@pytest.mark.parametrize("choices", CASES.values(), ids=CASES)
def test_what_is_found_has_the_energy_of_the_exhaustive_search(choices):
    model = model_of(**choices)
    features = features_of(model)
    energies = model.energies(features, model.prepare())
    found = CoarseToFine(model, 1 << 26)(features, 3, refined=False)
    grid = model.space.grid()
    place = torch.zeros(found.hypotheses.energy.shape, dtype=torch.long)
    for axis, name in enumerate(grid.axes):
        where = grid.nearest(name, found.hypotheses.pose[..., INDEX[name]])
        place = place * grid.shape[axis] + where
    rows = torch.arange(len(features))[:, None]
    exact = energies.values[rows, found.hypotheses.category, place]
    known = found.hypotheses.energy.isfinite()
    assert known[:, 0].all()
    assert torch.allclose(found.hypotheses.energy[known], exact[known], atol=1e-5)
    assert (found.lowest >= found.hypotheses.energy[:, :1]).all()
    if choices.get("distance") != "local":  # whose estimates are poor in an untrained model
        best = energies.best()
        assert (found.hypotheses.energy[:, 0] <= best.energy[:, 0] + 1e-5).float().mean() > 0.85


@pytest.mark.parametrize("memory", [2_000_000, 100_000_000])
@torch.inference_mode()
def test_the_winner_is_the_same_on_real_images(toys, memory):
    model, features = toys[0].searching(FINE), toys[1]
    energies = model.energies(features, model.prepare())
    wanted = model.hypotheses(features, energies, 1)
    search = CoarseToFine(model, memory)
    assert max(search.table.steps) > 1
    found = search(features, 1).hypotheses
    equal = (found.energy - wanted.energy).abs()[:, 0] < 1e-4
    assert equal.float().mean() >= 0.99
    assert (found.pose - wanted.pose).abs()[equal].amax() < 0.02


def test_answers_beside_better_ones_are_repeated():
    grid = PoseSpace({"azimuth": tuple(range(0, 360, 30)), "elevation": (0, 10, 20, 30)}).grid()
    cells = Cells(grid, torch.device("cpu"))
    pose = torch.tensor([[[0, 1], [11, 2], [11, 3], [0, 1], [6, 1]]])
    category = torch.tensor([[0, 0, 0, 1, 0]])
    assert repeated(cells, category, pose, 1).tolist() == [[False, True, True, False, False]]
    assert repeated(cells, category, pose, 0).tolist() == [[False] * 5]


def test_the_coarse_grid_has_the_ends_and_fits_the_memory():
    grid = FINE.grid()
    assert coarse_steps(grid, 1, 10_000) == [2, 1, 2]
    places = coarse_places(grid, [7, 3, 2])
    assert places == {"azimuth": list(range(0, 72, 7)), "elevation": [0, 3, 6, 8], "roll": [0, 2]}
    steps = coarse_steps(grid, 100, 10_000)
    assert len(list(coarse_places(grid, steps)["azimuth"])) <= 100
    with pytest.raises(SettingsError, match="too few poses; give more"):
        coarse_steps(grid, 10_000, 10_000)


@pytest.mark.parametrize("name", ["cosine", "squared"])
def test_estimates_without_compression_are_the_distance(name):
    model = model_of(distance=name)
    features, warped = features_of(model), model.prepare()
    maps, coverage = (
        warped.maps.flatten(0, 2)[::7],
        warped.coverage.repeat(len(NAMES), 1, 1, 1)[::7],
    )
    vectors, offsets = model.distance.linear(maps, coverage)
    estimates = offsets - model.distance.direction(features) @ vectors.T
    wanted = model.distance(features, maps, coverage)
    assert torch.allclose(model.distance.scale() * estimates, wanted, atol=1e-9)


# The choice ---------------------------------------------------------------------------------------


def test_the_search_is_chosen_by_what_fits():
    model = model_of()
    assert fits(model) and search_of(model) is None
    assert isinstance(search_of(model, memory=400_000), CoarseToFine)
    assert isinstance(search_of(model, "exhaustive"), Exhaustive)
    assert isinstance(search_of(model, "coarse-to-fine", MEMORY), CoarseToFine)
    with pytest.raises(SettingsError, match="no method 'best'; choose auto, exhaustive"):
        search_of(model, "best")
