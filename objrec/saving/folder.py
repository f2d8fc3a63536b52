"""Model folders: model.safetensors, config.json and a README.md card. No pickle is ever loaded.

Frozen backbone weights are not stored: config.json keeps their fingerprint, and loading checks
that the same ones were found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn
from typing_extensions import TypedDict

from objrec.datasets.frame import PoseFrame
from objrec.energy.classifier import Classifier
from objrec.energy.features import image_size
from objrec.energy.model import EnergyModel
from objrec.energy.settings import ModelSettings
from objrec.errors import ModelError, SettingsError
from objrec.files import write_tensors, write_text, writing
from objrec.options import did_you_mean
from objrec.pose import PoseSpace
from objrec.preprocessing import Preprocessing
from objrec.saving.calibration import Calibration
from objrec.saving.card import model_card
from objrec.saving.weights import stored_state, with_weights
from objrec.strict import misfit, read_json, shown

FORMAT = 2
# What format 1 did not have, and means.
_SINCE_2: dict[str, Any] = {"background": [], "pose_frame": {}}
WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
KINDS = ("energy", "cnn", "cnn-pose")
_MOST_POSES = 1_000_000
_MOST_BYTES = 64 << 20  # of config.json
_LONGEST = 1000  # characters of a category's name


@dataclass(frozen=True)
class SavedModel:
    """A model and everything needed to use it on an image.

    Attributes:
        kind: 'energy', 'cnn' or 'cnn-pose'.
        network: The weights, in evaluation mode.
        preprocessing: How images become tensors.
        calibration: None when nothing was held out: probabilities are then at beta 1, and
            nothing is answered 'unknown'.
        training: Facts about the run, for the card: settings, data, figures.
        frame: How its poses are meant: the front, symmetric categories, relative azimuths.
        background: Categories of the training set that stand for "nothing fits".
    """

    kind: str
    network: EnergyModel | Classifier
    settings: ModelSettings
    preprocessing: Preprocessing
    calibration: Calibration | None
    training: Mapping[str, Any]
    frame: PoseFrame = field(default_factory=PoseFrame)
    background: tuple[str, ...] = ()


def build_network(
    kind: str,
    categories: tuple[str, ...],
    space: PoseSpace,
    preprocessing: Preprocessing,
    settings: ModelSettings,
    *,
    background: bool = False,
) -> EnergyModel | Classifier:
    """Build a network with fresh weights; a plain 'cnn' gets no pose heads.

    With background it can also answer that nothing fits.

    Raises:
        SettingsError: The kind is unknown.
    """
    if kind not in KINDS:
        raise SettingsError(f"settings: kind '{kind}' is none of {', '.join(KINDS)}")
    cameras, colour = preprocessing.cameras, preprocessing.colour
    if kind == "energy":
        return EnergyModel(categories, space, cameras, colour, settings, background)
    space = space if kind == "cnn-pose" else PoseSpace({})
    return Classifier(categories, space, cameras, colour, settings, background)


def save_model(folder: Path, saved: SavedModel) -> None:
    """Write a model folder; each file appears whole or not at all.

    config.json comes last: a folder without it is not a model yet. An older one goes first.

    Raises:
        DataError: It cannot be written.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CONFIG).unlink(missing_ok=True)
    write_tensors(folder / WEIGHTS, stored_state(saved.network))
    _write_described(folder, _config(saved))


def store_calibration(folder: Path, calibration: Calibration) -> None:
    """Replace the calibration of a model folder, in its configuration and on its card.

    The weights are not touched; each of the two files is replaced whole or not at all.

    Raises:
        ModelError: The folder is not a model, or its configuration is not as it must be.
        DataError: It cannot be written.
    """
    config = _read_config(folder) | {"format": FORMAT, "calibration": calibration.to_json()}
    settings, preprocessing, _, _ = _settings_of(config, str(folder / CONFIG))
    # With the settings that the file left to their defaults: the card names them.
    whole = {"model": settings.to_json(), "preprocessing": preprocessing.to_json()}
    _write_described(folder, config | whole)


def _write_described(folder: Path, config: dict[str, Any]) -> None:
    write_text(folder / CARD, model_card(config))
    write_text(folder / CONFIG, json.dumps(config, indent=2, ensure_ascii=False) + "\n")


def _config(saved: SavedModel) -> dict[str, Any]:
    network = saved.network
    stem = network.extractor.stem
    return {
        "format": FORMAT,
        "kind": saved.kind,
        "categories": list(network.categories),
        "background": list(saved.background),
        "pose_space": network.space.to_json(),
        "pose_frame": saved.frame.to_json(),
        "preprocessing": saved.preprocessing.to_json(),
        "model": saved.settings.to_json(),
        "backbone": _fingerprint(stem) if network.extractor.frozen else None,
        "calibration": saved.calibration.to_json() if saved.calibration else None,
        "training": dict(saved.training),
    }


def _fingerprint(stem: nn.Module) -> str:
    from objrec.energy.pretrained import fingerprint  # imports torchvision or timm

    return fingerprint(stem)


def load_model(folder: Path) -> SavedModel:
    """Read a model folder, as one process left it: never weights of one model and facts of another.

    Raises:
        ModelError: The folder, a file in it or what a file says is not as it must be.
    """
    config = _read_config(folder)
    while True:
        try:
            saved, error = _loaded(folder, config), None
        except ModelError as refused:
            saved, error = None, refused
        if not (folder / CONFIG).is_file():
            raise ModelError(f"{folder}: is being replaced by another process; wait for that")
        before, config = config, _read_config(folder)
        if config == before and error is not None:
            raise error
        if config == before and saved is not None:
            return saved


def _settings_of(
    config: Mapping[str, Any], place: str
) -> tuple[ModelSettings, Preprocessing, PoseSpace, PoseFrame]:
    """Read the parts of a configuration.

    Raises:
        ModelError: One of them is not as it must be.
    """
    try:
        return (
            ModelSettings.from_json(config["model"], place),
            Preprocessing.from_json(config["preprocessing"], place),
            PoseSpace.from_json(config["pose_space"], place),
            PoseFrame.from_json(config["pose_frame"], f"{place}: pose_frame"),
        )
    except SettingsError as error:
        message = str(error)
        raise ModelError(message if place in message else f"{place}: {message}") from error


def _loaded(folder: Path, config: dict[str, Any]) -> SavedModel:
    place = str(folder / CONFIG)
    settings, preprocessing, space, frame = _settings_of(config, place)
    side = image_size(settings.extractor, settings.image_side)
    if preprocessing.size != side:
        raise ModelError(
            f"{place}: preprocessing.size is {preprocessing.size}, but {settings.extractor} takes "
            f"images of side {side}; train anew"
        )
    if space.size > _MOST_POSES:
        raise ModelError(
            f"{place}: pose_space has {space.size:,} poses; {_MOST_POSES:,} are the most"
        )
    stored = config["calibration"]
    calibration = None if stored is None else Calibration.from_json(stored, place)

    def build() -> EnergyModel | Classifier:
        categories, background = tuple(config["categories"]), bool(config["background"])
        described = (config["kind"], categories, space, preprocessing, settings)
        return build_network(*described, background=background)

    network = with_weights(build, folder / WEIGHTS, place)
    if network.extractor.frozen and _fingerprint(network.extractor.stem) != config["backbone"]:
        raise ModelError(
            f"{place}: trained on other {settings.extractor} weights than those installed here; "
            "install the same ones or train anew"
        )
    network.eval()
    return SavedModel(
        config["kind"],
        network,
        settings,
        preprocessing,
        calibration,
        config["training"],
        frame,
        tuple(config["background"]),
    )


class _Learned(TypedDict):
    name: str
    views: int
    poses: str


class _Training(TypedDict, total=False):
    facts: dict[str, Any]
    learned: list[_Learned]


class _Config(TypedDict):
    """What config.json holds; the classes of settings read their parts more strictly."""

    format: int
    kind: str
    categories: list[str]
    background: list[str]
    pose_space: dict[str, Any]
    pose_frame: dict[str, Any]
    preprocessing: dict[str, Any]
    model: dict[str, Any]
    backbone: str | None
    calibration: dict[str, Any] | None
    training: _Training


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such model folder; give one that objrec train has written")
    if not path.is_file():
        unfinished = (folder / "checkpoint.safetensors").exists()
        hint = "its training was not finished: go on with objrec train --resume"
        other = "give a folder that objrec train has written"
        raise ModelError(f"{folder}: no {CONFIG} in it; {hint if unfinished else other}")
    try:
        config = read_json(path, _MOST_BYTES)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: not readable as JSON ({error}); train anew") from error
    _check_config(config, path)
    return config


def _check_config(config: Any, path: Path) -> None:
    if not isinstance(config, dict) or misfit(config.get("format"), int):
        raise ModelError(f"{path}: not a model's configuration; train anew")
    if config["format"] == 1:
        config |= {key: value for key, value in _SINCE_2.items() if key not in config}
    elif config["format"] != FORMAT:
        raise ModelError(
            f"{path}: format {config['format']}, but this objrec reads format {FORMAT}; "
            "use the version that wrote it or train anew"
        )
    known = tuple(_Config.__annotations__)
    for key in config:
        if key not in known:
            raise ModelError(f"{path}: unknown key {shown(key)}{did_you_mean(key, known)}")
    if problem := misfit(config, _Config):
        raise ModelError(f"{path}: {problem}; train anew")
    _check_names(config["categories"], "categories", path)
    _check_names(config["background"], "background", path)
    if not config["categories"]:
        raise ModelError(f"{path}: 'categories' is empty; train anew")


def _check_names(names: list[str], key: str, path: Path) -> None:
    if len(names) != len(set(names)):
        raise ModelError(f"{path}: '{key}' lists a name twice; train anew")
    for name in names:
        if not name.strip() or len(name) > _LONGEST:
            raise ModelError(f"{path}: '{key}' lists {shown(name)}, which is no name; train anew")


def shipped_model() -> Path:
    """Return the folder of the model that comes with objrec.

    Raises:
        ModelError: It is nowhere to be found (an incomplete installation).
    """
    package = Path(__file__).parents[1]
    for folder in (package / "shipped" / "toys", package.parent / "models" / "toys"):
        if (folder / CONFIG).is_file():
            return folder
    raise ModelError("the shipped model is not installed; give --model, or install objrec anew")
