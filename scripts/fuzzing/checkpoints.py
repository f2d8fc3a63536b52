"""Checkpoints that are broken, cut, foreign or of another run, and `train --resume` on them."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fuzzing.case import HERE, Case
from fuzzing.good import (
    QUICK,
    SMALL,
    STRANGE,
    below,
    fifo,
    files_of,
    image,
    tiny_model,
    tiny_set,
    write,
)
from fuzzing.models import FOREIGN, TYPES, packed, unpacked
from fuzzing.mutations import changed_json, mutated
from objrec.datasets import open_dataset
from objrec.training import Recipe, train

FILE, METRICS = "checkpoint.safetensors", "metrics.csv"
WORDS = ("train", f"{HERE}/set", "--out", f"{HERE}/model", "--resume", *QUICK, *SMALL)
WORDS += ("--epochs", "2")


def interrupted(epochs: int, **changes: Any) -> dict[str, bytes]:
    """Return the folder of a run that was stopped after so many of its two epochs."""
    with TemporaryDirectory() as around:
        folder = Path(around)
        write(folder / "set", tiny_set())
        settings = {"epochs": 2, "batch_size": 8, "azimuth_step": 90.0, "features": "small"}
        settings |= {"image_side": 16, "channels": 4, "volume_channels": 2} | changes
        recipe, dataset = Recipe().replaced(**settings), open_dataset(folder / "set")
        run = train(dataset, folder / "out", recipe, device="cpu")
        for _ in range(epochs):
            next(run)
        run.close()
        return files_of(folder / "out")


SEEDS = (interrupted(1), interrupted(2))
OTHERS = (interrupted(1, seed=1), interrupted(1, channels=5), interrupted(1, kind="cnn"))


def _case(content: bytes | None, good: bool | None = None, seed: int = 0, **more: Any) -> Case:
    files = {**SEEDS[seed], FILE: content} if content is not None else {METRICS: b""}
    every = below("model", files) | below("set", tiny_set()) | more.get("files", {})
    return Case(WORDS, every, more.get("links", {}), (FILE,), good)


@st.composite
def _mutated(draw: st.DrawFn) -> Case:
    """Change bytes."""
    seed = draw(st.integers(0, 1))
    content = SEEDS[seed][FILE]
    head = 8 + struct.unpack("<Q", content[:8])[0]
    return _case(draw(mutated(content, draw(st.sampled_from((16, head))))), None, seed)


def split(content: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Return the header of a checkpoint, the JSON in it, and the data."""
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    return header, json.loads(header["__metadata__"]["objrec"]), content[8 + size :]


def joined(header: dict[str, Any], numbers: str, data: bytes) -> bytes:
    """Return a checkpoint; the inverse of `split`."""
    text = json.dumps({**header, "__metadata__": {"objrec": numbers}}).encode()
    return struct.pack("<Q", len(text)) + text + data


@st.composite
def _changed_numbers(draw: st.DrawFn) -> Case:
    """Change what the JSON says: anywhere, or in one of its parts."""
    seed = draw(st.integers(0, 1))
    header, numbers, data = split(SEEDS[seed][FILE])
    part = draw(st.sampled_from((None, "reports", "identity", "schedule", "optimizer", "state")))
    if part in ("schedule", "optimizer"):
        entry = next(pair for pair in numbers["state"]["dict"] if pair[0] == part)
        entry[1] = json.loads(draw(changed_json(entry[1])))
        text = json.dumps(numbers)
    elif part:
        numbers[part] = json.loads(draw(changed_json(numbers[part])))
        text = json.dumps(numbers)
    else:
        text = draw(changed_json(numbers)).decode("utf-8", "surrogatepass")
    return _case(joined(header, text, data), None, seed)


_ODD = ("", "null", "[]", "{}", "NaN", "[" * 10**5, '{"state": ' * 5000, "9" * 5000, '"x"')


@st.composite
def _odd_numbers(draw: st.DrawFn) -> Case:
    """Put other JSON in its place, or a state nested deeply."""
    header, numbers, data = split(SEEDS[0][FILE])
    if draw(st.booleans()):
        depth = draw(st.sampled_from((100, 500, 900, 5000)))
        numbers["state"] = "HERE"
        deep = '{"list": [' * depth + '{"value": 1}' + "]}" * depth
        text = json.dumps(numbers).replace('"HERE"', deep)
    else:
        text = draw(st.sampled_from(_ODD))
    return _case(joined(header, text, data), False)


@st.composite
def _changed_tensors(draw: st.DrawFn) -> Case:
    """Replace, drop or add tensors."""
    seed = draw(st.integers(0, 1))
    _, numbers, _ = split(SEEDS[seed][FILE])
    tensors = unpacked(SEEDS[seed][FILE])
    good: bool | None = None
    name = draw(st.sampled_from(sorted(tensors)))
    kind, shape, content = tensors[name]
    count = math.prod(shape)
    match draw(st.sampled_from(("value", "fill", "type", "shape", "drop", "swap"))):
        case "value" | "fill" if kind == "F32":
            odd = (math.nan, math.inf, -math.inf, 1e38, -1e38, 0.0, -1.0, 1e-40)
            value = draw(st.sampled_from(odd))
            values = np.frombuffer(content, np.float32).copy()
            where = draw(st.integers(0, max(count - 1, 0)) | st.just(slice(None)))
            values[where] = value
            tensors[name] = kind, shape, values.tobytes()
            good = None if math.isfinite(value) else False
        case "type":
            other = draw(st.sampled_from(sorted(set(TYPES) - {kind})))
            tensors[name] = other, shape, np.zeros(count, TYPES[other]).tobytes()
            good = False
        case "shape":
            other = draw(st.sampled_from(([*shape, 1], [count + 1], [0])))
            size = len(content) // max(count, 1) * math.prod(other)
            tensors[name] = kind, other, content[:size].ljust(size, b"\0")
            good = False
        case "drop":
            del tensors[name]
            good = False
        case "swap":
            other = draw(st.sampled_from(sorted(tensors)))
            tensors[name], tensors[other] = tensors[other], tensors[name]
    content = packed(tensors)
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    return _case(joined(header, json.dumps(numbers), content[8 + size :]), good, seed)


@st.composite
def _other(draw: st.DrawFn) -> Case:
    """Give the checkpoint of another run, another file, a folder, a pipe, a device, a loop."""
    match draw(st.sampled_from(("run", "foreign", "folder", "link", "metrics"))):
        case "run":
            return _case(draw(st.sampled_from(OTHERS))[FILE], False)
        case "foreign":
            return _case(draw(st.sampled_from((*FOREIGN, *tiny_model().values()))), False)
        case "folder":
            return _case(None, False, files={f"model/{FILE}/x": image()})
        case "link":
            target = draw(st.sampled_from((*STRANGE, fifo())))
            links = {f"model/{FILE}": FILE if target == "itself" else target}
            return _case(None, False, links=links)
    case = _case(SEEDS[0][FILE], True)
    broken = draw(mutated(case.files[f"model/{METRICS}"]) | st.sampled_from(FOREIGN))
    return Case(WORDS, {**case.files, f"model/{METRICS}": broken}, {}, (), True)


CASES = st.one_of(
    _mutated(), _changed_numbers(), _changed_numbers(), _odd_numbers(), _changed_tensors(), _other()
)
