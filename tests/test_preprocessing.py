"""Letterboxing, normalisation, loading, and every form in which users pass images."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from objrec.datasets.images.depths import shown_on_white
from objrec.errors import DataError, SettingsError
from objrec.preprocessing import Preprocessing, as_image_batch, load_images

RNG = np.random.default_rng(0)


def noise(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


class TestImages:
    def test_shapes_and_types(self):
        for cameras in (1, 2):
            for colour in (False, True):
                settings = Preprocessing(size=16, cameras=cameras, colour=colour)
                for shape in ((cameras, 20, 30), (cameras, 20, 30, 3)):
                    result = settings.images(noise(*shape))
                    assert result.dtype == torch.uint8
                    assert result.shape == (cameras, settings.channels, 16, 16)
                    assert result.is_contiguous()

    def test_shrinking_averages_areas(self):
        image = noise(1, 48, 48)
        wanted = image.reshape(12, 4, 12, 4).astype(float).mean(axis=(1, 3))
        result = Preprocessing(size=12).images(image)[0, 0].numpy()
        assert np.abs(result - wanted).max() <= 0.5 + 1e-6

    def test_an_image_of_the_right_size_is_untouched(self):
        image = noise(2, 16, 16)
        result = Preprocessing(size=16, cameras=2).images(torch.from_numpy(image))
        assert np.array_equal(result[:, 0], image)

    @pytest.mark.parametrize(("h", "w"), [(20, 40), (40, 20), (13, 40), (40, 39)])
    def test_letterboxed_never_squashed(self, h, w):
        """A disc stays a disc, in the middle, and the border's median colour fills the rest."""
        y, x = np.mgrid[:h, :w]
        disc = (y - (h - 1) / 2) ** 2 + (x - (w - 1) / 2) ** 2 < 36
        image = np.where(disc, 200, 50).astype(np.uint8)
        image[0, : w // 4] = 90  # an odd part of the border does not decide its colour
        result = Preprocessing(size=80).images(image[None])[0, 0].numpy()
        rows, columns = (np.flatnonzero((result > 150).any(axis)) for axis in (1, 0))
        assert abs(len(rows) - len(columns)) <= 2
        assert abs(rows.mean() - 39.5) <= 1.5
        assert abs(columns.mean() - 39.5) <= 1.5
        padding = result[:, -1] if w < h else result[-1]
        assert np.abs(padding.astype(int) - 50).max() <= 1

    def test_a_long_strip_takes_no_square_of_its_length(self):
        """That would be 4 GB."""
        strip = np.full((1, 1, 65_535), 200, np.uint8)
        strip[..., 32_768:] = 100
        image = Preprocessing(size=16).images(strip)[0, 0]
        assert (image.int() - 150).abs().max() <= 3, "padding, and a line too thin to be seen"

    def test_the_padding_has_the_median_colour_of_the_border(self):
        image = np.full((1, 10, 40, 3), (10, 60, 200), np.uint8)
        image[0, 3:7, 10:30] = 255
        result = Preprocessing(size=40, colour=True).images(image)[0]
        assert result[:, 0, 0].tolist() == [10, 60, 200]
        assert result[:, 20, 20].tolist() == [255, 255, 255]

    def test_colour_becomes_gray_by_the_usual_weights_and_gray_becomes_colour(self):
        image = noise(1, 8, 8, 3)
        wanted = image[0] @ np.array([0.299, 0.587, 0.114])
        gray = Preprocessing(size=8).images(image)[0, 0].numpy()
        assert np.abs(gray - wanted).max() <= 0.51
        colour = Preprocessing(size=8, colour=True).images(image[..., 0])
        assert all(np.array_equal(channel, image[0, ..., 0]) for channel in colour[0])

    def test_each_camera_is_treated_alike(self):
        image = noise(2, 30, 20)
        both = Preprocessing(size=16, cameras=2).images(image)
        for camera in (0, 1):
            alone = Preprocessing(size=16).images(image[camera : camera + 1])
            assert torch.equal(both[camera : camera + 1], alone)

    @pytest.mark.parametrize(
        ("cameras", "given", "message"),
        [
            (2, 1, "has 1 camera image, the model takes stereo pairs"),
            (1, 2, "has 2 camera images, the model takes single images"),
            (3, 2, "has 2 camera images, the model takes 3 images of each object"),
        ],
    )
    def test_the_number_of_cameras_must_be_the_models(self, cameras, given, message):
        with pytest.raises(DataError, match=message):
            Preprocessing(cameras=cameras).images(noise(given, 8, 8))

    @pytest.mark.parametrize(
        "image", [noise(8, 8), noise(1, 8, 8, 4), noise(1, 8, 8).astype(float)]
    )
    def test_other_arrays_are_a_programmers_mistake(self, image):
        with pytest.raises(ValueError, match=r"images must be uint8 \(V, H, W\) or"):
            Preprocessing().images(image)


class TestNormalisation:
    def test_is_the_stated_formula(self):
        images = torch.from_numpy(noise(3, 2, 1, 8, 8))
        settings = Preprocessing(mean=0.3, deviation=0.2)
        wanted = (images.double() / 255 - 0.3) / 0.2
        result = settings.normalised(images)
        assert result.dtype == torch.float32
        assert torch.allclose(result.double(), wanted, atol=1e-5)
        assert torch.allclose(settings.standardised(images.double() / 255), wanted)

    def test_fitted_settings_give_mean_0_and_deviation_1(self):
        images = torch.from_numpy(noise(5, 1, 3, 8, 8)) // 2 + 40
        settings = Preprocessing(size=8, colour=True)
        fitted = settings.fitted(images)
        assert fitted.mean == pytest.approx(float((images.double() / 255).mean()), abs=1e-6)
        result = fitted.normalised(images)
        assert abs(float(result.mean())) < 1e-4
        assert float(result.std(correction=0)) == pytest.approx(1, abs=1e-4)
        assert (fitted.size, fitted.colour) == (8, True)

    def test_flat_images_do_not_divide_by_zero(self):
        assert Preprocessing().fitted(torch.zeros(1, 1, 1, 4, 4, dtype=torch.uint8)).deviation > 0

    def test_settings_are_stored_and_read_strictly(self):
        settings = Preprocessing(size=32, cameras=2, colour=True, mean=0.1, deviation=0.3)
        assert Preprocessing.from_json(settings.to_json(), "config.json") == settings
        with pytest.raises(SettingsError, match="unknown setting 'sise'; did you mean 'size'"):
            Preprocessing.from_json({"sise": 3}, "config.json")
        with pytest.raises(SettingsError, match="deviation must be at least"):
            Preprocessing(deviation=0.0)


@dataclass
class Samples:
    """A data set in memory, some of whose samples cannot be read."""

    pixels: list
    broken: tuple = ()
    cameras: int = 1
    root: Path = Path("somewhere")
    labels: np.ndarray = field(init=False)
    poses: np.ndarray = field(init=False)
    sources: tuple = field(init=False)

    def __post_init__(self):
        count = len(self.pixels)
        self.labels, self.poses = np.arange(count), np.arange(6.0 * count).reshape(count, 6)
        self.sources = tuple(f"somewhere/{i}.png" for i in range(count))

    def __len__(self):
        return len(self.pixels)

    def __getitem__(self, index):
        if index in self.broken:
            raise DataError(f"{self.sources[index]}: is no image; remove it")
        return SimpleNamespace(images=self.pixels[index])


class TestLoadImages:
    def test_loads_every_sample_in_order(self):
        pixels = [noise(1, 10 + i % 7, 12) for i in range(600)]
        settings, seen = Preprocessing(size=8), []
        batch, failures = load_images(Samples(pixels), settings, lambda *c: seen.append(c), 3)
        assert failures == ()
        assert len(batch) == 600
        assert all(torch.equal(batch.images[i], settings.images(pixels[i])) for i in range(600))
        assert batch.images.dtype == torch.uint8
        assert batch.labels.tolist() == batch.index.tolist() == list(range(600))
        assert batch.labels.dtype == batch.index.dtype == torch.int64
        assert batch.poses.dtype == torch.float32
        assert batch.poses[599].tolist() == [3594, 3595, 3596, 3597, 3598, 3599]
        assert [total for _, total in seen] == [600] * len(seen)
        assert [done for done, _ in seen] == sorted({done for done, _ in seen})
        assert seen[-1] == (600, 600)

    def test_unreadable_samples_are_left_out_and_reported(self):
        pixels = [np.full((1, 8, 8), i, np.uint8) for i in range(5)]
        batch, failures = load_images(Samples(pixels, broken=(3, 1)), Preprocessing(size=8))
        assert batch.index.tolist() == batch.labels.tolist() == [0, 2, 4]
        assert batch.images[:, 0, 0, 0, 0].tolist() == [0, 2, 4]
        assert batch.poses[:, 0].tolist() == [0, 12, 24]
        assert [str(f) for f in failures] == [
            "somewhere/1.png: is no image; remove it",
            "somewhere/3.png: is no image; remove it",
        ]

    def test_a_set_with_nothing_readable_is_refused(self):
        with pytest.raises(
            DataError,
            match=r"somewhere: none of the 2 images can be read; the first is somewhere/0",
        ):
            load_images(Samples([noise(1, 8, 8)] * 2, broken=(0, 1)), Preprocessing())
        with pytest.raises(DataError, match="somewhere: there is no image to read; check"):
            load_images(Samples([]), Preprocessing())

    def test_the_sets_cameras_must_be_the_models(self):
        with pytest.raises(
            DataError, match="somewhere: has 1 camera image, the model takes stereo"
        ):
            load_images(Samples([noise(1, 8, 8)]), Preprocessing(cameras=2))


GRAY, COLOUR = noise(9, 11), noise(9, 11, 3)


def torch_of(array):
    return torch.from_numpy(np.ascontiguousarray(array))


class TestAsImageBatch:
    @pytest.mark.parametrize(
        ("given", "cameras", "wanted"),
        [
            (GRAY, 1, [GRAY[None]]),
            (COLOUR, 1, [COLOUR[None]]),
            (GRAY[..., None], 1, [GRAY[None]]),
            (np.stack([GRAY, GRAY + 1]), 1, [GRAY[None], GRAY[None] + 1]),
            (np.stack([COLOUR, COLOUR + 1]), 1, [COLOUR[None], COLOUR[None] + 1]),
            (np.stack([GRAY, GRAY + 1])[:, None], 1, [GRAY[None], GRAY[None] + 1]),
            (np.stack([GRAY, GRAY + 1]), 2, [np.stack([GRAY, GRAY + 1])]),
            (np.stack([COLOUR, COLOUR + 1]), 2, [np.stack([COLOUR, COLOUR + 1])]),
            (np.stack([[GRAY, GRAY + 1]] * 3), 2, [np.stack([GRAY, GRAY + 1])] * 3),
            (np.stack([[COLOUR, COLOUR]] * 3), 2, [np.stack([COLOUR, COLOUR])] * 3),
            (torch_of(GRAY), 1, [GRAY[None]]),
            (torch_of(GRAY[None]), 1, [GRAY[None]]),
            (torch_of(COLOUR), 1, [COLOUR[None]]),
            (torch_of(COLOUR.transpose(2, 0, 1)), 1, [COLOUR[None]]),
            (torch_of([COLOUR.transpose(2, 0, 1)] * 4), 1, [COLOUR[None]] * 4),
            (torch_of([GRAY[None]] * 4), 1, [GRAY[None]] * 4),
            (torch_of([GRAY] * 4), 1, [GRAY[None]] * 4),
            (torch_of([GRAY] * 2), 2, [np.stack([GRAY, GRAY])]),
            (torch_of([[GRAY[None]] * 2] * 4), 2, [np.stack([GRAY, GRAY])] * 4),
            ([GRAY, COLOUR], 1, [GRAY[None], COLOUR[None]]),
            ([], 1, []),
        ],
    )
    def test_every_accepted_form(self, given, cameras, wanted):
        samples = as_image_batch(given, cameras)
        assert len(samples) == len(wanted)
        for sample, array in zip(samples, wanted, strict=True):
            assert sample.dtype == np.uint8
            assert np.array_equal(sample, array)

    @pytest.mark.parametrize("kind", [np.float32, np.float64])
    def test_floats_are_scaled_back_exactly(self, kind):
        (sample,) = as_image_batch(COLOUR.astype(kind) / 255)
        assert np.array_equal(sample[0], COLOUR)
        (sample,) = as_image_batch(torch.from_numpy(GRAY.astype(kind) / 255))
        assert np.array_equal(sample[0], GRAY)

    def test_half_precision_and_gradients_are_taken(self):
        tensor = torch.full((3, 4, 4), 0.5, dtype=torch.bfloat16, requires_grad=True)
        assert as_image_batch(tensor)[0].tolist() == np.full((1, 4, 4, 3), 128).tolist()

    def test_transparency_is_shown_on_white_as_in_files(self):
        rgba = noise(9, 11, 4)
        (sample,) = as_image_batch(rgba)
        wanted = rgba[..., :3] * (rgba[..., 3:] / 255) + 255 - rgba[..., 3:]
        assert np.abs(sample[0] - wanted).max() <= 0.51
        assert np.array_equal(sample[0], shown_on_white(rgba))

    def test_what_it_returns_can_be_preprocessed(self):
        tensor = torch.from_numpy(COLOUR).permute(2, 0, 1)
        (sample,) = as_image_batch(tensor)
        gray = Preprocessing(size=11).images(sample)
        wanted = cv2.cvtColor(COLOUR, cv2.COLOR_RGB2GRAY)
        assert np.array_equal(gray[0, 0, 1:10], wanted)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (GRAY.astype(float), "float images must lie in 0 to 1; divide by 255"),
            (np.full((4, 4), -0.1), "float images must lie in 0 to 1"),
            (np.full((4, 4), np.nan), "float images must lie in 0 to 1"),
            (GRAY.astype(int), "images must be uint8, or float in 0 to 1, not int64"),
            (GRAY > 3, "images must be uint8, or float in 0 to 1, not bool"),
            (np.zeros(5, np.uint8), "cannot tell images in an array of shape (5,)"),
            (np.zeros((0, 5), np.uint8), "cannot tell images in an array of shape (0, 5)"),
            (np.zeros((2, 2, 2, 5, 5), np.uint8), "cannot tell images in an array of shape (2, 2"),
        ],
    )
    def test_what_is_no_image_is_refused(self, given, message):
        with pytest.raises(ValueError, match=re.escape(message)):
            as_image_batch(given)
