"""The toys: one recipe a category, and what makes members of a category differ.

A recipe takes a random generator and a style, draws sizes and parts, and returns closed solids.
Styles go round by instance number, so that a few instances already cover them; everything else is
drawn. Every toy is its own mirror image about the plane y = 0.

Convention (the object's frame): x forward (the front faces +x), y to the object's left, z up.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import trimesh

from objrec.rendering import animals, boats, household, vehicles
from objrec.rendering.paint import Plain


@dataclass(frozen=True)
class Recipe:
    """How the members of one category are built."""

    build: Callable[[np.random.Generator, str], list[trimesh.Trimesh]]
    styles: tuple[str, ...]


RECIPES: dict[str, Recipe] = {
    "airplane": Recipe(vehicles.airplane, vehicles.AIRPLANE_STYLES),
    "animal": Recipe(animals.animal, animals.STYLES),
    "boat": Recipe(boats.boat, boats.STYLES),
    "car": Recipe(vehicles.car, vehicles.CAR_STYLES),
    "chair": Recipe(household.chair, household.CHAIR_STYLES),
    "cup": Recipe(household.cup, household.CUP_STYLES),
}


@dataclass(frozen=True)
class Toy:
    """One painted object, ready to be placed in a scene.

    Attributes:
        mesh: Stands on z = 0, the middle of its bounding box above the origin; scaled so that it
            lies within a sphere of radius 1 round (0, 0, half its height).
        gray: Its paint: the share of light that it reflects.
        category: Name of the recipe.
        style: The recipe's style.
    """

    mesh: trimesh.Trimesh
    gray: float
    category: str
    style: str

    @property
    def paint(self) -> Plain:
        """Its paint, as a scene takes it."""
        return Plain(self.gray)


def make_toy(category: str, instance: int, seed: int = 0) -> Toy:
    """Make one member of a category; the same numbers give the same toy.

    Args:
        category: A key of `RECIPES`.
        instance: Number of the member, from 0.
        seed: Number of the whole set.
    """
    recipe = RECIPES[category]
    name = zlib.crc32(category.encode())
    order = np.random.default_rng([seed, name]).permutation(len(recipe.styles))
    style = recipe.styles[order[instance % len(order)]]
    rng = np.random.default_rng([seed, name, instance])
    mesh = trimesh.util.concatenate(recipe.build(rng, style))
    return Toy(_placed(mesh, rng.uniform(0.88, 1.0)), _paint(rng), category, style)


def _placed(mesh: trimesh.Trimesh, size: float) -> trimesh.Trimesh:
    """Put the mesh on the ground, in the middle, within a sphere of radius `size`."""
    low, high = mesh.bounds
    middle = (low + high) / 2
    radius = np.linalg.norm(mesh.vertices - middle, axis=1).max()
    mesh.apply_translation([-middle[0], -middle[1], -low[2]])
    mesh.apply_scale(size / radius)
    return mesh


def _paint(rng: np.random.Generator) -> float:
    return rng.uniform(0.45, 0.9)
