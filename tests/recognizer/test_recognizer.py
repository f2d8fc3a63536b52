"""`Recognizer`: every form of an image gives one answer, and the answer is that of the energies."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from objrec import Recognizer
from objrec.datasets import open_dataset
from objrec.energy.settings import ModelSettings
from objrec.errors import DataError, Failure, ModelError, SettingsError
from objrec.evaluation.run import run
from objrec.pose import AXES, PoseSpace
from objrec.preprocessing import Preprocessing
from objrec.saving import Calibration, SavedModel, build_network, save_model

SPACE = PoseSpace({"azimuth": tuple(range(0, 360, 20)), "elevation": (20.0, 40.0)})
BETA, THRESHOLD = 2.5, 9.5


def model(
    kind: str = "energy", cameras: int = 1, colour: bool = False, calibrated: bool = True
) -> SavedModel:
    """Make an untrained model; what it answers is random, but always the same."""
    torch.manual_seed(0)
    settings = ModelSettings(features="small", channels=8, volume_channels=4)
    preprocessing = Preprocessing(cameras=cameras, colour=colour)
    network = build_network(kind, ("box", "cross", "disc"), SPACE, preprocessing, settings)
    calibration = Calibration(BETA, THRESHOLD, 0.05, 0.1, 3, 9) if calibrated else None
    return SavedModel(kind, network, settings, preprocessing, calibration, {})


def recognizer_of(*arguments, **choices) -> Recognizer:
    return Recognizer(model(*arguments, **choices), "cpu")


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return recognizer_of()


@pytest.fixture(scope="module")
def colourful() -> Recognizer:
    return recognizer_of(colour=True)


@pytest.fixture(scope="module")
def stereo() -> Recognizer:
    return recognizer_of(cameras=2)


@pytest.fixture
def files(photos) -> list[Path]:
    return sorted((photos / "train").glob("*.png"))[:7]


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)


def same(one, other) -> None:
    """Two recognitions are the same answer, but for the name of the image and rounding."""
    assert one.category == other.category
    assert one.energies == pytest.approx(other.energies, abs=1e-5)
    assert one.pose.to_dict() == pytest.approx(other.pose.to_dict(), abs=1e-3)


# One image in many forms --------------------------------------------------------------------------

GRAY: dict[str, Callable[[np.ndarray], object]] = {
    "H x W": lambda a: a,
    "float64": lambda a: a / 255,
    "float32": lambda a: (a / 255).astype(np.float32),
    "H x W x 1": lambda a: a[:, :, None],
    "H x W x 3": lambda a: np.dstack([a, a, a]),
    "with alpha": lambda a: np.dstack([a, a, a, np.full_like(a, 255)]),
    "a batch of one": lambda a: a[None],
    "V x H x W x C": lambda a: a[None, :, :, None],
    "tensor": torch.from_numpy,
    "tensor C x H x W": lambda a: torch.from_numpy(np.stack([a, a, a])),
    "tensor of float": lambda a: torch.from_numpy(a) / 255,
    "tensor of half": lambda a: torch.from_numpy(a).to(torch.float16) / 255,
    "not contiguous": lambda a: np.asfortranarray(a),
}


@pytest.mark.parametrize("form", GRAY.values(), ids=GRAY)
def test_pixels_in_every_form_are_answered_like_their_file(recognizer, files, form):
    same(recognizer.recognize(form(read(files[0]))), recognizer.recognize(files[0]))


def test_the_name_of_the_file_is_kept(recognizer, files):
    assert recognizer.recognize(files[0]).source == str(files[0])
    assert recognizer.recognize(str(files[0])) == recognizer.recognize(files[0])
    assert recognizer.recognize(read(files[0])).source is None


def test_colours_are_told_apart_by_a_model_of_colour(colourful, tmp_path):
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[5:15, 5:15], pixels[8:12, 15:25] = (250, 10, 10), (10, 10, 200)
    cv2.imwrite(str(tmp_path / "red.png"), pixels[:, :, ::-1])
    answer = colourful.recognize(tmp_path / "red.png")
    same(answer, colourful.recognize(pixels))
    same(answer, colourful.recognize(torch.from_numpy(pixels).permute(2, 0, 1)))
    other = colourful.recognize(pixels[:, :, ::-1].copy())
    assert other.energies != pytest.approx(answer.energies, abs=1e-3)


def test_the_cameras_of_one_object(stereo, files):
    left, right = read(files[0]), read(files[1])
    answer = stereo.recognize((files[0], str(files[1])))
    assert answer.source == f"{files[0]}+{files[1]}"
    for form in (
        np.stack([left, right]),
        np.stack([left, right])[None],
        torch.from_numpy(np.stack([left, right])),
        np.stack([np.dstack([left] * 3), np.dstack([right] * 3)]) / 255,
    ):
        same(stereo.recognize(form), answer)
    swapped = stereo.recognize((files[1], files[0]))
    assert swapped.energies != pytest.approx(answer.energies, abs=1e-4)


def test_a_sample_of_a_set_is_answered_as_in_an_evaluation(recognizer, photos):
    dataset = open_dataset(photos, "train")
    evaluated = run(recognizer, dataset).answers
    for i in (0, 20, len(dataset) - 1):
        answer = recognizer.recognize(dataset[i])
        assert answer.source == dataset.sources[i]
        same(answer, recognizer.recognize(dataset.sources[i]))
        assert evaluated[i].category == answer.category
        assert evaluated[i].energy == pytest.approx(answer.energy, abs=1e-5)
        assert evaluated[i].pose.to_dict() == pytest.approx(answer.pose.to_dict(), abs=1e-3)


# What cannot be recognised ------------------------------------------------------------------------


def test_files_that_are_no_images(recognizer, tmp_path):
    (tmp_path / "a.png").write_text("text")
    for name in ("a.png", "missing.png"):
        with pytest.raises(DataError, match=f"^{tmp_path / name}: [^\n]+$"):
            recognizer.recognize(tmp_path / name)


def test_another_number_of_cameras(recognizer, stereo, files, photos):
    pair = (files[0], files[1])
    with pytest.raises(DataError, match=r"png\+.*png: has 2 camera images, .* single images"):
        recognizer.recognize(pair)
    with pytest.raises(DataError, match=f"^{files[0]}: has 1 camera image, .* takes stereo pairs"):
        stereo.recognize(files[0])
    with pytest.raises(DataError, match=r"^image: has 1 camera image, the model takes stereo"):
        stereo.recognize(read(files[0]))
    with pytest.raises(DataError, match="png: has 1 camera image"):
        stereo.energies([pair, files[0]])
    with pytest.raises(DataError, match="png: has 1 camera image, the model takes stereo pairs"):
        stereo.recognize(open_dataset(photos, "train")[0])


def test_cameras_of_different_sizes(stereo, files, tmp_path):
    cv2.imwrite(str(tmp_path / "wide.png"), np.zeros((32, 40), np.uint8))
    with pytest.raises(DataError, match=r"wide.png: the cameras' images differ in size or colour"):
        stereo.recognize((files[0], tmp_path / "wide.png"))


@pytest.mark.parametrize(
    ("pixels", "sentence"),
    [
        (np.zeros((3, 8, 8), np.uint8), "one image was expected, got a batch of 3"),
        (np.full((8, 8), 2.0), "float images must lie in 0 to 1"),
        (np.full((8, 8), np.nan), "float images must lie in 0 to 1"),
        (np.zeros((8, 8), np.int64), "images must be uint8, or float in 0 to 1, not int64"),
        (np.zeros(8, np.uint8), "cannot tell images in an array of shape"),
        (np.zeros((0, 8), np.uint8), "cannot tell images in an array of shape"),
    ],
)
def test_arrays_that_are_no_image(recognizer, pixels, sentence):
    with pytest.raises(ValueError, match=sentence):
        recognizer.recognize(pixels)


# Many images --------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_many_images_are_answered_in_order_with_failures_in_their_places(
    recognizer, files, batch_size
):
    earlier = Failure("x@test#3", "cannot be read; replace it")
    images = [*files[:2], "missing.png", read(files[2]), earlier, *files[3:], np.zeros(3)]
    answers = list(recognizer.recognize_many(iter(images), batch_size=batch_size))
    assert len(answers) == len(images)
    assert answers[2].source == "missing.png"
    assert not answers[2].message.startswith("missing.png")
    assert answers[4] is earlier
    assert answers[-1].source == "image"
    good = [a for a in answers if not isinstance(a, Failure)]
    assert len(good) == 7
    for answer, file in zip(good, files, strict=True):
        same(answer, recognizer.recognize(file))


def test_all_of_a_batch_may_fail(recognizer, files):
    answers = list(recognizer.recognize_many(["a.png", "b.png", files[0]], batch_size=2))
    assert [isinstance(answer, Failure) for answer in answers] == [True, True, False]
    assert list(recognizer.recognize_many([])) == []


def test_images_are_asked_for_batch_by_batch(recognizer, files):
    drawn = []

    def endless():
        while True:
            drawn.append(1)
            yield files[len(drawn) % len(files)]

    answers = recognizer.recognize_many(endless(), batch_size=4)
    assert not drawn
    for _ in range(5):
        next(answers)
    assert len(drawn) == 8


# The answer and the energies ----------------------------------------------------------------------


def test_energies_of_images_in_every_form(recognizer, files):
    expected = recognizer.energies(files)
    assert expected.values.shape == (7, 3, SPACE.size)
    pixels = np.stack([read(file) for file in files])
    for images in (pixels, pixels / 255, torch.from_numpy(pixels), pixels[..., None], list(pixels)):
        assert torch.allclose(recognizer.energies(images).values, expected.values, atol=1e-5)
    alone = recognizer.energies(files[2])
    assert torch.allclose(alone.values, expected.values[2:3], atol=1e-5)


def test_an_answer_is_what_the_energies_say(recognizer, files):
    energies = recognizer.energies(files).values.double().numpy()
    lowest = energies.min(axis=2)
    for answer, surface, row in zip(
        recognizer.recognize_many(files, refine=False), energies, lowest, strict=True
    ):
        assert list(answer.energies) == list(recognizer.categories)
        assert list(answer.energies.values()) == pytest.approx(row, abs=1e-5)
        assert answer.category == recognizer.categories[row.argmin()]
        assert answer.energy == pytest.approx(row.min(), abs=1e-5)
        gibbs = np.exp(-BETA * row) / np.exp(-BETA * row).sum()
        assert list(answer.probabilities.values()) == pytest.approx(gibbs, rel=1e-4)
        pose = list(product(*SPACE.values.values()))[surface[row.argmin()].argmin()]
        assert answer.pose.to_dict() == dict(zip(SPACE.axes, pose, strict=True))
        assert answer.unknown == (row.min() > THRESHOLD)


def test_refinement_leaves_the_grid_but_not_by_more_than_a_step(recognizer, files):
    coarse = list(recognizer.recognize_many(files, refine=False))
    fine = list(recognizer.recognize_many(files))
    turns = []
    for a, b in zip(coarse, fine, strict=True):
        assert (a.category, a.energies) == (b.category, b.energies)
        turns.append(abs((b.pose.azimuth - a.pose.azimuth + 180) % 360 - 180))
        assert 20 <= b.pose.elevation <= 40
    assert max(turns) <= 20.001
    assert max(turns) > 0.1


def test_the_threshold_is_what_makes_an_image_unknown(files):
    saved = model()
    energies = [answer.energy for answer in Recognizer(saved, "cpu").recognize_many(files)]
    middle = float(np.median(energies))
    strict = replace(saved, calibration=replace(saved.calibration, threshold=middle))
    unknown = [answer.unknown for answer in Recognizer(strict, "cpu").recognize_many(files)]
    assert unknown == [energy > middle for energy in energies]
    assert sum(unknown) == 3


def test_without_calibration_beta_is_1_and_nothing_is_unknown(files):
    answer = recognizer_of(calibrated=False).recognize(files[0])
    values = np.array(list(answer.energies.values()))
    gibbs = np.exp(-values) / np.exp(-values).sum()
    assert list(answer.probabilities.values()) == pytest.approx(gibbs, rel=1e-4)
    assert answer.unknown is None


def test_hypotheses_are_distinct_and_best_first(recognizer, files):
    answer = recognizer.recognize(files[0], hypotheses=5)
    energies = [hypothesis.energy for hypothesis in answer.hypotheses]
    assert energies == sorted(energies)
    assert 1 < len(answer.hypotheses) <= 5
    first = answer.hypotheses[0]
    assert (first.category, first.pose, first.energy) == (
        answer.category, answer.pose, answer.energy
    )  # fmt: skip
    assert len({(h.category, h.pose) for h in answer.hypotheses}) == len(answer.hypotheses)
    assert recognizer.recognize(files[0], hypotheses=1).hypotheses[0].energy == first.energy


def test_asking_changes_nothing(recognizer, files):
    before = recognizer.recognize(files[0])
    list(recognizer.recognize_many(files))
    recognizer.energies(files[1])
    assert recognizer.recognize(files[0]) == before


@pytest.mark.parametrize(("kind", "axes"), [("cnn", ()), ("cnn-pose", SPACE.axes)])
def test_a_classifier_answers_like_an_energy_model(files, kind, axes):
    recognizer = recognizer_of(kind)
    answer = recognizer.recognize(files[0])
    assert (recognizer.kind, recognizer.axes) == (kind, axes)
    assert tuple(answer.pose.to_dict()) == axes
    assert recognizer.energies(files[0]).values.shape == (1, 3, 1)
    assert answer.category == min(answer.energies, key=answer.energies.get)
    assert all(answer.pose.to_dict()[axis] in SPACE.values[axis] for axis in axes), (
        "heads choose among grid values"
    )


def test_an_answer_as_plain_values(recognizer, files):
    answer = recognizer.recognize(files[0])
    stored = json.loads(json.dumps(answer.to_dict()))
    assert stored["file"] == str(files[0])
    assert stored["category"] == answer.category
    assert stored["pose"] == answer.pose.to_dict()
    assert stored["pose"].keys() <= set(AXES)
    assert [h["energy"] for h in stored["hypotheses"]] == [h.energy for h in answer.hypotheses]
    assert stored["unknown"] is answer.unknown
    assert str(answer).startswith(f"{answer.category} at azimuth ")
    assert "(energy " in str(answer)


# Loading ------------------------------------------------------------------------------------------


def test_a_model_folder_is_loaded_under_its_name(files, tmp_path):
    saved = model()
    save_model(tmp_path / "toys", saved)
    loaded = Recognizer.load(str(tmp_path / "toys"), device="cpu")
    assert loaded.name == "toys"
    assert loaded.space == SPACE
    assert loaded.parameters == sum(p.numel() for p in saved.network.parameters())
    same(loaded.recognize(files[0]), Recognizer(saved, "cpu").recognize(files[0]))
    with pytest.raises(ModelError, match="nowhere: no such model folder"):
        Recognizer.load(tmp_path / "nowhere")


@pytest.mark.parametrize("device", ["cuda:77", "gpu", "", "meta"])
def test_a_device_that_is_not_there(device):
    with pytest.raises(SettingsError, match=f"^--device: '{device}' is not to be had here; use au"):
        Recognizer(model(), device)


def test_auto_takes_a_gpu_where_there_is_one():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert Recognizer(model()).device.type == expected


@pytest.mark.parametrize("kind", ["energy", "cnn", "cnn-pose"])
def test_what_is_seen_once_answers_every_question(kind, files):
    recognizer = recognizer_of(kind)
    images = torch.stack([recognizer.preprocessing.images(read(path)[None]) for path in files])
    seen = recognizer.see(images)
    for answer, path in zip(recognizer.recognitions(seen), files, strict=True):
        same(answer, recognizer.recognize(path))
    torch.testing.assert_close(seen.energies.values, recognizer.energies(list(files)).values)


def test_the_pose_given_a_category_is_that_of_its_lowest_energy(recognizer, files):
    images = torch.stack([recognizer.preprocessing.images(read(path)[None]) for path in files])
    seen = recognizer.see(images)
    for k, category in enumerate(recognizer.categories):
        poses = recognizer.poses(seen, torch.full((len(files),), k), refine=False)
        best = seen.energies.given(category=category).best()
        torch.testing.assert_close(poses[:, :2], best.pose[:, 0, :2])
        assert poses[:, 2:].isnan().all()
    answers = recognizer.recognitions(seen)
    own = torch.tensor([recognizer.categories.index(a.category) for a in answers])
    for pose, answer in zip(recognizer.poses(seen, own).tolist(), answers, strict=True):
        assert pose[:2] == pytest.approx(list(answer.pose.to_vector()[:2]), abs=1e-3)


def test_searching_finer_poses_finds_energies_no_higher(recognizer, files):
    finer = PoseSpace({"azimuth": tuple(range(0, 360, 10)), "elevation": (20.0, 40.0)})
    coarse = recognizer.energies(files[0])
    fine = recognizer.searching(finer).energies(files[0])
    assert fine.grid.space == finer
    both = fine.values.view(3, 36, 2)[:, ::2]
    torch.testing.assert_close(both, coarse.values.view(3, 18, 2))
    torch.testing.assert_close(recognizer.energies(files[0]).values, coarse.values)


def test_only_turnable_references_search_other_views():
    with pytest.raises(SettingsError, match="a model of kind 'cnn' searches no poses"):
        recognizer_of("cnn").searching(SPACE)
    settings = ModelSettings(features="small", channels=8, references="planar")
    network = build_network("energy", ("box", "cross"), SPACE, Preprocessing(), settings)
    planar = Recognizer(SavedModel("energy", network, settings, Preprocessing(), None, {}), "cpu")
    with pytest.raises(SettingsError, match="cannot be turned to other views"):
        planar.searching(PoseSpace({"azimuth": (0.0, 180.0)}))
    assert planar.searching(SPACE).space == SPACE
