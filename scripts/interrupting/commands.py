"""The commands that are interrupted: a small set, what is made of it, and what must be whole."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from objrec.datasets import open_splits
from objrec.errors import ObjrecError
from objrec.evaluation.result import Evaluation
from objrec.saving import CONFIG, WEIGHTS, load_model

TRAIN = ["--epochs", "4", "--batch-size", "12", "--azimuth-step", "90", "--channels", "12"]
TRAIN += ["--features", "small", "--device", "cpu"]


@dataclass(frozen=True)
class Command:
    """One command to be interrupted.

    Attributes:
        name: For the table.
        words: After ``objrec``; "{}" is the case's folder, "OUT" in it what is written.
        again: Words to add for the second try.
        before: A file or folder of the case's folder that is its output before; "" for none.
        bits: Files, relative to the output, that must be the same bytes in the end.
    """

    name: str
    words: tuple[str, ...]
    again: tuple[str, ...] = ()
    before: str = ""
    bits: tuple[str, ...] = ()

    def placed(self, folder: Path) -> list[str]:
        """Return its words for a folder."""
        return [word.replace("{}", str(folder)) for word in self.words]


COMMANDS = (
    Command("train", ("train", "{}/set", "--out", "{}/OUT", *TRAIN), ("--resume",), "", (WEIGHTS,)),
    Command(
        "train --folds 2",
        ("train", "{}/set", "--out", "{}/OUT", *TRAIN, "--folds", "2"),
        ("--resume",),
        "",
        (WEIGHTS,),
    ),
    Command(
        "evaluate --force",
        (
            *("evaluate", "{}/set", "--model", "{}/model", "--out", "{}/OUT", "--force"),
            *("--sweep", "0", "--resamples", "20", "--device", "cpu"),
        ),
        before="report",
    ),
    Command(
        "report",
        ("report", "{}/report/evaluation.json", "--out", "{}/OUT", "--force"),
        before="report/report.html",
        bits=("",),
    ),
    Command(
        "explain",
        ("explain", "{}/set@test:0", "--model", "{}/model", "--out", "{}/OUT.png", "--force"),
    ),
    Command(
        "export",
        (
            *("export", "--model", "{}/model", "--out", "{}/OUT.pt2"),
            *("--format", "torchexport", "--force"),
        ),
    ),
    Command(
        "learn",
        (
            *("learn", "{}/set@test:0-1", "--name", "x", "--model", "{}/model"),
            *("--out", "{}/OUT", "--force", "--device", "cpu"),
        ),
        bits=(WEIGHTS, CONFIG),
    ),
    Command(
        "calibrate",
        ("calibrate", "{}/set", "--split", "test", "--model", "{}/OUT", "--device", "cpu"),
        before="model",
        bits=(WEIGHTS, CONFIG),
    ),
    Command(
        "data convert --to norb",
        ("data", "convert", "{}/set", "{}/OUT", "--to", "norb", "--force"),
        bits=("set.json", "set-training-dat.mat"),
    ),
    Command(
        "data convert --to folder, over one",
        ("data", "convert", "{}/set", "{}/OUT", "--to", "folder", "--size", "16", "--force"),
        before="set",
    ),
    Command(
        "data split",
        ("data", "split", "{}/set", "{}/OUT", "--test", "0.25", "--force"),
        bits=("labels.csv",),
    ),
    Command(
        "data info --picture", ("data", "info", "{}/set", "--picture", "{}/OUT.svg", "--force")
    ),
)


def output(folder: Path) -> Path:
    """Return the output of a command in its folder, whatever its suffix."""
    found = sorted(path for path in folder.glob("OUT*"))
    return found[0] if found else folder / "OUT"


def prepare(command: Command, made: Path, folder: Path) -> Path:
    """Make a fresh folder for a command, with what it reads and what it overwrites."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in ("set", "model", "report"):
        if (made / name).exists() and any(f"{{}}/{name}" in word for word in command.words):
            (folder / name).symlink_to(made / name)
    if command.before:
        source = made / command.before
        copy = shutil.copytree if source.is_dir() else shutil.copyfile
        copy(source, folder / "OUT")
    return folder


def damaged(path: Path) -> str:
    """Say which file below a path is neither whole nor absent; "" if none is."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in files:
        if not any(part.startswith(".") for part in file.parts) and not _whole(file):
            return file.name
    try:
        if (path / CONFIG).is_file():
            load_model(path)
        elif (path / "set.json").is_file() or (path / "labels.csv").is_file():
            for part in open_splits(path):
                list(part)
    except ObjrecError as error:
        return str(error)
    return ""


def _whole(file: Path) -> bool:
    content = file.read_bytes()
    if file.name == "evaluation.json":
        Evaluation.load(file)
    ends = {".html": b"</html>", ".svg": b"</svg>", ".csv": b"\n", ".json": b"}\n"}
    if file.suffix in (".png", ".webp"):
        return cv2.imread(str(file)) is not None
    content = content if file.suffix in (".csv", ".json") else content.rstrip()
    return content.endswith(ends.get(file.suffix, b""))


def draw_set(root: Path) -> None:
    """Write a labelled folder: boxes and discs with a dark arm, 8 azimuths of 4 objects each."""
    rows = []
    for category in ("box", "disc"):
        for instance in range(4):
            for azimuth in range(0, 360, 45):
                name = f"{category}-{instance}-{azimuth:03d}.png"
                root.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(root / name), _drawn(category, instance, azimuth))
                split = "test" if instance == 3 else "train"
                rows.append((name, category, instance, split, azimuth))
    with (root / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "category", "instance", "split", "azimuth"), *rows])
    (root / "set.json").write_text(json.dumps({"name": "set"}) + "\n")


def _drawn(category: str, instance: int, azimuth: int) -> np.ndarray:
    pixels = np.full((32, 32), 200, np.uint8)
    angle, size = np.deg2rad(azimuth), 7 + instance
    if category == "box":
        cv2.rectangle(pixels, (16 - size, 16 - size), (16 + size, 16 + size), 120, -1)
    else:
        cv2.circle(pixels, (16, 16), size, 120, -1)
    end = (int(16 + 12 * np.cos(angle)), int(16 - 12 * np.sin(angle)))
    cv2.line(pixels, (16, 16), end, 10, 3)
    return pixels
