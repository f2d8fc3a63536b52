"""One marker through rendering, warping, search, augmentation and error metric: one convention.

The marker is a nose, a top and an ear, so that no turn and no mirror image looks like another. Its
own geometry is written down here once, in words of the page of conventions (`objrec.pose`), and
shares no code with the package.
"""

import numpy as np
import pytest
import torch

from objrec.energy.model import EnergyModel
from objrec.energy.references import VolumeReferences
from objrec.energy.settings import ModelSettings
from objrec.evaluation.metrics import Bootstrap
from objrec.evaluation.pose_metrics import axis_figures
from objrec.pose import AXES, AXIS, INDEX, PoseSpace
from objrec.training.augmentation import Augmentation
from objrec.training.settings import AugmentationSettings

SIDE, REACH, WIDTH = 21, 5.5, 1.3  # cells: of the image, of the marker, of its blobs

# World: X to where the object's front looks, Y to the object's left, Z up.
NOSE, TOP, EAR = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 0.8, 0.0)
MARKER = np.array([NOSE, TOP, EAR])
MIRRORED = MARKER * [1, -1, 1]


def with_front_at(azimuth, points):
    """Stand the marker so that a camera at this azimuth looks at its front."""
    a = np.radians(azimuth)
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    return points @ turn.T


def seen(points, pose):
    """Where a far camera sees points: (n, 2), x right and y down, in units of the marker.

    Args:
        points: (n, 3) world coordinates.
        pose: (6,) stored units.
    """
    azimuth, elevation, roll, scale, shift_x, shift_y = (float(v) for v in pose)
    a, e, r = np.radians([azimuth, elevation, roll])
    # Seen from above, the camera goes counter-clockwise: from X (the front) over Y (the left).
    to_camera = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    right = np.array([-np.sin(a), np.cos(a), 0.0])
    up = np.cross(to_camera, right)
    x, y_up = points @ right, points @ up
    turned_x = x * np.cos(r) - y_up * np.sin(r)  # counter-clockwise as seen
    turned_up = x * np.sin(r) + y_up * np.cos(r)
    shift = np.array([shift_x, shift_y]) * SIDE / REACH
    return np.exp(scale) * np.stack([turned_x, -turned_up], axis=1) + shift


def drawn(points, pose):
    """Draw each point as a blob in a channel of its own, (3, SIDE, SIDE)."""
    steps = torch.arange(SIDE) - (SIDE - 1) / 2
    width = WIDTH * float(np.exp(float(pose[INDEX["scale"]])))
    blobs = []
    for x, y in seen(points, pose) * REACH:
        squared = (steps[None, :] - x) ** 2 + (steps[:, None] - y) ** 2
        blobs.append(torch.exp(-squared / (2 * width**2)))
    return torch.stack(blobs)


def where(image):
    """Where the blob of each channel is, (C, 2), in units of the marker."""
    steps = torch.arange(image.shape[-1]) - (image.shape[-1] - 1) / 2
    mass = (image - 0.05 * image.amax(dim=(1, 2), keepdim=True)).clamp(min=0)
    x = (mass.sum(1) * steps).sum(1) / mass.sum((1, 2))
    y = (mass.sum(2) * steps).sum(1) / mass.sum((1, 2))
    return torch.stack([x, y], dim=1).numpy() / REACH


def as_volume(points):
    """The marker as a volume (3, SIDE, SIDE, SIDE) in the frame of a camera at its front."""
    steps = torch.arange(SIDE) - (SIDE - 1) / 2
    z, y, x = torch.meshgrid(steps, steps, steps, indexing="ij")
    blobs = []
    for front, left, top in points * REACH:
        # That camera has the object's left on its right, and looks along -X.
        squared = (x - left) ** 2 + (y + top) ** 2 + (z + front) ** 2
        blobs.append(torch.exp(-squared / (2 * WIDTH**2)))
    return torch.stack(blobs)


SPACE = PoseSpace(
    {
        "azimuth": tuple(20.0 * i for i in range(18)),
        "elevation": (20.0, 40.0, 60.0),
        "roll": (-20.0, 0.0, 20.0),
    }
)
HALF_A_STEP = 10.0


@pytest.fixture(scope="module")
def model():
    """A model whose two categories are the marker and its mirror image, seen through."""
    model = EnergyModel(
        ("marker", "mirrored"), SPACE, 1, False, ModelSettings(features="small", channels=3)
    )
    references = VolumeReferences(2, 1, 3, SIDE, 3, SIDE)
    references.volumes.data = torch.stack([as_volume(MARKER), as_volume(MIRRORED)])[:, None]
    through = torch.eye(3)[:, :, None].expand(-1, -1, SIDE).reshape(3, 3 * SIDE)
    references.projection.weight.data = through / SIDE
    model.references = references
    return model.eval()


@pytest.fixture(scope="module")
def warped(model):
    with torch.no_grad():
        return model.prepare()


def poses_of(*rows):
    return torch.tensor([row + (0.0,) * (6 - len(row)) for row in rows])


POSES = poses_of(
    (0.0, 0.0),
    (90.0, 0.0),
    (0.0, 90.0),
    (30.0, 35.0),
    (200.0, 50.0, 20.0),
    (300.0, 20.0, -75.0, 0.2),
    (120.0, 65.0, 160.0, -0.3, 0.15, -0.1),
    (15.0, 40.0, 0.0, 0.1, -0.1, 0.08),
)


@torch.no_grad()
@pytest.mark.parametrize("pose", POSES, ids=lambda p: "-".join(f"{v:g}" for v in p.tolist()))
def test_warps_put_the_marker_where_the_camera_sees_it(model, pose):
    for category, points in enumerate((MARKER, MIRRORED)):
        maps, _ = model.references.at(torch.tensor([category]), pose[None])
        np.testing.assert_allclose(where(maps[0, 0]), seen(points, pose), atol=0.05)


def test_the_words_of_the_conventions():
    front, left = poses_of((0.0, 0.0), (90.0, 0.0))
    nose, top, ear = seen(MARKER, front)
    assert nose == pytest.approx([0, 0]) and top[1] < 0 < ear[0]
    nose, _, ear = seen(MARKER, left)
    assert nose[0] < 0 and ear == pytest.approx([0, 0])  # from its left, its front is on the left
    assert seen(MARKER, poses_of((0.0, 90.0))[0])[0][1] > 0  # from above, its nose points down
    assert seen(MARKER, poses_of((0.0, 0.0, 90.0))[0])[2][1] < 0  # what was right is up
    assert seen(MARKER, poses_of((0.0, 0.0, 0.0, 0.0, 0.1, 0.2))[0])[0].min() > 0


SEARCHED = poses_of((20.0, 40.0, 0.0), (347.0, 33.0, 8.0), (171.0, 52.0, -13.0), (266.0, 27.0, 4.0))


@torch.no_grad()
@pytest.mark.parametrize("category", [0, 1])
def test_search_answers_the_pose_and_the_hand_of_what_was_drawn(model, warped, category):
    points = (MARKER, MIRRORED)[category]
    images = torch.stack([drawn(points, pose) for pose in SEARCHED])
    best = model.hypotheses(images, model.energies(images, warped), 1)
    assert best.category[:, 0].tolist() == [category] * len(SEARCHED)
    for name in SPACE.axes:
        answered, true = best.pose[:, 0, INDEX[name]], SEARCHED[:, INDEX[name]]
        assert AXIS[name].difference(answered, true).abs().max() < HALF_A_STEP


_STILL = ("light", "brightness", "blur", "noise", "erase", "aspect", "elastic")
STILL = {f"augment_{name}": 0.0 for name in _STILL}


def augmented(points, poses, front=None, **settings):
    """Draw the marker at poses, as two cameras, and augment: images, labels."""
    images = torch.stack([drawn(points, pose) for pose in poses])
    nothing = {f"augment_{name}": 0.0 for name in ("shift", "scale", "roll")}
    chosen = AugmentationSettings(**(STILL | nothing | {"mirror": front is not None} | settings))
    augmentation = Augmentation(chosen, AXES, front)
    pair = images[:, None].expand(-1, 2, -1, -1, -1)
    return augmentation(pair, poses, torch.Generator().manual_seed(1))[:2]


@pytest.mark.parametrize("change", ["roll", "scale", "shift"])
def test_augmented_labels_say_where_the_marker_went(change):
    strength = {"roll": 90.0, "scale": 0.3, "shift": 0.1}[change]
    start = POSES[[3, 4, 6]].repeat(4, 1)
    images, labels = augmented(MARKER, start, **{f"augment_{change}": strength})
    assert not torch.allclose(labels, start, atol=0.01)
    for image, label in zip(images, labels, strict=True):
        for camera in image:
            np.testing.assert_allclose(where(camera), seen(MARKER, label), atol=0.05)


@pytest.mark.parametrize("front", [0.0, 90.0, 35.0])
def test_a_mirror_image_is_the_mirrored_marker_at_its_label(front):
    marker, mirrored = (with_front_at(front, points) for points in (MARKER, MIRRORED))
    start = torch.cat([POSES[3:], POSES[3:]])
    images, labels = augmented(marker, start, front=front)
    flipped = AXIS["azimuth"].difference(labels[:, 0], start[:, 0]).abs() > 1e-3
    assert 0 < flipped.sum() < len(start)
    for image, label, is_mirrored in zip(images, labels, flipped, strict=True):
        points = mirrored if is_mirrored else marker
        np.testing.assert_allclose(where(image[0]), seen(points, label), atol=0.02)


@torch.no_grad()
def test_search_agrees_with_the_labels_of_mirror_images(model, warped):
    start = SEARCHED.repeat(3, 1)
    images, labels = augmented(MARKER, start, front=0.0)
    flipped = AXIS["azimuth"].difference(labels[:, 0], start[:, 0]).abs() > 1e-3
    best = model.hypotheses(images[:, 0], model.energies(images[:, 0], warped), 1)
    assert torch.equal(best.category[:, 0], flipped.long())
    for name in SPACE.axes:
        answered, label = best.pose[:, 0, INDEX[name]], labels[:, INDEX[name]]
        assert AXIS[name].difference(answered, label).abs().max() < HALF_A_STEP


def figures_of(name, answered, true):
    count = len(answered)
    same, bootstrap = np.zeros(count, int), Bootstrap(10, 0)
    return axis_figures(name, answered.numpy(), true.numpy(), same, np.arange(count), bootstrap)


@torch.no_grad()
@pytest.mark.parametrize("label_offset", [0.0, 40.0, -90.0, 180.0])
def test_the_error_metric_reads_the_same_azimuth(model, warped, label_offset):
    poses = poses_of(*((20.0 * i, 40.0) for i in range(18)))
    images = torch.stack([drawn(MARKER, pose) for pose in poses])
    answered = model.hypotheses(images, model.energies(images, warped), 1, refined=False).pose[:, 0]
    labels = (poses[:, 0] + label_offset) % 360
    figures = figures_of("azimuth", answered[:, 0], labels)
    assert figures["median_error_deg"] == pytest.approx(abs(label_offset), abs=1e-3)
    assert figures["opposite"] == (abs(label_offset) == 180)
    assert figures["aligned"]["mean_error_deg"] == pytest.approx(0, abs=1e-3)
    offset = figures["aligned"]["offsets"][0]
    assert AXIS["azimuth"].difference(offset, -label_offset) == pytest.approx(0, abs=1e-3)
    elevation = figures_of("elevation", answered[:, 1], poses[:, 1])
    assert elevation["mean_error_deg"] == pytest.approx(0, abs=1e-3)


def test_the_error_metric_goes_the_short_way_round():
    answered, true = torch.tensor([359.0, 3.0, 350.0]), torch.tensor([1.0, 358.0, 170.0])
    assert figures_of("azimuth", answered, true)["mean_error_deg"] == pytest.approx(187 / 3)
    answered, true = torch.tensor([179.0]), torch.tensor([-179.0])
    assert figures_of("roll", answered, true)["mean_error_deg"] == pytest.approx(2)


@pytest.mark.parametrize(
    ("azimuth", "elevation"), [(0.0, 20.0), (90.0, 30.0), (40.0, 50.0), (250.0, 30.0), (0.0, 90.0)]
)
def test_the_renderer_sees_the_marker_in_the_same_place(azimuth, elevation):
    trimesh = pytest.importorskip("trimesh")
    pytest.importorskip("embreex")
    from objrec.rendering.meshes import Toy
    from objrec.rendering.scenes import DISTANCE, MARGIN, Lighting, Scene

    size = 96
    half_frame = DISTANCE * MARGIN / np.sqrt(DISTANCE**2 - 1)
    sky = Lighting(azimuth=0, elevation=90, strength=0.0, ambient=1.0)
    points = 0.6 * MARKER
    for point, wanted in zip(points, seen(points, poses_of((azimuth, elevation))[0]), strict=True):
        ball = trimesh.creation.icosphere(radius=0.15).apply_translation([*point[:2], point[2] + 1])
        speck = trimesh.creation.icosphere(radius=0.005).apply_translation([0, 0, 1.995])
        toy = Toy(trimesh.util.concatenate([ball, speck]), 0.0, "marker", "")
        pair = Scene(toy).render(azimuth, elevation, [sky], size)[0].astype(float)
        dark = torch.tensor(pair.mean(axis=0) < 80).float()
        x, y = where(dark[None])[0] * REACH / (size / 2) * half_frame
        # Perspective: what is nearer to the camera looks larger, by up to 1 / (1 - 0.6 / 5).
        assert (x, y) == pytest.approx(tuple(wanted), abs=0.1)
