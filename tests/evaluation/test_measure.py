import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from objrec.datasets.frame import AxisNote, PoseFrame
from objrec.errors import DataError, Failure, SettingsError
from objrec.evaluation import Evaluation, evaluate
from objrec.pose import INDEX
from objrec.preprocessing import Preprocessing

MODEL_ORDER = ("cup", "ball", "car")  # not the set's: categories must be matched by name


@pytest.fixture
def measured(fake_set, fake_recognizer):
    """Evaluate a recogniser that takes all of car/2 for a ball and turns every azimuth by 90."""

    def run(axes=("azimuth", "elevation"), **options):
        dataset = fake_set(factors={"lighting": np.array(["day", "night"] * 10)})
        answers = [name.split("/")[0] for name in dataset.objects]
        answers = [
            "ball" if o == "car/2" else a for o, a in zip(dataset.objects, answers, strict=True)
        ]
        poses = dataset.poses.copy()
        poses[:, INDEX["azimuth"]] += 90
        recognizer = fake_recognizer(MODEL_ORDER, answers, poses, axes)
        return evaluate(recognizer, dataset, resamples=100, batch_size=8, **options)

    return run


def test_categories_are_matched_by_name(measured):
    found = measured()
    assert found.error_rate == 0.25
    assert found.confusion == [[10, 0, 0], [0, 0, 0], [0, 5, 5]]
    assert found.chance_error == pytest.approx(2 / 3)
    assert set(found.per_category) == {"cup", "car"}
    assert found.per_category["car"]["seen_as"] == "ball"
    assert found.per_category["car"]["objects"] == 2


def test_interval_comes_from_objects(measured):
    low, high = measured().error_rate_ci
    assert (low, high) == (0.0, 0.5)  # neither, one or both cars drawn are car/2
    assert measured().bootstrap["over"] == "objects within each category"


def test_predictions_say_everything_about_an_image(measured):
    found = measured()
    assert len(found.predictions) == 20
    assert found.predictions[6] == {
        "file": "6.png",
        "object": "car/2",
        "category": "car",
        "predicted": "ball",
        "probability": 0.7,
        "energy": pytest.approx(6 / 7),
        "energy_true": pytest.approx(13 / 7),
        "pose": {"azimuth": 162.0, "elevation": 30.0},
        "pose_true": {"azimuth": 72.0, "elevation": 30.0},
        "pose_given": {"azimuth": 162.0, "elevation": 30.0},
        "unknown": None,
        "cell": [0, 1],
        "tile": None,
    }


def test_figures_agree_with_sklearn_on_the_predictions(measured):
    found = measured()
    true = [p["category"] for p in found.predictions]
    answered = [p["predicted"] for p in found.predictions]
    np.testing.assert_array_equal(
        found.confusion, confusion_matrix(true, answered, labels=found.categories)
    )


def test_pose_is_measured_on_all_and_on_the_correct_images(measured):
    azimuth = measured().pose["azimuth"]
    assert (azimuth["on"], azimuth["count"]) == ("all", 20)
    assert (azimuth["correct"]["on"], azimuth["correct"]["count"]) == ("correct", 15)
    assert azimuth["median_error_deg"] == pytest.approx(90) and azimuth["acc30"] == 0
    assert azimuth["aligned"]["acc10"] == 1
    assert azimuth["aligned"]["offsets"] == pytest.approx({"cup": 90, "car": 90})
    assert measured().pose["elevation"]["mean_error_deg"] == 0


def test_excluded_categories_are_in_no_pose_figure_and_are_named(measured):
    found = measured(exclude_pose=["cup"])
    assert found.pose["azimuth"]["count"] == 10 and found.pose_excluded == ["cup"]
    assert found.error_rate == 0.25
    assert measured(exclude_pose=["cup", "car"]).pose == {}


def test_a_classifier_without_pose_has_no_pose_figures(measured):
    found = measured(axes=())
    assert found.pose == {} and found.model["axes"] == []
    assert found.predictions[0]["pose"] == {}
    assert len(found.by_factor["azimuth"]) == 5  # the set's labels still say where it fails


def test_only_axes_that_the_set_observes_are_measured(measured):
    assert list(measured(axes=("azimuth", "roll")).pose) == ["azimuth"]


def test_factors_objects_and_views_are_there(measured):
    found = measured()
    assert set(found.by_factor) == {"azimuth", "elevation", "lighting", "instance"}
    assert found.per_object[0]["object"] == "car/2" and found.per_object[0]["error_rate"] == 1
    assert found.viewpoint["error_rate"] == [[0.25] * 5]
    assert found.worst_views == []  # no sector shows a category five times


def test_hardware_speed_and_provenance_are_kept(measured):
    found = measured(provenance={"command": "objrec evaluate toys"})
    assert found.images_per_second_recognition >= found.images_per_second > 0
    assert found.hardware["torch"] and found.hardware["batch_size"] == 8
    assert found.provenance == {"command": "objrec evaluate toys"}
    assert found.model == {
        "name": "fake",
        "kind": "energy",
        "parameters": 123,
        "axes": ["azimuth", "elevation"],
    }


def test_the_seed_repeats_every_figure_but_the_speed(measured):
    first, second = measured(seed=3).to_dict(), measured(seed=3).to_dict()
    for key in ("images_per_second", "images_per_second_recognition"):
        first.pop(key), second.pop(key)
    assert first == second


def test_progress_reaches_the_end(measured):
    steps = []
    measured(on_progress=lambda done, total: steps.append((done, total)))
    assert steps[:3] == [(8, 20), (16, 20), (20, 20)] and steps[-1] == (20, 20)


def test_chunks_do_not_change_the_answers(measured, monkeypatch):
    whole = measured().to_dict()
    monkeypatch.setattr("objrec.evaluation.run._CHUNK", 8)
    parts = measured().to_dict()
    assert parts["predictions"] == whole["predictions"] and parts["pose"] == whole["pose"]


def test_unreadable_images_are_listed_and_the_rest_goes_on(fake_set, fake_recognizer):
    dataset = fake_set(broken=[0, 7])
    dataset.failures = (Failure("labels.csv:3", "no file; remove the row"),)
    answers = [name.split("/")[0] for name in dataset.objects]
    found = evaluate(fake_recognizer(("car", "cup"), answers, dataset.poses), dataset)
    assert [p["file"] for p in found.predictions] == [
        f"{i}.png" for i in range(20) if i % 7 or i > 7
    ]
    assert found.error_rate == 0 and found.data["images"] == 18
    assert [f["file"] for f in found.failures] == ["labels.csv:3", "0.png", "7.png"]
    assert "not an image" in found.failures[1]["error"]


def test_a_set_of_unreadable_images_is_refused(fake_set, fake_recognizer):
    dataset = fake_set(broken=range(20))
    with pytest.raises(DataError, match=r"some/toys: none of its 10 images could be read.*0\.png"):
        evaluate(fake_recognizer(("car",), []), dataset)


def test_images_of_unknown_categories_are_left_out_with_a_note(fake_set, fake_recognizer):
    dataset = fake_set()
    recognizer = fake_recognizer(("car", "van"), ["car"] * 10, dataset.poses)
    found = evaluate(recognizer, dataset)
    assert found.data["images"] == 10 and found.data["categories"] == ["car"]
    assert found.notes[0] == ("10 images of categories the model does not know were left out: cup.")


def test_no_shared_category_is_refused_with_both_lists(fake_set, fake_recognizer):
    with pytest.raises(DataError, match="the set has car, cup, the model van, bus"):
        evaluate(fake_recognizer(("van", "bus"), []), fake_set())


def test_a_model_for_stereo_pairs_refuses_single_images(fake_set, fake_recognizer):
    dataset = fake_set()
    recognizer = fake_recognizer(("car",), [])
    recognizer.preprocessing = Preprocessing(size=8, cameras=2)
    with pytest.raises(DataError, match="some/toys: has 1 camera image, the model takes stereo"):
        evaluate(recognizer, dataset)


def test_a_chunk_without_readable_images_does_not_stop_the_run(
    fake_set, fake_recognizer, monkeypatch
):
    monkeypatch.setattr("objrec.evaluation.run._CHUNK", 4)
    dataset = fake_set(broken=[0, 1, 2, 3, 9])
    answers = [name.split("/")[0] for name in dataset.objects]
    recognizer = fake_recognizer(("car", "cup"), answers, dataset.poses)
    found = evaluate(recognizer, dataset, batch_size=4)
    assert found.data["images"] == 15 and found.error_rate == 0
    assert [f["file"] for f in found.failures] == [f"{i}.png" for i in (0, 1, 2, 3, 9)]
    assert found.failures[0]["error"] == "not an image; remove it"


def test_a_misspelt_exclusion_is_refused(measured):
    with pytest.raises(SettingsError, match=r"'cupp' is no category.*did you mean 'cup'"):
        measured(exclude_pose=["cupp"])


def test_impossible_numbers_are_refused(fake_set, fake_recognizer):
    with pytest.raises(SettingsError, match="at least 1"):
        evaluate(fake_recognizer(("car",), []), fake_set(), resamples=0)


def test_images_without_named_objects_get_a_warning(fake_set, fake_recognizer):
    dataset = fake_set(objects=[f"car/{i}" for i in range(12)], views=1, categories=("car",))
    found = evaluate(fake_recognizer(("car", "cup"), ["car"] * 12, dataset.poses), dataset)
    assert "each image counts as its own" in found.notes[-1]
    assert found.per_object == [] and "instance" not in found.by_factor
    assert found.bootstrap["over"] == "images within each category"


def test_few_objects_get_a_warning(measured):
    assert "have only 2 objects" in measured().notes[-1]


def test_share_called_unknown_is_given_for_calibrated_models(fake_set, fake_recognizer):
    dataset = fake_set()
    recognizer = fake_recognizer(("car", "cup"), ["car"] * 20, dataset.poses)
    one = recognizer._one

    def flagged(i):
        answer = one(i)
        answer.unknown = i < 5
        return answer

    recognizer._one = flagged
    assert evaluate(recognizer, dataset).unknown_rate == 0.25


def test_the_file_holds_what_was_measured(measured, tmp_path):
    found = measured()
    found.save(tmp_path / "evaluation.json")
    assert Evaluation.load(tmp_path / "evaluation.json").to_dict() == found.to_dict()
    stored = json.loads((tmp_path / "evaluation.json").read_text())
    assert stored["pose"]["azimuth"]["acc30"] == 0


@pytest.mark.slow
def test_importing_evaluation_brings_no_plotting():
    code = "import objrec.evaluation, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_background_is_a_category_whose_right_answer_is_unknown(fake_set, fake_recognizer):
    objects = ("blank/1", "car/1", "cup/1", "void/1")
    dataset = fake_set(objects, categories=("blank", "car", "cup", "void"))
    answers = ["car"] * 10 + ["cup"] * 10
    unknown = [True] * 4 + [False] + [False] * 4 + [True] + [False] * 5 + [True] * 5
    recognizer = fake_recognizer(
        ("cup", "car"), answers, dataset.poses, background=("blank", "void"), unknown=unknown
    )
    found = evaluate(recognizer, dataset)
    assert found.categories == ["cup", "car", "blank"]
    # One of ten background images taken for a car, one of five cars for background.
    assert found.confusion == [[5, 0, 0], [0, 4, 1], [0, 1, 9]]
    assert found.error_rate == pytest.approx(2 / 20)
    assert found.unknown_rate == pytest.approx(1 / 10)
    wrong = [p["predicted"] for p in found.predictions if p["predicted"] != p["category"]]
    assert wrong == ["car", "blank"]


def test_symmetric_categories_of_set_or_model_are_in_no_pose_figure(fake_set, fake_recognizer):
    dataset = fake_set()
    answers = [name.split("/")[0] for name in dataset.objects]
    frame = PoseFrame(symmetric=("cup", "melon"))
    recognizer = fake_recognizer(("car", "cup"), answers, dataset.poses, frame=frame)
    found = evaluate(recognizer, dataset)
    assert found.pose_excluded == ["cup"] and found.pose["azimuth"]["count"] == 10
    dataset.frame = PoseFrame(symmetric=("car",))
    assert evaluate(recognizer, dataset).pose == {}


def test_relative_labels_are_judged_after_one_offset_per_object(fake_set, fake_recognizer):
    dataset = fake_set()
    answers = [name.split("/")[0] for name in dataset.objects]
    poses = dataset.poses.copy()
    turns = {"car/1": 10.0, "car/2": 80.0, "cup/1": 170.0, "cup/2": -50.0}
    poses[:, INDEX["azimuth"]] += [turns[name] for name in dataset.objects]
    recognizer = fake_recognizer(("car", "cup"), answers, poses)
    by_category = evaluate(recognizer, dataset).pose["azimuth"]["aligned"]
    assert (by_category["per"], by_category["acc10"]) == ("category", 0.5)
    dataset.frame = PoseFrame({"azimuth": AxisNote(labels="relative")})
    found = evaluate(recognizer, dataset)
    by_object = found.pose["azimuth"]["aligned"]
    assert (by_object["per"], by_object["acc10"]) == ("object", 1)
    assert by_object["offsets"] == pytest.approx(turns)
    assert "one offset per object" in found.notes[-1]


def test_a_model_of_relative_labels_has_an_arbitrary_zero(fake_set, fake_recognizer):
    dataset = fake_set()
    answers = [name.split("/")[0] for name in dataset.objects]
    frame = PoseFrame({"azimuth": AxisNote(labels="relative")})
    found = evaluate(fake_recognizer(("car", "cup"), answers, dataset.poses, frame=frame), dataset)
    assert "its zero is arbitrary" in found.notes[-1]
    assert found.pose["azimuth"]["aligned"]["per"] == "category"
