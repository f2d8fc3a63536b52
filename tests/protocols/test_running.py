import json

import numpy as np
import pytest

from objrec.datasets import open_dataset
from objrec.energy.settings import ModelSettings
from objrec.errors import SettingsError
from objrec.pose import INDEX, PoseSpace
from objrec.protocols import Experiment, ProtocolSettings, Watch, plan, run_protocol
from objrec.protocols.running import MODELS, RESULT
from objrec.recognizer import Recognizer

SMALL = ModelSettings(channels=12, volume_channels=4)


@pytest.fixture
def started(photos, tmp_path):
    """Run a protocol on the photos for a few passes; returns result, folder, and what was told."""

    def run(
        name, out="out", seeds=(0,), models=("energy", "cnn"), epochs=2, on_progress=None, **choices
    ):
        train, test = open_dataset(photos, "train"), open_dataset(photos, "test")
        settings = ProtocolSettings(seeds=seeds, models=models, epochs=epochs, keep_every=1)
        experiment = Experiment(protocol=settings, model=SMALL)
        told = []
        watch = Watch(
            told.append,
            lambda model, report: told.append((model, report.epoch)),
            on_progress or (lambda done, total: None),
        )
        planned = plan(name, train, test, step=90.0)
        result = run_protocol(
            planned, train, test, tmp_path / out, experiment, device="cpu", watch=watch, **choices
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
