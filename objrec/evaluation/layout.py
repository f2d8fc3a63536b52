"""What the parts of evaluation.json are, as types: read by `objrec.strict`, explained in `result`.

Parts may hold more than is listed here; `NotRequired` is what older files or other sets lack. A
number that was not finite is null in the file.
"""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from typing_extensions import TypedDict

from objrec.strict import Count, Number, Share, limits

Real = Number | None
Angle = Annotated[float, limits(-1e4, 1e4)]
Ends = list[Real]
"""An interval: its two ends, null where there is none."""
Rate = Share | None
Pose = dict[str, Real]
Place = Annotated[int, limits(0, 1e9)]


class Model(TypedDict):
    """``model``."""

    name: str | None
    kind: str
    parameters: Count | None
    axes: list[str]


class Data(TypedDict):
    """``data``, and that of unknown objects."""

    name: str
    split: str | None
    images: Count
    objects: NotRequired[Count]
    categories: list[str]


class Drawn(TypedDict):
    """``bootstrap``."""

    resamples: Count
    seed: Any  # shown as it is; people take large ones
    level: Share
    over: str


class Group(TypedDict):
    """A group of images: the rows of most tables."""

    errors: Count
    count: Count
    error_rate: Share
    error_rate_ci: NotRequired[Ends]
    azimuth_error_deg: NotRequired[Real]
    seen_as: NotRequired[str | None]


class Category(Group):
    """A row of ``per_category``."""

    objects: Count


class Object(Group):
    """A row of ``per_object``."""

    object: str
    category: str


class Factor(Group):
    """A row of ``by_factor``."""

    value: Number | str
    range: NotRequired[list[Number]]


class View(Group):
    """A row of ``worst_views``."""

    category: str
    azimuth: list[Angle]
    objects: Count


class Histogram(TypedDict):
    """Counts of angles."""

    step_deg: Annotated[float, limits(0.01, 180)]
    counts: list[Count]


class Figures(TypedDict):
    """The figures of one pose axis; all but the count are missing where that is 0."""

    count: Count
    unit: NotRequired[str]
    median_error_deg: NotRequired[Real]
    mean_error_deg: NotRequired[Real]
    mean_error_deg_ci: NotRequired[Ends]
    median_error: NotRequired[Real]
    mean_error: NotRequired[Real]
    mean_error_ci: NotRequired[Ends]
    acc10: NotRequired[Rate]
    acc30: NotRequired[Rate]
    acc30_ci: NotRequired[Ends]
    opposite: NotRequired[Rate]
    histogram: NotRequired[Histogram]
    aligned: NotRequired[Aligned]
    correct: NotRequired[Figures]


class Aligned(TypedDict):
    """The same after the best offset."""

    per: str
    count: Count
    offsets: dict[str, Real]
    acc30: NotRequired[Rate]
    histogram: NotRequired[Histogram]


class Both(TypedDict):
    """``both_right``."""

    count: Count
    aligned_per: NotRequired[str]
    acc10: Rate
    acc10_ci: Ends
    acc30: Rate
    acc30_ci: Ends
    aligned_acc30: Rate
    aligned_acc30_ci: Ends


class Viewpoint(TypedDict):
    """``viewpoint``: rows of elevations, columns of azimuths."""

    azimuth: list[Angle]
    elevation: list[Angle]
    azimuth_ranges: NotRequired[list[list[Angle]]]
    elevation_ranges: NotRequired[list[list[Angle]]]
    error_rate: list[list[Rate]]
    count: list[list[Count]]
    azimuth_error_deg: list[list[Real]]


class Prediction(TypedDict):
    """A row of ``predictions``."""

    file: str
    object: str
    category: str
    predicted: str
    probability: Real
    energy: Real
    energy_true: Real
    pose: Pose
    pose_true: Pose
    pose_given: Pose
    unknown: bool | None
    cell: list[Place] | None
    tile: Place | None


class Bin(TypedDict):
    """A bar of the reliability diagram."""

    low: Share
    high: Share
    confidence: Rate
    accuracy: Rate
    count: Count


class Calibrated(TypedDict):
    """``calibration``."""

    beta: Real
    fitted: bool
    fitted_on: str
    ece: Real
    ece_ci: Ends
    nll: Real
    nll_ci: Ends
    nll_uncalibrated: Real
    bins: list[Bin]


class Swept(TypedDict):
    """What a change of the images does to one model."""

    model: str
    kind: str
    error_rate: list[Share]
    error_rate_ci: list[Ends]
    response: list[Real] | None
    response_ci: list[Ends] | None
    azimuth_error_deg: list[Real] | None


class Change(TypedDict):
    """A change of the images, step by step."""

    name: str
    title: str
    unit: str
    axis: str | None
    neutral: Real
    amounts: list[Angle]
    models: list[Swept]


class Sweep(TypedDict):
    """``sweep``."""

    images: Count
    objects: Count
    changes: list[Change]


class Score(TypedDict):
    """How well a score tells unknown objects."""

    model: str
    kind: str
    score: str
    auroc: Number
    auroc_ci: Ends | None
    fpr95: Rate
    fpr95_ci: Ends | None


class Energies(TypedDict):
    """Lowest energies of known and unknown objects, counted."""

    edges: list[Number]
    known: list[Count]
    unknown: list[Count]


class Unknown(TypedDict):
    """``unknown``."""

    data: Data
    known_images: Count
    unknown_images: Count
    scores: list[Score]
    histogram: Energies | None
    threshold: Real
    threshold_from: NotRequired[str]
    false_alarm_rate: NotRequired[Rate]
    false_alarm_rate_ci: NotRequired[Ends | None]
    detection_rate: NotRequired[Rate]
    detection_rate_ci: NotRequired[Ends | None]


class TogetherRow(TypedDict):
    """The errors of a model and a way to add."""

    model: str
    kind: str
    how: str
    groups: Count
    objects: Count
    error_rate: list[Share]
    error_rate_ci: list[Ends]


class Together(TypedDict):
    """``together``."""

    counts: list[Annotated[int, limits(1, 1e4)]]
    groups: Count
    rows: list[TogetherRow]


class Other(TypedDict):
    """A row of ``comparison``."""

    model: str
    kind: str
    parameters: Count | None
    error_rate: Share
    error_rate_ci: Ends
    difference: Real
    difference_ci: Ends | None
    p_value: Real
    azimuth_acc30: Rate
    azimuth_acc30_ci: Ends | None
    ece: NotRequired[Real]
    images_per_second: NotRequired[Real]


class Mistake(TypedDict):
    """A row of ``mistakes``."""

    prediction: Place
    excess: Real
    energies: NotRequired[dict[str, Real] | None]
    landscapes: NotRequired[dict[str, list[list[Real]]] | None]
    minima: NotRequired[dict[str, Pose] | None]
    maps: NotRequired[dict[str, list[list[str]]] | None]


class Plane(TypedDict):
    """``landscape_axes``."""

    azimuth: list[Angle]
    elevation: list[Angle]


class Sheets(TypedDict):
    """``images``."""

    sheets: list[str]
    side: Place
    columns: Annotated[int, limits(1, 1e6)]
    rows: Annotated[int, limits(1, 1e6)]
    count: Place


class Unread(TypedDict):
    """A row of ``failures``."""

    file: str
    error: str


PARTS: dict[str, Any] = {
    "model": Model,
    "data": Data,
    "error_rate": Share,
    "error_rate_ci": Ends,
    "chance_error": Share,
    "bootstrap": Drawn,
    "per_category": dict[str, Category],
    "per_object": list[Object],
    "confusion": list[list[Count]],
    "pose": dict[str, Figures],
    "pose_given": dict[str, Figures],
    "both_right": Both | None,
    "by_factor": dict[str, list[Factor]],
    "viewpoint": Viewpoint | None,
    "worst_views": list[View],
    "unknown_rate": Rate,
    "predictions": list[Prediction],
    "failures": list[Unread],
    "calibration": Calibrated | None,
    "sweep": Sweep | None,
    "unknown": Unknown | None,
    "together": Together | None,
    "comparison": list[Other],
    "mistakes": list[Mistake],
    "landscape_axes": Plane | None,
    "images": Sheets | None,
}
"""Key of evaluation.json → its type, where that says more than the field of `Evaluation`."""
