"""The recipe: defaults, changes of single settings, and what is refused."""

from __future__ import annotations

from dataclasses import fields

import pytest

from objrec.errors import SettingsError
from objrec.options import options_of
from objrec.training import Recipe, TrainingSettings

PARTS = {f.name: type(getattr(Recipe(), f.name)) for f in fields(Recipe) if f.name != "kind"}


def test_a_setting_has_one_owner_and_a_sentence():
    described = [option for part in PARTS.values() for option in options_of(part)]
    names = [option.name for option in described]
    assert len(names) == len(set(names))
    assert all(option.text and not option.text.endswith(".") for option in described)


def test_json_holds_every_setting_and_gives_the_same_recipe():
    recipe = Recipe().replaced(kind="cnn", epochs=3, pose=("roll=latent",), margin=1, mirror=False)
    stored = recipe.to_json()
    parts = {name: part.from_json(stored[name], "file") for name, part in PARTS.items()}
    assert Recipe(stored["kind"], **parts) == recipe
    assert stored["pose"]["pose"] == ["roll=latent"]


def test_single_settings_are_replaced_wherever_they_belong():
    recipe = Recipe().replaced(epochs=2, margin=1.0, features="large", roll_range=5.0)
    assert (recipe.training.epochs, recipe.loss.margin) == (2, 1.0)
    assert (recipe.model.features, recipe.pose.roll_range) == ("large", 5.0)
    assert Recipe().replaced() == Recipe()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"epoch": 2}, "unknown setting 'epoch'; did you mean 'epochs'?"),
        ({"kind": "cnm"}, "kind 'cnm' is none of energy, cnn, cnn-pose"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"batch_size": 1}, "batch_size must be at least 2"),
        ({"lr": float("nan")}, "lr must be a finite number"),
        ({"warmup": 1.0}, "warmup must be at most 0.9"),
        ({"tolerance": 0.3}, "tolerance 0.3 leaves labels between grid poses"),
        (
            {"pose": ("roll=relative",)},
            "'roll=relative': labels 'relative' is for azimuth only",
        ),
        ({"pose": ("rol=latent",)}, "pose 'rol=latent' is no axis=kind; did you mean 'roll'"),
        ({"pose": ("roll=lateral",)}, "'roll=lateral' is no axis=kind; did you mean 'latent'"),
        ({"pose": ("azimuth",)}, "pose 'azimuth' is no axis=kind; write it as azimuth=relative"),
        ({"pose": "azimuth"}, "pose must be a list"),
        ({"scale": 30.0}, "scale 30.0 is above scale_cap 20.0"),
    ],
)
def test_wrong_settings_are_refused(changes, sentence):
    with pytest.raises(SettingsError, match=f"^settings: .*{sentence}".replace("?", r"\?")):
        Recipe().replaced(**changes)


@pytest.mark.parametrize(("share", "steps", "window"), [(0.1, 500, 50), (0.1, 5, 1), (0.0, 500, 1)])
def test_weights_are_averaged_over_a_share_of_the_steps(share, steps, window):
    decay = TrainingSettings(averaging=share).averaging_decay(steps)
    assert 1 / (1 - decay) == pytest.approx(window)


@pytest.mark.parametrize(
    ("images", "expected"), [(30, 60), (128 * 50, 28), (128 * 40, 35), (128 * 1000, 14)]
)
def test_the_default_number_of_passes_makes_about_1400_steps(images, expected):
    assert TrainingSettings().epochs_for(images) == expected
    assert TrainingSettings(epochs=5).epochs_for(images) == 5


def test_features_left_open_are_a_backbone_for_colours_where_one_is_installed(monkeypatch):
    def chosen(colour, side=None, **changes):
        return Recipe().replaced(**changes).settled(colour, side).model.features

    monkeypatch.setattr("objrec.training.settings.installed_backbone", lambda: "resnet18")
    assert (chosen(True), chosen(False)) == ("resnet18", "medium")
    assert chosen(True, features="small") == "small"
    monkeypatch.setattr("objrec.training.settings.installed_backbone", lambda: None)
    assert [chosen(True, side) for side in (None, 49, 48)] == ["medium", "medium", "small"]


@pytest.mark.parametrize(("features", "wanted"), [("small", (1.0, 1.0)), ("resnet18", (1.0, 0.0))])
def test_weights_left_open_are_those_of_the_features(features, wanted):
    loss = Recipe().replaced(features=features).settled(False).loss
    assert (loss.category_weight, loss.pose_weight) == wanted
    given = Recipe().replaced(features=features, category_weight=0.5, pose_weight=0.25)
    loss = given.settled(False).loss
    assert (loss.category_weight, loss.pose_weight) == (0.5, 0.25)
