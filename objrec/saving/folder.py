"""Model folders: model.safetensors, config.json and a README.md card. No pickle is ever loaded.

Frozen backbone weights are not stored: config.json keeps their fingerprint, and loading checks
that the same ones were found.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from objrec.datasets.frame import PoseFrame
from objrec.energy.classifier import Classifier
from objrec.energy.features import image_size
from objrec.energy.model import EnergyModel
from objrec.energy.settings import ModelSettings
from objrec.errors import ModelError, SettingsError
from objrec.options import did_you_mean
from objrec.pose import PoseSpace
from objrec.preprocessing import Preprocessing
from objrec.saving.calibration import Calibration
from objrec.saving.card import model_card

FORMAT = 2
# What format 1 did not have, and means.
_SINCE_2: dict[str, Any] = {"background": [], "pose_frame": {}}
WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
KINDS = ("energy", "cnn", "cnn-pose")


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


def stored_state(network: nn.Module) -> dict[str, torch.Tensor]:
    """Return the state dict without the weights of a frozen backbone."""
    frozen = network.extractor.frozen
    return {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in network.state_dict().items()
        if not (frozen and name.startswith("extractor.stem."))
    }


def save_model(folder: Path, saved: SavedModel) -> None:
    """Write a model folder; each file appears whole or not at all.

    config.json comes last: a folder without it is not a model yet. An older one goes first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).unlink(missing_ok=True)
    temporary = folder / (WEIGHTS + ".partial")
    save_file(stored_state(saved.network), temporary)
    temporary.chmod(0o666 & ~_umask())  # safetensors lets nobody else read it
    temporary.replace(folder / WEIGHTS)
    _write_described(folder, _config(saved))


def store_calibration(folder: Path, calibration: Calibration) -> None:
    """Replace the calibration of a model folder, in its configuration and on its card.

    The weights are not touched; each of the two files is replaced whole or not at all.

    Raises:
        ModelError: The folder is not a model, or its configuration is not as it must be.
    """
    config = _read_config(folder) | {"format": FORMAT, "calibration": calibration.to_json()}
    _write_described(folder, config)


def _write_described(folder: Path, config: dict[str, Any]) -> None:
    write_text(folder / CARD, model_card(config))
    write_text(folder / CONFIG, json.dumps(config, indent=2, ensure_ascii=False) + "\n")


def _umask() -> int:
    """Return the process' mask of permissions; it can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    temporary = path.with_name(path.name + ".partial")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


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
    """Read a model folder.

    Raises:
        ModelError: The folder, a file in it or what a file says is not as it must be.
    """
    config = _read_config(folder)
    place = str(folder / CONFIG)
    try:
        settings = ModelSettings.from_json(config["model"], place)
        preprocessing = Preprocessing.from_json(config["preprocessing"], place)
        space = PoseSpace.from_json(config["pose_space"], place)
        with torch.random.fork_rng(devices=[]):  # the fresh weights are about to be replaced
            network = build_network(
                config["kind"],
                tuple(config["categories"]),
                space,
                preprocessing,
                settings,
                background=bool(config["background"]),
            )
        frame = PoseFrame.from_json(config["pose_frame"], f"{place}: pose_frame")
    except SettingsError as error:
        message = str(error)
        raise ModelError(message if place in message else f"{place}: {message}") from error
    side = image_size(settings.extractor, settings.image_side)
    if preprocessing.size != side:
        raise ModelError(
            f"{place}: preprocessing.size is {preprocessing.size}, but {settings.extractor} takes "
            f"images of side {side}; train anew"
        )
    stored = config["calibration"]
    calibration = None if stored is None else Calibration.from_json(stored, place)
    _load_weights(network, folder / WEIGHTS)
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


_KEYS = {
    "format": int,
    "kind": str,
    "categories": list,
    "background": list,
    "pose_space": dict,
    "pose_frame": dict,
    "preprocessing": dict,
    "model": dict,
    "backbone": (str, type(None)),
    "calibration": (dict, type(None)),
    "training": dict,
}


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
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: not readable as JSON ({error}); train anew") from error
    _check_config(config, path)
    return config


def _check_config(config: Any, path: Path) -> None:
    if not isinstance(config, dict) or not isinstance(config.get("format"), int):
        raise ModelError(f"{path}: not a model's configuration; train anew")
    if config["format"] == 1:
        config |= {key: value for key, value in _SINCE_2.items() if key not in config}
    elif config["format"] != FORMAT:
        raise ModelError(
            f"{path}: format {config['format']}, but this objrec reads format {FORMAT}; "
            "use the version that wrote it or train anew"
        )
    for key, kind in _KEYS.items():
        if key not in config or not isinstance(config[key], kind):
            raise ModelError(f"{path}: '{key}' is missing or of the wrong type; train anew")
    for key in config:
        if key not in _KEYS:
            raise ModelError(f"{path}: unknown key '{key}'{did_you_mean(key, tuple(_KEYS))}")
    _check_names(config["categories"], "categories", path)
    _check_names(config["background"], "background", path)
    if not config["categories"]:
        raise ModelError(f"{path}: 'categories' is empty; train anew")


def _check_names(names: list[Any], key: str, path: Path) -> None:
    if not all(isinstance(name, str) for name in names):
        raise ModelError(f"{path}: '{key}' must be a list of names; train anew")
    if len(names) != len(set(names)):
        raise ModelError(f"{path}: '{key}' lists a name twice; train anew")


def _load_weights(network: nn.Module, path: Path) -> None:
    if not path.is_file():
        raise ModelError(f"{path}: no such file; the model folder is incomplete, copy it whole")
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: not readable as safetensors ({error}); copy it anew") from error
    wanted = stored_state(network)
    for name, tensor in wanted.items():
        if name not in state:
            raise ModelError(f"{path}: '{name}' is missing; config.json is of another model")
        if state[name].shape != tensor.shape:
            found, right = tuple(state[name].shape), tuple(tensor.shape)
            raise ModelError(f"{path}: '{name}' has shape {found}, not {right}; wrong config.json")
        if not torch.isfinite(state[name].float()).all():
            raise ModelError(f"{path}: '{name}' holds NaN or infinite weights; train anew")
    surplus = sorted(set(state) - set(wanted))
    if surplus:
        raise ModelError(f"{path}: '{surplus[0]}' belongs to another model; wrong config.json")
    network.load_state_dict(state, strict=False)


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
