"""Augmentation: labels move with the image, cameras together, and everything can be repeated."""

import math
from dataclasses import replace

import pytest
import torch

from objrec.mirroring import mirrored_poses
from objrec.pose import AXES, AXIS, INDEX, PLANE_AXES
from objrec.training.augmentation import Augmentation
from objrec.training.settings import AugmentationSettings
from objrec.warping import warp_maps

STILL = AugmentationSettings(
    mirror=False,
    augment_shift=0.0,
    augment_scale=0.0,
    augment_roll=0.0,
    augment_aspect=0.0,
    augment_elastic=0.0,
    augment_light=0.0,
    augment_brightness=0.0,
    augment_blur=0.0,
    augment_noise=0.0,
    augment_erase=0.0,
)
MOVES = {
    "roll": {"augment_roll": 60.0},
    "scale": {"augment_scale": 0.5},
    "shift": {"augment_shift": 0.2},
    "all": {"augment_roll": 180.0, "augment_scale": 0.3, "augment_shift": 0.1},
}
SIDE = 41


def only(**settings):
    return replace(STILL, **settings)


def augmented(images, poses, settings, searched=AXES, front=0.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Augmentation(settings, searched, front)(images, poses, generator)[:2]


def random_batch(batch=16, cameras=2, channels=1, side=12, seed=3):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(batch, cameras, channels, side, side, generator=generator)
    poses = torch.rand(batch, len(AXES), generator=generator) * 0.2
    poses[:, 0] *= 1800
    return images, poses


def dot_image(x, y, side=SIDE, width=1.5):
    """A soft dot at (x right, y down) pixels from the middle, (side, side)."""
    steps = torch.arange(side) - (side - 1) / 2
    return torch.exp(-((steps[None, :] - x) ** 2 + (steps[:, None] - y) ** 2) / (2 * width**2))


def dot_of(image):
    """Where the dot is: (x, y) pixels from the middle."""
    weights = (image - 0.05).clamp(min=0)
    steps = torch.arange(len(image)) - (len(image) - 1) / 2
    total = float(weights.sum())
    return float((weights.sum(0) * steps).sum()) / total, float(
        (weights.sum(1) * steps).sum()
    ) / total


def dot_at_pose(x, y, pose, side=SIDE):
    """Where the page of conventions puts a reference's dot in an image of that pose."""
    roll, scale, shift_x, shift_y = (float(pose[INDEX[name]]) for name in PLANE_AXES)
    c, s, zoom = math.cos(math.radians(roll)), math.sin(math.radians(roll)), math.exp(scale)
    return zoom * (x * c + y * s) + shift_x * side, zoom * (y * c - x * s) + shift_y * side


@pytest.mark.parametrize("kind", MOVES)
def test_labels_say_where_a_dot_went(kind):
    images = dot_image(7.0, -4.0).expand(24, 1, 1, -1, -1)
    moved, poses = augmented(images, torch.zeros(24, len(AXES)), only(**MOVES[kind]))
    for image, pose in zip(moved[:, 0, 0], poses, strict=True):
        assert dot_of(image) == pytest.approx(dot_at_pose(7.0, -4.0, pose), abs=0.2)
    changed = {name for name in AXES if (poses[:, INDEX[name]] != 0).any()}
    axes = {"shift": {"shift_x", "shift_y"}, "all": set(PLANE_AXES)}
    assert changed == axes.get(kind, {kind})


@pytest.mark.parametrize("kind", MOVES)
def test_labels_are_right_for_images_that_have_a_pose_already(kind):
    before = torch.zeros(24, len(AXES))
    before[:, 2:] = torch.tensor([25.0, -0.2, 0.12, -0.09])
    reference = dot_image(5.0, 3.0).expand(24, 1, -1, -1)
    images = warp_maps(reference, before)[0][:, None]
    moved, poses = augmented(images, before, only(**MOVES[kind]))
    for image, pose in zip(moved[:, 0, 0], poses, strict=True):
        assert dot_of(image) == pytest.approx(dot_at_pose(5.0, 3.0, pose), abs=0.25)


def test_a_positive_roll_turns_what_is_on_the_right_upwards():
    images = dot_image(10.0, 0.0).expand(32, 1, 1, -1, -1)
    moved, poses = augmented(images, torch.zeros(32, len(AXES)), only(augment_roll=60.0))
    for image, roll in zip(moved[:, 0, 0], poses[:, INDEX["roll"]], strict=True):
        assert dot_of(image)[1] * float(roll) <= 0
    assert {bool(roll > 0) for roll in poses[:, INDEX["roll"]]} == {True, False}


@pytest.mark.parametrize("front", [0.0, 90.0, 37.0])
def test_a_mirror_image_swaps_the_cameras_and_moves_the_labels(front):
    cameras = torch.stack([dot_image(6.0, 2.0), dot_image(3.0, -5.0)])[:, None]
    images, (_, before) = cameras.expand(32, -1, -1, -1, -1), random_batch(32)
    mirrored, after = augmented(images, before, only(mirror=True), front=front)
    chosen = 0
    for image, was, now in zip(mirrored[:, :, 0], before, after, strict=True):
        dots = [dot_of(camera) for camera in image]
        if dots[0][0] > 0:
            torch.testing.assert_close(was, now, atol=1e-4, rtol=0)
            continue
        chosen += 1
        assert dots[0] == pytest.approx((-3.0, -5.0), abs=0.05)
        assert dots[1] == pytest.approx((-6.0, 2.0), abs=0.05)
        azimuth, elevation, roll, scale, shift_x, shift_y = was.tolist()
        wanted = ((2 * front - azimuth) % 360, elevation, -roll, scale, -shift_x, shift_y)
        assert now.tolist() == pytest.approx(wanted, abs=1e-4)
    assert 4 < chosen < 28


def test_it_says_which_images_are_mirrored():
    images, before = random_batch(64)
    augment = Augmentation(only(mirror=True), AXES, 0.0)
    moved, _, mirrored = augment(images, before, torch.Generator().manual_seed(1))
    changed = (moved - images).abs().flatten(1).amax(1) > 1e-3
    assert torch.equal(changed, mirrored)
    assert 16 < int(mirrored.sum()) < 48
    still = Augmentation(only(), AXES, 0.0)(images, before, torch.Generator())
    assert not still.mirrored.any()


def test_twice_mirrored_is_as_before():
    _, poses = random_batch()
    twice = mirrored_poses(mirrored_poses(poses, 65.0), 65.0)
    azimuth = AXIS["azimuth"].difference(twice[:, 0], poses[:, 0])
    torch.testing.assert_close(azimuth, torch.zeros(16), atol=1e-3, rtol=0)
    torch.testing.assert_close(twice[:, 1:], poses[:, 1:])


def test_the_mirror_image_of_upside_down_is_upside_down():
    poses = torch.zeros(1, len(AXES))
    poses[0, INDEX["roll"]] = 180.0
    assert mirrored_poses(poses, 0.0)[0, INDEX["roll"]] == 180


def test_nothing_is_mirrored_where_the_front_is_not_known():
    images, poses = random_batch()
    kept, labels = augmented(images, poses, only(mirror=True), front=None)
    torch.testing.assert_close(kept, images, atol=1e-4, rtol=0)
    torch.testing.assert_close(labels, poses, atol=1e-4, rtol=0)


def test_labels_of_axes_that_are_not_searched_stay():
    images, poses = random_batch()
    settings = replace(AugmentationSettings(), mirror=False)
    _, moved = augmented(images, poses, settings, searched=("azimuth", "elevation", "roll"))
    untouched = [INDEX[name] for name in AXES if name != "roll"]
    assert torch.equal(moved[:, untouched], poses[:, untouched])
    assert not torch.equal(moved[:, INDEX["roll"]], poses[:, INDEX["roll"]])


def test_labels_that_are_not_known_stay_unknown_and_others_known():
    images, poses = random_batch(batch=64)
    generator = torch.Generator().manual_seed(0)
    poses[torch.rand(poses.shape, generator=generator) < 0.4] = torch.nan
    _, moved = augmented(images, poses, AugmentationSettings())
    assert torch.equal(moved.isnan(), poses.isnan())


def test_changes_stay_within_their_strengths_and_go_both_ways():
    images, poses = torch.rand(500, 1, 1, 4, 4), torch.zeros(500, len(AXES))
    settings = only(augment_roll=6.0, augment_scale=0.12, augment_shift=0.06)
    _, moved = augmented(images, poses, settings)
    for name, most in (("roll", 6.0), ("scale", 0.12), ("shift_x", 0.06), ("shift_y", 0.06)):
        change = moved[:, INDEX[name]]
        assert change.abs().max() <= most
        assert change.min() < -0.9 * most and change.max() > 0.9 * most


def test_the_same_generator_state_gives_the_same_changes():
    images, poses = random_batch()
    settings = AugmentationSettings()
    first, labels = augmented(images, poses, settings, seed=5)
    again, same = augmented(images, poses, settings, seed=5)
    other, _ = augmented(images, poses, settings, seed=6)
    assert torch.equal(first, again) and torch.equal(labels, same)
    assert not torch.equal(first, other)


def test_what_is_handed_in_is_left_alone():
    images, poses = random_batch()
    copies = images.clone(), poses.clone()
    augmented(images, poses, AugmentationSettings())
    assert torch.equal(images, copies[0]) and torch.equal(poses, copies[1])


def test_all_cameras_of_a_sample_are_changed_alike():
    images, poses = random_batch(cameras=1)
    pair = images.expand(-1, 2, -1, -1, -1)
    changed, _ = augmented(pair, poses, replace(AugmentationSettings(), augment_noise=0.0))
    torch.testing.assert_close(changed[:, 0], changed[:, 1])
    assert not torch.allclose(changed[0], changed[1])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("strength", [1, 10])
def test_images_stay_images(channels, strength):
    images, poses = random_batch(channels=channels)
    images[0], images[1] = 0, 1
    settings = AugmentationSettings(
        augment_light=0.4 * strength, augment_brightness=0.1 * strength, augment_noise=strength
    )
    changed, moved = augmented(images, poses, settings)
    assert changed.shape == images.shape and changed.dtype == torch.float32
    assert torch.isfinite(changed).all() and moved.shape == poses.shape
    assert changed.min() >= 0 and changed.max() <= 1


def test_no_strength_means_no_change():
    images, poses = random_batch()
    kept, labels = augmented(images, poses, STILL)
    torch.testing.assert_close(kept, images, atol=1e-4, rtol=0)
    torch.testing.assert_close(labels, poses, atol=1e-4, rtol=0)


def test_light_keeps_the_order_of_pixels_and_moves_no_label():
    images, poses = random_batch(side=8)
    lit, labels = augmented(images, poses, only(augment_light=0.4, augment_brightness=0.15))
    torch.testing.assert_close(labels, poses, atol=1e-4, rtol=0)
    for before, after in zip(images.flatten(1), lit.flatten(1), strict=True):
        ordered = after[before.argsort()]
        assert (ordered.diff() >= -1e-6).all()
        assert not torch.allclose(before, after, atol=0.01)


def test_a_third_of_the_images_is_blurred():
    images, poses = random_batch(batch=300, cameras=1, side=8)
    blurred, _ = augmented(images, poses, only(augment_blur=2.0))
    change = (blurred - images).abs().amax(dim=(1, 2, 3, 4))
    changed = change > 1e-3
    # Where nothing is left to chance: a blur never raises the contrast.
    assert (blurred.std(dim=(1, 2, 3, 4)) <= images.std(dim=(1, 2, 3, 4)) + 1e-3).all()
    assert 0.2 < changed.float().mean() < 0.45


def test_erasing_paints_one_grey_rectangle_in_all_cameras():
    images, poses = random_batch(batch=200, side=24)
    erased, _ = augmented(images, poses, only(augment_erase=0.5))
    painted = ((erased - images).abs() > 2e-4).amax(dim=2)
    touched = painted.flatten(1).any(dim=1)
    assert 0.4 < touched.float().mean() < 0.6
    for image, mask in zip(erased[touched], painted[touched], strict=True):
        both = mask.any(dim=0)
        rows, columns = both.any(dim=1).nonzero()[:, 0], both.any(dim=0).nonzero()[:, 0]
        box = image[:, 0, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert box.max() - box.min() < 1e-6
        assert both.float().mean() <= 0.3


def test_noise_has_the_stated_strength():
    images, poses = torch.full((400, 1, 1, 12, 12), 0.5), torch.zeros(400, len(AXES))
    noisy, _ = augmented(images, poses, only(augment_noise=0.1))
    deviations = (noisy - 0.5).flatten(1).std(dim=1)
    assert deviations.max() < 0.12
    assert deviations.mean() == pytest.approx(0.05, abs=0.005)


def test_aspect_stretches_one_way_as_much_as_it_squeezes_the_other():
    image = dot_image(8.0, 8.0)
    images = image.expand(64, 1, 1, SIDE, SIDE).clone()
    changed, poses = augmented(images, torch.zeros(64, len(AXES)), only(augment_aspect=0.4))
    x, y = torch.tensor([dot_of(found[0, 0]) for found in changed]).T
    torch.testing.assert_close((x / 8).log(), -(y / 8).log(), atol=0.02, rtol=0)
    assert 0.15 < (x / 8).log().abs().max() < 0.21, "half the strength each way"
    assert not poses.any()


def test_bending_moves_pixels_smoothly_and_no_label():
    columns = torch.linspace(0, 1, SIDE).expand(SIDE, SIDE)
    images = torch.stack([columns, columns.T])[None, :, None].expand(32, -1, -1, -1, -1).clone()
    changed, poses = augmented(images, torch.zeros(32, len(AXES)), only(augment_elastic=0.02))
    moved = (changed - images)[..., 4:-4, 4:-4]
    assert 0.005 < moved.std() < 0.02, "about the strength, in shares of the side"
    assert moved.diff(dim=-1).abs().max() < 0.01, "neighbours move together"
    assert not poses.any()


def test_cameras_bend_alike():
    images = torch.rand(4, 1, 1, SIDE, SIDE).expand(-1, 2, -1, -1, -1).clone()
    changed, _ = augmented(images, torch.zeros(4, len(AXES)), only(augment_elastic=0.05))
    torch.testing.assert_close(changed[:, 0], changed[:, 1])
    assert (changed - images).abs().max() > 0.05
