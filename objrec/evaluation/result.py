"""Evaluation: the numbers of one recogniser on one data set, and evaluation.json.

Plain values only, so that reports, tables and other programs need neither model nor data set.
Reading is strict: a file of another version, or with keys missing, unknown or of the wrong type,
is refused with a message that says so.
"""

from __future__ import annotations

import dataclasses
import json
import math
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from objrec.errors import DataError
from objrec.evaluation.layout import PARTS
from objrec.files import write_text
from objrec.strict import misfit, read_json

FORMAT_VERSION = 2
_LATER = {"together"}  # keys that came without a new version: older files lack them
_SHOWN, _SHOWN_NAMES = 40, 10  # characters of a name, and names, in a message
_LINE = 96  # values that fit into this many characters stay on one line of the file


@dataclass(frozen=True)
class Evaluation:
    """What was measured; the fields are the keys of evaluation.json.

    Rates are shares in 0..1, angles degrees. Images whose category the model does not know, and
    files that could not be read, are in no figure: `notes` and `failures` name them.

    Attributes:
        model: ``name``, ``kind``, ``parameters`` and the ``axes`` of pose it answers.
        data: ``name``, ``split``, ``images``, ``objects`` and ``categories`` measured.
        categories: The model's, in its order; last, if it knows background, the name of that:
            the answer 'unknown' counts as this category.
        error_rate: Share of wrong categories.
        error_rate_ci: 95 % interval by bootstrap over objects, stratified by category.
        chance_error: Error of guessing evenly among `categories`.
        bootstrap: ``resamples``, ``seed``, ``level`` and what was drawn (``over``).
        per_category: Category → ``error_rate``, ``error_rate_ci``, ``errors``, ``count``,
            ``objects``, ``seen_as``; categories with images only.
        per_object: Rows ``object``, ``category``, ``errors``, ``count``, ``error_rate``,
            ``azimuth_error_deg`` (median, given the true category), ``seen_as``, worst first; empty
            when the set names no objects.
        confusion: Counts; row = true, column = answered, both in the order of `categories`.
        pose: Axis → figures over all images, with ``correct``: the same over those of the right
            category (see `pose_metrics.axis_figures`); empty for models without pose.
        pose_excluded: Categories left out of `pose`: symmetric ones, and those somebody named.
        pose_given: Axis → figures over all images of the best pose given the true category.
        both_right: Share of images whose category is right and whose azimuth is near: ``acc10``,
            ``acc30`` and ``aligned_acc30`` (after the best offset), each with ``_ci``; None without
            azimuths.
        by_factor: Pose axis or factor → rows ``value``, ``errors``, ``count``, ``error_rate``,
            ``error_rate_ci``, ``azimuth_error_deg`` (median, given the true category).
        viewpoint: Error and median azimuth error over azimuth × elevation; None unless both are
            labelled.
        worst_views: Rows ``category``, ``azimuth`` (from, to), ``seen_as``, ``error_rate``, ….
        calibration: Whether the probabilities are right: ``beta``, ``fitted``, ``ece``, ``nll``, …
            and the ``bins`` of the reliability diagram (see `calibration`).
        sweep: Error and pose response as the images are changed step by step (see `sweep`).
        unknown: How well objects of no known category are told (see `novelty`).
        together: Error by the number of images of an object that are recognised at once, of every
            model and way to add (see `several`).
        comparison: Other models on the same images, with paired differences (see `comparison`);
            the first row is this model.
        mistakes: Details of wrong answers, most wrong first (see `details`).
        landscape_axes: ``azimuth`` and ``elevation`` of the landscapes in `mistakes`.
        images: The sheets of small pictures beside evaluation.json (see `datasets.sheets`).
        unknown_rate: Share of images called unknown although their category is known; None if
            the model is not calibrated to say so.
        images_per_second: Reading, preprocessing and recognition together.
        images_per_second_recognition: Recognition of preprocessed images alone.
        hardware: What it ran on, as `describe_hardware` says.
        provenance: Command, time and whatever else the caller wants kept.
        notes: Sentences that a reader of the figures must know.
        predictions: One row an image: ``file``, ``object``, ``category``, ``predicted``,
            ``probability``, ``energy``, ``energy_true`` (lowest of the true category), ``pose``,
            ``pose_true``, ``pose_given`` (best, given the true category), ``unknown``, ``cell``
            (row and column in `viewpoint`), ``tile`` (picture in `images`).
        failures: ``file`` and ``error`` of what could not be read.
        format_version: Version of this layout.
    """

    model: dict[str, Any]
    data: dict[str, Any]
    categories: list[str]
    error_rate: float
    error_rate_ci: list[float]
    chance_error: float
    bootstrap: dict[str, Any]
    per_category: dict[str, dict[str, Any]]
    per_object: list[dict[str, Any]]
    confusion: list[list[int]]
    pose: dict[str, dict[str, Any]]
    pose_excluded: list[str]
    pose_given: dict[str, dict[str, Any]]
    both_right: dict[str, Any] | None
    by_factor: dict[str, list[dict[str, Any]]]
    viewpoint: dict[str, Any] | None
    worst_views: list[dict[str, Any]]
    unknown_rate: float | None
    images_per_second: float
    images_per_second_recognition: float
    hardware: dict[str, Any]
    provenance: dict[str, Any]
    notes: list[str]
    predictions: list[dict[str, Any]]
    failures: list[dict[str, str]]
    calibration: dict[str, Any] | None = None
    sweep: dict[str, Any] | None = None
    unknown: dict[str, Any] | None = None
    together: dict[str, Any] | None = None
    comparison: list[dict[str, Any]] = field(default_factory=list)
    mistakes: list[dict[str, Any]] = field(default_factory=list)
    landscape_axes: dict[str, Any] | None = None
    images: dict[str, Any] | None = None
    format_version: int = field(default=FORMAT_VERSION)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, the version first, shares rounded to six digits."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return _plain({"format_version": values.pop("format_version"), **values})

    def save(self, path: str | Path) -> None:
        """Write evaluation.json, whole or not at all.

        Raises:
            DataError: The file cannot be written.
        """
        path = Path(path)
        text = _laid_out(self.to_dict()) + "\n"
        # Half characters, which broken file names contain, as the escape that JSON reads back.
        write_text(path, text.encode("utf-8", "backslashreplace").decode("utf-8"))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read evaluation.json.

        Raises:
            DataError: The file is missing, not JSON, or not an evaluation of this version.
        """
        path = Path(path)
        try:
            values = read_json(path)
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from error
        except ValueError as error:
            raise DataError(f"{path}: not valid JSON ({error}); evaluate again") from error
        return cls.from_dict(values, str(path))

    @classmethod
    def from_dict(cls, values: Any, place: str = "evaluation") -> Self:
        """Build an evaluation from what `to_dict` returned, strictly.

        Raises:
            DataError: Wrong version, missing or unknown keys, or a value of the wrong type.
        """
        if not isinstance(values, dict) or "format_version" not in values:
            raise DataError(f"{place}: not an evaluation; give the evaluation.json of `evaluate`")
        if values["format_version"] != FORMAT_VERSION:
            found = repr(values["format_version"])[:_SHOWN]
            raise DataError(
                f"{place}: evaluation format {found} is not {FORMAT_VERSION}; "
                "evaluate again with this version of objrec"
            )
        kinds = typing.get_type_hints(cls)
        for problem, names in (
            ("missing", kinds.keys() - values.keys() - _LATER),
            ("unknown", values.keys() - kinds.keys()),
        ):
            if names:
                listed = ", ".join(name[:_SHOWN] for name in sorted(names)[:_SHOWN_NAMES])
                raise DataError(f"{place}: {problem} key {listed}; evaluate again")
        for name, kind in kinds.items():
            problem = misfit(values[name], PARTS.get(name, kind)) if name in values else ""
            if problem:
                raise DataError(f"{place}: {name}: {problem}; evaluate again")
        return cls(**values)


def _plain(value: Any) -> Any:
    """Round floats, turn NaN and infinity into None, and copy containers."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value


def _laid_out(value: Any, indent: str = "") -> str:
    """Write JSON for people: short values and the rows of tables take one line each."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(indent) + len(flat) <= _LINE:
        return flat
    deeper = indent + "  "
    if isinstance(value, dict):
        parts = [
            f"{json.dumps(key, ensure_ascii=False)}: {_laid_out(item, deeper)}"
            for key, item in value.items()
        ]
    else:
        parts = [json.dumps(item, ensure_ascii=False) for item in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n{deeper}" + f",\n{deeper}".join(parts) + f"\n{indent}{closing}"
