"""The sweep, of a recogniser that measures a dot in the image, and of real untrained ones."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from objrec.datasets import Dataset
from objrec.datasets.frame import AxisNote, PoseFrame
from objrec.energy.settings import ModelSettings
from objrec.errors import DataError, SettingsError
from objrec.evaluation.metrics import Bootstrap
from objrec.evaluation.sweep.changes import CHANGES
from objrec.evaluation.sweep.measuring import median_interval, sweep
from objrec.pose import AXES, INDEX, Pose, PoseSpace
from objrec.preprocessing import Preprocessing
from objrec.recognizer import Recognizer
from objrec.saving import SavedModel, build_network

SIDE, FAR = 48, 9.0
QUICK = Bootstrap(resamples=50)
BRIGHT, DIM = 240, 100


def drawn(angle, bright, side=SIDE):
    """A dot on black, FAR pixels from the middle; angle 0 is to the right, 90 up."""
    steps = np.arange(side) - (side - 1) / 2
    x, y = FAR * np.cos(np.deg2rad(angle)), -FAR * np.sin(np.deg2rad(angle))
    dot = np.exp(-((steps[None] - x) ** 2 + (steps[:, None] - y) ** 2) / 18)
    return (bright * dot).round().astype(np.uint8)[None]


def dots(
    *, categories=("dim", "bright"), objects=2, views=6, broken=(), cameras=1, frame=None, offsets=0
):
    """A set of dots at angles all round; azimuth labels are the angle less an offset per object."""
    names = [(c, o) for c in categories for o in range(objects) for _ in range(views)]
    angles = np.tile(np.arange(views) * 360.0 / views + 175.0, len(categories) * objects)
    number = np.repeat(np.arange(len(categories) * objects), views)
    poses = np.full((len(names), len(AXES)), np.nan)
    poses[:, INDEX["azimuth"]] = (angles - offsets * number) % 360

    def read(row):
        if row in broken:
            raise DataError(f"{row}.png: not an image; remove it")
        light = {"dim": DIM, "bright": BRIGHT, "nothing": 0, "odd": BRIGHT}[names[row][0]]
        return np.repeat(drawn(angles[row], light), cameras, axis=0)

    return Dataset(
        name="dots",
        split="test",
        root=Path("dots"),
        categories=tuple(categories),
        labels=np.array([categories.index(c) for c, _ in names]),
        poses=poses,
        factors={"instance": np.array([str(o) for _, o in names])},
        sources=tuple(f"{i}.png" for i in range(len(names))),
        cameras=cameras,
        colour=False,
        read=read,
        rows=np.arange(len(names)),
        frame=frame or PoseFrame(),
    )


class Eye:
    """Measures the dot: bright from half the light on; its place is roll, scale and shift.

    Azimuth it takes for the dot's angle, so that a roll is an azimuth error.
    """

    kind, device = "energy", "cpu"

    def __init__(self, axes=(), categories=("bright", "dim"), background=(), size=SIDE, frame=None):
        self.axes, self.categories, self.background = axes, categories, background
        self.preprocessing, self.frame = Preprocessing(size=size), frame or PoseFrame()
        self.shown, self.refined = [], []

    def see(self, images):
        assert images.dtype == torch.uint8 and images.shape[1:] == (
            (self.preprocessing.cameras, 1, self.preprocessing.size, self.preprocessing.size)
        )
        self.shown.append(len(images))
        return [self._measured(image[0, 0].double()) for image in images]

    def _measured(self, image):
        side = len(image)
        steps = torch.arange(side) - (side - 1) / 2
        total = float(image.sum()) or 1.0
        x, y = float((image.sum(0) * steps).sum()), float((image.sum(1) * steps).sum())
        x, y = x / total / side * SIDE, y / total / side * SIDE
        angle = np.rad2deg(np.arctan2(-y, x))
        vector = [angle, 0, angle, np.log(max(np.hypot(x, y), 1e-9) / FAR), x / SIDE, y / SIDE]
        light = float(image.max())
        name = "bright" if light > 128 else "dim"
        return SimpleNamespace(
            category=name if name in self.categories else self.categories[0],
            pose=Pose.from_vector(vector, self.axes),
            unknown=light < 20 if self.background else None,
        )

    def recognitions(self, seen, *, refine, hypotheses):
        assert hypotheses == 1
        self.refined.append(refine)
        return seen

    def poses(self, seen, categories):
        assert len(categories) == len(seen) and int(categories.min()) >= 0
        return torch.from_numpy(np.stack([one.pose.to_vector() for one in seen]))


def swept(eye, dataset, *names, **options):
    """Sweep one model; return its row of the (last) change named."""
    options = {"bootstrap": QUICK, "images": None} | options
    found = sweep([("eye", eye)], dataset, changes=[CHANGES[n] for n in names], **options)
    return found["changes"][-1]["models"][0]


def test_facts_of_the_set_and_of_every_change_are_there():
    found = sweep([("eye", Eye()), ("twin", Eye())], dots(), images=8, bootstrap=QUICK)
    assert (found["images"], found["objects"]) == (8, 4)
    assert [row["name"] for row in found["changes"]] == list(CHANGES)
    for row in found["changes"]:
        change = CHANGES[row["name"]]
        assert row["title"] == change.title and row["unit"] == change.unit
        assert (row["axis"], row["neutral"]) == (change.axis, change.neutral)
        assert row["amounts"] == list(change.amounts)
        assert [(m["model"], m["kind"]) for m in row["models"]] == [
            ("eye", "energy"),
            ("twin", "energy"),
        ]
        assert row["models"][0] | {"model": ""} == row["models"][1] | {"model": ""}


def test_the_error_is_that_of_the_changed_images():
    row = swept(Eye(), dots(), "darken")
    # Bright dots, half of the images, are dim below 128 / 240 = 0.53 of the light.
    wanted = [0.5 if amount < 0.53 else 0.0 for amount in CHANGES["darken"].amounts]
    assert row["error_rate"] == wanted


def test_intervals_are_those_of_the_bootstrap_over_objects():
    row = swept(Eye(categories=("bright", "dim")), dots(), "shift_x", "blur")
    dataset = dots()
    for rate, interval in zip(row["error_rate"], row["error_rate_ci"], strict=True):
        wrong = (dataset.labels == 1) & (rate > 0)  # bright dots, all or none
        assert wrong.mean() == rate
        assert interval == list(QUICK.interval(wrong, dataset.objects, dataset.labels))
    assert row["error_rate"][0] == 0 and row["error_rate"][-1] == 0.5


@pytest.mark.parametrize("name", ["roll", "scale", "shift_x", "shift_y"])
def test_the_response_is_the_change_itself_where_the_pose_follows(name):
    row = swept(Eye(axes=(name,)), dots(), name)
    assert row["response"] == pytest.approx(
        CHANGES[name].amounts, abs=0.3 if name == "roll" else 0.01
    )
    neutral = CHANGES[name].amounts.index(CHANGES[name].neutral)
    assert row["response"][neutral] == CHANGES[name].neutral
    assert row["response_ci"][neutral] == [CHANGES[name].neutral] * 2
    for value, (low, high) in zip(row["response"], row["response_ci"], strict=True):
        assert low <= value <= high


@pytest.mark.parametrize("name", ["scale", "blur", "occlude"])
def test_a_model_that_does_not_answer_the_axis_has_no_response(name):
    row = swept(Eye(axes=("roll",)), dots(), name)
    assert row["response"] is None and row["response_ci"] is None
    assert row["azimuth_error_deg"] is None


def test_poses_are_refined_only_where_they_are_measured():
    eye = Eye(axes=("roll",))
    swept(eye, dots(), "darken", "roll")
    changed = [len(CHANGES[name].amounts) - 1 for name in ("darken", "roll")]
    assert eye.refined == [True] + [False] * changed[0] + [True] * changed[1]
    swept(eye := Eye(axes=("azimuth",)), dots(), "roll")
    assert not any(eye.refined)


def test_azimuth_errors_are_measured_where_azimuths_are_labelled():
    amounts = CHANGES["roll"].amounts
    row = swept(Eye(axes=("azimuth",)), dots(), "roll")
    assert row["azimuth_error_deg"] == pytest.approx(np.abs(amounts), abs=0.3)
    dataset = dots()
    dataset.poses[:] = np.nan
    assert swept(Eye(axes=("azimuth",)), dataset, "roll")["azimuth_error_deg"] is None


def test_symmetric_categories_have_no_azimuth_error():
    dataset = dots()
    dataset.poses[dataset.labels == 1, 0] += 90
    wrong = swept(Eye(axes=("azimuth",)), dataset, "darken")["azimuth_error_deg"]
    assert wrong[0] == pytest.approx(45, abs=1)
    frame = PoseFrame(symmetric=("bright",))
    row = swept(Eye(axes=("azimuth",), frame=frame), dataset, "darken")
    assert row["azimuth_error_deg"][0] == pytest.approx(0, abs=0.3)
    named = swept(Eye(axes=("azimuth",)), dataset, "darken", exclude_pose=("bright",))
    assert named["azimuth_error_deg"] == row["azimuth_error_deg"]


RELATIVE = PoseFrame({"azimuth": AxisNote(labels="relative")})


def test_relative_labels_are_judged_after_the_offset_of_each_object_unchanged():
    amounts = CHANGES["roll"].amounts
    row = swept(Eye(axes=("azimuth",)), dots(frame=RELATIVE, offsets=50), "roll")
    assert row["azimuth_error_deg"] == pytest.approx(np.abs(amounts), abs=0.3)


def test_a_relative_model_is_judged_after_the_offset_of_each_category_unchanged():
    amounts, eye = CHANGES["roll"].amounts, Eye(axes=("azimuth",), frame=RELATIVE)
    row = swept(eye, dots(objects=1, offsets=50), "roll")
    assert row["azimuth_error_deg"] == pytest.approx(np.abs(amounts), abs=0.3)
    unlike = swept(eye, dots(objects=2, offsets=50), "roll")
    assert min(unlike["azimuth_error_deg"]) >= 20


def test_unknown_is_the_right_answer_to_background_only():
    dataset = dots(categories=("dim", "bright", "nothing"))
    eye = Eye(axes=("roll", "azimuth"), background=("nothing",))
    row = swept(eye, dataset, "roll")
    assert row["error_rate"] == [0.0] * len(row["error_rate"])
    assert row["response"] == pytest.approx(CHANGES["roll"].amounts, abs=0.3)
    assert row["azimuth_error_deg"] == pytest.approx(np.abs(CHANGES["roll"].amounts), abs=0.3)
    # At 0.1 of the light, dim dots are called unknown (wrong), and bright ones dim.
    dark = CHANGES["darken"]
    dark = type(dark)(**{**vars(dark), "amounts": (1.0, 0.1)})
    found = sweep([("eye", eye)], dataset, images=None, bootstrap=QUICK, changes=[dark])
    assert found["changes"][0]["models"][0]["error_rate"] == [0.0, pytest.approx(2 / 3)]


def test_only_categories_that_every_model_knows_count():
    dataset = dots(categories=("dim", "bright", "odd"))
    models = [("both", Eye()), ("one", Eye(categories=("bright",)))]
    found = sweep(models, dataset, images=None, bootstrap=QUICK, changes=[CHANGES["roll"]])
    assert (found["images"], found["objects"]) == (12, 2)
    with pytest.raises(DataError, match="known to every model"):
        sweep([*models, ("none", Eye(categories=("cup",)))], dataset)


def test_models_may_take_images_of_different_sizes():
    models = [(str(size), Eye(axes=("roll", "shift_x"), size=size)) for size in (24, 48, 96)]
    changes = [CHANGES["roll"], CHANGES["shift_x"]]
    found = sweep(models, dots(), images=None, bootstrap=QUICK, changes=changes)
    for row, within in zip(found["changes"], (0.5, 0.01), strict=True):
        for model in row["models"]:
            assert model["response"] == pytest.approx(row["amounts"], abs=within)


def test_unchanged_images_are_recognised_once_and_progress_counts_everything():
    eye, ticks = Eye(), []
    names = ("roll", "noise", "darken")
    swept(eye, dots(), *names, batch_size=5, on_progress=lambda *tick: ticks.append(tick))
    passes = 1 + sum(len(CHANGES[name].amounts) - 1 for name in names)
    assert sum(eye.shown) == 24 * passes and max(eye.shown) == 5
    assert [done for done, _ in ticks] == np.cumsum(eye.shown).tolist()
    assert {total for _, total in ticks} == {24 * passes} and ticks[-1][0] == 24 * passes


@pytest.mark.parametrize("name", ["noise", "occlude", "roll"])
def test_the_result_depends_on_the_seed_but_not_on_the_batches(name):
    def one(batch_size, seed):
        eye = Eye(axes=("shift_x", "roll", "azimuth"))
        return swept(eye, dots(), name, batch_size=batch_size, seed=seed, images=15)

    assert one(1, 0) == one(4, 0) == one(64, 0) != one(64, 1)


def test_what_cannot_be_read_is_left_out():
    ticks = []
    models = [("eye", Eye()), ("twin", Eye())]
    dataset = dots(broken=(0, 1, 12))
    found = sweep(
        models,
        dataset,
        images=None,
        bootstrap=QUICK,
        changes=[CHANGES["darken"]],
        on_progress=lambda *tick: ticks.append(tick),
    )
    assert found["images"] == 21
    for model in found["changes"][0]["models"]:
        assert model["error_rate"][-1] == pytest.approx(11 / 21)
    assert ticks[-1] == (2 * 24 * 6, 2 * 24 * 6)
    with pytest.raises(DataError, match="none of the 24 images chosen can be read"):
        sweep(models, dots(broken=range(24)), images=None)


def test_it_can_be_interrupted():
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        swept(Eye(), dots(), "roll", on_progress=stop)


def test_mistakes_are_named():
    with pytest.raises(DataError, match=r"has 2 camera images.*\(model eye\)"):
        swept(Eye(), dots(cameras=2), "roll")
    for wrong in ({"images": 0}, {"batch_size": 0}):
        with pytest.raises(SettingsError, match="at least 1"):
            swept(Eye(), dots(), "roll", **wrong)


def test_the_result_is_plain():
    eye = Eye(axes=("roll", "azimuth"))
    found = sweep([("eye", eye)], dots(), images=8, bootstrap=QUICK)
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("kind", ["energy", "cnn", "cnn-pose"])
def test_the_neutral_amount_gives_what_plain_recognition_gives(kind):
    torch.manual_seed(0)
    space = PoseSpace({"azimuth": (0.0, 90.0, 180.0, 270.0), "roll": (-30.0, 0.0, 30.0)})
    preprocessing, settings = Preprocessing(cameras=2), ModelSettings(features="small")
    network = build_network(kind, ("bright", "dim"), space, preprocessing, settings)
    model = Recognizer(SavedModel(kind, network, settings, preprocessing, None, {}), "cpu")
    dataset = dots(cameras=2)
    row = swept(model, dataset, "darken", "roll", batch_size=24)
    images = torch.stack([preprocessing.images(dataset[i].images) for i in range(24)])
    changed = [CHANGES["roll"].changed(images, a, range(24)) for a in CHANGES["roll"].amounts]
    answers = [model.recognize_batch(shown, hypotheses=1) for shown in changed]
    names = np.array(dataset.categories)[dataset.labels]
    wrong = [np.mean([a.category for a in found] != names) for found in answers]
    assert row["kind"] == kind and row["error_rate"] == wrong
    if kind == "cnn":
        assert row["response"] is None and row["azimuth_error_deg"] is None
        return
    rolls = np.array([[answer.pose.roll for answer in found] for found in answers])
    assert row["response"] == pytest.approx(np.median(rolls - rolls[4], axis=1), abs=1e-3)
    assert all(0 <= error <= 180 for error in row["azimuth_error_deg"])


@pytest.mark.parametrize("resamples", [7, 300])
def test_the_interval_of_the_median_is_that_of_objects_drawn_again(resamples):
    rng = np.random.default_rng(0)
    values = rng.normal(size=37).round(1)
    strata = rng.integers(0, 3, 37)
    objects = np.array([f"{s}/{o}" for s, o in zip(strata, rng.integers(0, 4, 37), strict=True)])
    bootstrap = Bootstrap(resamples, seed=5, level=0.9)
    draw, names, medians = np.random.default_rng(5), {}, []
    for s in np.unique(strata):
        names[s] = np.unique(objects[strata == s])
    times = {
        s: draw.multinomial(len(n), np.full(len(n), 1 / len(n)), resamples)
        for s, n in names.items()
    }
    for i in range(resamples):
        taken = [
            value
            for s in names
            for name, count in zip(names[s], times[s][i], strict=True)
            for value in values[objects == name].repeat(count)
        ]
        medians.append(np.median(taken))
    found = median_interval(bootstrap, values, objects, strata)
    assert found == pytest.approx(np.quantile(medians, [0.05, 0.95]))
