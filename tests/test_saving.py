"""Model folders: what comes back is what was saved, and whatever is broken is said in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from objrec import Recognizer
from objrec.datasets.frame import AxisNote, PoseFrame
from objrec.energy.settings import ModelSettings
from objrec.errors import DataError, ModelError, SettingsError
from objrec.pose import PoseSpace
from objrec.preprocessing import Preprocessing
from objrec.saving import (
    CARD,
    CONFIG,
    WEIGHTS,
    Calibration,
    SavedModel,
    build_network,
    load_model,
    save_model,
    shipped_model,
    store_calibration,
)

SPACE = PoseSpace({"azimuth": (0.0, 120.0, 240.0), "roll": (-10.0, 0.0, 10.0)})
CALIBRATION = Calibration(2.5, 7.25, 0.05, 0.125, 3, 9)
VALIDATED = Calibration(1.5, 6.5, 0.1, 0.25, 0, 1, "validation")


def fresh(
    kind: str = "energy",
    calibration: Calibration | None = None,
    background: tuple[str, ...] = (),
    **settings,
) -> SavedModel:
    """Make an untrained model of two categories."""
    model = ModelSettings(**{"features": "small", "channels": 8, "volume_channels": 4, **settings})
    preprocessing = Preprocessing(size=128 if "resnet" in model.features else 48, mean=0.4)
    network = build_network(
        kind, ("cat", "dög"), SPACE, preprocessing, model, background=bool(background)
    )
    facts = {"facts": {"epochs": 3}, "recipe": {"kind": kind}}
    network.eval()
    return SavedModel(
        kind, network, model, preprocessing, calibration, facts, background=background
    )


@pytest.fixture
def folder(tmp_path) -> Path:
    save_model(tmp_path / "model", fresh(calibration=CALIBRATION))
    return tmp_path / "model"


class Frozen(nn.Module):
    """Stands for a backbone; `value` are its weights."""

    value = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((3,), self.value), requires_grad=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.avg_pool2d(images.expand(-1, -1, 3, -1, -1)[:, 0], 32)


# What comes back ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("energy", {}),
        ("energy", {"references": "planar", "models_per_category": 2, "distance": "squared"}),
        ("energy", {"depth": 2, "channels": 5}),
        ("cnn", {}),
        ("cnn-pose", {}),
    ],
    ids=str,
)
def test_a_saved_model_gives_the_same_energies(tmp_path, kind, settings):
    saved = fresh(kind, CALIBRATION, **settings)
    save_model(tmp_path / "m", saved)
    loaded = load_model(tmp_path / "m")
    assert loaded.kind == kind
    assert loaded.settings == saved.settings
    assert loaded.preprocessing == saved.preprocessing
    assert loaded.calibration == CALIBRATION
    assert loaded.training == saved.training
    assert not loaded.network.training
    images = torch.randint(0, 256, (3, 1, 48, 48), dtype=torch.uint8)
    before = Recognizer(saved, "cpu").energies(images)
    after = Recognizer(loaded, "cpu").energies(images)
    assert torch.equal(before.values, after.values)
    assert (before.categories, before.grid) == (after.categories, after.grid)


@pytest.mark.parametrize("kind", ["energy", "cnn"])
def test_frame_and_background_are_kept(tmp_path, kind):
    frame = PoseFrame({"azimuth": AxisNote(front=90.0, labels="relative")}, symmetric=("b",))
    saved = replace(fresh(kind, background=("blank",)), frame=frame)
    save_model(tmp_path / "m", saved)
    loaded = load_model(tmp_path / "m")
    assert (loaded.frame, loaded.background) == (frame, ("blank",))
    card = (tmp_path / "m" / CARD).read_text(encoding="utf-8")
    assert "| nothing fits | blank |" in card
    assert "| alike from every side | b |" in card
    images = torch.randint(0, 256, (3, 1, 48, 48), dtype=torch.uint8)
    before = Recognizer(saved, "cpu").energies(images)
    after = Recognizer(loaded, "cpu").energies(images)
    assert before.nothing.shape == (3,)
    assert torch.equal(before.nothing, after.nothing)


def test_a_model_of_format_1_is_still_read(folder):
    config(format=1, background=..., pose_frame=...)(folder)
    loaded = load_model(folder)
    assert (loaded.frame, loaded.background) == (PoseFrame(), ())


def test_a_calibration_without_source_was_fitted_on_folds(folder):
    config(calibration__source=...)(folder)
    assert load_model(folder).calibration == CALIBRATION
    assert CALIBRATION.source == "folds"


def test_what_a_calibration_was_fitted_on_in_words():
    assert CALIBRATION.basis == "objects held out of training in 3 folds (9 objects)"
    assert VALIDATED.basis == "objects of a validation split (1 object)"


def test_a_calibration_is_stored_without_touching_the_weights(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    saved = load_model(folder)
    store_calibration(folder, VALIDATED)
    after = load_model(folder)
    assert after.calibration == VALIDATED
    assert (folder / WEIGHTS).read_bytes() == before[WEIGHTS]
    assert "On objects of a validation split (1 object): error 25.0 %." in (
        folder / CARD
    ).read_text(encoding="utf-8")
    store_calibration(folder, CALIBRATION)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert load_model(folder).training == saved.training


def test_a_calibration_is_stored_in_a_model_of_format_1_too(folder):
    config(format=1, background=..., pose_frame=...)(folder)
    store_calibration(folder, VALIDATED)
    assert json.loads((folder / CONFIG).read_text(encoding="utf-8"))["format"] == 2
    assert load_model(folder).calibration == VALIDATED


def test_a_calibration_is_stored_where_settings_were_left_to_their_defaults(folder):
    config = json.loads((folder / CONFIG).read_text())
    config["preprocessing"].pop("colour")
    (folder / CONFIG).write_text(json.dumps(config))
    store_calibration(folder, VALIDATED)
    assert json.loads((folder / CONFIG).read_text())["preprocessing"]["colour"] is False
    assert "| 1 gray image, letterboxed" in (folder / CARD).read_text(encoding="utf-8")


def test_a_calibration_is_stored_whole_or_not_at_all(folder, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DataError, match=r"No space left.*; make room"):
        store_calibration(folder, VALIDATED)
    assert load_model(folder).calibration == CALIBRATION


def test_a_calibration_needs_a_model_to_be_stored_in(tmp_path):
    with pytest.raises(ModelError, match="nowhere: no such model folder"):
        store_calibration(tmp_path / "nowhere", VALIDATED)


def test_a_folder_holds_three_files_and_nothing_that_is_executed(folder):
    assert sorted(path.name for path in folder.iterdir()) == [CARD, CONFIG, WEIGHTS]
    assert json.loads((folder / CONFIG).read_text(encoding="utf-8"))["format"] == 2
    assert load_file(folder / WEIGHTS).keys() == fresh().network.state_dict().keys()


def test_saving_again_replaces_the_whole_model(folder):
    save_model(folder, fresh("cnn"))
    assert load_model(folder).kind == "cnn"
    assert load_model(folder).calibration is None


def test_a_model_is_there_only_when_all_of_it_is(folder, monkeypatch):
    """An interruption leaves no configuration of one model beside the weights of another."""

    def interrupted(config: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("objrec.saving.folder.model_card", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_model(folder, fresh("cnn"))
    with pytest.raises(ModelError, match=f"no {CONFIG} in it"):
        load_model(folder)


def test_loading_draws_no_random_numbers(folder):
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    load_model(folder)
    assert torch.equal(torch.rand(4), expected)


def test_an_unknown_kind_of_network():
    with pytest.raises(SettingsError, match="kind 'svm' is none of energy, cnn, cnn-pose"):
        build_network("svm", ("a", "b"), SPACE, Preprocessing(), ModelSettings())


def test_a_frozen_backbone_is_checked_rather_than_stored(tmp_path, monkeypatch):
    monkeypatch.setattr("objrec.energy.pretrained.load_backbone", lambda *_: Frozen())
    save_model(tmp_path / "m", fresh(features="resnet18"))
    assert not any(".stem." in name for name in load_file(tmp_path / "m" / WEIGHTS))
    assert load_model(tmp_path / "m").network.extractor.stem.weight[0] == 1
    monkeypatch.setattr(Frozen, "value", 2.0)
    with pytest.raises(ModelError, match=f"{CONFIG}: trained on other resnet18 weights than"):
        load_model(tmp_path / "m")


def test_the_card_says_what_the_model_is(folder):
    card = (folder / CARD).read_text(encoding="utf-8")
    assert card.startswith("---\nlibrary_name: objrec\n")
    for line in (
        "| categories | cat, dög |",
        "| pose searched | azimuth (3 values), roll (3 values) |",
        "| input | 1 gray image, letterboxed to 48 x 48 |",
        "| epochs | 3 |",
        "(9 objects): error 12.5 %",
        "beta = 2.5; a lowest energy above 7.25 is answered 'unknown', a false alarm on 5.0 %",
    ):
        assert line in card


def test_others_may_read_the_weights_as_they_may_the_rest(tmp_path):
    save_model(tmp_path / "m", fresh())
    assert len({(tmp_path / "m" / name).stat().st_mode for name in (WEIGHTS, CONFIG, CARD)}) == 1


def test_the_card_of_a_classifier_without_calibration(tmp_path):
    save_model(tmp_path / "m", fresh("cnn"))
    card = (tmp_path / "m" / CARD).read_text(encoding="utf-8")
    assert "| pose searched | none |" in card
    assert "Not calibrated" in card


def test_the_model_that_comes_with_objrec(tmp_path, monkeypatch):
    inside = tmp_path / "objrec" / "saving" / "folder.py"
    monkeypatch.setattr("objrec.saving.folder.__file__", str(inside))
    with pytest.raises(ModelError, match="the shipped model is not installed; give --model"):
        shipped_model()
    save_model(tmp_path / "models" / "toys", fresh())
    assert shipped_model() == tmp_path / "models" / "toys"


# What is broken -----------------------------------------------------------------------------------


def config(**changes: object) -> Callable[[Path], None]:
    """Change entries of config.json; a name with dots reaches into an entry, ... removes one."""

    def change(folder: Path) -> None:
        content = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        for name, value in changes.items():
            *outer, last = name.split("__")
            entry = content
            for key in outer:
                entry = entry[key]
            if value is ...:
                del entry[last]
            else:
                entry[last] = value
        (folder / CONFIG).write_text(json.dumps(content), encoding="utf-8")

    return change


def text(content: str | bytes) -> Callable[[Path], None]:
    raw = content if isinstance(content, bytes) else content.encode()
    return lambda folder: (folder / CONFIG).write_bytes(raw)


def weights(change: Callable[[dict], object]) -> Callable[[Path], None]:
    def rewrite(folder: Path) -> None:
        state = load_file(folder / WEIGHTS)
        change(state)
        save_file(state, folder / WEIGHTS)

    return rewrite


def cut(length: int | float) -> Callable[[Path], None]:
    def shorten(folder: Path) -> None:
        content = (folder / WEIGHTS).read_bytes()
        kept = int(len(content) * length) if isinstance(length, float) else length
        (folder / WEIGHTS).write_bytes(content[:kept])

    return shorten


VOLUMES, SCALE = "references.volumes", "distance.log_scale"
AZIMUTH = "pose_space__azimuth"
BROKEN: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "no config": (lambda f: (f / CONFIG).unlink(), "", "no config.json in it; give a folder"),
    "unfinished": (
        lambda f: ((f / CONFIG).unlink(), (f / "checkpoint.safetensors").touch()),
        "",
        "no config.json in it; its training was not finished: go on with objrec train --resume",
    ),
    "no JSON": (text("{'format': 1}"), CONFIG, "not readable as JSON"),
    "no text": (text(b"\xff\xfe\x00"), CONFIG, "not readable as JSON"),
    "cut config": (lambda f: text((f / CONFIG).read_bytes()[:80])(f), CONFIG, "not readable as"),
    "a list": (text("[1]"), CONFIG, "not a model's configuration"),
    "no format": (config(format=...), CONFIG, "not a model's configuration"),
    "future format": (config(format=3), CONFIG, "format 3, but this objrec reads format 2; use"),
    **{
        f"no {key}": (config(**{key: ...}), CONFIG, f"{key} is missing; train anew")
        for key in ("kind", "categories", "pose_space", "preprocessing", "model", "calibration")
    },
    "kind of wrong type": (config(kind=3), CONFIG, "kind must be text; train"),
    "unknown kind": (config(kind="svm"), CONFIG, "kind 'svm' is none of energy, cnn, cnn-pose"),
    "other kind": (config(kind="cnn"), WEIGHTS, "'hidden.1.weight' is missing; config.json is"),
    "unknown key": (config(categorys=[]), CONFIG, "unknown key 'categorys'; did you mean 'cat"),
    "no category": (config(categories=[]), CONFIG, "'categories' is empty"),
    "numbers": (config(categories=[1, 2]), CONFIG, r"categories\[0\] must be text"),
    "odd background": (config(background=[1]), CONFIG, r"background\[0\] must be text"),
    "odd frame": (config(pose_frame={"azimut": {}}), CONFIG, "unknown axis 'azimut'; did you"),
    "background added": (config(background=["blank"]), WEIGHTS, "'nothing' is missing; "),
    "twice": (config(categories=["a", "a"]), CONFIG, "'categories' lists a name twice"),
    "more categories": (config(categories=["a", "b", "c"]), WEIGHTS, "has shape .*; wrong config"),
    "no axis": (config(pose_space={"azimut": {}}), CONFIG, "pose_space.azimut is not a pose axis"),
    "axis of text": (config(pose_space={"azimuth": "0"}), CONFIG, "it must be an object"),
    "axis without values": (config(**{f"{AZIMUTH}__values": ...}), CONFIG, "values is missing"),
    "a number as values": (config(**{f"{AZIMUTH}__values": 3}), CONFIG, "values must be a list"),
    "text as value": (config(**{f"{AZIMUTH}__values": ["a"]}), CONFIG, r"values\[0\] must be a nu"),
    "no value": (config(**{f"{AZIMUTH}__values": []}), CONFIG, "azimuth needs at least one finite"),
    "infinite": (config(**{f"{AZIMUTH}__values": [float("inf")]}), CONFIG, "Infinity is no numb"),
    "value twice": (config(**{f"{AZIMUTH}__values": [0, 360]}), CONFIG, "azimuth lists one value"),
    "radians": (config(**{f"{AZIMUTH}__unit": "rad"}), CONFIG, "pose_space.azimuth must be in 'd"),
    "other size": (config(preprocessing__size=64), CONFIG, "size is 64, but small takes .* 48"),
    "text as size": (config(preprocessing__size="48"), CONFIG, "size must be a whole number, not"),
    "mean of 2": (config(preprocessing__mean=2.0), CONFIG, "mean must be at most 1"),
    "no deviation": (config(preprocessing__deviation=0), CONFIG, "deviation must be at least"),
    "stereo": (config(preprocessing__cameras=2), WEIGHTS, "head.0.weight' has shape .*; wrong"),
    "unknown option": (config(preprocessing__sice=4), CONFIG, "unknown setting 'sice'; did you"),
    "no extractor": (config(model__features="huge"), CONFIG, "features 'huge' is none of small"),
    "other extractor": (config(model__features="large"), CONFIG, "size is 48, but large takes"),
    "above its cap": (config(model__scale=50.0), CONFIG, "scale 50.0 is above scale_cap 20.0"),
    "more channels": (config(model__channels=9), WEIGHTS, "has shape .*, not .*; wrong config"),
    "calibration of text": (config(calibration__beta="2"), CONFIG, "calibration.beta is not as it"),
    "NaN threshold": (
        config(calibration__threshold=float("nan")), CONFIG, "NaN is no number of JSON",
    ),
    "no beta": (config(calibration__beta=...), CONFIG, "calibration.beta is not as it must be"),
    "half a fold": (config(calibration__folds=2.5), CONFIG, "calibration.folds is not as it must"),
    "unknown source": (
        config(calibration__source="guess"), CONFIG, "calibration.source is not as it must be",
    ),
    "source of wrong type": (config(calibration__source=3), CONFIG, "calibration.source is not as"),
    "more calibration": (config(calibration__gamma=1), CONFIG, "calibration.gamma is not as it"),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), WEIGHTS, "no such file; the model folder is"),
    "empty weights": (cut(0), WEIGHTS, "not readable as safetensors"),
    "cut header": (cut(60), WEIGHTS, "not readable as safetensors"),
    "cut weights": (cut(0.5), WEIGHTS, "not readable as safetensors"),
    "a pickle": (
        lambda f: torch.save({"a": torch.ones(2)}, f / WEIGHTS), WEIGHTS, "not readable as safet",
    ),
    "a tensor less": (weights(lambda s: s.pop(VOLUMES)), WEIGHTS, "volumes' is missing"),
    "foreign tensor": (
        weights(lambda s: s.update(extra=torch.ones(1))), WEIGHTS, "'extra' belongs to another",
    ),
    "wrong shape": (
        weights(lambda s: s.update({VOLUMES: s[VOLUMES][:1].clone()})),
        WEIGHTS,
        r"'references.volumes' has shape \(1, .*\), not \(2, .*\); wrong config.json",
    ),
    "NaN weights": (weights(lambda s: s[VOLUMES].view(-1)[3:4].fill_(torch.nan)), WEIGHTS, "NaN"),
    "infinite weights": (weights(lambda s: s[SCALE].fill_(torch.inf)), WEIGHTS, "holds NaN, inf"),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "file", "sentence"), BROKEN.values(), ids=BROKEN)
def test_a_broken_folder_is_named_in_one_line(folder, damage, file, sentence):
    damage(folder)
    place = re.escape(str(folder / file) if file else str(folder))
    with pytest.raises(ModelError, match=f"^{place}: .*{sentence}") as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ModelError, match="nowhere: no such model folder; give one that objrec"):
        load_model(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="file: no such model folder"):
        load_model(tmp_path / "file")


def test_weights_in_another_float_type_are_taken(folder):
    """A model may have been halved by other tools; its shapes and values still are a model's."""
    saved = load_model(folder)
    weights(lambda s: s.update({VOLUMES: s[VOLUMES].half()}))(folder)
    found = load_model(folder).network.references.volumes
    assert found.dtype == torch.float32
    assert torch.allclose(found, saved.network.references.volumes, atol=1e-3)


def test_facts_may_be_missing_from_the_card(tmp_path):
    save_model(tmp_path / "m", replace(fresh(), training={}))
    assert "| kind | energy |" in (tmp_path / "m" / CARD).read_text(encoding="utf-8")
