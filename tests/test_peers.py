"""The peers of scripts/bench_peers.py: on images that are turned references, and on made-up rows.

The shipped model's references stand for images: its extractor is left out, so the answer is known
exactly and its energy is 0.
"""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from objrec import Recognizer
from objrec.evaluation.baselines.models import Views, fit_nearest, fit_retrieval
from objrec.pose import AXIS, INDEX

CAR, AZIMUTH, ELEVATION = 3, 47.0, 56.0


@pytest.fixture(scope="module")
def bench(script):
    """The script, and its parts beside it."""
    names = ("answering", "descent", "joint", "neighbours", "registration", "tables")
    parts = {name: script(f"peers.{name}") for name in names}
    return SimpleNamespace(main=script("bench_peers"), **parts)


@pytest.fixture(scope="module")
def recognizer():
    """The shipped model, taking feature maps for images."""
    loaded = Recognizer.load(device="cpu")
    loaded.network = copy.deepcopy(loaded.network).requires_grad_(False)
    loaded.network.extractor = torch.nn.Identity()
    loaded.preprocessing = SimpleNamespace(normalised=lambda images: images)
    return loaded


def turned(recognizer, category=CAR, azimuth=AZIMUTH, elevation=ELEVATION) -> torch.Tensor:
    pose = torch.zeros(1, 6)
    pose[0, :2] = torch.tensor([azimuth, elevation])
    return recognizer.network.references.at(torch.tensor([category]), pose)[0][:, 0]


def gaps(pose: torch.Tensor, azimuth=AZIMUTH, elevation=ELEVATION) -> tuple[float, float]:
    return (
        abs(AXIS["azimuth"].difference(float(pose[INDEX["azimuth"]]), azimuth)),
        abs(float(pose[INDEX["elevation"]]) - elevation),
    )


def peers(bench, recognizer):
    yield bench.joint.joint(recognizer, refined=True), 2.5
    yield bench.descent.descent(recognizer, 8, 2, steps=40), 1.0
    yield bench.descent.descent(recognizer, 8, 2, steps=40, keep=2), 1.0


def test_turned_references_are_found(bench, recognizer):
    images = torch.cat([turned(recognizer), turned(recognizer, 1, 200.0, 41.0)])
    for peer, within in peers(bench, recognizer):
        answered = peer.answer(images)
        assert answered.category.tolist() == [CAR, 1], peer.name
        assert max(gaps(answered.pose[0])) < within, peer.name
        assert max(gaps(answered.pose[1], 200.0, 41.0)) < within, peer.name


@pytest.mark.slow
def test_registration_finds_a_turned_reference_of_any_category_from_the_best_start(
    bench, recognizer
):
    answered = bench.registration.registration(recognizer, 2).answer(turned(recognizer, CAR, 165.0))
    assert answered.category.tolist() == [CAR]
    assert max(gaps(answered.pose[0], 165.0)) < 1.0


def test_registrator_finds_the_pose_from_within_its_basin(bench, recognizer):
    image = turned(recognizer)
    registrator = bench.registration.PoseRegistrator(recognizer.network, CAR, (30.0, 50.0))
    pose, energy = registrator.registered(image)
    assert max(gaps(pose)) < 1.0
    assert 0 <= float(energy) < 0.1
    again, _ = registrator.registered(image)  # from the start anew, not from where it ended
    assert torch.equal(pose, again)


def test_registrators_loss_is_the_energy(bench, recognizer):
    image, network = turned(recognizer, 1, 80.0, 40.0), recognizer.network
    registrator = bench.registration.PoseRegistrator(network, CAR, (30.0, 50.0))
    pose, energy = registrator.registered(image)
    loss = registrator.get_single_level_loss(registrator.source, image, registrator.model())
    assert torch.allclose(energy, network.energy_at(image, torch.tensor([CAR]), pose[None])[0])
    a = image.flatten().double().numpy()
    b = turned(recognizer, CAR, *pose[:2].tolist()).flatten().double().numpy()
    cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
    assert loss.item() == pytest.approx(float(network.distance.scale()) * (1 - cosine), rel=1e-4)
    back = registrator.get_single_level_loss(image, registrator.source, None)
    assert float(back) == 0


def test_registered_elevation_stays_within_what_the_model_searches(bench, recognizer):
    low, high = bench.answering.elevations_of(recognizer.network)
    image = turned(recognizer, CAR, 40.0, high + 15)
    registrator = bench.registration.PoseRegistrator(recognizer.network, CAR, (40.0, 65.0))
    pose, _ = registrator.registered(image)
    assert low <= float(pose[INDEX["elevation"]]) <= high


def test_descent_returns_the_lowest_energy_on_its_way(bench, recognizer):
    network = recognizer.network
    images = turned(recognizer).expand(4, -1, -1, -1)
    category, start = torch.tensor([CAR, CAR, 0, 1]), torch.zeros(4, 6)
    start[:, :2] = torch.tensor([[60.0, 50.0], [200.0, 69.0], [10.0, 31.0], [350.0, 40.0]])
    lowest, pose = bench.descent.descend(network, images, category, start, steps=15)
    assert torch.allclose(lowest, network.energy_at(images, category, pose), atol=1e-4)
    assert (lowest <= network.energy_at(images, category, start) + 1e-5).all()
    assert float(lowest[0]) < 0.3
    none, stayed = bench.descent.descend(network, images, category, start, steps=0)
    assert torch.equal(stayed, start)
    assert torch.allclose(none, network.energy_at(images, category, start))


def test_starts_are_spread_evenly(bench, recognizer):
    poses = bench.descent.starts_of(recognizer.network, 4, 2).poses
    assert poses[:, 0].tolist() == [0, 0, 90, 90, 180, 180, 270, 270]
    assert poses[:2, 1].tolist() == [40, 60]


def views_of(count: int, shape: tuple[int, ...], dtype) -> Views:
    rng = np.random.default_rng(3)
    images = torch.from_numpy(rng.normal(120, 40, (count, *shape))).clamp(0, 255).to(dtype)
    labels = rng.integers(0, 6, count)
    return Views(images, labels, rng.uniform(0, 90, (count, 6)), labels)


def test_neighbours_are_those_of_the_baselines(bench):
    recognizer = Recognizer.load(device="cpu")
    views, asked = (
        views_of(40, (2, 1, 48, 48), torch.uint8),
        views_of(9, (2, 1, 48, 48), torch.uint8),
    )
    asked.images[0] = views.images[17]
    for space, fit in (("pixels", fit_nearest), ("features", fit_retrieval)):
        labels, poses = fit(views, recognizer, 0).answer(asked.images)
        for library in bench.neighbours.LIBRARIES:
            peer = bench.neighbours.neighbours(recognizer, views, space, library)
            answered = peer.answer(asked.images)
            assert answered.category.tolist() == labels.tolist(), peer.name
            assert np.array_equal(answered.pose.numpy(), poses), peer.name
            assert np.array_equal(answered.pose[0].numpy(), views.poses[17])


def test_peers_refuse_what_they_cannot_turn(bench, recognizer):
    planar = SimpleNamespace(references=torch.nn.Identity(), space=recognizer.space)
    with pytest.raises(SystemExit, match="volume references"):
        bench.answering.frozen(planar)


def test_images_are_drawn_evenly(bench):
    labels = np.array([0] * 10 + [1] * 20 + [2] * 3)
    picked = bench.answering.evenly(labels, 12)
    assert len(set(picked.tolist())) == 12
    assert np.bincount(labels[picked[:9]]).tolist() == [3, 3, 3]
    assert labels[picked[:3]].tolist() == [0, 1, 2]
    assert sorted(bench.answering.evenly(labels, 99).tolist()) == list(range(33))


def made_answers(bench, category, azimuth):
    pose = torch.zeros(len(category), 6)
    pose[:, 0] = torch.tensor(azimuth)
    return bench.answering.Answered(torch.tensor(category), pose)


def test_figures_of_hand_made_answers(bench):
    answered = made_answers(bench, [0, 0, 1, 1, 2], [350.0, 40.0, 100.0, 0.0, 77.0])
    poses = np.zeros((5, 6))
    poses[:, 0] = [10, 10, 300, 90, 0]
    poses[1, 1] = np.nan
    found = bench.answering.figures(answered, np.array([0, 0, 2, 1, 2]), poses, symmetric=(2,))
    # Right and not symmetric: errors of 20, 30 and 90 degrees; the third is a wrong category.
    assert found == {
        "images": 5,
        "error_rate": 0.2,
        "pose_images": 3,
        "azimuth_median": 30.0,
        "azimuth_within_30": pytest.approx(2 / 3),
        "elevation_mean": 0.0,
    }
    wrong = made_answers(bench, [1], [0.0])
    nothing = bench.answering.figures(wrong, np.array([0]), poses[:1])
    assert nothing["azimuth_median"] is None
    assert nothing["error_rate"] == 1


def test_rows_and_table_of_hand_made_times(bench, recognizer):
    peer = bench.answering.Peer("slow one", lambda images: None, "slow", 1, 2_000_000, 0.5)
    grid, refined = (bench.answering.Peer(name, None) for name in bench.main.SEARCHES)
    images = torch.cat([turned(recognizer), turned(recognizer, 1), turned(recognizer, 0)])
    poses = np.full((3, 6), np.nan)
    poses[:, :2] = AZIMUTH, ELEVATION
    asked = bench.main.Images(images, np.array([CAR, 1, 0]), poses)
    right = made_answers(bench, [CAR, 1, 0], [AZIMUTH] * 3)
    right.pose[:, 1] = ELEVATION
    answers = {"slow one": made_answers(bench, [CAR, 0], [AZIMUTH, 0.0])}
    answers |= {name: right for name in bench.main.SEARCHES}
    one = {"slow one": [200.0, 300.0, 800.0], grid.name: [1.0, 2.0, 2.0], refined.name: [2.0] * 3}
    times = {"one": one, "many": {name: [] for name in one}}
    row = bench.main.row(peer, answers, times, asked, recognizer)
    assert row["ms_one"] == 300
    assert (row["ratio_one_grid"], row["ratio_one_refined"]) == (200, 150)
    assert row["ms_many"] is None
    assert (row["images"], row["error_rate"]) == (2, 0.5)
    assert row["objrec"]["refined"]["error_rate"] == 0
    assert row["energy_above"] > 0  # one in the right place but for the elevation, one elsewhere
    text = bench.tables.table([row])
    assert "| slow one | 2 | 50.0% (0.0%) | 0.0° | 100% (100%) |" in text
    assert "| 300 | – | 200, – | 150, – | 0.50 | 2.0 |" in text


def test_peers_take_turns(bench):
    said = []

    def peer(name, speed, batch):
        def answer(images):
            said.append((name, images.flatten().tolist()))
            return bench.answering.Answered(images.flatten(), images.flatten()[:, None])

        return bench.answering.Peer(name, answer, speed, batch)

    three = [peer("a", "fast", 4), peer("b", "slow", 2), peer("c", "slowest", 1)]
    asked = bench.main.Images(torch.arange(6)[:, None], np.zeros(6), np.zeros((6, 6)))
    counts = {"fast": 6, "slow": 3, "slowest": 2}
    answers, times = bench.main.run(three, asked, counts, many=True)
    assert {name: a.category.tolist() for name, a in answers.items()} == {
        "a": [0, 1, 2, 3, 4, 5],
        "b": [0, 1, 2],
        "c": [0, 1],
    }
    assert said[1:5] == [("a", [0]), ("a", [1]), ("b", [0]), ("c", [0])]
    assert {name: len(each) for name, each in times["one"].items()} == {"a": 3, "b": 3, "c": 2}
    assert {name: len(each) for name, each in times["many"].items()} == {"a": 3, "b": 1, "c": 0}
    assert [ask for ask in said if len(ask[1]) > 1] == [("a", [0, 1, 2, 3]), ("b", [0, 1])] + [
        ("a", [0, 1, 2, 3])
    ] * 2
