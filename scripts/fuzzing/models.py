"""Model folders that are broken, cut, foreign or hostile."""

from __future__ import annotations

import io
import json
import math
import pickle
import struct
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fuzzing.case import HERE, Case
from fuzzing.good import STRANGE, below, fifo, image, tiny_model, tiny_set
from fuzzing.mutations import changed_json, mutated

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
SEEDS = (
    tiny_model(),
    tiny_model("--folds", "2"),
    tiny_model("--baseline", "cnn-pose"),
    tiny_model("--references", "planar"),
)
MODEL, IMAGE, SET = f"{HERE}/model", f"{HERE}/a.png", f"{HERE}/set"
COMMANDS = {
    "classify": ("classify", IMAGE, "--model", MODEL, "--device", "cpu"),
    "json": ("classify", IMAGE, "--model", MODEL, "--device", "cpu", "--json"),
    "calibrate": ("calibrate", SET, "--model", MODEL, "--split", "all", "--device", "cpu"),
    "learn": ("learn", IMAGE, "--name", "new", "--model", MODEL, "--out", f"{HERE}/learned"),
    "evaluate": ("evaluate", SET, "--model", MODEL, "--out", f"{HERE}/out", "--sweep", "0"),
    "export": ("export", "--model", MODEL, "--out", f"{HERE}/model.onnx"),
}
# Classifying takes a hundredth of a second, an evaluation one, an export ten: see `_other_files`.
COMMAND = st.sampled_from(
    ("classify",) * 700 + ("json",) * 200 + ("calibrate",) * 50 + ("learn",) * 48 + ("evaluate",)
)
# What a command may blame instead of a file: the output, or the kind of model that it was given.
_OTHERWISE = ("objrec: learn: ", "objrec: calibrate: ")


def _case(
    files: dict[str, bytes],
    command: str,
    named: tuple[str, ...],
    good: bool | None = None,
    links: dict[str, str] | None = None,
) -> Case:
    every = below("model", files) | {"a.png": image()}
    if SET in COMMANDS[command]:
        every |= below("set", tiny_set())
    named = (*named, *_OTHERWISE)
    if good and command == "learn":  # not every kind of model can
        good = None
    return Case(COMMANDS[command], every, below("model", links or {}), named, good)


@st.composite
def _changed_config(draw: st.DrawFn) -> Case:
    """Change a few values of the configuration."""
    seed = draw(st.sampled_from(SEEDS))
    config = draw(changed_json(json.loads(seed[CONFIG])))
    return _case(seed | {CONFIG: config}, draw(COMMAND), (CONFIG, WEIGHTS))


@st.composite
def _mutated_file(draw: st.DrawFn) -> Case:
    """Change bytes of the configuration, the weights or the card."""
    seed = draw(st.sampled_from(SEEDS))
    name = draw(st.sampled_from((CONFIG, WEIGHTS, WEIGHTS, CARD)))
    head = 8 + struct.unpack("<Q", seed[WEIGHTS][:8])[0] if name == WEIGHTS else len(seed[name])
    good = True if name == CARD else None
    files = seed | {name: draw(mutated(seed[name], head))}
    return _case(files, draw(COMMAND), (CONFIG, WEIGHTS), good)


HUGE = (10**7, 10**9, 2**31, 2**63, 2**64, 1e300, 0, -1, 1, 2, 16, 64, 1024, 4096)
_AXIS = st.sampled_from(("azimuth", "elevation", "roll", "scale", "shift_x", "shift_y"))


@st.composite
def _hostile_config(draw: st.DrawFn) -> Case:
    """Ask for memory or time that no model needs, or for what JSON can say and Python cannot."""
    seed = draw(st.sampled_from(SEEDS))
    config = json.loads(seed[CONFIG])
    text = None
    match draw(st.sampled_from(("number", "numbers", "poses", "names", "deep", "twice", "text"))):
        case "number" | "numbers":
            for _ in range(draw(st.integers(1, 4))):
                part = config[draw(st.sampled_from(("model", "preprocessing", "model")))]
                part[draw(st.sampled_from(sorted(part)))] = draw(st.sampled_from(HUGE))
        case "poses":
            for _ in range(draw(st.integers(1, 3))):
                axis, count = draw(_AXIS), draw(st.sampled_from((1, 100, 1000, 10**4)))
                unit = {"scale": "log ratio", "shift_x": "image side", "shift_y": "image side"}
                values = [n * 10.0 ** draw(st.integers(-12, -2)) for n in range(count)]
                config["pose_space"][axis] = {"unit": unit.get(axis, "deg"), "values": values}
        case "names":
            config["categories"] = [str(n) for n in range(draw(st.sampled_from((3, 1000, 10**5))))]
        case "deep":
            depth = draw(st.sampled_from((100, 1000, 10**5, 10**6)))
            opening, closing = draw(st.sampled_from((("[", "]"), ('{"a":', "}"))))
            deep = opening * depth + ("1" if opening != "[" else "") + closing * depth
            text = deep if draw(st.booleans()) else _with(config, "training", deep)
        case "twice":
            key = draw(st.sampled_from(sorted(config)))
            text = json.dumps(config)[:-1] + f', "{key}": {json.dumps(config[key])}}}'
        case "text":
            text = _with(
                config, draw(st.sampled_from(sorted(config))), draw(st.sampled_from(_TEXTS))
            )
    content = (text if text is not None else json.dumps(config)).encode()
    return _case(seed | {CONFIG: content}, draw(COMMAND), (CONFIG, WEIGHTS))


_TEXTS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000, '"\\ud800"', "{}", "[]")
_TEXTS += (
    '["\\ud800", "a"]',
    '["a\\nb", "c"]',
    '["\\u0000", "\\u001b[2J"]',
    '["' + "x" * 10**6 + '"]',
)
_TEXTS += ('["../../etc", "/"]', "01", "1_000", "'a'", "", "//", "\ufeff{}")


def _with(config: dict[str, Any], key: str, text: str) -> str:
    return json.dumps(config | {key: "HERE"}).replace('"HERE"', text)


TYPES = {"F16": np.float16, "F64": np.float64, "I32": np.int32, "BOOL": np.bool_, "U8": np.uint8}
TYPES |= {"C64": np.complex64, "I64": np.int64}


def packed(tensors: dict[str, tuple[str, list[int], bytes]]) -> bytes:
    """Write safetensors by hand: name → (type, shape, bytes)."""
    header, data = {}, b""
    for name, (kind, shape, content) in tensors.items():
        ends = [len(data), len(data) + len(content)]
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": ends}
        data += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def unpacked(content: bytes) -> dict[str, tuple[str, list[int], bytes]]:
    """Read safetensors by hand; the inverse of `packed`."""
    (size,) = struct.unpack("<Q", content[:8])
    header, data = json.loads(content[8 : 8 + size]), content[8 + size :]
    header.pop("__metadata__", None)
    return {
        name: (entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])])
        for name, entry in header.items()
    }


@st.composite
def _changed_header(draw: st.DrawFn) -> Case:
    """Change what the header of the weights says of them."""
    seed = draw(st.sampled_from(SEEDS))
    (size,) = struct.unpack("<Q", seed[WEIGHTS][:8])
    header = draw(changed_json(json.loads(seed[WEIGHTS][8 : 8 + size])))
    length = draw(st.sampled_from((len(header),) * 8 + (0, 2**63, 2**64 - 1, len(header) + 1)))
    weights = struct.pack("<Q", length) + header + seed[WEIGHTS][8 + size :]
    return _case(seed | {WEIGHTS: weights}, draw(COMMAND), (WEIGHTS,))


@st.composite
def _changed_weights(draw: st.DrawFn) -> Case:  # noqa: C901
    """Replace, drop or add tensors, of other types, shapes and values."""
    seed = draw(st.sampled_from(SEEDS))
    tensors = unpacked(seed[WEIGHTS])
    good: bool | None = None
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from(sorted(tensors)))
        kind, shape, content = tensors[name]
        count = math.prod(shape)
        match draw(st.sampled_from(("value", "type", "shape", "drop", "add", "fill"))):
            case "value":
                value = draw(st.sampled_from((math.nan, math.inf, -math.inf, 1e38, -1e38, 0.0)))
                if kind == "F32" and count:
                    values = np.frombuffer(content, np.float32).copy()
                    values[draw(st.integers(0, count - 1))] = value
                    tensors[name] = kind, shape, values.tobytes()
                    good = None if math.isfinite(value) else False
            case "fill":
                value = draw(st.sampled_from((0.0, 1e-40, 1e30, -1e30, 3e38)))
                if kind == "F32":
                    tensors[name] = kind, shape, np.full(count, value, np.float32).tobytes()
            case "type":
                other = draw(st.sampled_from(sorted(set(TYPES) - {kind})))
                tensors[name] = other, shape, np.zeros(count, TYPES[other]).tobytes()
                good = False if kind == "I64" or other not in ("F16", "F64") else None
            case "shape":
                other = draw(st.sampled_from(([*shape, 1], shape[::-1], [count], [0], [])))
                size = len(content) // max(count, 1) * math.prod(other)
                tensors[name] = kind, other, content[:size].ljust(size, b"\0")
            case "drop":
                del tensors[name]
                good = False
            case "add":
                added = draw(st.text(max_size=8))
                if added not in tensors and added != "__metadata__":
                    tensors[added] = "F32", [1], bytes(4)
                    good = False
        if good is False or not tensors:
            break
    return _case(seed | {WEIGHTS: packed(tensors)}, draw(COMMAND), (WEIGHTS,), good)


class _Hostile:
    def __reduce__(self):
        return print, ("Traceback: a pickle was loaded",)


def _zip() -> bytes:
    stream = io.BytesIO()
    import torch

    torch.save({"weights": torch.zeros(3)}, stream)
    return stream.getvalue()


FOREIGN = (b"", b"{}", pickle.dumps(_Hostile()), _zip(), image(), b"\0" * 64, b"\x7fELF", b"[]")


@st.composite
def _other_files(draw: st.DrawFn) -> Case:
    """Leave files out, or put something else in their place: folders, pipes, devices, loops."""
    seed = dict(draw(st.sampled_from(SEEDS)))
    name = draw(st.sampled_from((CONFIG, WEIGHTS, CONFIG, WEIGHTS, CARD)))
    del seed[name]
    links: dict[str, str] = {}
    match draw(st.sampled_from(("missing", "foreign", "folder", "link"))):
        case "foreign":
            seed[name] = draw(st.sampled_from((*FOREIGN, SEEDS[0][CARD], SEEDS[0]["metrics.csv"])))
        case "folder":
            seed[f"{name}/x"] = b""
        case "link":
            target = draw(st.sampled_from((*STRANGE, fifo())))
            links = {name: name if target == "itself" else target}
    command = draw(COMMAND if name == CARD else COMMAND | st.just("export"))
    # The card is written, never read: whatever stands in its place must not matter to a reader.
    writes = command in ("calibrate", "learn")
    good = None if name != CARD or writes else True
    return _case(seed, command, (CONFIG, WEIGHTS, CARD, "model"), good, links)


CASES = st.one_of(
    _changed_config(),
    _changed_config(),
    _mutated_file(),
    _hostile_config(),
    _changed_header(),
    _changed_weights(),
    _other_files(),
)
