import json

import numpy as np
import pytest

from objrec.datasets import open_dataset
from objrec.energy.settings import ModelSettings
from objrec.errors import SettingsError
from objrec.pose import INDEX, PoseSpace
from objrec.protocols import Experiment, ProtocolSettings, Watch, plan, run_protocol
from objrec.protocols.running import finer
from objrec.protocols.session import MODELS, RESULT
from objrec.recognizer import Recognizer

QUICK = {"seeds": (0,), "models": ("energy", "cnn"), "epochs": 2, "keep_every": 1, "step": 90.0}
SMALL = ModelSettings(features="small", channels=12, volume_channels=4)


@pytest.fixture
def started(photos, tmp_path):
    """Run a protocol on the photos for a few passes; returns result, folder, and what was told."""

    def run(name, out="out", on_progress=None, settings=None, source=photos, **choices):
        train, test = open_dataset(source, "train"), open_dataset(source, "test")
        given = {name: choices.pop(name) for name in list(choices) if name in QUICK}
        settings = ProtocolSettings(**{**QUICK, **given, **(settings or {})})
        experiment = Experiment(protocol=settings, model=SMALL)
        told = []
        watch = Watch(
            told.append,
            lambda model, report: told.append((model, report.epoch)),
            on_progress or (lambda done, total: None),
        )
        planned = plan(name, train, test, settings)
        result = run_protocol(
            planned, train, tmp_path / out, experiment, device="cpu", watch=watch, **choices
        )
        return result, tmp_path / out, told

    return run


def test_rows_say_what_each_model_answers_on_familiar_and_novel_views(started):
    result, out, _ = started("sparse-azimuth", seeds=(0, 1), provenance={"command": "x"})
    assert json.loads((out / RESULT).read_text())["rows"] == result["rows"]
    rows = {(row["model"], row["views"]): row for row in result["rows"]}
    assert set(rows) == {(m, v) for m in ("energy", "cnn") for v in ("familiar", "novel")}
    for row in rows.values():
        assert row["error_rate"] == pytest.approx(np.mean(row["error_rates"]))
        assert row["ci"][0] <= row["error_rate"] <= row["ci"][1]
        assert row["seeds"] == [0, 1] and row["epochs"] == [2, 2]
        assert (row["images"], row["objects"]) == (8, 2)
    assert 0 <= rows["energy", "novel"]["pose"]["azimuth"]["acc30"] <= 1
    assert rows["cnn", "novel"]["pose"] == {}
    assert result["provenance"] == {"command": "x"} and result["hardware"]["torch"]


def test_figures_are_those_of_the_models_that_are_kept(started, photos):
    result, out, _ = started("sparse-azimuth")
    test = open_dataset(photos, "test")
    for row in result["rows"]:
        recognizer = Recognizer.load(out / MODELS / f"{row['model']}-0", "cpu")
        if row["model"] == "energy":
            assert recognizer.space.values["azimuth"] == (0, 90, 180, 270)
            all_round = {"azimuth": tuple(45.0 * i for i in range(8))}
            space = PoseSpace({**recognizer.space.values, **all_round})
            recognizer = recognizer.searching(space)
        on_grid = test.poses[:, INDEX["azimuth"]] % 90 == 0
        shown = np.flatnonzero(on_grid if row["views"] == "familiar" else ~on_grid)
        answers = [recognizer.recognize(test[int(i)]).category for i in shown]
        wrong = [a != test.categories[test.labels[i]] for a, i in zip(answers, shown, strict=True)]
        assert row["error_rate"] == pytest.approx(np.mean(wrong))


def test_models_are_stopped_at_equal_familiar_error_and_also_measured_at_their_end(started):
    result, out, told = started("novel-azimuth", epochs=3)
    ends = result["rows_after_full_training"]
    assert [row["epochs"] for row in ends] == [[3]] * 4
    familiar = {r["model"]: r for r in result["rows"] if r["views"] == "familiar"}
    stages = sorted(p.name for p in (out / MODELS / "cnn-0" / "epochs").iterdir())
    assert stages == ["001", "002", "003"]
    assert all(row["epochs"][0] in (1, 2, 3) for row in familiar.values())
    assert any("stopped" in note for note in result["notes"])
    assert told[0] == "training energy, seed 0" and ("cnn, seed 0", 3) in told


def test_a_finished_run_is_not_trained_again_but_may_get_more_seeds(started):
    started("latent-pose")
    result, _, told = started("latent-pose", resume=True, seeds=(0, 1))
    trained = {model for model, _ in (item for item in told if isinstance(item, tuple))}
    assert trained == {"energy, seed 1", "cnn, seed 1"}
    assert [row["views"] for row in result["rows"]] == ["familiar", "familiar"]
    assert result["rows_after_full_training"] == [] and len(result["differences"]) == 1


def test_an_interrupted_run_ends_as_if_it_had_not_been(started):
    class Stopped(Exception):
        pass

    def stop(done, total):
        if done == total:
            raise Stopped

    with pytest.raises(Stopped):
        started("sparse-azimuth", out="a", models=("energy",), on_progress=stop)
    resumed, *_ = started("sparse-azimuth", out="a", models=("energy",), resume=True)
    through, *_ = started("sparse-azimuth", out="b", models=("energy",))
    assert resumed["rows"] == through["rows"]


def test_folders_in_use_are_not_overwritten(started, tmp_path):
    started("latent-pose", models=("cnn",), epochs=1)
    with pytest.raises(SettingsError, match=r"holds a run already; go on with --resume or"):
        started("latent-pose", models=("cnn",), epochs=1)
    with pytest.raises(SettingsError, match=r"plan\.json: was made with another protocol"):
        started("latent-pose", models=("cnn",), epochs=2, resume=True)
    again, *_ = started("latent-pose", models=("cnn",), epochs=2, force=True)
    assert again["rows"][0]["epochs"] == [2]
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"file: is a file; give a folder"):
        started("latent-pose", out="file")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("")
    with pytest.raises(SettingsError, match=r"full: is not empty; give a new folder"):
        started("latent-pose", out="full", force=True)


@pytest.mark.parametrize("choices", [{"seeds": ()}, {"seeds": (1, 1)}, {"models": ()}])
def test_an_experiment_needs_models_and_seeds(choices):
    with pytest.raises(SettingsError, match="name at least one, and none twice"):
        ProtocolSettings(**choices)


def test_few_objects_has_a_row_a_model_and_number_and_says_what_was_drawn(started, photos):
    settings = {"objects": (1, 2)}
    result, out, told = started("few-objects", seeds=(0, 1), settings=settings, epochs=1)
    rows = [(r["model"], r["training_objects"], r["views"]) for r in result["rows"]]
    assert rows == [(m, n, "all") for m in ("energy", "cnn") for n in (1, 2)]
    assert [d["training_objects"] for d in result["differences"]] == [1, 2]
    assert {r["images"] for r in result["rows"]} == {16}
    assert "training energy, seed 1, training objects 2" in told
    drawn = {(d["training_objects"], d["seed"]): d["trained_on"] for d in result["drawn"]}
    for (count, seed), names in drawn.items():
        assert [name.split("/")[0] for name in names] == ["box"] * count + ["cross"] * count
        for kind in ("energy", "cnn"):
            folder = out / MODELS / f"{kind}-{seed}-{count}-objects"
            facts = Recognizer.load(folder, "cpu").training["facts"]
            wanted = f"{len(names) * 8} images of {len(names)} objects"
            assert facts["trained on"] == f"photos (train): {wanted}"
    more, _, told = started(
        "few-objects", seeds=(0, 1), settings={"objects": (1, 2, 3)}, epochs=1, resume=True
    )
    assert {one[0] for one in told if isinstance(one, tuple)} == {
        f"{kind}, seed {seed}, training objects 3" for kind in ("energy", "cnn") for seed in (0, 1)
    }
    assert [r for r in more["rows"] if r["training_objects"] < 3] == result["rows"]


def test_leave_one_out_tests_every_training_object_once_and_pools_the_folds(started, photos):
    result, out, _ = started("leave-one-out", epochs=1)
    whole = open_dataset(photos, "train")
    for row in result["rows"]:
        assert (row["images"], row["objects"], row["views"]) == (48, 6, "all")
        assert [fold["objects"] for fold in row["folds"]] == [
            [f"box/{i}", f"cross/{i}"] for i in range(3)
        ]
        wrong = []
        for fold in row["folds"]:
            folder = out / MODELS / f"{row['model']}-0-fold-{fold['fold']}"
            recognizer = Recognizer.load(folder, "cpu")
            left = np.flatnonzero(np.isin(whole.objects, fold["objects"]))
            said = [recognizer.recognize(whole[int(i)]).category for i in left]
            wrong.append([s != whole[int(i)].category for s, i in zip(said, left, strict=True)])
            assert fold["error_rates"] == pytest.approx([np.mean(wrong[-1])])
            assert fold["images"] == 16
            assert "32 images of 4 objects" in recognizer.training["facts"]["trained on"]
        assert row["error_rate"] == pytest.approx(np.mean(wrong))
        assert row["ci"][0] <= row["error_rate"] <= row["ci"][1]


def test_unknown_category_measures_known_images_and_how_strangers_are_told(started, shapes):
    result, out, _ = started("unknown-category", source=shapes, epochs=1)
    names = ("box", "cross", "disc")
    assert [(r["model"], r["left_out"]) for r in result["rows"]] == [
        (m, name) for m in ("energy", "cnn") for name in names
    ]
    assert {r["images"] for r in result["rows"]} == {16}
    assert Recognizer.load(out / MODELS / "cnn-0-without-01-cross").categories == ("box", "disc")
    scores = ("lowest energy", "maximum softmax", "energy score", "nearest neighbour")
    assert [(r["score"], r["left_out"]) for r in result["scores"]] == [
        (score, name) for score in scores for name in names
    ]
    assert [row["score"] for row in result["mean_scores"]] == list(scores)
    stored = json.loads((out / RESULT).read_text())
    assert stored["scores"] == result["scores"]


def test_a_run_of_another_protocol_is_not_gone_on_with(started):
    started("few-pose-labels", models=("cnn",), epochs=1)
    with pytest.raises(SettingsError, match=r"plan\.json: was made with another protocol"):
        started("latent-pose", models=("cnn",), epochs=1, resume=True)


def test_azimuths_between_are_searched_on_a_finer_grid_and_refined(started, photos):
    coarse, *_ = started("sparse-azimuth", models=("energy",))
    settings = {"search_step": 5.0}
    result, out, _ = started("sparse-azimuth", models=("energy",), settings=settings, resume=True)
    assert "It searches azimuths every 5 degrees." in result["notes"]
    recognizer = Recognizer.load(out / MODELS / "energy-0", "cpu")
    fine = {"azimuth": tuple(5.0 * i for i in range(72))}
    recognizer = recognizer.searching(PoseSpace({**recognizer.space.values, **fine}))
    test = open_dataset(photos, "test")
    novel = np.flatnonzero(test.poses[:, INDEX["azimuth"]] % 90 != 0)
    away = []
    for i in novel.tolist():
        answer = recognizer.recognize(test[i]).pose.azimuth - test.poses[i, INDEX["azimuth"]]
        away.append(abs((answer + 180) % 360 - 180))
    rows = {row["views"]: row["pose"]["azimuth"] for row in result["rows"]}
    assert rows["novel"]["median_error_deg"] == pytest.approx(np.median(away), abs=1e-3)
    assert rows != {row["views"]: row["pose"]["azimuth"] for row in coarse["rows"]}


def test_a_finer_grid_stays_on_the_sides_that_the_set_shows():
    around = finer(PoseSpace({"azimuth": (0.0, 120.0, 240.0), "elevation": (1.0, 2.0)}), 30.0)
    assert around.values["azimuth"] == tuple(30.0 * i for i in range(12))
    assert around.values["elevation"] == (1.0, 2.0)
    front = finer(PoseSpace({"azimuth": (0.0, 20.0, 340.0)}), 5.0)
    assert front.values["azimuth"] == tuple(range(-30, 31, 5))
    assert finer(PoseSpace({"elevation": (1.0, 2.0)}), 5.0).values == {"elevation": (1.0, 2.0)}


@pytest.mark.parametrize("name", ["few-pose-labels", "latent-pose"])
def test_azimuths_are_also_measured_after_the_best_offset_of_each_category(started, photos, name):
    result, out, _ = started(name, models=("energy",), epochs=1)
    recognizer = Recognizer.load(out / MODELS / "energy-0", "cpu")
    test = open_dataset(photos, "test")
    true = test.poses[:, INDEX["azimuth"]]
    said = [recognizer.recognize(test[i]).pose.azimuth for i in range(len(test))]

    def away(offset, inside):
        return np.abs((np.array(said)[inside] - true[inside] - offset + 180) % 360 - 180)

    near = []
    for label in (0, 1):
        inside = test.labels == label
        offsets = [s - t for s, t in zip(np.array(said)[inside], true[inside], strict=True)]
        near.append(away(min(offsets, key=lambda o, i=inside: away(o, i).mean()), inside) <= 30)
    azimuth = result["rows"][0]["pose"]["azimuth"]
    assert azimuth["acc30_aligned"] == pytest.approx(np.mean(near))
