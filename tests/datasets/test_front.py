"""The front's azimuth, on drawn objects whose front is known."""

import numpy as np
import pytest

from objrec.datasets import estimate_front_azimuth


def views(azimuths, elevations, front, seed, cameras=1, size=24):
    """Draw a cloud of balls, symmetric about its front, from each azimuth and elevation.

    Seen from above, the camera at azimuth a stands at (cos a, sin a) and has (-sin a, cos a) on
    its right; it sees near balls over far ones. A further camera stands 15 degrees further on.
    """
    rng = np.random.default_rng(seed)
    angle, radius = rng.uniform(0, np.pi, 12), rng.uniform(0.2, 1, 12)
    height, shade = rng.uniform(-0.7, 0.7, 12), rng.integers(60, 220, 12)
    angle = np.radians(front) + np.concatenate([angle, -angle])
    radius, height, shade = (np.tile(x, 2) for x in (radius, height, shade))
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    v, u = np.mgrid[:size, :size] / (size - 1) * 3 - 1.5
    images = np.zeros((len(azimuths), cameras, 1, size, size), np.uint8)
    for n, (azimuth, elevation) in enumerate(zip(azimuths, elevations, strict=True)):
        for camera in range(cameras):
            a, e = np.radians(azimuth + 15 * (camera - (cameras - 1) / 2)), np.radians(elevation)
            right = -x * np.sin(a) + y * np.cos(a)
            towards = x * np.cos(a) + y * np.sin(a)
            down = -height * np.cos(e) + towards * np.sin(e)
            near = towards * np.cos(e) + height * np.sin(e)
            for ball in np.argsort(near):
                inside = (u - right[ball]) ** 2 + (v - down[ball]) ** 2 < 0.06
                images[n, camera, 0][inside] = shade[ball]
    return images


def toy_set(front, cameras=1, objects=4, step=20, offsets=None):
    azimuths, elevations = (m.ravel() for m in np.meshgrid(np.arange(0, 360, step), [20.0, 40.0]))
    images, poses, names = [], [], []
    for number in range(objects):
        images.append(views(azimuths, elevations, front, number, cameras))
        pose = np.full((len(azimuths), 6), np.nan)
        pose[:, 0] = (azimuths + (offsets[number] if offsets else 0)) % 360
        pose[:, 1] = elevations
        poses.append(pose)
        names += [f"toy/{number}"] * len(azimuths)
    return np.concatenate(images), np.concatenate(poses), np.array(names)


@pytest.mark.parametrize("front", [0, 40, 90, 170])
@pytest.mark.parametrize("cameras", [1, 2])
def test_finds_the_front(front, cameras):
    assert estimate_front_azimuth(*toy_set(front, cameras)) == front


def test_a_front_beyond_180_is_named_by_its_opposite():
    assert estimate_front_azimuth(*toy_set(250)) == 70


def test_works_between_the_azimuths_and_with_one_object():
    assert estimate_front_azimuth(*toy_set(15, step=30)) == 15
    assert estimate_front_azimuth(*toy_set(60, objects=1)) == 60


def test_works_with_azimuths_anywhere():
    rng = np.random.default_rng(0)
    azimuths, elevations = rng.uniform(0, 360, 150), rng.uniform(15, 25, 150)
    poses = np.full((300, 6), np.nan)
    poses[:, 0], poses[:, 1] = np.tile(azimuths, 2), np.tile(elevations, 2)
    images = np.concatenate([views(azimuths, elevations, 90, seed) for seed in (0, 1)])
    assert estimate_front_azimuth(images, poses, np.repeat(["a", "b"], 150)) == 90


def test_large_images_and_colour_are_taken():
    images, poses, objects = toy_set(40)
    large = images.repeat(2, axis=3).repeat(2, axis=4).repeat(3, axis=2)
    assert estimate_front_azimuth(large, poses, objects) == 40


def test_says_nothing_of_noise():
    images, poses, objects = toy_set(0)
    noise = np.random.default_rng(0).integers(0, 256, images.shape, dtype=np.uint8)
    assert estimate_front_azimuth(noise, poses, objects) is None


def test_says_nothing_when_each_object_has_its_own_zero():
    assert estimate_front_azimuth(*toy_set(0, offsets=(0, 100, 40, 160))) is None


def test_says_nothing_of_round_objects():
    images, poses, objects = toy_set(0)
    assert estimate_front_azimuth(images[:1].repeat(len(images), 0), poses, objects) is None


def test_says_nothing_without_azimuths_or_pairs():
    images, poses, objects = toy_set(0)
    assert estimate_front_azimuth(images, np.full_like(poses, np.nan), objects) is None
    assert estimate_front_azimuth(images[:0], poses[:0], objects[:0]) is None
    alone = np.arange(len(objects)).astype(str)
    assert estimate_front_azimuth(images, poses, alone) is None
    assert estimate_front_azimuth(images, poses, objects, groups=alone) is None


def test_samples_without_azimuth_are_left_out():
    images, poses, objects = toy_set(40)
    images[::5], poses[::5, 0] = 255, np.nan
    assert estimate_front_azimuth(images, poses, objects) == 40


def test_only_views_of_one_group_are_compared():
    images, poses, objects = toy_set(40)
    lamps = np.where(poses[:, 0] % 40 == 0, "left", "right")
    assert estimate_front_azimuth(images, poses, objects, groups=lamps) == 40
