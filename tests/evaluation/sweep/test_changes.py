"""Changes of images: the pixels that OpenCV and plain arithmetic give, in the stated direction."""

import cv2
import numpy as np
import pytest
import torch

from objrec.evaluation.sweep.changes import CHANGES, Change, amounts_between, kernel_size
from objrec.evaluation.sweep.covering import MIDDLE
from objrec.pose import AXES

SIDE = 40
MOVES = ("roll", "scale", "shift_x", "shift_y")


def batch(count=3, cameras=2, channels=3, side=SIDE, seed=0):
    """Random images, smoothed so that interpolation in 1/32 of a pixel, as OpenCV's, is enough."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((count, cameras, channels, side, side)).astype(np.float32)
    smooth = [cv2.GaussianBlur(plane, (0, 0), 1.5) for plane in coarse.reshape(-1, side, side)]
    planes = np.stack(smooth)
    planes = (planes - planes.min()) / (planes.max() - planes.min())
    return torch.from_numpy(planes.reshape(coarse.shape))


def applied(name, images, amount, seeds=None):
    return CHANGES[name].apply(images, amount, seeds or list(range(len(images))))


def by_opencv(images, function):
    planes = images.flatten(0, 2).numpy()
    return np.stack([function(plane) for plane in planes]).reshape(images.shape)


def warped_by_opencv(name, amount, side):
    angle, ratio = amount if name == "roll" else 0.0, amount if name == "scale" else 1.0
    matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), angle, ratio)
    matrix[0, 2] += side * (amount if name == "shift_x" else 0.0)
    matrix[1, 2] += side * (amount if name == "shift_y" else 0.0)
    return lambda plane: cv2.warpAffine(
        plane, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def dot(x, y, side=SIDE):
    """One bright soft dot x pixels right and y down of the middle, (1, 2, 1, side, side)."""
    steps = torch.arange(side) - (side - 1) / 2
    image = torch.exp(-((steps[None] - x) ** 2 + (steps[:, None] - y) ** 2) / 8)
    return image.expand(1, 2, 1, -1, -1)


def place(image):
    steps = torch.arange(image.shape[-1]) - (image.shape[-1] - 1) / 2
    weights = image / image.sum()
    return float((weights.sum(0) * steps).sum()), float((weights.sum(1) * steps).sum())


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("side", [40, 33])
def test_moves_give_the_pixels_of_opencv(name, side):
    images = batch(side=side)
    for amount in CHANGES[name].amounts:
        wanted = by_opencv(images, warped_by_opencv(name, amount, side))
        np.testing.assert_allclose(applied(name, images, amount), wanted, atol=0.02)


@pytest.mark.parametrize("percent", [0.5, 2.0, 6.0, 20.0])
def test_blur_gives_the_pixels_of_opencv(percent):
    images, sigma = batch(), percent / 100 * SIDE
    size = (kernel_size(sigma),) * 2
    wanted = by_opencv(
        images, lambda p: cv2.GaussianBlur(p, size, sigma, borderType=cv2.BORDER_REPLICATE)
    )
    np.testing.assert_allclose(applied("blur", images, percent), wanted, atol=1e-5)


def test_a_blur_looks_alike_whatever_the_size_of_the_images():
    small = applied("blur", dot(3.0, 0.0), 8.0)[0, 0, 0]
    large = cv2.resize(dot(3.0, 0.0)[0, 0, 0].numpy(), (80, 80), interpolation=cv2.INTER_CUBIC)
    large = applied("blur", torch.from_numpy(large).expand(1, 1, 1, -1, -1), 8.0)[0, 0, 0]
    halved = cv2.resize(large.numpy(), (40, 40), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(small, halved, atol=0.01)


def test_darkening_leaves_a_share_of_the_light():
    images = batch()
    np.testing.assert_allclose(applied("darken", images, 0.3), images.numpy() * 0.3, rtol=1e-6)


def test_noise_is_gaussian_of_the_deviation_and_differs_between_pixels_and_cameras():
    images = torch.full((2, 2, 3, 96, 96), 0.5)
    added = applied("noise", images, 0.1) - images
    assert float(added.std()) == pytest.approx(0.1, rel=0.02)
    assert abs(float(added.mean())) < 0.002
    assert float((added.abs() < 0.1).float().mean()) == pytest.approx(0.683, abs=0.01)
    assert abs(np.corrcoef(added[0, 0].flatten(), added[0, 1].flatten())[0, 1]) < 0.02


@pytest.mark.parametrize(
    ("name", "amount", "wanted"),
    [
        ("roll", 90.0, (0.0, -8.0)),  # what is on the right goes up: counter-clockwise as seen
        ("roll", -30.0, (8 * np.cos(np.pi / 6), 4.0)),
        ("scale", 1.5, (12.0, 0.0)),
        ("scale", 0.5, (4.0, 0.0)),
        ("shift_x", 0.1, (12.0, 0.0)),
        ("shift_y", 0.1, (8.0, 4.0)),
    ],
)
def test_a_marker_goes_where_the_page_of_conventions_says(name, amount, wanted):
    moved = applied(name, dot(8.0, 0.0), amount)
    assert place(moved[0, 0, 0]) == pytest.approx(wanted, abs=0.05)
    torch.testing.assert_close(moved[0, 0], moved[0, 1])  # both cameras alike


@pytest.mark.parametrize("size", [40, 48, 97])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_the_stated_share_of_the_middle_is_hidden_and_nothing_else(size, share):
    images = torch.full((20, 2, 1, size, size), 2.0)
    hidden = applied("occlude", images, share) != images
    middle = round(MIDDLE * size)
    start = (size - middle) // 2
    inside = hidden[..., start : start + middle, start : start + middle]
    assert inside.sum() == hidden.sum()
    assert float(inside.float().mean()) == pytest.approx(share, abs=0.03)
    assert torch.equal(hidden[:, 0], hidden[:, 1])
    for mask in hidden[:, 0, 0]:
        rows, columns = mask.any(1).sum(), mask.any(0).sum()
        assert rows == columns and rows * columns == mask.sum()  # a square
    assert len({mask.numpy().tobytes() for mask in hidden[:, 0, 0]}) > 5


def test_what_hides_is_a_texture_of_many_grays_the_same_in_all_cameras_and_colours():
    found = applied("occlude", torch.full((1, 2, 3, 48, 48), 2.0), 0.5)[0]
    assert len(found.unique()) > 30
    assert 0.2 < float(found[found < 2].std()) < 0.4
    assert bool((found == found[:1, :1]).all())


def test_more_is_hidden_of_the_same_place():
    images = torch.full((10, 1, 1, 48, 48), 2.0)
    less, more = (applied("occlude", images, share) for share in (0.3, 0.7))
    both = (less < 2) & (more < 2)
    assert torch.equal(less[both], more[both]) and bool(both.any())


@pytest.mark.parametrize("size", [40, 48, 97])
def test_clutter_covers_the_stated_share_of_the_surroundings_and_nothing_else(size):
    images = torch.full((6, 2, 3, size, size), 2.0)
    middle = round(MIDDLE * size)
    start = (size - middle) // 2
    around = 0
    for row in range(size):
        for column in range(size):
            inside = all(start <= place < start + middle for place in (row, column))
            around += not inside
    before = torch.zeros(6, size, size, dtype=torch.bool)
    for share in CHANGES["clutter"].amounts:
        found = applied("clutter", images, share)
        covered = (found != images)[:, 0, 0]
        assert covered.flatten(1).sum(1).tolist() == [round(share * around)] * 6
        assert not covered[:, start : start + middle, start : start + middle].any()
        assert bool((found == found[:, :1, :1]).all())  # the same in all cameras and colours
        assert bool((covered | ~before).all())  # a larger share covers more, and changes nothing
        before = covered
    full = applied("clutter", images, 1.0)
    half = applied("clutter", images, 0.5)
    assert torch.equal(torch.where(half < 2, half, full), full)


def test_clutter_shows_the_shape_in_front_at_every_pixel():
    """A loop over pixels and shapes, from the first to the last, gives the same image."""
    size, cells, shapes, (low, high) = 48, 16, 40, (0.08, 0.35)
    generator = torch.Generator().manual_seed(5)
    drawn = torch.rand(shapes, 6, generator=generator).numpy().astype(float)
    grays = torch.rand(shapes + 1, 1, cells, cells, generator=generator).numpy()
    found = applied("clutter", torch.full((1, 1, 1, size, size), 2.0), 1.0, [5])[0, 0, 0].numpy()
    for row in range(size):
        for column in range(size):
            y, x = (row + 0.5) / size, (column + 0.5) / size
            front, strength = shapes, 1.0
            for number, (top, left, height, width, kind, strong) in enumerate(drawn):
                down = (y - top) / (low + (high - low) * height)
                right = (x - left) / (low + (high - low) * width)
                box = abs(down) < 1 and abs(right) < 1
                if box if kind < 0.5 else down * down + right * right < 1:
                    front, strength = number, strong
                    break
            own = grays[front, 0]
            texture = own[row * cells // size, column * cells // size]
            wanted = own[0, 0] + strength * (texture - own[0, 0])
            if 6 <= row < 42 and 6 <= column < 42:
                wanted = 2.0
            assert found[row, column] == pytest.approx(wanted, abs=1e-5)


def test_every_image_may_have_an_amount_of_its_own():
    images = torch.randint(0, 256, (5, 2, 1, 48, 48), dtype=torch.uint8)
    seeds = [3, 1, 4, 1, 5]
    amounts = amounts_between(0.6, 0.8, seeds)
    together = CHANGES["occlude"].changed(images, amounts, seeds)
    for i, (amount, seed) in enumerate(zip(amounts, seeds, strict=True)):
        alone = CHANGES["occlude"].changed(images[i : i + 1], amount, [seed])
        assert torch.equal(together[i : i + 1], alone)
    with pytest.raises(ValueError, match="shorter"):
        CHANGES["occlude"].changed(images, amounts[:4], seeds)


def test_amounts_are_drawn_evenly_and_by_the_seed_alone():
    amounts = np.array(amounts_between(1 / 3, 2 / 3, range(3000)))
    assert amounts.min() >= 1 / 3 and amounts.max() <= 2 / 3
    np.testing.assert_allclose(
        np.quantile(amounts, [0.25, 0.5, 0.75]), [5 / 12, 0.5, 7 / 12], atol=0.01
    )
    assert amounts_between(1 / 3, 2 / 3, [7]) == [amounts[7]]
    places = [torch.rand(1, generator=torch.Generator().manual_seed(s)).item() for s in range(3000)]
    assert abs(np.corrcoef(amounts, places)[0, 1]) < 0.06


def test_hidden_is_what_a_loop_over_pixels_hides():
    images = torch.full((8, 1, 1, 48, 48), 255, dtype=torch.uint8)
    seeds = list(range(8))
    amounts = amounts_between(0.3, 0.8, seeds)
    found = CHANGES["occlude"].changed(images, amounts, seeds)[:, 0, 0].numpy()
    for image, amount, seed in zip(found, amounts, seeds, strict=True):
        generator = torch.Generator().manual_seed(seed)
        place = torch.rand(2, generator=generator).tolist()
        grays = torch.rand(1, 16, 16, generator=generator)[0].tolist()
        patch = round(amount**0.5 * 36)
        top, left = (6 + round(p * (36 - patch)) for p in place)
        for row in range(48):
            for column in range(48):
                hidden = top <= row < top + patch and left <= column < left + patch
                wanted = grays[row // 3][column // 3] * 255 if hidden else 255
                assert abs(float(image[row, column]) - wanted) <= 0.51


@pytest.mark.parametrize("name", ["noise", "occlude", "clutter"])
def test_a_seed_gives_an_image_the_same_change_in_any_batch(name):
    images, amount = batch(4), CHANGES[name].amounts[-1]
    together = applied(name, images, amount, [5, 6, 7, 5])
    alone = applied(name, images[2:3], amount, [7])
    assert torch.equal(together[2:3], alone)
    same = applied(name, images[:1].expand(2, -1, -1, -1, -1), amount, [5, 6])
    assert not torch.equal(same[0], same[1])


@pytest.mark.parametrize("name", CHANGES)
def test_the_neutral_amount_leaves_every_image_as_it_is(name):
    images = torch.randint(0, 256, (2, 2, 3, 31, 31), dtype=torch.uint8)
    assert torch.equal(CHANGES[name].changed(images, CHANGES[name].neutral, [0, 1]), images)


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_describes_itself_and_changes_bytes_into_bytes(name):
    change = CHANGES[name]
    assert change.name == name and change.title and change.unit
    assert change.axis is None or change.axis in AXES
    assert change.neutral in change.amounts and len(set(change.amounts)) == len(change.amounts)
    images = torch.randint(0, 256, (2, 1, 1, 48, 48), dtype=torch.uint8)
    before = images.clone()
    for amount in change.amounts:
        found = change.changed(images, amount, [0, 1])
        assert found.dtype == torch.uint8 and found.shape == images.shape
        assert torch.equal(found, images) == (amount == change.neutral)
    assert torch.equal(images, before)


def test_bytes_are_rounded_and_stay_in_range():
    double = Change("lit", "lit", "factor", None, 1.0, (1.0, 2.0), lambda i, a, s: a * i)
    images = torch.tensor([0, 3, 100, 200], dtype=torch.uint8).view(1, 1, 1, 2, 2)
    assert double.changed(images, 2.0, [0]).flatten().tolist() == [0, 6, 200, 255]
    assert double.changed(images, 0.49, [0]).flatten().tolist() == [0, 1, 49, 98]


def test_mistakes_of_programmers_are_named():
    images = torch.zeros(2, 1, 1, 8, 8, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"uint8 .* with B seeds"):
        CHANGES["roll"].changed(images.float(), 10.0, [0, 1])
    with pytest.raises(ValueError, match=r"\(2, 1, 1, 8, 8\) with 1"):
        CHANGES["roll"].changed(images, 10.0, [0])
    with pytest.raises(ValueError, match="neutral"):
        Change("dim", "dim", "factor", None, 1.0, (0.5,), CHANGES["darken"].apply)
