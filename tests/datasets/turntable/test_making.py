"""Turntable films with known angles become labelled sets: labels, crops, additions, mistakes."""

import csv
import json

import cv2
import numpy as np
import pytest

from objrec.datasets import open_dataset, read_image
from objrec.datasets.turntable.angles import TurntableSettings, picked_frames
from objrec.datasets.turntable.making import from_turntable, picture_beside
from objrec.errors import DataError, SettingsError
from objrec.pose import INDEX

AZIMUTH, ELEVATION = INDEX["azimuth"], INDEX["elevation"]


def frame(angle, side=60, at=(80, 60), size=(120, 160), gradient=0.0):
    """A gray disc with a dark arm that points to `angle`, before a plain or shaded wall."""
    shade = np.linspace(-gradient, gradient, size[1])[None, :] + np.zeros(size)[..., None][..., 0]
    image = np.dstack([200 + shade, 196 + shade, 190 + shade])
    cv2.circle(image, at, side // 3, (90, 60, 50), -1)
    a = np.deg2rad(angle)
    tip = (int(at[0] + side / 2 * np.sin(a)), int(at[1] + side / 2 * np.cos(a) * 0.5))
    cv2.line(image, at, tip, (20, 20, 120), 6)
    noise = np.random.default_rng(int(angle * 10)).normal(0, 1.5, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def folder_of(path, angles, **look):
    path.mkdir(parents=True)
    for i, angle in enumerate(angles):
        cv2.imwrite(str(path / f"f{i}.png"), frame(angle, **look))
    return path


def film(path, angles, codec="MJPG"):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 25, (160, 120))
    for angle in angles:
        writer.write(frame(angle))
    writer.release()
    return path


TURN = np.arange(0, 360, 10)


@pytest.mark.parametrize(("name", "codec"), [("blue.avi", "MJPG"), ("bläu 1.mp4", "mp4v")])
def test_a_film_of_one_turn(tmp_path, name, codec):
    video = film(tmp_path / name, TURN, codec)
    made = from_turntable([video], "mug", tmp_path / "set", TurntableSettings(frames=12))
    assert (made.images, made.failures) == (12, ())
    dataset = open_dataset(tmp_path / "set")
    assert dataset.frame.kind("azimuth") == "relative"
    assert dataset.poses[:, AZIMUTH].tolist() == list(range(0, 360, 30))
    assert np.isnan(dataset.poses[:, ELEVATION]).all()
    assert set(dataset.factors["instance"]) == {video.stem}
    sizes = {sample.images.shape for sample in dataset}
    assert len(sizes) == 1, "one scale"
    (shape,) = sizes
    assert shape[1] == shape[2] < 120, "a square crop round the object"
    for sample in dataset:  # the disc is where the crop's middle is
        assert sample.images[0, shape[1] // 2, shape[2] // 2].mean() < 110
    assert "36 frames, object found in 12, crops of" in made.remarks[0]


def test_frames_of_a_folder_count_by_value(tmp_path):
    folder = folder_of(tmp_path / "frames", TURN)
    from_turntable([folder], "mug", tmp_path / "set", TurntableSettings(crop=False))
    dataset = open_dataset(tmp_path / "set")
    assert dataset.poses[:, AZIMUTH].tolist() == TURN.tolist()
    for i in (2, 10, 35):
        expected = read_image(folder / f"f{i}.png")
        np.testing.assert_array_equal(dataset[i].images[0], expected)


@pytest.mark.parametrize(
    ("chosen", "azimuths"),
    [
        ({"frames": 4}, [0, 90, 180, 270]),
        ({"frames": 4, "direction": "cw"}, [0, 270, 180, 90]),
        ({"frames": 4, "turn": -360.0}, [0, 270, 180, 90]),
        ({"frames": 4, "turn": 180.0}, [0, 60, 120, 180]),
        ({"frames": 3, "turn": 90.0, "start": 350.0}, [350, 35, 80]),
        ({"frames": 4, "turn": 720.0}, [0, 180, 0, 180]),
    ],
)
def test_azimuths_of_a_turn(chosen, azimuths):
    settings = TurntableSettings(**chosen)
    count = 13 if settings.turn % 360 else 12
    _, found = picked_frames(count, settings)
    assert found.tolist() == pytest.approx(azimuths)


def test_an_azimuth_is_that_of_the_frame_that_was_chosen():
    indices, azimuths = picked_frames(7, TurntableSettings(frames=4))
    np.testing.assert_allclose(azimuths, indices * 360 / 7, atol=1e-3)
    times = np.array([0.0, 1.0, 2.0, 4.0])  # the table turns steadily, the camera paused
    _, azimuths = picked_frames(4, TurntableSettings(frames=4, turn=90.0), times)
    np.testing.assert_allclose(azimuths, [0, 22.5, 45, 90])


def test_several_elevations_of_one_object(tmp_path):
    inputs = [folder_of(tmp_path / name, TURN) for name in ("low", "high")]
    settings = TurntableSettings(frames=6, elevation=(10.0, 50.0))
    made = from_turntable(inputs, "mug", tmp_path / "set", settings, instance="blue mug")
    dataset = open_dataset(tmp_path / "set")
    assert set(dataset.objects) == {"mug/blue mug"}
    assert sorted(set(dataset.poses[:, ELEVATION])) == [10, 50]
    assert "all inputs are taken to start at the same angle" in made.remarks[-1]
    apart = TurntableSettings(frames=6, same_start=False)
    made = from_turntable(inputs, "mug", tmp_path / "two", apart, instance="blue")
    assert made.instances == ("blue-1", "blue-2")
    with pytest.raises(SettingsError, match="--elevation: 3 numbers for 2 inputs; give one for"):
        from_turntable(inputs, "mug", tmp_path / "x", TurntableSettings(elevation=(1, 2, 3)))


def test_a_known_start_makes_observed_labels(tmp_path):
    folder = folder_of(tmp_path / "frames", TURN)
    from_turntable([folder], "mug", tmp_path / "set", TurntableSettings(start=20.0, frames=4))
    dataset = open_dataset(tmp_path / "set")
    assert (dataset.frame.kind("azimuth"), dataset.frame.front_azimuth) == ("observed", 0)
    assert dataset.poses[:, AZIMUTH].tolist() == [20, 110, 200, 290]


def test_a_shaded_wall_is_still_plain(tmp_path):
    folder = folder_of(tmp_path / "frames", TURN, gradient=25.0)
    made = from_turntable([folder], "mug", tmp_path / "set", TurntableSettings(frames=12))
    assert "object found in 12, crops" in made.remarks[0]


@pytest.mark.parametrize("at", [(8, 60), None])
def test_without_a_clear_object_frames_are_kept_whole(tmp_path, at):
    folder = tmp_path / "frames"
    if at:
        folder_of(folder, TURN, at=at)
    else:
        folder.mkdir()
        for i in range(12):
            wall = np.random.default_rng(i).normal(150, 2, (120, 160, 3)).astype(np.uint8)
            cv2.imwrite(str(folder / f"{i}.png"), wall)
    made = from_turntable([folder], "mug", tmp_path / "set", TurntableSettings(frames=6))
    assert "not cropped: the object was found in 0 of them only" in made.remarks[0]
    assert open_dataset(tmp_path / "set")[0].images.shape == (1, 120, 160, 3)


def test_large_frames_are_shrunk(tmp_path):
    folder = folder_of(tmp_path / "frames", TURN)
    chosen = TurntableSettings(frames=3, crop=False, size=40)
    from_turntable([folder], "mug", tmp_path / "set", chosen)
    assert open_dataset(tmp_path / "set")[0].images.shape == (1, 30, 40, 3)


def test_one_unreadable_frame_does_not_stop_the_others(tmp_path):
    folder = folder_of(tmp_path / "frames", TURN)
    (folder / "f3.png").write_text("no image")
    made = from_turntable([folder], "mug", tmp_path / "set", TurntableSettings(frames=36))
    assert made.images == 35
    (failure,) = made.failures
    assert failure.source.endswith("f3.png")
    assert 30.0 not in open_dataset(tmp_path / "set").poses[:, AZIMUTH]


# A set of several objects -------------------------------------------------------------------------


@pytest.fixture
def mugs(tmp_path):
    folder = folder_of(tmp_path / "in" / "blue", TURN)
    from_turntable([folder], "mug", tmp_path / "mugs", TurntableSettings(frames=6))
    return tmp_path / "mugs"


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_further_objects_are_added(tmp_path, mugs):
    before = contents(mugs)
    red = folder_of(tmp_path / "in" / "red", TURN)
    chosen = TurntableSettings(frames=4, elevation=(30.0,))
    from_turntable([red], "mug", mugs, chosen, add=True)
    from_turntable([red], "tea/pot", mugs, chosen, add=True, instance="red")
    dataset = open_dataset(mugs)
    counts = {name: int((dataset.objects == name).sum()) for name in set(dataset.objects)}
    assert counts == {"mug/blue": 6, "mug/red": 4, "tea/pot/red": 4}
    after = contents(mugs)
    names = {name for name in before if name.name != "labels.csv"}
    assert all(after[name] == before[name] for name in names)
    assert not [name for name in after if name.name.startswith(".")]


def test_what_cannot_be_added_leaves_the_set_as_it_was(tmp_path, mugs, monkeypatch):
    before = contents(mugs)
    red = folder_of(tmp_path / "in" / "red", TURN)
    chosen = TurntableSettings(frames=4)
    with pytest.raises(DataError, match="mugs: has mug 'blue' already; name the new one with"):
        from_turntable([red], "mug", mugs, chosen, add=True, instance="blue")
    with pytest.raises(DataError, match="its azimuths are relative, those to be added observed"):
        from_turntable([red], "mug", mugs, TurntableSettings(start=0.0), add=True)
    with pytest.raises(DataError, match="exists and is not empty"):
        from_turntable([red], "mug", mugs, chosen)
    with pytest.raises(DataError, match="nothing: no such folder"):
        from_turntable([red], "mug", tmp_path / "nothing", chosen, add=True)
    calls = []

    def interrupt(done, total):
        calls.append(done)
        if done == total - 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        from_turntable([red], "mug", mugs, chosen, add=True, on_progress=interrupt)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("objrec.datasets.turntable.joining.write_labels", full)
        with pytest.raises(DataError, match="No space left"):
            from_turntable([red], "mug", mugs, chosen, add=True)
    assert contents(mugs) == before
    with (mugs / "labels.csv").open() as file:
        assert {row["instance"] for row in csv.DictReader(file)} == {"blue"}


def test_the_picture_of_the_crops(tmp_path):
    folder = folder_of(tmp_path / "frames", TURN)
    picture = picture_beside(tmp_path / "set", None, [folder])
    assert picture == tmp_path / "set-frames.jpg"
    chosen = TurntableSettings(frames=5)
    from_turntable([folder], "mug", tmp_path / "set", chosen, picture=picture)
    drawn = read_image(picture)
    assert drawn.shape[1] > drawn.shape[0] > 200
    orange = (drawn[..., 0] > 190) & (np.abs(drawn[..., 1].astype(int) - 120) < 40)
    assert orange.sum() > 100, "boxes are drawn"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("no.mp4", None, "no such file or folder; name a video, or a folder of frames"),
        ("text.mp4", b"hello", "is not a video, or is damaged; convert it"),
        ("empty.avi", b"", "the file is empty; copy it again"),
    ],
)
def test_what_is_no_film_is_refused(tmp_path, name, content, sentence):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name}: .*({sentence})"):
        from_turntable([tmp_path / name], "mug", tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_a_film_that_is_cut_short_is_refused(tmp_path):
    video = film(tmp_path / "a.mp4", TURN, "mp4v")
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    with pytest.raises(DataError, match=r"a\.mp4: .*(cut short|no frame)"):
        from_turntable([video], "mug", tmp_path / "set")
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="none: holds no images; a turntable needs a video"):
        from_turntable([tmp_path / "none"], "mug", tmp_path / "set")


def test_the_command(command, tmp_path):
    folder = folder_of(tmp_path / "blue", TURN)
    ran = command(
        *("data", "from-turntable", folder, "--category", "mug", "--out", tmp_path / "o" / "mugs"),
        *("--frames", 8, "--elevation", 20),
    )
    assert (ran.code, ran.out) == (0, f"8 images of mug: {tmp_path / 'o' / 'mugs'}\n")
    assert "blue: 8 of 36 frames, object found in 8, crops of" in ran.err
    assert f"look at the crops: {tmp_path / 'o' / 'mugs-blue.jpg'}" in ran.err
    noted = json.loads((tmp_path / "o" / "mugs" / "set.json").read_text())["pose_frame"]
    assert noted["azimuth"]["labels"] == "relative"
