"""Results that objrec reads again: evaluation.json, its pictures, plan.json of a protocol."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st

from fuzzing.case import HERE, Case
from fuzzing.good import STRANGE, below, fifo, files_of, image, tiny_model, tiny_set, write
from fuzzing.models import FOREIGN
from fuzzing.mutations import changed_json, mutated
from objrec.datasets import open_dataset
from objrec.evaluation import Extras, evaluate
from objrec.recognizer import Recognizer

RESULT = "evaluation.json"


def _evaluated() -> dict[str, bytes]:
    """Return evaluation.json with every part, and its pictures; a label is wrong on purpose."""
    with TemporaryDirectory() as around:
        folder = Path(around)
        header, *rows = tiny_set()["labels.csv"].split()
        rows = [row + (b",30" if b"-0-" in row else b",60") for row in rows]
        labels = b"\n".join([header + b",elevation", *rows])
        sets = {
            "set": labels.replace(b"disc-1-2.png,disc", b"disc-1-2.png,cross"),
            "others": labels.replace(b",disc,", b",lens,").replace(b",cross,", b",star,"),
        }
        for name, text in sets.items():
            write(folder / name, tiny_set() | {"labels.csv": text})
        write(folder / "model", tiny_model())
        recognizer, unknown = (
            Recognizer.load(folder / "model", "cpu"),
            open_dataset(folder / "others"),
        )
        extras = Extras(
            sweep=4, unknown=unknown, compare=(recognizer,), together=(1, 2), mistakes=9
        )
        found = evaluate(
            recognizer,
            open_dataset(folder / "set"),
            extras=extras,
            pictures=folder / "out",
            resamples=5,
        )
        found.save(folder / "out" / RESULT)
        return files_of(folder / "out")


WHOLE = _evaluated()
# A page of all figures takes seconds: most cases have one part of them, or two.
PARTS: dict[str, Any] = {"viewpoint": None, "pose": {}, "pose_given": {}, "both_right": None}
PARTS |= {"by_factor": {}, "sweep": None, "unknown": None, "together": None, "calibration": None}
PARTS |= {"images": None, "mistakes": [], "comparison": [], "worst_views": [], "per_object": []}


@st.composite
def _seeds(draw: st.DrawFn) -> dict[str, bytes]:
    """Draw an evaluation of few parts, and the pictures beside it."""
    if draw(st.integers(0, 49)) == 0:
        return WHOLE
    values = json.loads(WHOLE[RESULT])
    kept = draw(st.lists(st.sampled_from(sorted(PARTS)), max_size=2))
    values |= {name: empty for name, empty in PARTS.items() if name not in kept}
    return WHOLE | {RESULT: json.dumps(values).encode()}


WORDS = ("report", f"{HERE}/out/{RESULT}", "--force")


def _case(files: dict[str, bytes], good: bool | None = None, links: dict | None = None) -> Case:
    return Case(WORDS, below("out", files), below("out", links or {}), (RESULT,), good)


@st.composite
def _changed(draw: st.DrawFn) -> Case:
    """Change values of the evaluation, all over or in one of its parts."""
    seed = dict(draw(_seeds()))
    values = json.loads(seed[RESULT])
    part = draw(st.sampled_from(sorted(name for name in values if values[name])))
    if draw(st.booleans()) and isinstance(values[part], dict | list) and values[part]:
        values[part] = json.loads(draw(changed_json(values[part])))
        return _case(seed | {RESULT: json.dumps(values).encode()})
    return _case(seed | {RESULT: draw(changed_json(values))})


@st.composite
def _emptied(draw: st.DrawFn) -> Case:
    """Give several parts values of their own kind that no evaluation has."""
    seed = dict(draw(_seeds()))
    values = json.loads(seed[RESULT])
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(_leaves(values)))
        value = holder[key]
        if isinstance(value, list | dict):
            holder[key] = draw(st.sampled_from((type(value)(), value, None)))
            if isinstance(value, list) and value:
                holder[key] = draw(st.sampled_from((value[:-1], value * 2, value[::-1], [])))
        elif isinstance(value, str):
            holder[key] = draw(st.sampled_from(_TEXTS))
        else:
            holder[key] = draw(st.sampled_from(_NUMBERS))
    return _case(seed | {RESULT: json.dumps(values).encode()})


_TEXTS = ("", "$x$", "$\\frac{$", "\ud800", "</script><script>alert(1)</script>", "\0", "x" * 5000)
_TEXTS += ("漢字", "\u202e", "../../x", "{{ 1 }}", "a\nb", "#gggggg", "none")
_NUMBERS = (0, 1, -1, 2, 0.5, 1e-300, 1e6, 9e14, 10**15, 10**20, 1e300, 10**400, True, None, 255)


def _leaves(value: Any) -> list[tuple[Any, Any]]:
    """List (container, key) of everything within a value."""
    if not isinstance(value, dict | list):
        return []
    keys = list(value) if isinstance(value, dict) else range(min(len(value), 3))
    return [(value, key) for key in keys] + [leaf for key in keys for leaf in _leaves(value[key])]


@st.composite
def _mutated(draw: st.DrawFn) -> Case:
    """Change bytes of the evaluation or of the pictures beside it."""
    seed = dict(draw(_seeds()))
    name = draw(st.sampled_from((RESULT, RESULT, "images/sheet-000.webp")))
    content = draw(mutated(seed[name], 200))
    return _case(seed | {name: content}, None if name == RESULT else True)


_JSON = ("", "null", "[]", "{}", "NaN", "[" * 10**5, '{"a":' * 10**4, '{"format_version": 2}')
_JSON += ('{"format_version": 1e999}', '{"format_version": "' + "x" * 5000 + '"}', "9" * 5000)
_JSON += ('{"format_version": 2, "' + "y" * 5000 + '": 1}', '{"a": 1, "a": 2}')


@st.composite
def _other(draw: st.DrawFn) -> Case:
    """Put something else in its place, or in that of its pictures."""
    seed = dict(draw(_seeds()))
    name = draw(st.sampled_from((RESULT, "images/sheet-000.webp")))
    good = name != RESULT
    del seed[name]
    match draw(st.sampled_from(("missing", "foreign", "json", "folder", "link"))):
        case "foreign":
            seed[name] = draw(st.sampled_from(FOREIGN))
        case "json":
            seed[name] = draw(st.sampled_from(_JSON)).encode()
        case "folder":
            seed[f"{name}/x"] = b""
        case "link":
            target = draw(st.sampled_from((*STRANGE, fifo())))
            link = name.split("/")[-1] if target == "itself" else target
            return _case(seed, good, {name: link})
    return _case(seed, good)


PROTOCOL = ("protocol", "leave-one-out", f"{HERE}/set", "--out", f"{HERE}/run", "--resume")
PLAN = {
    "protocol": "views",
    "experiment": {"step": 20},
    "train": {"set": "x"},
    "test": {"set": "x"},
}


@st.composite
def _plan(draw: st.DrawFn) -> Case:
    """Go on with a protocol whose plan is broken, or of another run."""
    plan = draw(
        changed_json(PLAN)
        | mutated(json.dumps(PLAN).encode())
        | st.sampled_from(_JSON).map(str.encode)
        | st.sampled_from((*FOREIGN, image()))
    )
    links = {}
    files = below("set", tiny_set()) | {"run/plan.json": plan}
    if draw(st.integers(0, 9)) == 0:
        files.pop("run/plan.json")
        links = {"run/plan.json": draw(st.sampled_from((*STRANGE[:-2], fifo())))}
    return Case(PROTOCOL, files, links, ("plan.json", "case/run", "case/set"), None)


CASES = st.one_of(_changed(), _changed(), _emptied(), _emptied(), _mutated(), _other(), _plan())
