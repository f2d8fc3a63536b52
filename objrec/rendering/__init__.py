"""Toys: procedural meshes rendered at known pose into the small NORB layout.

Needs the extra ``render`` (trimesh and embreex), but only once something is rendered: importing
this package is cheap. It never trains, and reads no data set.
"""

from objrec.rendering.toys import CATEGORIES, ToySettings, make_toys

__all__ = ["CATEGORIES", "ToySettings", "make_toys"]
