"""The recogniser: a model made ready once, and the questions it answers.

A `Recognizer` is made once per model: it warps the references once and keeps them. Every method
is a pure question; nothing that is asked changes what is answered next.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from objrec.datasets.frame import PoseFrame
from objrec.energy.energies import Energies, Hypotheses
from objrec.energy.model import EnergyModel
from objrec.energy.search import MEMORY
from objrec.errors import Failure, SettingsError
from objrec.mirroring import mirrored_images, mirrored_places
from objrec.pose import INDEX, PoseSpace
from objrec.preprocessing import Preprocessing, as_image_batch
from objrec.recognizer.device import choose_device
from objrec.recognizer.opening import Image, Opened, opened, preprocessed
from objrec.recognizer.precision import choose_precision, computed
from objrec.recognizer.recognition import Original, Recognition
from objrec.recognizer.searching import made_ready, refuse_all, searched
from objrec.recognizer.together import RelativePose, joined_name, joint, shifts_of
from objrec.recognizer.wording import worded
from objrec.saving import Calibration, SavedModel, load_model, shipped_model


class Seen(NamedTuple):
    """A batch of images as a model sees it: computed once, asked many questions.

    Attributes:
        features: (B, C, h, w) = G(X).
        energies: Of every answer.
    """

    features: torch.Tensor
    energies: Energies


class Recognizer:
    """A model ready for use.

    Args:
        saved: From `load_model`.
        device: 'auto' (a GPU where there is one), 'cpu', 'cuda', ...
        name: What reports call it; `load` takes the folder's name.
        precision: 'float32'; 'bfloat16' and 'float16' compute features faster where the device
            has them in hardware (energies always are float32).

    Example:
        >>> recognizer = Recognizer.load()  # the shipped model
        >>> recognizer.categories[:2]
        ('airplane', 'animal')
    """

    def __init__(
        self, saved: SavedModel, device: str = "auto", name: str = "", precision: str = "float32"
    ) -> None:
        self.name = name
        self.device, self.precision = choose_device(device), choose_precision(precision)
        self.network = saved.network.to(self.device).eval()
        self.kind = saved.kind
        self.preprocessing: Preprocessing = saved.preprocessing
        self.calibration: Calibration | None = saved.calibration
        self.training = saved.training
        self.frame: PoseFrame = saved.frame
        self.background: tuple[str, ...] = saved.background
        self._mirrored: torch.Tensor | None = None
        self._prepared, self._search = made_ready(self.network)

    @classmethod
    def load(
        cls, folder: str | Path | None = None, device: str = "auto", precision: str = "float32"
    ) -> Recognizer:
        """Read a model folder; without one, the model that comes with objrec.

        Raises:
            ModelError: The folder is not a complete model.
            SettingsError: The device or the precision is not to be had.
        """
        path = Path(folder) if folder is not None else shipped_model()
        return cls(load_model(path), device, path.resolve().name, precision)

    def searching(
        self, space: PoseSpace | None = None, method: str = "auto", memory: int = MEMORY
    ) -> Recognizer:
        """Return a recogniser with the same weights that searches other poses, or otherwise.

        So a model trained on a few views is asked about those between, to which its reference
        models can be turned.

        Args:
            space: The poses; those of the model, if not given.
            method: 'auto': all answers are held where they fit into the memory, otherwise
                'coarse-to-fine': the best by estimate are compared. 'exhaustive': all are
                compared, in blocks; for hundreds of images at once (`recognize_many`, batch_size).
            memory: Bytes for warped references and energies, about.

        Raises:
            SettingsError: The model is a classifier, its references cannot be turned so, or the
                memory is too small.

        Example:
            ``recognizer.searching(PoseSpace({"azimuth": range(0, 360, 5)}))``
        """
        if not isinstance(self.network, EnergyModel):
            raise SettingsError(f"a model of kind '{self.kind}' searches no poses")
        other = copy.copy(self)
        other.network = self.network.searching(space or self.space)
        other._prepared, other._search = made_ready(other.network, method, memory)
        return other if self._mirrored is None else other.mirroring()

    def mirroring(self) -> Recognizer:
        """Return a recogniser that looks at the mirror image of every image too.

        The energies of both, each of the pose that it shows the object in, are averaged: two
        images of one object, at twice the time. It is for objects whose sides are alike.

        Raises:
            SettingsError: The model does not know what azimuth a mirror image shows, or does not
                search it.

        Example:
            ``Recognizer.load().mirroring().recognize("cup.jpg")``
        """
        if self._search is not None:
            refuse_all(self.network)
        other, front = copy.copy(self), self.frame.front_azimuth
        grid = self._prepared.grid if self._prepared is not None else PoseSpace({}).grid()
        if front is None and "azimuth" in grid.axes:
            raise SettingsError(
                "mirror: the model does not know the azimuth of the front, and so not what a "
                "mirror image shows; train with --front-azimuth"
            )
        try:
            places = mirrored_places(grid, front or 0.0)
        except ValueError as error:
            raise SettingsError(f"mirror: {error}; recognise without") from error
        other._mirrored = places.to(self.device)
        return other

    @property
    def categories(self) -> tuple[str, ...]:
        """The category names, in the order of `Energies`."""
        return self.network.categories

    @property
    def space(self) -> PoseSpace:
        """The poses that the model searches."""
        return self.network.space

    @property
    def axes(self) -> tuple[str, ...]:
        """The pose axes that the model answers; none for a plain classifier."""
        return self.network.axes

    @property
    def parameters(self) -> int:
        """Number of trained parameters."""
        return sum(p.numel() for p in self.network.parameters() if p.requires_grad)

    def recognize(self, image: Image, *, refine: bool = True, hypotheses: int = 3) -> Recognition:
        """Recognise one image.

        Args:
            image: A file, or pixels; see `Image`.
            refine: Whether poses leave the grid of the pose space.
            hypotheses: How many distinct answers to return.

        Raises:
            DataError: The image cannot be read, or has another number of cameras.
            ValueError: Pixels of a shape or type that no image has.
        """
        return self._answered([self.preprocessed(image)], refine, hypotheses)[0]

    def recognize_many(
        self,
        images: Iterable[Image | Failure],
        *,
        refine: bool = True,
        hypotheses: int = 3,
        batch_size: int = 64,
    ) -> Iterator[Recognition | Failure]:
        """Recognise many images, in order; one that cannot be read becomes a `Failure`.

        Args:
            images: Files or pixels; a `Failure` among them is passed on in its place.
            refine: Whether poses leave the grid of the pose space.
            hypotheses: How many distinct answers to return for each.
            batch_size: Images recognised at once; reading is lazy, so memory is bounded.
        """
        waiting = iter(images)
        while chunk := list(islice(waiting, batch_size)):
            opened = [self.opened(image) for image in chunk]
            good = [item for item in opened if not isinstance(item, Failure)]
            answers = iter(self._answered(good, refine, hypotheses) if good else ())
            for item in opened:
                yield item if isinstance(item, Failure) else next(answers)

    @torch.inference_mode()
    def together(
        self,
        images: Sequence[Image | Opened],
        relative_poses: Sequence[RelativePose] | None = None,
        *,
        refine: bool = True,
        hypotheses: int = 3,
    ) -> Recognition:
        """Recognise one object from several images of it: their energies add.

        Args:
            images: Images of one object, each as for `recognize`.
            relative_poses: How the object is turned in each image, in any frame: only the
                differences from the first image count, and an axis that is not named is 0. None
                where they are not known: each image then has a pose of its own. If it can be, each
                image's pose is within the range that the model searches. A classifier adds
                log-probabilities, which have no pose.
            refine: Whether the pose leaves the grid of the pose space.
            hypotheses: How many distinct answers to return.

        Returns:
            The pose is that of the first image. Energies are means over the images, so that they
            can be held against those of single images, and against the threshold for 'unknown',
            which was fitted on such: known objects are then called unknown more rarely.
            Probabilities are those of the sum, as if each image were evidence of its own; views
            of one object are not quite, so they are too sure.

        Raises:
            DataError: An image cannot be read, or has another number of cameras.
            SettingsError: There is not one pose an image, or planar references would have to be
                turned to views that they do not hold.
            ValueError: There is no image.

        Example:
            ``recognizer.together(["a.png", "b.png"], [{"azimuth": 0}, {"azimuth": 90}])``
        """
        if not len(images):
            raise ValueError("together needs at least one image")
        shifts = None if relative_poses is None else shifts_of(relative_poses, len(images))
        opened = [self.preprocessed(image) for image in images]
        seen = self.see(torch.stack([image.pixels for image in opened]))
        energies, found = joint(self.network, *seen, shifts, hypotheses, refine)
        sources = tuple(image.source for image in opened)
        (answer,) = worded(
            energies,
            found,
            self.calibration,
            self.frame,
            sources=[joined_name(sources)],
            originals=[opened[0].original],
            images=len(opened),
        )
        return replace(answer, sources=sources)

    @torch.inference_mode()
    def recognize_batch(
        self,
        images: torch.Tensor,
        *,
        refine: bool = True,
        hypotheses: int = 3,
        sources: Sequence[str | None] | None = None,
        originals: Sequence[Original | None] | None = None,
    ) -> list[Recognition]:
        """Recognise images that are preprocessed already.

        Args:
            images: (B, V, C, S, S) uint8, from `preprocessing.images`.
            refine: Whether poses leave the grid of the pose space.
            hypotheses: How many distinct answers to return for each.
            sources: B names to note in the answers.
            originals: What the B images were before preprocessing, likewise.
        """
        if self._search is not None:
            found = searched(self._search, self._features(images), hypotheses, refine)
            return self._worded(*found, sources, originals)
        seen = self.see(images)
        return self.recognitions(
            seen, refine=refine, hypotheses=hypotheses, sources=sources, originals=originals
        )

    @torch.inference_mode()
    def see(self, images: torch.Tensor) -> Seen:
        """Return features and energies of preprocessed images, for further questions.

        Args:
            images: (B, V, C, S, S) uint8, from `preprocessing.images`.

        Raises:
            SettingsError: There are too many answers to hold the energies of all.
        """
        if self._search is not None:
            refuse_all(self.network)
        features = self._features(images)
        energies = self.network.energies(features, self._prepared)
        if self._mirrored is not None:
            others = self._features(mirrored_images(images))
            mirror = self.network.energies(others, self._prepared)
            energies = energies.averaged_with_mirror(mirror, self._mirrored)
        return Seen(features, energies)

    @torch.inference_mode()
    def recognitions(
        self,
        seen: Seen,
        *,
        refine: bool = True,
        hypotheses: int = 3,
        sources: Sequence[str | None] | None = None,
        originals: Sequence[Original | None] | None = None,
    ) -> list[Recognition]:
        """Return the answers to images seen; arguments as for `recognize_batch`."""
        found = self.network.hypotheses(*seen, hypotheses, refined=refine)
        return self._worded(seen.energies, found, sources, originals)

    def _worded(
        self,
        energies: Energies,
        found: Hypotheses,
        sources: Sequence[str | None] | None,
        originals: Sequence[Original | None] | None,
    ) -> list[Recognition]:
        nobody = [None] * len(energies)
        return worded(
            energies,
            found,
            self.calibration,
            self.frame,
            sources=sources or nobody,
            originals=originals or nobody,
        )

    @torch.inference_mode()
    def poses(self, seen: Seen, categories: torch.Tensor, *, refine: bool = True) -> torch.Tensor:
        """Return the best pose of each image, given its category.

        Args:
            seen: From `see`.
            categories: (B,) indices.
            refine: Whether poses leave the grid of the pose space.

        Returns:
            (B, A) stored units; NaN on the axes that the model does not answer.
        """
        energies = seen.energies.among(categories.to(self.device))
        found = self.network.hypotheses(seen.features, energies, 1, refined=refine)
        poses = torch.full_like(found.pose[:, 0], torch.nan)
        answered = [INDEX[name] for name in found.axes]
        poses[:, answered] = found.pose[:, 0, answered]
        return poses

    @torch.inference_mode()
    def energies(self, images: Image | Sequence[Image]) -> Energies:
        """Return the energy of every answer, for one image, a batch of pixels or a list.

        Raises:
            DataError: An image cannot be read.
        """
        if isinstance(images, np.ndarray | torch.Tensor):
            samples = as_image_batch(images, self.preprocessing.cameras)
            pixels = [self.preprocessing.images(sample) for sample in samples]
        else:
            listed = images if isinstance(images, list) else [images]
            pixels = [self.preprocessed(image).pixels for image in listed]
        return self.see(torch.stack(pixels)).energies

    def _answered(self, opened: list[Opened], refine: bool, hypotheses: int) -> list[Recognition]:
        return self.recognize_batch(
            torch.stack([image.pixels for image in opened]),
            refine=refine,
            hypotheses=hypotheses,
            sources=[image.source for image in opened],
            originals=[image.original for image in opened],
        )

    def _features(self, images: torch.Tensor) -> torch.Tensor:
        pixels = self.preprocessing.normalised(images.to(self.device))
        return computed(self.network.extractor, pixels, self.precision)

    def opened(self, image: Image | Failure) -> Opened | Failure:
        """Return an image as the network takes it, or why it cannot be had; failures pass."""
        return opened(image, self.preprocessing)

    def preprocessed(self, image: Image | Opened) -> Opened:
        """Return an image as the network takes it; one that is so already, as it is.

        Raises:
            DataError: The image cannot be read, or has another number of cameras.
        """
        return preprocessed(image, self.preprocessing)
