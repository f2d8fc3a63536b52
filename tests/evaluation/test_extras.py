import numpy as np
import pytest

from objrec.errors import SettingsError
from objrec.evaluation import Extras, evaluate
from objrec.evaluation.extras import Stages


@pytest.fixture
def evaluated(fake_set, fake_recognizer):
    """Evaluate a perfect recogniser beside others that get so many objects wrong."""

    def run(wrong=(1,), names=None, **extras):
        dataset = fake_set()
        right = [name.split("/")[0] for name in dataset.objects]

        def make(objects, name):
            names = np.unique(dataset.objects)[:objects]
            pairs = zip(dataset.objects, right, strict=True)
            answers = ["ball" if o in names else a for o, a in pairs]
            model = fake_recognizer(("cup", "ball", "car"), answers, dataset.poses)
            model.name = name
            return model

        names = names or [f"m{i}" for i in range(len(wrong) + 1)]
        main = make(0, names[0])
        others = tuple(make(n, name) for n, name in zip(wrong, names[1:], strict=True))
        told = []
        found = evaluate(
            main, dataset, extras=Extras(compare=others, **extras), on_stage=told.append
        )
        return found, told

    return run


def test_other_models_stand_beside_the_evaluated_one(evaluated):
    found, told = evaluated(wrong=(1, 2))
    assert [row["model"] for row in found.comparison] == ["m0", "m1", "m2"]
    assert [row["difference"] for row in found.comparison] == [None, 0.25, 0.5]
    assert told == ["evaluating", "evaluating m1", "evaluating m2"]


def test_models_of_one_name_are_told_apart(evaluated):
    found, _ = evaluated(wrong=(1, 1), names=["cnn", "cnn", "cnn"])
    assert [row["model"] for row in found.comparison] == ["cnn", "cnn (2)", "cnn (3)"]


def test_every_model_is_swept_over_as_many_images_as_asked_for(evaluated, monkeypatch):
    def sweep(recognizers, dataset, *, images, on_progress, **_):
        on_progress(images, images)
        return {"models": [name for name, _ in recognizers], "images": images}

    monkeypatch.setattr("objrec.evaluation.extras.sweep", sweep)
    found, told = evaluated(wrong=(2,), sweep=8)
    assert found.sweep == {"models": ["m0", "m1"], "images": 8} and told[-1] == "sweep"


def test_every_model_is_shown_several_images_together(evaluated, monkeypatch):
    def several(recognizers, dataset, counts, *, on_progress, **_):
        on_progress(1, 1)
        return {"models": [name for name, _ in recognizers], "counts": counts}

    monkeypatch.setattr("objrec.evaluation.extras.several", several)
    found, told = evaluated(wrong=(2,), together=(1, 3))
    assert found.together == {"models": ["m0", "m1"], "counts": (1, 3)}
    assert told[-1] == "several images together"


def test_a_set_too_small_for_groups_costs_a_note_only(evaluated):
    found, _ = evaluated(wrong=(), together=(1, 99))
    assert found.together is None
    assert any("no object of a known category has 99 images" in note for note in found.notes)


def test_nothing_is_measured_that_was_not_asked_for(evaluated):
    found, _ = evaluated(wrong=())
    assert found.comparison == [] and found.sweep is None and found.unknown is None
    assert found.together is None
    assert found.mistakes == [] and found.landscape_axes is None and found.images is None
    assert found.calibration["fitted"] is False and found.calibration["beta"] == 1


def test_baselines_need_something_to_be_fitted_to():
    with pytest.raises(SettingsError, match="--baselines: the set has no training split"):
        Extras(baselines=("svm",))


def test_a_stage_is_announced_once():
    told = []
    progress = Stages(told.append, lambda done, total: told.append((done, total))).named("x")
    progress(1, 2)
    progress(2, 2)
    assert told == ["x", (1, 2), (2, 2)]
