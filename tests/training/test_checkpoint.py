"""Checkpoints: every bit comes back, a failed write harms nothing, foreign files are refused."""

import copy
import math

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from objrec.errors import DataError, ModelError
from objrec.training.checkpoint import Checkpoint, pack, unpack


class Run:
    """A small network under AdamW with two groups and a one-cycle schedule."""

    def __init__(self, seed=0):
        torch.manual_seed(seed)
        self.network = torch.nn.Sequential(
            torch.nn.Linear(5, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 3)
        )
        matrices = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others}]
        self.optimizer = torch.optim.AdamW(groups, lr=0.01)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, 0.01, total_steps=20)

    @property
    def parts(self):
        return {
            "network": self.network,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
        }

    def state(self):
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load(self, state):
        for name, part in self.parts.items():
            part.load_state_dict(state[name])

    def train(self, steps, first=0):
        for step in range(first, first + steps):
            generator = torch.Generator().manual_seed(step)
            loss = self.network(torch.randn(6, 5, generator=generator)).square().mean()
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            self.schedule.step()


def assert_same(one, other):
    """Compare nested states bit for bit; lists and tuples count as alike."""
    if isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype and torch.equal(one, other)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    else:
        assert type(one) is type(other)
        assert one == other or (math.isnan(one) and math.isnan(other))


def round_trip(state, path):
    tensors, structure = pack(state, "state")
    Checkpoint(tensors, {"state": structure, "epoch": 3}).save(path)
    loaded = Checkpoint.load(path)
    assert loaded.numbers["epoch"] == 3
    return unpack(loaded.tensors, loaded.numbers["state"])


def test_a_real_training_state_comes_back_bit_for_bit(tmp_path):
    run = Run()
    run.train(7)
    state = copy.deepcopy(run.state())
    assert_same(state, round_trip(run.state(), tmp_path / "c.safetensors"))


def test_a_resumed_run_ends_with_the_bits_of_one_that_was_not_interrupted(tmp_path):
    through, interrupted, resumed = Run(), Run(), Run(seed=9)
    through.train(15)
    interrupted.train(7)
    resumed.load(round_trip(interrupted.state(), tmp_path / "c.safetensors"))
    resumed.train(8, first=7)
    assert_same(through.state(), resumed.state())


def test_odd_values_come_back_too(tmp_path):
    state = {
        "types": [
            torch.tensor([True, False]),
            torch.tensor([2**62, -1]),
            torch.tensor([math.nan, math.inf, -0.0]),
            torch.tensor([1e-300], dtype=torch.float64),
            torch.tensor([1.5], dtype=torch.bfloat16),
            torch.tensor(3.0),
            torch.zeros(0, 4),
        ],
        "turned": torch.arange(6.0).view(2, 3).T,
        "numbers": [0.1 + 0.2, 5e-324, math.nan, -math.inf, 2**70, True, None, "text"],
        "nested": {0: {"a.b": [[], {}]}, 17: "int keys stay ints"},
    }
    loaded = round_trip(state, tmp_path / "c.safetensors")
    odd = loaded["types"].pop(2), state["types"].pop(2)
    assert torch.equal(*(t.view(torch.int32) for t in odd))
    assert_same(state, loaded)


def test_tensors_that_share_memory_are_kept_apart(tmp_path):
    weights = torch.arange(4.0)
    loaded = round_trip({"a": weights, "b": weights, "c": weights[1:3]}, tmp_path / "c.safetensors")
    assert_same({"a": weights, "b": weights, "c": weights[1:3]}, loaded)
    loaded["a"][0] = 99
    assert loaded["b"][0] == 0


def test_tensors_that_need_gradients_are_saved_as_values(tmp_path):
    loaded = round_trip({"w": torch.ones(2, requires_grad=True)}, tmp_path / "c.safetensors")
    assert loaded["w"].tolist() == [1, 1]


def test_saving_replaces_the_old_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "c.safetensors"
    Checkpoint({"a": torch.zeros(1)}, {"epoch": 1}).save(path)
    Checkpoint({"a": torch.ones(1)}, {"epoch": 2}).save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["c.safetensors"]
    loaded = Checkpoint.load(path)
    assert loaded.numbers == {"epoch": 2} and loaded.tensors["a"].item() == 1


def broken_write(tensors, path, metadata):
    path.write_bytes(b"half of a")
    raise SafetensorError("Error while serializing: I/O error: No space left (os error 28)")


def broken_rename(self, target):
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize("failure", ["write", "rename", "value"])
def test_a_failing_save_leaves_the_old_file(tmp_path, monkeypatch, failure):
    path = tmp_path / "c.safetensors"
    Checkpoint({"a": torch.arange(3.0)}, {"epoch": 1}).save(path)
    before = path.read_bytes()
    numbers = {"epoch": 2}
    if failure == "write":
        monkeypatch.setattr("safetensors.torch.save_file", broken_write)
    elif failure == "rename":
        monkeypatch.setattr(type(path), "replace", broken_rename)
    else:
        numbers["not JSON"] = object()
    said = r"space left on device\); make room|output error\); check the disk|not JSON serializable"
    with pytest.raises((DataError, TypeError), match=said):
        Checkpoint({"a": torch.zeros(3)}, numbers).save(path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    Checkpoint({"a": torch.zeros(3)}, {"epoch": 3}).save(path)  # the next one works
    assert Checkpoint.load(path).numbers == {"epoch": 3}


def write_model(path):
    save_file({"weight": torch.zeros(2)}, path)


def write_broken_metadata(path):
    save_file({"weight": torch.zeros(2)}, path, metadata={"objrec": "{"})


def write_half(path):
    Checkpoint({"a": torch.zeros(500)}, {"epoch": 1}).save(path)
    path.write_bytes(path.read_bytes()[:-100])


FOREIGN = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("epoch,loss\n1,0.5\n" * 20),
    "zip": lambda path: torch.save({"a": torch.zeros(1)}, path),
    "model": write_model,
    "broken": write_broken_metadata,
    "cut short": write_half,
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_is_refused_in_one_line(tmp_path, kind):
    path = tmp_path / "checkpoint.safetensors"
    FOREIGN[kind](path)
    with pytest.raises(ModelError, match=r"checkpoint\.safetensors: not a checkpoint") as caught:
        Checkpoint.load(path)
    assert "\n" not in str(caught.value) and "--force" in str(caught.value)
