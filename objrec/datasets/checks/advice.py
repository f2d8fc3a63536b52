"""What to do next with a set, in sentences, and the command that trains on it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from objrec.datasets.checks.facts import Facts
from objrec.datasets.checks.finding import ERROR, Finding, counted, verb
from objrec.datasets.frame import LATENT, OBSERVED

_PHOTOGRAPHS = frozenset({".jpg", ".jpeg", ".webp", ".heic"})
_FROZEN = "--features efficientnet-lite0"
_MOST_FOLDS = 5


def advice(facts: Facts, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return sentences on what to do, in order; the command to train is `train_command`'s."""
    return tuple(_sentences(facts, findings))


def train_command(facts: Facts) -> str:
    """Return the command that trains on the set, with the flags that fit it."""
    words = ["objrec train", shlex.quote(facts.path), "--out", f"out/{_model_name(facts)}"]
    return " ".join([*words, _FROZEN] if photographs(facts) else words)


def photographs(facts: Facts) -> bool:
    """Whether most images are colour files of the kinds that cameras write."""
    suffixes = np.array([Path(source).suffix.lower() in _PHOTOGRAPHS for source in facts.sources])
    if facts.images is None or not facts.images.read.any():
        return bool(suffixes.mean() > 0.5)
    seen = facts.images.read
    return bool((suffixes & facts.images.colour)[seen].mean() > 0.5)


def _sentences(facts: Facts, findings: Sequence[Finding]) -> Iterator[str]:
    errors = sum(finding.grade == ERROR for finding in findings)
    if errors:
        yield f"Mend the {'error' if errors == 1 else f'{errors} errors'} first, and check again."
    yield from _about_splits(facts)
    yield from _about_poses(facts)
    if photographs(facts):
        yield (
            "Photographs: frozen ImageNet features do better than training from scratch: "
            f"{_FROZEN} (pip install 'objrec[pretrained]')."
        )
    fewest = min((facts.units(m) for _, m in facts.members(facts.training)), default=0)
    if fewest >= 3:
        yield (
            f"--folds {min(fewest, _MOST_FOLDS)} also trains without some of the objects, to "
            "calibrate probabilities and 'unknown'."
        )


def _about_splits(facts: Facts) -> Iterator[str]:
    if len(facts.splits) == 1:
        yield (
            "There is no test split: keep some objects for it with "
            f"'objrec data split {shlex.quote(facts.path)} OUT', or results mean little."
        )


def _about_poses(facts: Facts) -> Iterator[str]:
    known = facts.is_object & ~np.isnan(facts.axis("azimuth"))
    if not known.any() or facts.frame.kind("azimuth") == LATENT:
        return
    labelled, objects = facts.units(known), facts.units(facts.is_object)
    if labelled < objects:
        yield (
            f"Azimuth is labelled for {labelled} of {counted(objects, 'object')}: "
            f"{verb(objects - labelled, 'that of the other', 'those of the others')} "
            f"{verb(objects - labelled, 'is', 'are')} latent, and found in training."
        )
    note = facts.frame.note("azimuth")
    said = note.labels is not None or note.front is not None or note.zero is not None
    if facts.frame.kind("azimuth") == OBSERVED and not said and facts.named[known].any():
        yield (
            "If azimuth 0 is not the same side of every object, as on a turntable, say so: "
            "--pose azimuth=relative."
        )
    if not facts.frame.symmetric:
        yield "Is there a category that looks alike from every side? Name it: --symmetric NAME."


def _model_name(facts: Facts) -> str:
    return re.sub(r"[^\w.-]+", "-", facts.name).strip("-.") or "model"
