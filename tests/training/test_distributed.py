"""Several processes train the model that one does, one folder is written, and a loss is no loss."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from objrec.errors import SettingsError
from objrec.training.augmentation import Augmentation, Part
from objrec.training.checkpoint import CHECKPOINT, Checkpoint
from objrec.training.distributed import ALONE, Processes, count_processes, joined
from objrec.training.settings import AugmentationSettings
from objrec.training.sources import check_batches

FINISHED = ["README.md", "config.json", "metrics.csv", "model.safetensors"]
TWO = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
# Batches of 9, 9, 9 and 9 images: no half of them. Adam divides a gradient by its own size, so
# the rounding of one that should be 0 becomes a step: a small rate keeps these small.
SETTINGS = {"batch_size": 9, "amp": False, "lr": 3e-5}
FLAGS = (
    *("--features", "small", "--azimuth-step", "60", "--channels", "12", "--batch-size", "9"),
    *("--no-amp", "--lr", "3e-5", "--device", "cpu"),
)


def started(*words: object, **popen) -> subprocess.Popen:
    """Start Python with some words, one thread a process."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parent)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, *map(str, words)]
    return subprocess.Popen(command, env=environment, **pipes, **popen)


def done(process: subprocess.Popen) -> tuple[int, str, str]:
    """Return the exit code, stdout and stderr of what has ended within two minutes."""
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def curve(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def assert_same_curve(one: Path, other: Path, rel: float = 1e-4) -> None:
    rows, others = curve(one), curve(other)
    assert len(rows) == len(others)
    for row, again in zip(rows, others, strict=True):
        assert row["error_rate"] == again["error_rate"]
        assert float(row["loss"]) == pytest.approx(float(again["loss"]), rel=rel)
        for name in ("reference_gap", "feature_variance"):
            assert float(row[name]) == pytest.approx(float(again[name]), rel=10 * rel), name


def assert_same_model(one: Path, other: Path) -> None:
    tensors, others = (load_file(path / "model.safetensors") for path in (one, other))
    assert list(tensors) == list(others)
    for name, tensor in tensors.items():
        torch.testing.assert_close(tensor, others[name], rtol=1e-2, atol=1e-4, msg=name)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# The parts ----------------------------------------------------------------------------------------


def test_without_torchrun_there_is_one_process(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR"):
        monkeypatch.delenv(name, raising=False)
    assert count_processes() == 1
    with joined("cpu") as processes:
        assert processes == ALONE
        assert not torch.distributed.is_initialized()


@pytest.mark.parametrize(("images", "count"), [(2, 2), (9, 2), (13, 4), (128, 3), (7, 7)])
def test_each_image_of_a_batch_belongs_to_one_process(images, count):
    parts = [list(range(images))[Processes(rank, count).rows(images)] for rank in range(count)]
    assert [image for part in parts for image in part] == list(range(images))
    assert all(parts) and max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_batch_with_fewer_images_than_processes_is_refused():
    check_batches(10, 4, Processes(0, 2))
    check_batches(9, 4, Processes(0, 4))  # the ninth image joins the batch before it
    with pytest.raises(SettingsError, match="leaves 2 of 10 images for the last batch, too few"):
        check_batches(10, 4, Processes(0, 3))


@pytest.mark.parametrize(
    ("device", "environment", "sentence"),
    [
        ("meta", {}, "'meta' is not to be had here"),
        ("cpu", {"LOCAL_WORLD_SIZE": "1"}, "all processes must run on one machine"),
    ],
)
def test_devices_that_processes_cannot_have(monkeypatch, device, environment, sentence):
    started = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost"}
    for name, value in (started | environment).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=sentence), joined(device):
        pass


def test_rows_of_a_batch_are_augmented_as_among_all_of_it():
    images = torch.rand(7, 2, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    poses = torch.zeros(7, 6)
    change = Augmentation(AugmentationSettings(), ("azimuth", "roll"), 30.0)
    whole = change(images, poses, torch.Generator().manual_seed(3))
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    for generator, rows in zip(generators, (slice(0, 3), slice(3, 7)), strict=True):
        part = change(images[rows], poses[rows], generator, Part(rows, 7))
        for found, wanted in zip(part, whole, strict=True):
            torch.testing.assert_close(found, wanted[rows])
    states = [generator.get_state() for generator in generators]
    assert torch.equal(*states), "the next batch begins with the same numbers everywhere"


# Two processes ------------------------------------------------------------------------------------

NORMALISED = """
import sys, torch
import torch.distributed as dist
from objrec.training.distributed import joined, normalise_globally
torch.set_default_dtype(torch.float64)
shapes = {"2d": (7, 3, 5, 4), "1d": (5, 6), "deep": (9, 2, 3, 3)}
with joined("cpu") as processes:
    for name, shape in shapes.items():
        torch.manual_seed(4)
        norm = torch.nn.BatchNorm1d if name == "1d" else torch.nn.BatchNorm2d
        whole = torch.nn.Sequential(norm(shape[1], eps=1e-3, momentum=0.3))
        torch.nn.init.normal_(whole[0].weight)
        own = torch.nn.Sequential(norm(shape[1], eps=1e-3, momentum=0.3))
        own.load_state_dict(whole.state_dict())
        normalise_globally(own)
        assert list(own.state_dict()) == list(whole.state_dict())
        for _ in range(2):
            x = (5 + 2 * torch.randn(shape)).requires_grad_()
            weights = torch.randn(shape)
            y = whole(x)
            (weights * y.square()).sum().backward()
            rows = processes.rows(shape[0])
            part = x.detach()[rows].clone().requires_grad_()
            z = own(part)
            (weights[rows] * z.square()).sum().backward()
            torch.testing.assert_close(z, y[rows])
            torch.testing.assert_close(part.grad, x.grad[rows])
        for p, q in zip(own.parameters(), whole.parameters()):
            torch.testing.assert_close(processes.summed(p.grad), q.grad)
        for p, q in zip(own.buffers(), whole.buffers()):
            torch.testing.assert_close(p, q)
        own.eval(), whole.eval()
        torch.testing.assert_close(own(x), whole(x))
        assert torch.equal(processes.gathered(x.detach()[rows], shape[0]), x)
torch.set_default_dtype(torch.float32)
"""


STEPPED = """
import sys, torch
from pathlib import Path
from objrec.datasets import open_dataset
from objrec.errors import SettingsError
from objrec.training import Recipe
from objrec.training.distributed import ALONE, joined
from objrec.training.loop import Loop, _Watch
from objrec.training.run import _Run

def gradients(processes):
    recipe = Recipe().replaced(features="small", batch_size=9, azimuth_step=60.0, amp=False)
    dataset = open_dataset(sys.argv[1])
    run = _Run(recipe.settled(dataset.colour), processes, lambda *_: None)
    loop = Loop(run.job(dataset, Path(), ""), lambda *_: None, lambda *_: None)
    network, watch = loop.job.network.train(), _Watch(processes.device, processes)
    batch = next(loop._source().epoch(9, torch.Generator().manual_seed(1)))
    assert len(batch.labels) == 9 * batch.share
    loop._step(batch, watch)
    watch.check(1)
    return watch.mean_loss(), {n: p.grad for n, p in network.named_parameters()}

with joined("cpu") as processes:
    processes.agree({"seed": 1})
    try:
        processes.agree({"seed": processes.rank})
    except SettingsError as error:
        assert "were given different settings or data" in str(error)
    else:
        raise AssertionError("different settings were taken for the same")
    (loss, wanted), (found_loss, found) = gradients(ALONE), gradients(processes)
    torch.testing.assert_close(found_loss, loss, rtol=1e-6, atol=0)
    for name, gradient in wanted.items():
        # Rounding moves some activations over the corner of a ReLU.
        apart = float((found[name] - gradient).norm() / gradient.norm())
        assert apart < 1e-2, (name, apart)
    sys.stdout.write("normalised stepped\\n")
"""


@pytest.mark.slow
def test_batches_are_normalised_and_gradients_are_those_of_the_whole(small_set, tmp_path):
    (tmp_path / "both.py").write_text(NORMALISED + STEPPED)  # to start processes takes longest
    code, out, err = done(started(*TWO, tmp_path / "both.py", small_set))
    assert (code, out.split()) == (0, ["normalised", "stepped"] * 2), err


@pytest.fixture(scope="module")
def kinds() -> dict[str, dict]:
    """Settings that train in different ways, and folds."""
    return {
        "energy": {"batch_size": 10},
        "relative": {"pose": ("azimuth=relative",)},
        "cnn-pose": {"kind": "cnn-pose"},
        "frozen": {"features": "resnet18", "cached_copies": 3},
        "folds": {"folds": 2, "keep_every": 1, "epochs": 1},
    }


ALL_KINDS = """
import json, sys
import objrec.energy.pretrained
from conftest import TinyBackbone
from objrec.datasets import open_dataset
from objrec.training import Recipe, train
objrec.energy.pretrained.load_backbone = lambda *_: TinyBackbone()
folder, path, kinds = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
for name, settings in kinds.items():
    choices = {key: settings.pop(key) for key in ("folds", "keep_every") if key in settings}
    recipe = Recipe().replaced(**settings)
    last = list(train(open_dataset(path), f"{folder}/{name}", recipe, device="cpu", **choices))
    sys.stdout.write(f"{name} {last[-1].epoch} {last[-1].loss}\\n")
"""


@pytest.mark.slow
def test_two_processes_train_every_kind_as_one_does(small_set, tmp_path, kinds):
    common = {"features": "small", "epochs": 2, "azimuth_step": 60.0, "channels": 12} | SETTINGS
    asked = json.dumps({name: common | changes for name, changes in kinds.items()})
    (tmp_path / "all.py").write_text(ALL_KINDS)
    for folder, words in (("one", ()), ("two", TWO)):
        command = (*words, tmp_path / "all.py", tmp_path / folder, small_set, asked)
        code, out, err = done(started(*command))
        assert code == 0, err
    lines = out.splitlines()
    assert len(lines) == 2 * len(kinds) and len(set(lines)) == len(kinds), "all draw the same"
    for name in kinds:
        one, two = tmp_path / "one" / name, tmp_path / "two" / name
        assert names(one) == names(two)
        assert_same_curve(one, two)
        assert_same_model(one, two)
    assert "in 2 folds (6 objects)" in (two / "README.md").read_text()


ARGUMENTS = (*FLAGS, "--epochs", "6")


@pytest.fixture(scope="module")
def whole(small_set, tmp_path_factory) -> Path:
    """What one process makes of it."""
    folder = tmp_path_factory.mktemp("models") / "whole"
    code, _, err = done(started("-m", "objrec", "train", small_set, "--out", folder, *ARGUMENTS))
    assert code == 0, err
    return folder


def child(parent: int, rank: int) -> int:
    """Return the process of a rank, which torchrun started."""
    for path in Path("/proc").iterdir():
        try:
            mother = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if mother == parent and f"RANK={rank}".encode() in environment(path):
                return int(path.name)
        except (OSError, IndexError, NotADirectoryError):
            continue
    raise AssertionError(f"no process of rank {rank}")


def environment(process: Path) -> list[bytes]:
    return (process / "environ").read_bytes().split(b"\0")


@pytest.mark.slow
def test_the_command_speaks_once_and_writes_one_model(small_set, whole, tmp_path):
    folder = tmp_path / "two"
    command = (*TWO, "-m", "objrec", "train", small_set, "--out", folder, *ARGUMENTS)
    code, out, err = done(started(*command))
    assert (code, out) == (0, f"model: {folder}\n"), err
    assert [line.split()[1] for line in err.splitlines() if line.startswith("epoch")] == [
        f"{n}/6" for n in range(1, 7)
    ]
    assert names(folder) == FINISHED
    assert_same_curve(whole, folder)
    assert_same_model(whole, folder)
    assert "| processes | 2 |" in (folder / "README.md").read_text()
    code, out, err = done(started(*command))
    assert code != 0
    assert err.count("objrec: ") == 1
    assert f"objrec: {folder}: holds a model already; use --force to replace it" in err


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux' /proc")
def test_after_a_kill_any_number_of_processes_goes_on(small_set, whole, tmp_path):
    folder = tmp_path / "m"
    words = ("-m", "objrec", "train", small_set, "--out", folder, *ARGUMENTS)
    resumed: tuple[str, ...] = ()
    for rank, epoch in ((0, 2), (1, 4)):
        with started(*TWO, *words, *resumed, start_new_session=True) as process:
            for line in process.stderr:
                if line.startswith(f"epoch {epoch}"):
                    os.kill(child(process.pid, rank), signal.SIGKILL)
                    break
            code, _, err = done(process)
        assert code != 0
        assert "SIGKILL" in err, "torchrun says what happened"
        assert not (folder / "config.json").exists()
        assert len(Checkpoint.load(folder / CHECKPOINT).numbers["reports"]) >= epoch
        resumed = ("--resume",)
    assert "objrec: " in err and "--resume goes on" in err, "the first process, which is alive"
    code, _, err = done(started(*words, *resumed))
    assert code == 0, err
    assert names(folder) == FINISHED
    assert_same_curve(whole, folder)
    assert_same_model(whole, folder)
