"""The pose figures of a run: of the answers, given the true category, and together with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from objrec.evaluation.groups import Outcomes
from objrec.evaluation.metrics import Bootstrap
from objrec.evaluation.pose_metrics import absolute_errors, aligned_errors, axis_figures, within
from objrec.pose import AXIS, INDEX


@dataclass(frozen=True)
class PoseTables:
    """What pose figures of a run are made from.

    Attributes:
        outcomes: The answers beside the truth.
        excluded: Categories left out: they look alike from every side, or somebody named them.
        axes: Those the model answers.
        bootstrap: How to make intervals.
        aligned_by: What has one offset in aligned figures, 'category' or 'object'.
    """

    outcomes: Outcomes
    excluded: tuple[str, ...]
    axes: tuple[str, ...]
    bootstrap: Bootstrap
    aligned_by: str

    @property
    def kept(self) -> np.ndarray:
        """(N,) bool, the images that pose figures are over."""
        names = np.array(self.outcomes.categories)
        return ~np.isin(names[self.outcomes.labels], self.excluded)

    def answered(self) -> dict[str, dict[str, Any]]:
        """Return axis → figures of the answered pose, over all images and the correct ones."""
        table, kept = {}, self.kept
        for axis in self._observed():
            right = self._axis(axis, self.outcomes.poses, kept & ~self.outcomes.wrong)
            everything = self._axis(axis, self.outcomes.poses, kept)
            table[axis] = {"on": "all", **everything, "correct": {"on": "correct", **right}}
        return table

    def given(self) -> dict[str, dict[str, Any]]:
        """Return axis → figures of the best pose given the true category, over all images."""
        return {
            axis: {"on": "given the true category"}
            | self._axis(axis, self.outcomes.given, self.kept)
            for axis in self._observed()
        }

    def both_right(self) -> dict[str, Any] | None:
        """Return the share of images with the right category in nearly the right azimuth.

        Returns:
            ``acc10``, ``acc30`` and ``aligned_acc30`` (after the best offset), each with ``_ci``;
            None without azimuths.
        """
        if "azimuth" not in self._observed():
            return None
        outcomes = self.outcomes
        errors, moved = self._azimuth(outcomes.poses)
        known = ~np.isnan(errors) & self.kept
        right = ~outcomes.wrong[known]
        shares = {
            "acc10": right & within(errors[known], 10),
            "acc30": right & within(errors[known], 30),
            "aligned_acc30": right & within(moved[known], 30),
        }
        objects, labels = outcomes.objects[known], outcomes.labels[known]
        figures: dict[str, Any] = {"count": int(known.sum()), "aligned_per": self.aligned_by}
        for name, hits in shares.items():
            figures[name] = float(hits.mean())
            figures[f"{name}_ci"] = list(self.bootstrap.interval(hits, objects, labels))
        return figures

    def azimuth_errors(self, *, aligned: bool) -> np.ndarray:
        """Return (N,) azimuth errors given the true category, NaN where there is none.

        Args:
            aligned: Whether to judge after the best offset, where zeros are arbitrary.
        """
        if "azimuth" not in self.axes:
            return np.full(len(self.outcomes.labels), np.nan)
        errors, moved = self._azimuth(self.outcomes.given)
        return np.where(self.kept, moved if aligned else errors, np.nan)

    def _observed(self) -> list[str]:
        kept = self.kept
        return [
            axis
            for axis in self.axes
            if (kept & ~np.isnan(self.outcomes.true_poses[:, INDEX[axis]])).any()
        ]

    def _azimuth(self, poses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (N,) azimuth errors as labelled and after the best offsets."""
        axis, outcomes, at = AXIS["azimuth"], self.outcomes, INDEX["azimuth"]
        errors = absolute_errors(axis, poses[:, at], outcomes.true_poses[:, at])
        known = ~np.isnan(errors) & self.kept
        moved = np.full(len(errors), np.nan)
        if known.any():
            groups = outcomes.labels if self.aligned_by == "category" else outcomes.objects
            moved[known], _ = aligned_errors(
                axis, poses[known, at], outcomes.true_poses[known, at], groups[known]
            )
        return errors, moved

    def _axis(self, axis: str, poses: np.ndarray, kept: np.ndarray) -> dict[str, Any]:
        outcomes = self.outcomes
        figures = axis_figures(
            axis,
            poses[kept, INDEX[axis]],
            outcomes.true_poses[kept, INDEX[axis]],
            outcomes.labels[kept],
            outcomes.objects[kept],
            self.bootstrap,
            self.aligned_by,
        )
        if self.aligned_by == "category" and "aligned" in figures:
            offsets = figures["aligned"]["offsets"].items()
            figures["aligned"]["offsets"] = {outcomes.categories[i]: o for i, o in offsets}
        return figures
