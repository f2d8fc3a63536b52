"""Checks of the pose labels' coverage: from which sides objects are seen, and what is unknown."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from objrec.datasets.checks.facts import Facts
from objrec.datasets.checks.finding import REMARK, WARNING, Check, Finding, counted, named
from objrec.datasets.checks.label_values import wrong_unit
from objrec.datasets.frame import LATENT, OBSERVED, RELATIVE
from objrec.pose import AXES, AXIS, VIEW_AXES

_WIDE_GAP = 60.0
_MARGIN = 5.0
_FAR = 30.0


def no_pose(facts: Facts) -> Iterator[Finding]:
    """No pose label at all."""
    if np.isnan(facts.poses[facts.is_object]).all():
        yield Finding(
            REMARK,
            "no-pose",
            "no pose is labelled",
            "azimuth and elevation are found in training, up to a turn and a mirror image; a few "
            "labelled objects a category say which way is front",
        )


def pose_partly(facts: Facts) -> Iterator[Finding]:
    """Axes that are labelled on some of the images only."""
    usable = facts.is_object
    known = {a: usable & ~np.isnan(facts.axis(a)) for a in AXES if facts.frame.kind(a) != LATENT}
    if not any(mask.any() for mask in known.values()):
        return
    for axis, mask in known.items():
        if not mask.any() and axis in VIEW_AXES:
            yield _partly(f"{axis} is not labelled")
        elif mask.any() and mask.sum() < usable.sum():
            objects = f"{facts.units(mask)} of {facts.units(usable)} objects"
            share = f"{mask.sum():,} of {usable.sum():,} images"
            without = [name for name, m in facts.members() if not (m & mask).any()]
            none = f"; on none of {named(without)}" if without else ""
            yield _partly(f"{axis} is labelled on {share}, of {objects}{none}")


def _partly(message: str) -> Finding:
    return Finding(REMARK, "pose-partly", message, "where it is not, it is found in training")


def azimuth_gap(facts: Facts) -> Iterator[Finding]:
    """Sides from which a category is never seen in training."""
    if any(wrong_unit(facts)):
        return
    gaps = dict(_gaps(facts))
    wide = {name: gap for name, gap in gaps.items() if gap[1] > _WIDE_GAP}
    if wide:
        told = [f"{name} ({_gap_text(facts, gap)})" for name, gap in wide.items()]
        if len(wide) == len(gaps) and len({_gap_text(facts, gap) for gap in wide.values()}) == 1:
            told = [f"all categories ({_gap_text(facts, next(iter(wide.values())))})"]
        yield Finding(
            WARNING,
            "azimuth-gap",
            f"no labelled view from some sides: {named(told)}",
            "take pictures from there, or expect mistakes about such views",
            tuple(wide),
        )


def _gaps(facts: Facts) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield each category's widest gap: the azimuth where it begins, and its width."""
    known = facts.training & ~np.isnan(facts.axis("azimuth"))
    for name, members in facts.members(known):
        if name in facts.frame.symmetric or facts.frame.kind("azimuth") == LATENT:
            continue
        # Labels that are right up to an offset tell about one object only.
        relative = facts.frame.kind("azimuth") == RELATIVE
        groups = facts.objects[members] if relative else np.zeros(members.sum())
        values = facts.axis("azimuth")[members]
        yield (
            name,
            min(
                (widest_gap(values[groups == group]) for group in np.unique(groups)),
                key=lambda gap: gap[1],
            ),
        )


def widest_gap(azimuths: np.ndarray) -> tuple[float, float]:
    """Return where the widest gap between azimuths begins, and how wide it is, in degrees."""
    values = np.unique(azimuths)
    gaps = np.diff(np.append(values, values[0] + 360))
    return float(values[gaps.argmax()]), float(gaps.max())


def _gap_text(facts: Facts, gap: tuple[float, float]) -> str:
    if facts.frame.kind("azimuth") == RELATIVE:
        return f"{gap[1]:.0f}° wide"
    return f"from {gap[0]:.0f}° on to {(gap[0] + gap[1]) % 360:.0f}°"


def one_elevation(facts: Facts) -> Iterator[Finding]:
    """A camera that never changes its height."""
    values = facts.axis("elevation")[facts.training & facts.is_object]
    different = np.unique(values[~np.isnan(values)])
    if len(different) == 1:
        yield Finding(
            REMARK,
            "one-elevation",
            f"every labelled training view is at elevation {different[0]:g}°",
            "views from higher or lower are not learned; take a few rounds at other heights",
        )


def views_beyond_training(facts: Facts) -> Iterator[Finding]:
    """Test views far from everything that was trained on."""
    for split in range(1, len(facts.splits)):
        tested = (facts.split == split) & facts.is_object
        beyond = _beyond(facts, tested)
        if beyond.any():
            yield Finding(
                REMARK,
                "views-beyond-training",
                f"{counted(int(beyond.sum()), 'image')} of {facts.splits[split]} are seen from "
                "where no training view of their category is near",
                "a test of new viewpoints, if that is meant",
                tuple(np.unique([facts.categories[i] for i in facts.labels[beyond]]).tolist()),
            )


def _beyond(facts: Facts, tested: np.ndarray) -> np.ndarray:
    beyond = np.zeros(len(facts), bool)
    azimuths, elevations = facts.axis("azimuth"), facts.axis("elevation")
    for name, members in facts.members(tested):
        trained = facts.training & (facts.labels == facts.categories.index(name))
        heights = elevations[trained]
        if not np.isnan(heights).all():
            low, high = np.nanmin(heights) - _MARGIN, np.nanmax(heights) + _MARGIN
            beyond |= members & ((elevations < low) | (elevations > high))
        seen = np.unique(azimuths[trained & ~np.isnan(azimuths)])
        if facts.frame.kind("azimuth") == OBSERVED and name not in facts.frame.symmetric:
            rows = np.flatnonzero(members & ~np.isnan(azimuths))
            if len(seen) and len(rows):
                apart = np.abs(AXIS["azimuth"].difference(azimuths[rows][:, None], seen[None]))
                beyond[rows] |= apart.min(axis=1) > _FAR
    return beyond


def front_unknown(facts: Facts) -> Iterator[Finding]:
    """Azimuth labels without a word about where the front is."""
    labelled = ~np.isnan(facts.axis("azimuth")[facts.is_object]).all()
    front = facts.frame.front_azimuth
    if labelled and front is None and facts.frame.kind("azimuth") == OBSERVED:
        yield Finding(
            REMARK,
            "front-unknown",
            "nothing says at which azimuth the camera faces the objects' front",
            "training finds out from the images, and does not mirror them where it cannot; if you "
            'know it, write {"front_azimuth": 0}, or what it is, into set.json',
        )


def symmetric_labelled(facts: Facts) -> Iterator[Finding]:
    """Azimuth labels of categories that look alike from every side."""
    known = ~np.isnan(facts.axis("azimuth"))
    found = [name for name, _ in facts.members(known) if name in facts.frame.symmetric]
    if found:
        yield Finding(
            REMARK,
            "symmetric-labelled",
            f"azimuth is labelled for {named(found)}, which set.json calls symmetric",
            "these labels are not used",
            tuple(found),
        )


CHECKS: dict[str, Check] = {
    "no-pose": no_pose,
    "pose-partly": pose_partly,
    "azimuth-gap": azimuth_gap,
    "one-elevation": one_elevation,
    "views-beyond-training": views_beyond_training,
    "front-unknown": front_unknown,
    "symmetric-labelled": symmetric_labelled,
}
