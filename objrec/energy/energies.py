"""Energies of all answers, and the hypotheses read off them: plain values, never a mode.

`Energies` carries what its indices mean (categories, pose grid) and refuses what does not match.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from objrec.energy.minima import local_minima, parabola_vertex
from objrec.pose import INDEX, PoseGrid, PoseSpace


@dataclass(frozen=True)
class Hypotheses:
    """Answers (category, pose), best first.

    Attributes:
        energy: (B, N); +inf where a set of energies has fewer than N distinct minima.
        category: (B, N) indices into `categories`.
        pose: (B, N, A) stored units.
        categories: Names, in label order.
        axes: The axes of `pose` that are answered; the others are neutral.
    """

    energy: torch.Tensor
    category: torch.Tensor
    pose: torch.Tensor
    categories: tuple[str, ...]
    axes: tuple[str, ...]

    def names(self) -> list[str]:
        """Return the best category's name for each image."""
        return [self.categories[i] for i in self.category[:, 0].tolist()]


@dataclass(frozen=True)
class Energies:
    """E(W, Y, X, Z) for every image, category and grid pose.

    Attributes:
        values: (B, K, P).
        categories: K names, in order.
        grid: The P poses.
        nothing: (B,) the energy of "nothing fits", from a model that knows background.

    Raises:
        ValueError: The shape does not fit the categories and the grid.
    """

    values: torch.Tensor
    categories: tuple[str, ...]
    grid: PoseGrid
    nothing: torch.Tensor | None = None

    def __post_init__(self) -> None:
        wanted = (len(self.categories), self.grid.size)
        if self.values.ndim != 3 or tuple(self.values.shape[1:]) != wanted:
            raise ValueError(
                f"energies must be (B, {wanted[0]}, {wanted[1]}), got {tuple(self.values.shape)}"
            )

    def __len__(self) -> int:
        return len(self.values)

    def __add__(self, other: Energies) -> Energies:
        """Add the energies of two images of the same object in the same pose.

        Raises:
            ValueError: Categories or grids differ.
        """
        if self.categories != other.categories or self.grid != other.grid:
            raise ValueError("energies of different categories or pose grids cannot be added")
        if self.nothing is None or other.nothing is None:
            return replace(self, values=self.values + other.values, nothing=None)
        nothing = self.nothing + other.nothing
        return replace(self, values=self.values + other.values, nothing=nothing)

    def averaged_with_mirror(self, mirror: Energies, places: torch.Tensor) -> Energies:
        """Return the mean of the energies of images and of their mirror images.

        Args:
            mirror: Energies of the mirror images, over the same answers.
            places: (P,) where the grid holds the pose that each one's mirror image shows; see
                `mirroring.mirrored_places`.
        """
        both = self + replace(mirror, values=mirror.values[:, :, places])
        nothing = None if both.nothing is None else both.nothing / 2
        return replace(both, values=both.values / 2, nothing=nothing)

    def surfaces(self) -> torch.Tensor:
        """Return the values with one dimension an axis, (B, K, n1, ..., na)."""
        return self.values.view(*self.values.shape[:2], *self.grid.shape)

    def per_category(self) -> torch.Tensor:
        """Return (B, K): the lowest energy of each category over all poses."""
        return self.values.amin(dim=2)

    def best(self) -> Hypotheses:
        """Return the joint argmin over category and pose, one hypothesis per image."""
        return self._read(self.values.flatten(1), 1)

    def hypotheses(self, count: int, between: Sequence[str] = ()) -> Hypotheses:
        """Return the best distinct hypotheses: each is a local minimum over its pose grid.

        Args:
            count: N.
            between: Axes along which poses leave the grid, each by itself: to where a parabola
                through the energies at the pose and at its two neighbours is lowest. Order and
                energies stay those of the grid, where they were trained.
        """
        keep = local_minima(self.surfaces(), [self.grid.wraps(name) for name in self.grid.axes])
        values = self.values.masked_fill(~keep.view_as(self.values), torch.inf)
        return self._read(values.flatten(1), count, between)

    def given(self, category: str | None = None, **axes: float) -> Energies:
        """Return the energies with category or pose axes fixed, the rest left open.

        Args:
            category: A category's name.
            **axes: Axis name → value in stored units; the nearest grid value is taken.

        Raises:
            ValueError: An unknown category, or an axis that the grid does not search.

        Example:
            ``energies.given(category="cup", azimuth=90).best()``
        """
        surfaces, names, space = self.surfaces(), self.categories, self.grid.space
        if category is not None:
            surfaces, names = surfaces.narrow(1, self._category(category), 1), (category,)
        chosen = dict(space.values)
        for name, value in axes.items():
            position = self._axis(name)
            nearest = self.grid.nearest(name, value)
            surfaces = surfaces.narrow(position + 2, nearest, 1)
            chosen[name] = (space.values[name][nearest],)
        grid = PoseSpace(chosen).grid()
        values = surfaces.reshape(len(self), len(names), grid.size)
        return Energies(values, names, grid, self.nothing)

    def among(self, categories: torch.Tensor) -> Energies:
        """Return the energies with all but one category of each image ruled out (+inf).

        Unlike `given`, indices keep their meaning, and each image has a category of its own.

        Args:
            categories: (B,) indices.

        Raises:
            ValueError: There is not one category an image.
        """
        if categories.shape != (len(self),):
            raise ValueError(f"one category an image: ({len(self)},), got {categories.shape}")
        others = torch.ones(self.values.shape[:2], dtype=torch.bool, device=self.values.device)
        others[torch.arange(len(self)), categories] = False
        return replace(self, values=self.values.masked_fill(others[:, :, None], torch.inf))

    def surface(self, category: str, first: str, second: str) -> torch.Tensor:
        """Return the energy landscape of a category over two axes, minimal over all others.

        Returns:
            (B, n_first, n_second).

        Raises:
            ValueError: An unknown category, an axis that is not searched, or one axis twice.
        """
        if first == second:
            raise ValueError(f"a surface needs two different axes, got '{first}' twice")
        a, b = self._axis(first), self._axis(second)
        surface = self.surfaces()[:, self._category(category)]
        others = [i + 1 for i in range(len(self.grid.axes)) if i not in (a, b)]
        surface = surface.amin(dim=others) if others else surface
        return surface if a < b else surface.transpose(1, 2)

    def _read(self, flat: torch.Tensor, count: int, between: Sequence[str] = ()) -> Hypotheses:
        energy, index = flat.topk(min(count, flat.shape[1]), dim=1, largest=False)
        pose = self.grid.poses.to(flat.device)[index % self.grid.size]
        for name in between:
            pose[..., INDEX[name]] += self._off_the_grid(index, name)
        category = index // self.grid.size
        return Hypotheses(energy, category, pose, self.categories, self.grid.axes)

    def _off_the_grid(self, index: torch.Tensor, name: str) -> torch.Tensor:
        """Return how far from answers (B, N) the energy is lowest along an axis."""
        shape, axis = self.grid.shape, self._axis(name)
        stride, count = math.prod(shape[axis + 1 :]), shape[axis]
        place = (index // stride % count)[..., None]
        steps = torch.arange(-1, 2, device=index.device)
        around = index[..., None] + ((place + steps) % count - place) * stride
        flat = self.values.flatten(1)
        energies = flat.gather(1, around.flatten(1)).view(around.shape)
        gaps = self.grid.gaps(name).to(flat)[place[..., 0]]
        return parabola_vertex(*energies.unbind(-1), gaps.unbind(-1))

    def _category(self, name: str) -> int:
        if name not in self.categories:
            raise ValueError(f"unknown category '{name}'; there are {', '.join(self.categories)}")
        return self.categories.index(name)

    def _axis(self, name: str) -> int:
        if name not in self.grid.axes:
            raise ValueError(f"axis '{name}' is not searched; axes are {self.grid.axes}")
        return self.grid.axes.index(name)
