"""What a step minimises, against loops that spell the loss out answer by answer."""

import math

import pytest
import torch

from objrec.answers import AnswerSettings
from objrec.energy.classifier import Classifier
from objrec.energy.model import EnergyModel
from objrec.energy.settings import ModelSettings
from objrec.losses import LossSettings
from objrec.pose import AXES, INDEX, PoseSpace
from objrec.training.objective import ClassifierObjective, EnergyObjective, collapse_indicators

NAMES = ("boat", "car", "cup")
AZIMUTHS, ELEVATIONS = (0.0, 60.0, 120.0, 180.0, 240.0, 300.0), (30.0, 45.0, 60.0)
SPACE = PoseSpace({"azimuth": AZIMUTHS, "elevation": ELEVATIONS})


def poses_of(*pairs):
    poses = torch.full((len(pairs), len(AXES)), torch.nan)
    poses[:, :2] = torch.tensor(pairs)
    return poses


LABELS = torch.tensor([0, 1, 2, 1])
POSES = poses_of((300.0, 30.0), (60.0, 45.0), (float("nan"), 60.0), (float("nan"), float("nan")))


@pytest.fixture
def features():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(4, 4, 6, 6, generator=generator, requires_grad=True)


@pytest.fixture
def objective():
    torch.manual_seed(0)
    settings = ModelSettings(features="small", channels=4, volume_channels=3, depth=3)
    model = EnergyModel(NAMES, SPACE, 1, False, settings)
    return EnergyObjective(
        model, LossSettings(category_weight=1.0), AnswerSettings(), model.operators()
    )


def part_of(label, pose, k, a, e):
    """Of labels on grid poses: right in the cell itself, forbidden in the eight around it."""
    if k != label:
        return "wrong"
    around = []
    if not math.isnan(pose[0]):
        steps = abs(AZIMUTHS.index(float(pose[0])) - a)
        around.append(min(steps, len(AZIMUTHS) - steps))
    if not math.isnan(pose[1]):
        around.append(abs(ELEVATIONS.index(float(pose[1])) - e))
    return ("right", "forbidden", "wrong")[min(2, max(around, default=0))]


def loss_by_loop(energies, right, wrong):
    """The negative log likelihood of the right answers among right and wrong ones."""
    mass = [sum(math.exp(-energies[cell]) for cell in cells) for cells in (right, wrong)]
    return math.log(sum(mass) / mass[0])


def test_the_energy_loss_is_the_likelihood_over_answers_and_over_categories(objective, features):
    result = objective(features, LABELS, POSES)
    model = objective.model
    values = model.energies(features, model.warp(objective.operators)).values.detach()
    values = values.double().view(4, 3, 6, 3)
    for i in range(4):
        cells = torch.cartesian_prod(torch.arange(3), torch.arange(6), torch.arange(3)).tolist()
        energies = {tuple(cell): float(values[(i, *cell)]) for cell in cells}
        parts = {cell: part_of(LABELS[i], POSES[i], *cell) for cell in energies}
        right = [cell for cell, part in parts.items() if part == "right"]
        wrong = [cell for cell, part in parts.items() if part == "wrong"]
        wanted = loss_by_loop(energies, right, wrong)
        assert result.terms["answer"][i].item() == pytest.approx(wanted, rel=1e-4)
        own = [cell for cell in energies if cell[0] == LABELS[i]]
        others = [cell for cell in energies if cell[0] != LABELS[i]]
        wanted = loss_by_loop(energies, own, others)
        assert result.terms["category"][i].item() == pytest.approx(wanted, rel=1e-4)
        wanted = loss_by_loop(energies, right, [cell for cell in wrong if cell[0] == LABELS[i]])
        assert result.terms["pose"][i].item() == pytest.approx(wanted, rel=1e-4)
        assert result.predicted[i] == min(energies, key=energies.get)[0]


def test_nothing_fits_is_one_more_answer_in_a_single_pose(features):
    torch.manual_seed(0)
    settings = ModelSettings(features="small", channels=4, volume_channels=3, depth=3)
    model = EnergyModel(NAMES, SPACE, 1, False, settings, background=True)
    operators = model.operators()
    objective = EnergyObjective(
        model, LossSettings(category_weight=1.0), AnswerSettings(), operators
    )
    labels, poses = torch.tensor([3, 0]), poses_of((float("nan"),) * 2, (300.0, 30.0))
    result = objective(features[:2], labels, poses)
    found = model.energies(features[:2], model.warp(operators))
    nothing = found.nothing[0].item()
    assert nothing == pytest.approx(model.distance.scale().item() * model.nothing.item())
    values = found.values.detach().double().view(2, 3, 6, 3)
    cells = [tuple(c) for c in torch.cartesian_prod(*map(torch.arange, (3, 6, 3))).tolist()]
    for i in range(2):
        energies = {cell: float(values[(i, *cell)]) for cell in cells} | {"nothing": nothing}
        parts = {c: part_of(labels[i], poses[i], *c) for c in cells}
        parts["nothing"] = "right" if i == 0 else "wrong"
        right = [cell for cell, part in parts.items() if part == "right"]
        wrong = [cell for cell, part in parts.items() if part == "wrong"]
        wanted = loss_by_loop(energies, right, wrong)
        assert result.terms["answer"][i].item() == pytest.approx(wanted, rel=1e-4)
        best = min(energies, key=energies.get)
        assert result.predicted[i] == (3 if best == "nothing" else best[0])
    assert torch.autograd.grad(result.terms["answer"][0], model.nothing)[0] > 0, "pulled down"
    result = objective(features[:2], labels, poses)
    assert torch.autograd.grad(result.terms["answer"][1], model.nothing)[0] < 0, "pushed up"


def test_the_energy_loss_reaches_features_and_every_reference(objective, features):
    result = objective(features, LABELS, POSES)
    assert result.maps.shape == (3, 1, 18, 4, 6, 6)
    sum(result.terms.values()).mean().backward()
    assert torch.isfinite(features.grad).all()
    assert (features.grad.flatten(1).abs().sum(dim=1) > 0).all()
    volumes = objective.model.references.volumes.grad
    assert (volumes.flatten(2).abs().sum(dim=2) > 0).all()
    assert objective.model.distance.log_scale.grad.abs() > 0


def test_a_step_against_the_gradient_lowers_the_energy_loss(objective, features):
    parameters = list(objective.model.references.parameters())
    before = sum(objective(features, LABELS, POSES).terms.values()).mean()
    gradients = torch.autograd.grad(before, parameters)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= 0.01 * gradient / gradient.norm()
        after = sum(objective(features, LABELS, POSES).terms.values()).mean()
    assert after < before


@pytest.fixture
def classifier():
    torch.manual_seed(0)
    return Classifier(NAMES, SPACE, 1, False, ModelSettings(features="small", channels=4)).eval()


def test_classifier_losses_are_negative_log_softmax_of_what_was_observed(classifier, features):
    result = ClassifierObjective(classifier)(features, LABELS, POSES)
    logits, heads = classifier.logits(features)
    assert set(result.terms) == {"category", "azimuth", "elevation"}
    for i in range(4):
        wanted = -torch.log_softmax(logits[i], 0)[LABELS[i]]
        assert result.terms["category"][i].item() == pytest.approx(wanted.item(), rel=1e-5)
        assert result.predicted[i] == logits[i].argmax()
        for name, values in (("azimuth", AZIMUTHS), ("elevation", ELEVATIONS)):
            label = float(POSES[i, INDEX[name]])
            wanted = 0.0
            if not math.isnan(label):
                wanted = -torch.log_softmax(heads[name][i], 0)[values.index(label)].item()
            assert result.terms[name][i].item() == pytest.approx(wanted, rel=1e-5)
    assert result.maps is None


def test_labels_between_grid_values_teach_the_nearest(classifier, features):
    objective = ClassifierObjective(classifier)
    between = poses_of((359.0, 31.0), (61.0, 50.0), (-25.0, 90.0), (250.0, 10.0))
    nearest = poses_of((0.0, 30.0), (60.0, 45.0), (0.0, 60.0), (240.0, 30.0))
    one, other = (objective(features, LABELS, poses).terms for poses in (between, nearest))
    for name in ("azimuth", "elevation"):
        assert torch.equal(one[name], other[name])


def test_unknown_labels_leave_finite_gradients_and_none_on_their_head(classifier, features):
    unknown = torch.full((4, len(AXES)), torch.nan)
    result = ClassifierObjective(classifier)(features, LABELS, unknown)
    sum(result.terms.values()).mean().backward()
    assert torch.isfinite(features.grad).all()
    assert (classifier.pose_heads["azimuth"].weight.grad == 0).all()
    assert classifier.category_head.weight.grad.abs().sum() > 0


def test_a_plain_classifier_has_one_term(features):
    classifier = Classifier(
        NAMES, PoseSpace({}), 1, False, ModelSettings(features="small", channels=4)
    ).eval()
    assert set(ClassifierObjective(classifier)(features, LABELS, POSES).terms) == {"category"}


def test_collapse_indicators_are_those_of_a_loop():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(5, 2, 3, 3, generator=generator)
    maps = torch.randn(3, 2, 4, 2, 3, 3, generator=generator)
    gap, variance = collapse_indicators(features, maps)
    between = []
    for a in range(3):
        for b in range(a):
            apart = (maps[a, 0] - maps[b, 0]).square().flatten(1).sum(1)
            between.append(float(apart.mean()))
    norm = float(maps[:, 0].square().flatten(2).sum(2).mean())
    assert gap == pytest.approx(min(between) / norm, rel=1e-4)
    assert variance == pytest.approx(float(features.numpy().var(axis=0, ddof=1).mean()), rel=1e-4)


def test_merged_references_and_features_show():
    features, maps = torch.rand(1, 2, 3, 3).expand(4, -1, -1, -1), torch.rand(3, 1, 4, 2, 3, 3)
    maps[2] = maps[0]
    gap, variance = collapse_indicators(features, maps)
    assert gap < 1e-6 and variance < 1e-12
    assert collapse_indicators(features, torch.zeros_like(maps)) == (0.0, pytest.approx(0))


@pytest.mark.parametrize("maps", [None, torch.rand(1, 1, 4, 2, 3, 3)])
def test_without_two_references_there_is_no_gap(maps):
    assert collapse_indicators(torch.rand(4, 2, 3, 3), maps)[0] == 0
