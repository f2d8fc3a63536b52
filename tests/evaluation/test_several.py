"""Error by the number of images, compared with plain loops over the recogniser's own answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from objrec import Recognizer
from objrec.datasets import open_dataset
from objrec.energy.settings import ModelSettings
from objrec.errors import DataError, SettingsError
from objrec.evaluation import Extras
from objrec.evaluation.image_groups import choose_groups
from objrec.evaluation.several import (
    CALIBRATED,
    KNOWN,
    LIKELIHOODS,
    LOGARITHMS,
    UNKNOWN,
    several,
    several_errors,
)
from objrec.pose import INDEX, PoseSpace
from objrec.preprocessing import Preprocessing, load_images
from objrec.saving import Calibration, SavedModel, build_network

COUNTS = (1, 2, 5)
BETA = 0.2


@pytest.fixture(scope="module")
def dataset(photos):
    """All 48 training images: two categories, three objects each, azimuths every 45 degrees."""
    return open_dataset(photos, "train")


def recognizer_of(kind: str = "energy", names=("cross", "box"), **settings) -> Recognizer:
    torch.manual_seed(1)
    settings = ModelSettings(features="small", channels=8, volume_channels=4, **settings)
    space, preprocessing = PoseSpace({"azimuth": range(0, 360, 30)}), Preprocessing()
    network = build_network(kind, names, space, preprocessing, settings)
    calibration = Calibration(BETA, 9.5, 0.05, 0.1, 3, 9)
    return Recognizer(SavedModel(kind, network, settings, preprocessing, calibration, {}), "cpu")


@pytest.fixture(scope="module")
def varied(dataset):
    """Make an untrained model whose answers differ from image to image: normalised over the set."""

    def build(kind: str) -> Recognizer:
        recognizer = recognizer_of(kind)
        network, images = (
            recognizer.network.train(),
            load_images(dataset, Preprocessing())[0].images,
        )
        with torch.no_grad():
            for _ in range(60):
                features = network.extractor(recognizer.preprocessing.normalised(images))
                network.energies(features, network.prepare())
        if kind == "cnn":
            network.category_head.weight.data *= 30  # sure enough that it matters what is added
        network.eval()
        return recognizer

    return build


def errors(recognizer, dataset, chosen, energies_of) -> list[float]:
    """Return the error at each count, by a loop over groups."""
    found = []
    for count in COUNTS:
        wrong = 0
        for group in chosen:
            energies = energies_of(group[:count].tolist())
            answer = min(energies, key=energies.get)
            wrong += answer != dataset.categories[dataset.labels[group[0]]]
        found.append(wrong / len(chosen))
    return found


@pytest.fixture(scope="module")
def chosen(dataset):
    return choose_groups(dataset, COUNTS[-1], 20, 3, dataset.categories)


def test_energies_are_added_at_the_labelled_poses_and_at_any(dataset, chosen, varied):
    recognizer = varied("energy")
    rows = {r["how"]: r for r in several_errors(recognizer, dataset, COUNTS, chosen=chosen)}
    assert list(rows) == [KNOWN, UNKNOWN]

    def known(group):
        poses = [{"azimuth": dataset.poses[i, INDEX["azimuth"]]} for i in group]
        return recognizer.together([dataset[i] for i in group], poses).energies

    def unknown(group):
        return recognizer.together([dataset[i] for i in group]).energies

    assert rows[KNOWN]["error_rate"] == errors(recognizer, dataset, chosen, known)
    assert rows[UNKNOWN]["error_rate"] == errors(recognizer, dataset, chosen, unknown)
    assert rows[KNOWN]["groups"] == 20 and rows[KNOWN]["objects"] == 6
    assert len({tuple(row["error_rate"]) for row in rows.values()}) == 2  # the poses matter
    for row in rows.values():
        assert all(
            low <= rate <= high
            for rate, (low, high) in zip(row["error_rate"], row["error_rate_ci"], strict=True)
        )


def test_a_classifier_adds_log_probabilities_and_probabilities(dataset, chosen, varied):
    recognizer = varied("cnn")
    rows = {r["how"]: r for r in several_errors(recognizer, dataset, COUNTS, chosen=chosen)}
    assert list(rows) == [LOGARITHMS, LIKELIHOODS, CALIBRATED]

    def likely(image, beta):
        logits = -np.array(list(recognizer.recognize(dataset[image]).energies.values()), float)
        weights = np.exp(beta * (logits - logits.max()))
        return weights / weights.sum()

    def by(function, beta):
        def energies(group):
            total = -sum(function(likely(image, beta)) for image in group)
            return dict(zip(recognizer.categories, total, strict=True))

        return errors(recognizer, dataset, chosen, energies)

    assert len({tuple(row["error_rate"]) for row in rows.values()}) > 1
    assert rows[LOGARITHMS]["error_rate"] == by(np.log, 1.0) == by(np.log, BETA)
    assert rows[LIKELIHOODS]["error_rate"] == by(lambda p: p, 1.0)
    assert rows[CALIBRATED]["error_rate"] == by(lambda p: p, BETA)


def test_images_can_be_changed_first(dataset, chosen):
    recognizer, seen = recognizer_of(), []

    def hidden(images, indices):
        assert images.dtype == torch.uint8 and len(images) == len(indices)
        seen.extend(indices.tolist())
        return torch.zeros_like(images)

    _, row = several_errors(recognizer, dataset, COUNTS, chosen=chosen, changed=hidden)
    assert row["how"] == UNKNOWN and len(set(row["error_rate"])) == 1  # always the same answer
    assert seen == chosen.flatten().tolist()


def test_relative_poses_of_planar_references_are_not_used(dataset, chosen):
    (row,) = several_errors(recognizer_of(references="planar"), dataset, COUNTS, chosen=chosen)
    assert row["how"] == UNKNOWN


def test_groups_with_an_unreadable_image_are_left_out(fake_set, monkeypatch):
    whole, broken = fake_set(views=8), fake_set(views=8, broken=(0,))
    recognizer = recognizer_of(names=("cup", "car"))
    groups = choose_groups(whole, 3, 30, 0, whole.categories)
    with_it = int((groups == 0).any(axis=1).sum())
    assert 0 < with_it < 30
    rows = several_errors(recognizer, broken, (1, 3), chosen=groups)
    kept = several_errors(recognizer, whole, (1, 3), chosen=groups[~(groups == 0).any(axis=1)])
    assert rows == kept and rows[0]["groups"] == 30 - with_it


def test_groups_are_different_images_of_one_object_under_one_lighting(fake_set):
    lightings = np.tile([0, 0, 0, 1, 1, 1, 1, 2], 4).astype(str)
    dataset = fake_set(views=8, factors={"lighting": lightings})
    groups = choose_groups(dataset, 3, 22, 0, dataset.categories)
    assert groups.shape == (22, 3)
    for group in groups:
        assert len(set(group)) == 3
        assert len(set(dataset.objects[group])) == len(set(lightings[group])) == 1
    _, times = np.unique(dataset.objects[groups[:, 0]], return_counts=True)
    assert times.max() - times.min() <= 1
    assert set(lightings[groups[:, 0]]) == {"0", "1"}
    only = choose_groups(dataset, 3, 5, 0, ("cup",))
    assert all(name.startswith("cup") for name in dataset.objects[only[:, 0]])


def test_models_are_shown_the_same_objects(dataset):
    ours, theirs = recognizer_of(), recognizer_of("cnn", ("box", "disc"))
    found = several([("a", ours), ("b", theirs)], dataset, (2, 1, 2), groups=10)
    assert found["counts"] == [1, 2] and found["groups"] == 10
    assert [row["model"] for row in found["rows"]] == ["a", "a", "b", "b", "b"]
    assert {row["objects"] for row in found["rows"]} == {3}  # crosses one does not know
    assert "counts" not in found["rows"][0]


def test_what_cannot_be_measured(dataset):
    with pytest.raises(DataError, match="no object of a known category has 9 images; put fewer"):
        choose_groups(dataset, 9, 5, 0, dataset.categories)
    with pytest.raises(SettingsError, match="must be at least 1"):
        Extras(together=(0, 1))
