"""`train`: what it may overwrite, what it leaves behind, and what it learns, however it is set."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from objrec import Recognizer, evaluate
from objrec.datasets import Dataset, open_dataset
from objrec.errors import DataError, SettingsError
from objrec.pose import AXIS, INDEX
from objrec.saving import load_model
from objrec.training import Recipe, train

FINISHED = {"README.md", "config.json", "metrics.csv", "model.safetensors"}


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def begun(dataset, folder: Path, recipe: Recipe, reports: int = 1, **choices) -> None:
    """Train until so many reports are there, and stop."""
    going = train(dataset, folder, recipe, **choices)
    for _ in range(reports):
        next(going)
    going.close()


@pytest.fixture(scope="module")
def trained(few, tmp_path_factory) -> tuple[Path, list]:
    folder = tmp_path_factory.mktemp("models") / "deep" / "trained"
    recipe = Recipe().replaced(epochs=2, batch_size=12, azimuth_step=60.0)
    return folder, list(train(few, folder, recipe))


def test_a_run_leaves_a_model_its_card_and_its_curves(trained):
    folder, reports = trained
    assert contents(folder).keys() == FINISHED
    assert [(r.stage, r.epoch, r.epochs) for r in reports] == [("", 1, 2), ("", 2, 2)]
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == [report.loss for report in reports]
    card = (folder / "README.md").read_text()
    assert "balls (train): 36 images of 6 objects" in card
    assert "| epochs | 2 |" in card
    assert "azimuth (6 values)" in card
    assert "Not calibrated" in card


def test_stopping_to_draw_reports_stops_the_training(few, tmp_path, quick):
    calls = []
    begun(few, tmp_path / "m", quick(), on_batch=lambda *counts: calls.append(counts))
    assert calls[-1] == (3, 9)
    assert set(contents(tmp_path / "m")) == {"checkpoint.safetensors", "metrics.csv"}


# Claiming the folder ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "sentence"),
    [
        ("config.json", "holds a model already; use --force to replace it"),
        ("checkpoint.safetensors", "holds an unfinished run; go on with --resume or start anew"),
        ("folds/fold-1/config.json", "holds an unfinished run; go on with --resume or start"),
        ("notes.txt", "is not empty; give a new folder, or use --force"),
    ],
)
def test_nothing_is_overwritten_unasked(few, tmp_path, quick, there, sentence):
    folder = tmp_path / "m"
    (folder / there).parent.mkdir(parents=True)
    (folder / there).write_text("mine")
    with pytest.raises(SettingsError, match=f"{folder}: {sentence}"):
        next(train(few, folder, quick()))
    assert contents(folder) == {there: b"mine"}


@pytest.mark.parametrize("choices", [{}, {"resume": True}, {"force": True}])
def test_two_runs_in_one_folder_are_one_too_many(few, tmp_path, quick, choices):
    going = train(few, tmp_path / "m", quick())
    next(going)
    before = contents(tmp_path / "m")
    with pytest.raises(DataError, match="m: another objrec process is writing into it; wait"):
        next(train(few, tmp_path / "m", quick(), **choices))
    assert contents(tmp_path / "m") == before
    assert len(list(going)) == 2


@pytest.mark.parametrize("choices", [{}, {"resume": True}, {"force": True}])
def test_a_file_in_the_way_is_never_replaced(few, tmp_path, quick, choices):
    (tmp_path / "m").write_text("mine")
    with pytest.raises(SettingsError, match="m: is a file; give a folder for the model"):
        next(train(few, tmp_path / "m", quick(), **choices))
    assert (tmp_path / "m").read_text() == "mine"


def test_force_replaces_a_model_and_leaves_other_files(few, trained, tmp_path, quick):
    folder = tmp_path / "m"
    for name, content in contents(trained[0]).items():
        (tmp_path / "m").mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    stale = ("config.json.partial", "frozen-0.safetensors", "folds/fold-1/config.json")
    for name in ("notes.txt", "my.partial", "folds/mine.txt", *stale):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")
    before = contents(folder)
    list(train(few, folder, quick(epochs=1), force=True))
    after = contents(folder)
    assert after.keys() == FINISHED | {"notes.txt", "my.partial", "folds/mine.txt"}
    assert all(after[name] != before[name] for name in FINISHED)


def test_force_begins_anew_whatever_was_begun(few, trained, tmp_path, quick):
    folder = tmp_path / "m"
    folder.mkdir()
    for name, content in contents(trained[0]).items():
        (folder / name).write_bytes(content)
    begun(few, folder, quick(lr=0.1), force=True)
    assert not (folder / "config.json").exists(), "the old model must not pass for the new one"
    assert len(list(train(few, folder, quick(), force=True))) == 3
    list(train(few, tmp_path / "n", quick()))
    assert contents(folder)["model.safetensors"] == contents(tmp_path / "n")["model.safetensors"]


def test_a_run_begun_with_force_is_gone_on_with(few, trained, tmp_path, quick):
    folder = tmp_path / "m"
    begun(few, folder, quick(), reports=2)
    calls = []
    again = {"force": True, "resume": True}
    list(train(few, folder, quick(), on_batch=lambda *counts: calls.append(counts), **again))
    assert [counts for counts in calls if counts[1] == 9] == [(7, 9), (8, 9), (9, 9)]


@pytest.mark.parametrize(
    ("changes", "choices", "error", "sentence"),
    [
        ({"symmetric": ("dukc",)}, {}, SettingsError, "--symmetric: the set has no category"),
        ({}, {"folds": 3}, DataError, "no category has more than 2 objects; use at most 2 folds"),
    ],
)
def test_force_deletes_nothing_for_a_run_that_cannot_begin(
    few, trained, quick, changes, choices, error, sentence
):
    before = contents(trained[0])
    with pytest.raises(error, match=sentence):
        next(train(few, trained[0], quick(**changes), force=True, **choices))
    assert contents(trained[0]) == before


def test_a_run_that_cannot_begin_leaves_no_folder(few, tmp_path, quick):
    ducks = few.subset(few.labels == 0)
    with pytest.raises(DataError, match="fewer than two categories have readable images"):
        next(train(ducks, tmp_path / "m", quick()))
    assert not (tmp_path / "m").exists()


def test_resuming_a_finished_run_changes_nothing_and_tidies_up(few, trained, quick):
    folder, _ = trained
    before = contents(folder)
    (folder / "checkpoint.safetensors").write_text("left by a run killed in its last step")
    assert list(train(few, folder, quick(), resume=True)) == []
    assert contents(folder) == before


def test_resuming_where_nothing_was_begun_begins(few, tmp_path, quick):
    assert len(list(train(few, tmp_path / "m", quick(epochs=1), resume=True))) == 1


# Folds --------------------------------------------------------------------------------------------


def test_folds_calibrate_on_objects_they_did_not_see(few, tmp_path, quick):
    folder, recipe = tmp_path / "m", quick(epochs=2)
    going = train(few, folder, recipe, folds=2)
    stages = [next(going).stage for _ in range(5)]
    assert stages == ["fold 1 of 2"] * 2 + ["fold 2 of 2"] * 2 + [""]
    going.close()

    lowest, wrong = [], []
    for fold, left_out in enumerate(("0", "1"), 1):
        recognizer = Recognizer.load(folder / "folds" / f"fold-{fold}")
        held_out = few.subset(few.factors["instance"] == left_out)
        for answer, sample in zip(recognizer.recognize_many(held_out), held_out, strict=True):
            lowest.append(min(answer.energies.values()))
            wrong.append(answer.category != sample.category)

    list(train(few, folder, recipe, folds=2, resume=True))
    found = Recognizer.load(folder).calibration
    assert found.error_rate == pytest.approx(np.mean(wrong))
    assert found.threshold == pytest.approx(np.quantile(lowest, 0.95), rel=1e-4)
    assert (found.folds, found.objects) == (2, 6)
    card = (folder / "README.md").read_text()
    assert "in 2 folds (6 objects)" in card
    assert "Not calibrated" not in card
    assert contents(folder).keys() == FINISHED


def test_folds_are_resumed_with_the_same_settings_data_and_number_only(toys, tmp_path, quick):
    dataset = open_dataset(toys)
    dataset = dataset.subset(np.flatnonzero(dataset.poses[:, INDEX["azimuth"]] % 120 == 0))
    folder = tmp_path / "m"
    begun(dataset, folder, quick(epochs=1), reports=2, folds=3)
    again = {"resume": True, "folds": 3}
    before = contents(folder)
    with pytest.raises(SettingsError, match="was begun with --folds; resume with the same number"):
        next(train(dataset, folder, quick(epochs=1), resume=True))
    with pytest.raises(SettingsError, match=r"fold-1.*made with data images 36, not 18; resume"):
        next(train(dataset, folder, quick(epochs=1), resume=True, folds=2))
    with pytest.raises(SettingsError, match=r"fold-1/config.json: made with recipe .* lr 0\.003"):
        next(train(dataset, folder, quick(epochs=1, lr=0.1), **again))
    assert contents(folder) == before


# What is learned ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learned(toys, tmp_path_factory) -> Recognizer:
    folder = tmp_path_factory.mktemp("models") / "learned"
    list(train(open_dataset(toys), folder, Recipe().replaced(epochs=12, batch_size=32)))
    return Recognizer.load(folder, device="cpu")


@pytest.mark.slow
def test_unseen_objects_in_unseen_views_are_recognised(learned, toys):
    """A guess has an error of 2/3, and an azimuth within 30 degrees in one case of six."""
    test = open_dataset(toys, purpose="test")
    answers = list(learned.recognize_many(test))
    wrong = [a.category != s.category for a, s in zip(answers, test, strict=True)]
    assert np.mean(wrong) < 0.1
    azimuths = np.array([answer.pose.azimuth for answer in answers])
    errors = np.abs(AXIS["azimuth"].difference(azimuths, test.poses[:, INDEX["azimuth"]]))
    assert np.mean(errors < 30) > 0.75
    assert np.median(errors) < 10, "the grid's step is 30, and the views lie a third of it off"
    elevations = np.array([answer.pose.elevation for answer in answers])
    assert np.corrcoef(elevations, test.poses[:, INDEX["elevation"]])[0, 1] > 0.3


@pytest.mark.slow
def test_a_turned_image_has_a_turned_roll(toys, tmp_path):
    dataset = open_dataset(toys)
    dataset = dataset.subset(np.flatnonzero(dataset.factors["instance"] != "2"))
    recipe = Recipe().replaced(
        roll_range=30.0, elevation_step=60.0, azimuth_step=60.0,
        epochs=12, batch_size=24, augment_erase=0.0,
    )  # fmt: skip
    list(train(dataset, tmp_path / "m", recipe))
    recognizer = Recognizer.load(tmp_path / "m", device="cpu")
    assert recognizer.space.values["roll"] == (-30, -15, 0, 15, 30)
    views = [sample.images[0] for sample in open_dataset(toys, purpose="test")][::4]

    def rolls(degrees: float) -> np.ndarray:
        # OpenCV's positive angles are counter-clockwise as seen in the image, as objrec's are.
        matrix = cv2.getRotationMatrix2D((15.5, 15.5), degrees, 1.0)
        turned = [cv2.warpAffine(v, matrix, (32, 32), borderValue=128) for v in views]
        return np.array([answer.pose.roll for answer in recognizer.recognize_many(turned)])

    left, right = rolls(20), rolls(-20)
    assert 8 < np.median(left) <= 30
    assert -30 <= np.median(right) < -8
    assert left.mean() - right.mean() > 10


@pytest.fixture(scope="module")
def with_background(toys) -> Dataset:
    """The training set, in which trees are no objects."""
    return replace(open_dataset(toys), background=("tree",))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["energy", "cnn"])
def test_what_background_images_show_is_called_unknown(with_background, toys, tmp_path, kind):
    recipe = Recipe().replaced(epochs=12, batch_size=32, kind=kind)
    list(train(with_background, tmp_path / "m", recipe))
    recognizer = Recognizer.load(tmp_path / "m", device="cpu")
    assert (recognizer.categories, recognizer.background) == (("duck", "plane"), ("tree",))
    test = open_dataset(toys, purpose="test")
    answers = list(recognizer.recognize_many(test))
    assert all(set(a.energies) == {"duck", "plane"} for a in answers)
    tree = np.array([sample.category == "tree" for sample in test])
    unknown = np.array([answer.unknown for answer in answers])
    assert unknown[tree].mean() > 0.8
    assert unknown[~tree].mean() < 0.2
    measured = evaluate(recognizer, replace(test, background=("tree",)))
    assert measured.categories == ["duck", "plane", "tree"]
    assert measured.error_rate < 0.15


def test_background_is_no_part_of_the_calibration(few, tmp_path, quick):
    dataset = replace(few, background=("tree",))
    list(train(dataset, tmp_path / "m", quick(epochs=1), folds=2))
    recognizer = Recognizer.load(tmp_path / "m")
    assert recognizer.calibration.objects == 4, "two objects of each of two categories"
    assert "| nothing fits | tree |" in (tmp_path / "m" / "README.md").read_text()


@pytest.mark.slow
def test_relative_azimuths_are_learned_as_well_as_observed_ones(toys, tmp_path):
    dataset = open_dataset(toys)
    rng = np.random.default_rng(5)
    added = {name: rng.uniform(0, 360) for name in np.unique(dataset.objects)}
    poses = dataset.poses.copy()
    poses[:, INDEX["azimuth"]] += [added[name] for name in dataset.objects]
    poses[:, INDEX["azimuth"]] %= 360
    recipe = Recipe().replaced(
        epochs=12, batch_size=32, azimuth_step=30.0, pose=("azimuth=relative",)
    )
    list(train(replace(dataset, poses=poses), tmp_path / "m", recipe))
    recognizer = Recognizer.load(tmp_path / "m", device="cpu")
    assert recognizer.frame.kind("azimuth") == "relative"
    found = recognizer.training["azimuth_offsets"]
    for category in recognizer.categories:
        names = [name for name in added if name.startswith(category)]
        apart = np.array([found[name] + added[name] for name in names])
        assert np.abs(AXIS["azimuth"].difference(apart, apart[0])).max() < 15
    measured = evaluate(recognizer, open_dataset(toys, purpose="test"))
    assert measured.error_rate < 0.1
    assert measured.pose["azimuth"]["aligned"]["acc30"] > 0.75


# Settings that change what is trained -------------------------------------------------------------

NO_POSE = {"pose": ("azimuth=latent", "elevation=latent")}
VIEWS = ("azimuth", "elevation")


@pytest.mark.parametrize(
    ("changes", "axes"),
    [
        ({}, ("azimuth",)),
        (NO_POSE, VIEWS),
        ({"pose": ("azimuth=relative",)}, ("azimuth",)),
        ({"symmetric": ("tree",)}, ("azimuth",)),
        ({"references": "planar"}, ("azimuth",)),
        ({"references": "planar", **NO_POSE}, ()),
        ({"references": "planar", "roll_range": 20.0}, ("azimuth", "roll")),
        ({"models_per_category": 2}, ("azimuth",)),
        ({"references": "planar", "models_per_category": 2}, ("azimuth",)),
        ({"distance": "squared"}, ("azimuth",)),
        ({"loss": "hinge", "soft": False, "category_weight": 0.0}, ("azimuth",)),
        ({"depth": 3}, ("azimuth",)),
        ({"mirror": False}, ("azimuth",)),
        ({"kind": "cnn"}, ()),
        ({"kind": "cnn-pose"}, ("azimuth",)),
        ({"kind": "cnn-pose", **NO_POSE}, ()),
        ({"kind": "cnn-pose", "roll_range": 20.0}, ("azimuth", "roll")),
    ],
    ids=str,
)
def test_every_kind_of_model_is_trained_saved_and_used(few, tmp_path, quick, changes, axes):
    reports = list(train(few, tmp_path / "m", quick(epochs=2, **changes)))
    recognizer = Recognizer.load(tmp_path / "m", device="cpu")
    assert recognizer.axes == axes
    answer = recognizer.recognize(few[0])
    assert tuple(answer.pose.to_dict()) == axes
    assert np.isfinite(list(answer.energies.values())).all()
    assert all(np.isfinite([r.loss, r.reference_gap, r.feature_variance]).all() for r in reports)
    assert (reports[-1].reference_gap > 0) == (recognizer.kind == "energy")


def test_partly_observed_poses(few, tmp_path, quick):
    poses = few.poses.copy()
    poses[::2, INDEX["azimuth"]] = np.nan
    list(train(replace(few, poses=poses), tmp_path / "m", quick()))
    assert Recognizer.load(tmp_path / "m").recognize(few[0]).pose.azimuth is not None


def test_relative_azimuths_of_which_none_is_labelled(few, tmp_path, quick):
    nothing = replace(few, poses=np.full_like(few.poses, np.nan))
    list(train(nothing, tmp_path / "m", quick(pose=("azimuth=relative",))))
    recognizer = Recognizer.load(tmp_path / "m")
    assert "azimuth_offsets" not in recognizer.training
    assert recognizer.recognize(few[0]).pose.azimuth is not None


def test_stereo_pairs_in_colour(few, tmp_path, quick):
    def pair(row: int) -> np.ndarray:
        view = few.read(row)[0]
        return np.stack([np.dstack([view] * 3), np.dstack([view[:, ::-1]] * 3)])

    stereo = replace(few, cameras=2, colour=True, read=pair)
    list(train(stereo, tmp_path / "m", quick()))
    recognizer = Recognizer.load(tmp_path / "m")
    assert (recognizer.preprocessing.cameras, recognizer.preprocessing.colour) == (2, True)
    assert recognizer.recognize(stereo[0]).category in few.categories


def test_categories_without_an_image_are_left_out(few, tmp_path, quick):
    without_planes = few.subset(few.labels != 1)
    list(train(without_planes, tmp_path / "m", quick(epochs=1)))
    assert Recognizer.load(tmp_path / "m").categories == ("duck", "tree")


def test_collapse_is_remarked(few, tmp_path, quick):
    """The energy loss alone lets all references merge; merged they are from the start here."""
    reports = list(train(few, tmp_path / "m", quick(epochs=1, lr=0.0)))
    assert not reports[0].note
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "randn", lambda *shape, **_: torch.ones(*shape))
        reports = list(train(few, tmp_path / "n", quick(epochs=1, lr=0.0, augment_noise=0.0)))
    assert reports[0].note.startswith("collapse: references or features have merged")


def test_stages_of_a_training_are_kept_on_request(few, quick, tmp_path):
    reports = list(train(few, tmp_path / "m", quick(epochs=5), keep_every=2, device="cpu"))
    stages = sorted(path.name for path in (tmp_path / "m" / "epochs").iterdir())
    assert stages == ["002", "004", "005"] and len(reports) == 5
    last, final = (load_model(tmp_path / "m" / f) for f in ("epochs/005", ""))
    early = load_model(tmp_path / "m" / "epochs" / "002")
    for name, tensor in final.network.state_dict().items():
        assert torch.equal(last.network.state_dict()[name], tensor), name
    assert early.training["facts"]["epochs"] == 2 and final.training["facts"]["epochs"] == 5
    alone = list(train(few, tmp_path / "alone", quick(epochs=5), device="cpu"))
    assert [r.loss for r in alone] == [r.loss for r in reports]


def test_training_anew_removes_kept_stages(few, quick, tmp_path):
    list(train(few, tmp_path / "m", quick(epochs=1), keep_every=1, device="cpu"))
    list(train(few, tmp_path / "m", quick(epochs=1), force=True, device="cpu"))
    assert not (tmp_path / "m" / "epochs").exists()
