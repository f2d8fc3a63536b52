"""The model card: README.md of a model folder, written from its configuration alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from objrec.saving.calibration import Calibration


def model_card(config: Mapping[str, Any]) -> str:
    """Write the card, README.md with front matter, from the configuration alone."""
    training = config["training"]
    axes = ", ".join(f"{n} ({len(v['values'])} values)" for n, v in config["pose_space"].items())
    calibration, background = config["calibration"], config["background"]
    symmetric = config["pose_frame"].get("symmetric", [])
    rows = [
        ("kind", config["kind"]),
        ("categories", ", ".join(config["categories"])),
        *([("nothing fits", ", ".join(background))] if background else []),
        ("pose searched", axes if config["kind"] != "cnn" and axes else "none"),
        *([("alike from every side", ", ".join(symmetric))] if symmetric else []),
        ("input", _input_text(config["preprocessing"])),
        ("features", config["model"]["features"]),
        *((str(k), str(v)) for k, v in training.get("facts", {}).items()),
        *(_learned_row(note) for note in training.get("learned", [])),
    ]
    table = "\n".join(f"| {_plain(key)} | {_plain(value)} |" for key, value in rows)
    return _CARD.format(
        kind=config["kind"],
        table=table,
        calibration=_calibration_text(calibration) + _without(training.get("learned", [])),
    )


def _plain(text: object) -> str:
    """Return text that is no markup in a table: a category may be called '<img src=…>' or 'a|b'."""
    escaped = re.sub(r"([|`]|(?<=\])\()", r"\\\1", " ".join(str(text).split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;")


def _learned_row(note: Mapping[str, Any]) -> tuple[str, str]:
    """Say what `objrec learn` added."""
    views = f"{note['views']} view{'' if note['views'] == 1 else 's'}"
    return "added by objrec learn", f"{note['name']}: {views}, poses {note['poses']}"


def _without(learned: Sequence[Mapping[str, Any]]) -> str:
    """Say which categories the calibration does not know, if any."""
    if not learned:
        return ""
    names = ", ".join(_plain(note["name"]) for note in learned)
    return f" All training and fitting was done without {names}, added later by `objrec learn`."


def _input_text(preprocessing: Mapping[str, Any]) -> str:
    colour = "colour" if preprocessing["colour"] else "gray"
    side, cameras = preprocessing["size"], preprocessing["cameras"]
    plural = "s" if cameras > 1 else ""
    return f"{cameras} {colour} image{plural}, letterboxed to {side} x {side}"


def _calibration_text(stored: Mapping[str, Any] | None) -> str:
    if stored is None:
        return (
            "Not calibrated: no object was held out of training, so probabilities are stated at "
            "beta = 1 and no image is answered 'unknown'. `objrec train --folds 5` calibrates, and "
            "so does `objrec calibrate` with images of objects that were not trained on."
        )
    calibration = Calibration(**stored)
    return (
        f"On {calibration.basis}: error {100 * calibration.error_rate:.1f} %. "
        f"Probabilities are Gibbs at beta = {calibration.beta:.3g}; a lowest energy above "
        f"{calibration.threshold:.4g} is answered 'unknown', a false alarm on "
        f"{100 * calibration.false_alarm_rate:.1f} % of the held-out images."
    )


_CARD = """---
library_name: objrec
tags: [object-recognition, pose-estimation, energy-based-model]
---

# An objrec model ({kind})

| | |
|---|---|
{table}

## Calibration

{calibration}

## Use

```python
from objrec import Recognizer

recognizer = Recognizer.load("THIS FOLDER")
print(recognizer.recognize("image.png"))
```

Poses are degrees (azimuth 0: camera in front of the object, growing counter-clockwise seen from
above; elevation 0: horizon), scale a ratio, shifts fractions of the image side.
"""
