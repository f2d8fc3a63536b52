"""The classifier as an energy model: energies are negated logits, the pose comes from heads."""

import pytest
import torch

from objrec.energy.classifier import Classifier
from objrec.energy.settings import ModelSettings
from objrec.pose import AXES, INDEX, PoseSpace

NAMES = ("boat", "car", "cup")
SPACE = PoseSpace({"azimuth": (0.0, 90.0, 180.0, 270.0), "elevation": (30.0, 60.0)})


def classifier_of(space=SPACE):
    torch.manual_seed(0)
    return Classifier(NAMES, space, 1, False, ModelSettings(features="small", channels=4)).eval()


@pytest.fixture
def features():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(5, 4, 6, 6, generator=generator)


@torch.no_grad()
def test_gibbs_probabilities_of_its_energies_are_the_softmax(features):
    classifier = classifier_of()
    logits, _ = classifier.logits(features)
    energies = classifier.energies(features, classifier.prepare())
    assert energies.values.shape == (5, 3, 1) and energies.categories == NAMES
    gibbs = torch.softmax(-energies.per_category(), dim=1)
    torch.testing.assert_close(gibbs, torch.softmax(logits, dim=1))


@torch.no_grad()
def test_hypotheses_are_the_categories_in_order_in_the_pose_of_the_heads(features):
    classifier = classifier_of()
    logits, heads = classifier.logits(features)
    found = classifier.hypotheses(features, classifier.energies(features), 2)
    assert found.axes == classifier.axes == ("azimuth", "elevation")
    assert found.pose.shape == (5, 2, len(AXES))
    for i in range(5):
        order = sorted(range(3), key=lambda k: -float(logits[i, k]))
        assert found.category[i].tolist() == order[:2]
        assert found.energy[i].tolist() == pytest.approx([-float(logits[i, k]) for k in order[:2]])
        for name, values in SPACE.values.items():
            likely = max(range(len(values)), key=lambda j: float(heads[name][i, j]))
            assert found.pose[i, :, INDEX[name]].tolist() == [values[likely]] * 2
    others = [INDEX[name] for name in AXES if name not in SPACE.axes]
    assert (found.pose[:, :, others] == 0).all()


@torch.no_grad()
def test_no_more_hypotheses_than_categories(features):
    classifier = classifier_of()
    assert classifier.hypotheses(features, classifier.energies(features), 9).energy.shape == (5, 3)


@torch.no_grad()
def test_a_plain_classifier_answers_no_axis(features):
    classifier = classifier_of(PoseSpace({}))
    assert classifier.axes == () and classifier.logits(features)[1] == {}
    assert (classifier.hypotheses(features, classifier.energies(features)).pose == 0).all()


def test_images_go_in_at_the_extractor():
    classifier = classifier_of()
    logits, heads = classifier.logits(classifier.extractor(torch.rand(2, 1, 1, 48, 48)))
    assert logits.shape == (2, 3)
    assert {name: tuple(head.shape) for name, head in heads.items()} == {
        "azimuth": (2, 4),
        "elevation": (2, 2),
    }
