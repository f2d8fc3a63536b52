"""The toy set: which toys, which views, and how they are written as a NORB data set.

It is the sample set of the project, and a source of sets with exactly known pose. One command
makes it, and the same settings make the same files on one machine, whatever the number of workers.

trimesh and everything that needs it is imported inside functions: the settings must be readable,
by ``--help`` too, where the extra ``render`` is not installed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from objrec.errors import SettingsError
from objrec.options import Settings, option
from objrec.rendering.workers import check_renderer, mapper

CATEGORIES = ("airplane", "animal", "boat", "car", "chair", "cup")
RECORD = "toys.json"


@dataclass(frozen=True)
class ToySettings(Settings):
    """What a set of toys consists of."""

    size: int = option(48, "side of the images in pixels", minimum=16, maximum=512)
    train_instances: int = option(8, "training toys of each category", minimum=1, maximum=1000)
    test_instances: int = option(4, "test toys of each category", minimum=1, maximum=1000)
    categories: tuple[str, ...] = option(CATEGORIES, "categories to make", choices=CATEGORIES)
    elevations: int = option(
        9, "elevations of the camera: 30, 35, ... degrees", minimum=1, maximum=12
    )
    azimuth_step: int = option(
        20, "degrees from one azimuth to the next, a multiple of 10", minimum=10, maximum=360
    )
    train_views: int = option(
        2, "train on one of so many views of a toy, in a chequer pattern", minimum=1, maximum=9
    )
    test_views: int = option(
        2, "test on one of so many views of a toy, in a chequer pattern", minimum=1, maximum=9
    )
    samples: int = option(3, "rays a pixel in each direction", minimum=1, maximum=8)
    seed: int = option(0, "random seed: which toys, and which lighting a view has", minimum=0)

    def check(self) -> None:
        """Refuse settings that contradict each other."""
        if self.azimuth_step % 10 or 360 % self.azimuth_step:
            raise SettingsError(
                f"settings: azimuth_step {self.azimuth_step} does not fit the set's layout; "
                "use a multiple of 10 that divides 360"
            )
        if not self.categories or len(set(self.categories)) < len(self.categories):
            raise SettingsError("settings: categories must name at least one, and none twice")
        # So many elevations and azimuths give each toy at least one view, whatever its shift.
        most = self.elevations + 360 // self.azimuth_step - 1
        if max(self.train_views, self.test_views) > most:
            raise SettingsError(
                f"settings: train_views and test_views must be at most {most} with so few views"
            )


def views_of(settings: ToySettings, instance: int) -> np.ndarray:
    """List the views of one toy: one of every so many, in a pattern that each toy shifts.

    Returns:
        (n, 2) indices of elevation (30 + 5 i degrees) and azimuth (10 j degrees).
    """
    training = instance < settings.train_instances
    every = settings.train_views if training else settings.test_views
    turns = 360 // settings.azimuth_step
    elevation, turn = np.divmod(np.arange(settings.elevations * turns), turns)
    kept = (elevation + turn + instance) % every == 0
    return np.stack([elevation, turn * settings.azimuth_step // 10], 1)[kept]


def render_toy(
    settings: ToySettings, category: str, instance: int
) -> tuple[np.ndarray, np.ndarray]:
    """Render all views of one toy.

    The lighting of each view is drawn, every one equally often: were it to follow from the view,
    shadows would betray the pose.

    Args:
        settings: What set the toy belongs to.
        category: Its category.
        instance: Its number; the training toys come first.

    Returns:
        Images (n, 2, size, size) uint8, and NORB info rows (n, 4) int32.
    """
    from objrec.rendering.meshes import make_toy
    from objrec.rendering.scenes import LIGHTINGS, Scene

    seen = views_of(settings, instance)
    scene = Scene(make_toy(category, instance, settings.seed))
    key = [settings.seed, CATEGORIES.index(category), instance]
    lamps = np.random.default_rng(key).permutation(np.arange(len(seen)) % len(LIGHTINGS))
    images = [
        scene.render(10 * j, 30 + 5 * i, [LIGHTINGS[k]], settings.size, settings.samples)[0]
        for (i, j), k in zip(seen, lamps, strict=True)
    ]
    info = np.column_stack([np.full(len(seen), instance), seen, lamps])
    return np.array(images), info.astype(np.int32)


def make_toys(
    out: str | Path,
    settings: ToySettings | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    force: bool = False,
    workers: int = 1,
) -> None:
    """Render a set of toys and write it: NORB files, set.json, and the settings in toys.json.

    Files are written when all is rendered, so that a run that is interrupted leaves nothing behind.

    Args:
        out: The folder to make.
        settings: What to make; the defaults make the sample set.
        on_progress: Called with the numbers of image pairs done and wanted.
        force: Write into a folder that is not empty, replacing an older toy set in it.
        workers: Processes to render with.

    Raises:
        DataError: The folder is not empty, or cannot be written.
        SettingsError: trimesh or embreex is not installed.
    """
    out, settings = Path(out), settings or ToySettings()
    from objrec.datasets.writing import check_free

    check_free(out, force=force)
    check_renderer()
    rendered = list(_rendered(settings, workers, on_progress))
    _write(out, settings, rendered, force)


@dataclass(frozen=True)
class _Rendered:
    """All views of one toy: its label, whether it is for training, images and info rows."""

    label: int
    training: bool
    images: np.ndarray
    info: np.ndarray


def _rendered(
    settings: ToySettings, workers: int, on_progress: Callable[[int, int], None] | None
) -> Iterator[_Rendered]:
    """Render toy after toy, in order of category and instance."""
    instances = settings.train_instances + settings.test_instances
    tasks = [(name, i) for name in settings.categories for i in range(instances)]
    total = sum(len(views_of(settings, instance)) for _, instance in tasks)
    done = 0
    with mapper(workers) as run:
        results = run(partial(render_toy, settings), *zip(*tasks, strict=True))
        for (name, instance), (images, info) in zip(tasks, results, strict=True):
            done += len(images)
            if on_progress is not None:
                on_progress(done, total)
            training = instance < settings.train_instances
            yield _Rendered(settings.categories.index(name), training, images, info)


def _write(out: Path, settings: ToySettings, rendered: list[_Rendered], force: bool) -> None:
    from objrec.datasets.description import SetDescription, SetEntries
    from objrec.datasets.frame import AxisNote, PoseFrame
    from objrec.datasets.norb import write_norb
    from objrec.datasets.writing import new_folder, write_description

    entries = SetEntries(name="toys", categories=settings.categories)
    description = SetDescription(entries, frame=PoseFrame({"azimuth": AxisNote(front=0.0)}))
    with new_folder(out, force=force) as folder:
        for split in ("training", "testing"):
            part = [toy for toy in rendered if toy.training == (split == "training")]
            images = np.concatenate([toy.images for toy in part])
            labels = np.concatenate([np.full(len(toy.images), toy.label) for toy in part])
            info = np.concatenate([toy.info for toy in part])
            write_norb(folder, f"toys-{split}", images, labels, info, compress=True)
        write_description(folder, description)
        record = {"made by": "objrec data make-toys", **settings.to_json()}
        (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
