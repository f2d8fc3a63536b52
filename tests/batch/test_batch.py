"""Recognition by workers of Ray: the same answers as of one process, also when a worker dies."""

from __future__ import annotations

import json
import os
from argparse import Namespace

import numpy as np
import pytest

from objrec.batch import Asked, SampleAt, recognize_by_ray
from objrec.batch.run import SHARD, _shards
from objrec.batch.worker import Worker
from objrec.datasets import open_dataset
from objrec.errors import Failure, SettingsError
from objrec.recognizer import Recognizer

IMAGES = 1500


@pytest.fixture
def crowd(photos, tmp_path):
    """A folder of many links to few images, one of which is broken."""
    folder = tmp_path / "crowd"
    folder.mkdir()
    some = sorted((photos / "test").glob("*.png"))
    for number in range(IMAGES - 1):
        os.link(some[number % len(some)], folder / f"{number:05d}.png")
    (folder / "00700-broken.png").write_text("no image")
    return folder


def test_shards_are_the_batches_of_one_process():
    shards = [row["shard"] for row in _shards(map(str, range(150)))]
    assert [shard.number for shard in shards] == [0, 1, 2]
    assert [len(shard.references) for shard in shards] == [SHARD, SHARD, 22]
    assert [name for shard in shards for name in shard.references] == list(map(str, range(150)))


def test_a_worker_answers_files_pairs_samples_and_failures(photos, small_model, monkeypatch):
    monkeypatch.chdir(photos)  # and back, since a worker moves
    test = open_dataset(photos, "test")
    file, failure = test.sources[0], Failure("x.png", "is not there")
    worker = Worker(Asked(model=str(small_model), folder=str(photos), hypotheses=2))
    sent = (file, SampleAt(".", "test", 3, "x"), failure, (file, file))
    rows = {"shard": np.array([row["shard"] for row in _shards(sent)], dtype=object)}
    (answered,) = worker(rows)["answered"]
    first, sample, passed, pair = answered.answers
    recognizer = Recognizer.load(small_model, device="cpu")
    alone = recognizer.recognize(file, hypotheses=2)
    assert (first.source, first.category) == (file, alone.category)
    assert first.energies == pytest.approx(alone.energies, abs=1e-4)
    assert sample.energies == pytest.approx(recognizer.recognize(test[3]).energies, abs=1e-4)
    assert passed is failure
    assert "has 2 camera images" in pair.message


def test_a_device_that_ray_hands_out_is_not_chosen(small_model):
    pytest.importorskip("ray")
    with pytest.raises(SettingsError, match="Ray hands out the GPUs; write 'cuda'"):
        recognize_by_ray(["a.png"], Asked(model=str(small_model), device="cuda:1"))


@pytest.mark.slow
def test_a_killed_worker_loses_and_doubles_nothing(script, crowd, small_model, tmp_path):
    pytest.importorskip("ray")
    words = [str(crowd), "--model", str(small_model)]
    asked = Namespace(images=IMAGES, workers=2, kills=1)
    row = script("ray_check").checked(tmp_path, words, asked)
    assert row["killed"] == 1
    assert row["exit_codes"] == [1, 1], "one image is broken"
    assert row["lines"] == [IMAGES, IMAGES]
    assert row["equal"]
    lines = [json.loads(line) for line in (tmp_path / "ray.jsonl").read_text().splitlines()]
    assert [line["file"] for line in lines] == sorted(str(path) for path in crowd.iterdir())
    assert [line["file"][-16:] for line in lines if "error" in line] == ["00700-broken.png"]
