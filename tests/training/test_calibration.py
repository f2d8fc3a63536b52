"""Calibration: a known beta comes back from samples of it, and the threshold is a quantile."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from objrec import Recognizer
from objrec.datasets import open_dataset
from objrec.errors import DataError
from objrec.training import train
from objrec.training.calibration import (
    HeldOut,
    calibrate,
    check_validation,
    fit_beta,
    held_out_answers,
)


def sampled(beta, count=8000, categories=4, seed=0):
    """Energies of any kind, and labels drawn from their Gibbs distribution at beta."""
    generator = torch.Generator().manual_seed(seed)
    energies = 3 * torch.rand(count, categories, generator=generator) / beta + 5
    likely = torch.softmax(-beta * energies, dim=1)
    return energies, torch.multinomial(likely, 1, generator=generator)[:, 0]


def likelihood_by_hand(beta, energies, labels):
    """With one more right and one more wrong answer, the latter shared by all categories."""
    energies, rest = energies.double().numpy(), 1 / (len(labels) + 2)
    logs = -beta * energies - np.log(np.exp(-beta * energies).sum(axis=1, keepdims=True))
    true = logs[np.arange(len(labels)), labels.numpy()].mean()
    return (1 - rest) * true + rest * logs.mean()


@pytest.mark.parametrize("beta", [0.05, 1.0, 2.5, 40.0])
def test_the_beta_that_labels_were_drawn_at_is_found(beta):
    assert fit_beta(*sampled(beta)) == pytest.approx(beta, rel=0.06)


def test_no_other_beta_is_more_likely():
    energies, labels = sampled(1.3, count=300)
    fitted = fit_beta(energies, labels)
    best = likelihood_by_hand(fitted, energies, labels)
    for beta in np.geomspace(0.01, 100, 200):
        assert likelihood_by_hand(beta, energies, labels) <= best + 1e-12


def test_beta_undoes_the_scale_of_the_energies():
    energies, labels = sampled(1.0, count=500)
    assert fit_beta(8 * energies, labels) == pytest.approx(fit_beta(energies, labels) / 8, rel=1e-4)
    assert fit_beta(energies - 100, labels) == pytest.approx(fit_beta(energies, labels), rel=1e-4)


@pytest.mark.parametrize("count", [10, 100, 1000])
def test_answers_that_are_all_right_are_no_evidence_for_certainty(count):
    energies = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(count // 2, 1)
    labels = torch.tensor([0, 1]).repeat(count // 2)
    # Two categories one energy apart: right with probability 1 / (1 + exp(-beta)). Of the weight
    # 1 / (N + 2) that is taken from the true category, half stays with it.
    wrong = 1 / (2 * (count + 2))
    assert fit_beta(energies, labels) == pytest.approx(np.log((1 - wrong) / wrong), rel=1e-4)


def test_beta_is_bounded_where_all_answers_are_wrong():
    energies = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    assert fit_beta(energies, torch.tensor([1, 0])) == pytest.approx(0.001, rel=1e-3)


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_the_threshold_is_the_quantile_of_the_lowest_energies(rate):
    energies, labels = sampled(1.0, count=1000)
    result = calibrate([HeldOut(energies, labels, 3)], rate)
    lowest = energies.numpy().min(axis=1)
    assert result.threshold == pytest.approx(np.quantile(lowest, 1 - rate), rel=1e-6)
    above = (lowest > result.threshold).mean()
    assert result.false_alarm_rate == pytest.approx(above, abs=1e-6)
    assert result.false_alarm_rate == pytest.approx(rate, abs=1e-3)


def test_folds_are_taken_together():
    energies, labels = sampled(2.0, count=900)
    parts = [slice(0, 200), slice(200, 600), slice(600, 900)]
    folds = [HeldOut(energies[p], labels[p], n) for p, n in zip(parts, (5, 4, 4), strict=True)]
    together = calibrate([HeldOut(energies, labels, 13)])
    apart = calibrate(folds)
    assert (apart.beta, apart.threshold) == (together.beta, together.threshold)
    assert (apart.folds, apart.objects) == (3, 13)
    wrong = (energies.argmin(dim=1) != labels).float()
    assert apart.error_rate == pytest.approx(wrong.mean().item())
    assert folds[1].error_rate == pytest.approx(wrong[200:600].mean().item())


def test_answers_made_in_inference_mode_will_do():
    with torch.inference_mode():
        energies, labels = sampled(1.0, count=100)
    assert calibrate([HeldOut(energies, labels, 1)]).beta > 0


# A validation split -------------------------------------------------------------------------------


@pytest.fixture
def parts(toys):
    """Training and validation: objects 0 and 1, and object 2, of each of three categories."""
    dataset = open_dataset(toys)
    fewer = dataset.subset(dataset.poses[:, 0] % 60 == 0)
    new = fewer.factors["instance"] == "2"
    return fewer.subset(~new), replace(fewer.subset(new), split="val")


def test_a_validation_split_calibrates_the_model_itself(parts, tmp_path, quick):
    trained_on, validation = parts
    list(train(trained_on, tmp_path / "m", quick(epochs=2), validation=validation))
    recognizer = Recognizer.load(tmp_path / "m")
    found = recognizer.calibration
    answers = list(recognizer.recognize_many(validation))
    lowest = [min(answer.energies.values()) for answer in answers]
    right = zip(answers, validation, strict=True)
    wrong = [answer.category != sample.category for answer, sample in right]
    assert (found.source, found.folds, found.objects) == ("validation", 0, 3)
    assert found.threshold == pytest.approx(np.quantile(lowest, 0.95), rel=1e-4)
    assert found.error_rate == pytest.approx(np.mean(wrong))
    card = (tmp_path / "m" / "README.md").read_text()
    assert "On objects of a validation split (3 objects): error" in card
    assert f"| error on the validation split | {100 * np.mean(wrong):.1f} % |" in card


def test_calibration_does_not_change_the_weights(parts, tmp_path, quick):
    trained_on, validation = parts
    list(train(trained_on, tmp_path / "a", quick(epochs=1), validation=validation))
    list(train(trained_on, tmp_path / "b", quick(epochs=1)))
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in "ab"]
    assert weights[0] == weights[1]


def test_folds_go_before_a_validation_split(parts, tmp_path, quick):
    trained_on, validation = parts
    list(train(trained_on, tmp_path / "m", quick(epochs=1), folds=2, validation=validation))
    found = Recognizer.load(tmp_path / "m").calibration
    assert (found.source, found.folds, found.objects) == ("folds", 2, 6)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda a, b: a, "train split shows objects that are trained on .duck/0, .* and 3 more.;"),
        (lambda a, b: replace(b, cameras=2), "the val split has 2 cameras, not 1"),
        (lambda a, b: b.subset([]), "the val split has no readable image of a category"),
        (lambda a, b: replace(b, categories=("x", "y", "z")), "no readable image of a category"),
    ],
)
def test_a_split_that_cannot_calibrate_is_refused_before_training(
    parts, tmp_path, quick, change, sentence
):
    with pytest.raises(DataError, match=f"balls: .*{sentence}"):
        next(train(parts[0], tmp_path / "m", quick(), validation=change(*parts)))
    assert not (tmp_path / "m").exists()


def test_background_may_be_the_same_in_both_splits(toys):
    dataset = open_dataset(toys)
    new, tree = dataset.factors["instance"] == "2", dataset.labels == 2
    trained_on, validation = dataset.subset(~new), dataset.subset(new | tree)
    with pytest.raises(DataError, match=r"trained on \(tree/0, tree/1\); divide"):
        check_validation(trained_on, validation)
    check_validation(*(replace(part, background=("tree",)) for part in (trained_on, validation)))


def test_only_readable_images_of_known_objects_are_asked_about(photos, small_model, tmp_path):
    for name in ("box", "cross", "ring"):
        (tmp_path / name).mkdir()
        for i in range(3):
            cv2.imwrite(str(tmp_path / name / f"{i}.png"), np.full((9, 9), 60 * i, np.uint8))
    (tmp_path / "box" / "1.png").write_text("no image")
    recognizer = Recognizer.load(small_model, device="cpu")
    dataset = open_dataset(tmp_path)
    found = held_out_answers(recognizer, dataset)
    assert (found.labels.tolist(), found.objects) == ([0, 0, 1, 1, 1], 5)
    files = [source for source in dataset.sources if "ring" not in source and "box/1" not in source]
    assert [failure.source for failure in dataset.failures] == [str(tmp_path / "box" / "1.png")]
    expected = [list(answer.energies.values()) for answer in recognizer.recognize_many(files)]
    np.testing.assert_allclose(found.energies.numpy(), expected, rtol=1e-5)


def test_of_unknown_objects_there_are_no_answers(small_model, toys):
    found = held_out_answers(Recognizer.load(small_model, device="cpu"), open_dataset(toys))
    assert (tuple(found.energies.shape), len(found.labels), found.objects) == ((0, 2), 0, 0)


def test_a_fold_of_background_alone_is_no_fold(parts, tmp_path, quick):
    trained_on, _ = parts
    instances = np.where(trained_on.labels == 2, "", trained_on.factors["instance"])
    dataset = replace(trained_on, background=("tree",), factors={"instance": instances})
    list(train(dataset, tmp_path / "m", quick(epochs=1), folds=3))
    found = Recognizer.load(tmp_path / "m").calibration
    assert (found.folds, found.objects) == (2, 4), "each tree is alone, and the third fold has some"
