"""Reading a mesh file with its colours and textures, through trimesh.

A file may hold several geometries, each with its own material; they become `Part`s, so that each
keeps its own. Surfaces are opaque and dull: transparency, gloss and normal maps are passed over.

Convention:
    glTF states the colours of materials and vertices in linear light; they are brought to those of
    an image's pixels, as its textures are. Of an OBJ material with a texture the texture alone
    counts, whatever its Kd says.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import trimesh

from objrec.errors import DataError

GLTF_SUFFIXES = (".glb", ".gltf")
_TEXTS = ("obj", "off")
# What trimesh takes as the colour, and as a picture of 2 x 2, where a file says nothing.
_NO_COLOUR, _NO_PICTURE = (102, 102, 102), (100, 100, 100)


@dataclass(frozen=True)
class Part:
    """Faces of one material.

    Attributes:
        vertices: (V, 3) float64.
        faces: (F, 3) int64.
        colours: (F, 3, 3) of each corner of each face, in 0..1; None where the file says nothing.
        uv: (F, 3, 2) where a corner is in the picture; None without one.
        picture: (H, W, 3) uint8, or None.
    """

    vertices: np.ndarray
    faces: np.ndarray
    colours: np.ndarray | None = None
    uv: np.ndarray | None = None
    picture: np.ndarray | None = None


@dataclass
class Companions(trimesh.resolvers.Resolver):
    """Finds the files that a mesh file names: materials, textures, buffers.

    Names are taken as they are, or else by their last part: many files name the folder of
    whoever made them. What is not found is noted, and its use passed over.

    Attributes:
        folder: The mesh file's folder.
        missing: Names that were not found.
    """

    folder: Path
    missing: list[str] = field(default_factory=list)

    def get(self, key: str) -> bytes:
        """Return the content of a file.

        Raises:
            FileNotFoundError: There is none.
        """
        name = unquote(key.strip().strip('"')).replace("\\", "/")
        last = name.rsplit("/", 1)[-1]
        # 'map_Kd -s 1 1 1 wood.png': options stand in front of the name.
        for candidate in (name, last, name.split()[-1] if name.split() else name):
            for path in (self.folder / candidate, _in_other_case(self.folder / candidate)):
                if path is not None and path.is_file():
                    content = path.read_bytes()
                    return _as_utf8(content) if path.suffix.lower() == ".mtl" else content
        self.missing.append(last)
        raise FileNotFoundError(key)

    def keys(self) -> list[str]:
        """Return the names of the files beside the mesh."""
        return [path.name for path in self.folder.iterdir()]

    def namespaced(self, namespace: str) -> Companions:
        """Return the same for a folder within."""
        return Companions(self.folder / namespace, self.missing)

    def write(self, name: str, data: bytes) -> None:
        """Refuse: nothing is written beside a mesh.

        Raises:
            io.UnsupportedOperation: Always.
        """
        raise io.UnsupportedOperation(f"{name}: nothing is written beside a mesh")


def _in_other_case(path: Path) -> Path | None:
    """Return the file of that name in whatever case it is written."""
    if not path.parent.is_dir():
        return None
    wanted = path.name.casefold()
    return next((p for p in sorted(path.parent.iterdir()) if p.name.casefold() == wanted), None)


def read_parts(path: Path) -> tuple[list[Part], tuple[str, ...]]:
    """Read a mesh file.

    Returns:
        Its parts, and the names of files that it names but that are not there.

    Raises:
        DataError: It cannot be read, or holds no faces.
    """
    companions = Companions(path.parent)
    kind = path.suffix[1:].lower()
    try:
        content = path.read_bytes()
        if not content.strip():
            raise DataError(f"{path}: the file is empty; export it again")
        scene = trimesh.load(
            io.BytesIO(_as_utf8(content) if kind in _TEXTS else content),
            file_type=kind,
            resolver=companions,
            force="scene",
            process=False,
        )
        parts = _parts(scene, linear=path.suffix.lower() in GLTF_SUFFIXES)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # whatever a parser meets in a broken file
        raise DataError(f"{path}: {_why(error, companions, kind)}") from error
    if not parts:
        raise DataError(f"{path}: holds no faces; export triangles, not points or lines")
    return parts, tuple(dict.fromkeys(companions.missing))


def _why(error: Exception, companions: Companions, kind: str) -> str:
    if isinstance(error, OSError) and companions.missing:
        return f"names {companions.missing[-1]}, which is not there; copy it beside the file"
    if isinstance(error, OSError):
        return f"cannot be read ({error.strerror or error}); check the file"
    reason = " ".join(str(error).split())[:100] or type(error).__name__
    # trimesh guesses the encoding, by a package that is not there, of what is no text at all.
    reason = "it is damaged" if isinstance(error, ImportError) else reason
    return f"cannot be read as {kind.upper()} ({reason}); export it again"


def _as_utf8(text: bytes) -> bytes:
    """Return a text as UTF-8, that of older programs too."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1").encode()
    return text


def _parts(scene: trimesh.Scene, *, linear: bool) -> list[Part]:
    parts, paints = [], {}
    for node in scene.graph.nodes_geometry:
        transform, name = scene.graph[node]
        mesh = scene.geometry[name]
        if not isinstance(mesh, trimesh.Trimesh) or not len(mesh.faces):
            continue
        vertices = trimesh.transform_points(mesh.vertices, transform)
        faces = np.asarray(mesh.faces)
        colours, uv, picture = _paint_of(mesh, paints)
        if colours is not None:
            colours = np.broadcast_to(colours, (len(faces), 3, 3))
            colours = _for_display(colours) if linear else colours
        parts.append(Part(vertices, faces, colours, None if uv is None else uv[faces], picture))
    return parts


def _paint_of(mesh: trimesh.Trimesh, paints: dict[int, tuple]) -> tuple[np.ndarray | None, ...]:
    """Return colours that can be broadcast to (F, 3, 3), uv (V, 2) and picture, or None each.

    Args:
        mesh: The geometry.
        paints: What was found for materials already, by id: geometries share them.
    """
    visual = mesh.visual
    if visual.kind == "face":
        return _shares(visual.face_colors)[:, None], None, None
    if visual.kind == "vertex":
        return _shares(visual.vertex_colors)[mesh.faces], None, None
    if visual.kind != "texture":
        return None, None, None
    material = visual.material
    if id(material) not in paints:
        paints[id(material)] = _paint_of_material(material)
    colour, picture = paints[id(material)]
    corners = visual.vertex_attributes.get("color")
    if corners is not None and len(corners) == len(mesh.vertices):
        colour = _shares(corners)[mesh.faces] * (1.0 if colour is None else colour)
    uv = visual.uv
    if picture is None or uv is None or len(uv) != len(mesh.vertices):
        return colour, None, None
    return (np.ones(3) if colour is None else colour), np.nan_to_num(uv[:, :2]), picture


def _paint_of_material(material: Any) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the colour (3,) and the picture of a material, None each where it says nothing."""
    if hasattr(material, "baseColorFactor"):
        factor, picture = material.baseColorFactor, _pixels(material.baseColorTexture)
        said = factor is not None and not (picture is not None and _says_nothing(factor))
        return (_shares(factor) if said else np.ones(3)), picture
    picture = _pixels(getattr(material, "image", None))
    if picture is not None:
        return None, picture
    diffuse = getattr(material, "diffuse", _NO_COLOUR)
    return (None if _says_nothing(diffuse) else _shares(diffuse)), None


def _says_nothing(colour: Any) -> bool:
    return tuple(np.asarray(colour)[:3]) == _NO_COLOUR


def _pixels(image: Any) -> np.ndarray | None:
    """Return a Pillow image as (H, W, 3) uint8; None if there is none, or it says nothing."""
    if image is None:
        return None
    pixels = np.asarray(image.convert("RGB"))
    return None if pixels.shape == (2, 2, 3) and (pixels == _NO_PICTURE).all() else pixels


def _shares(colours: np.ndarray) -> np.ndarray:
    """Return the RGB of colours (…, 3 or 4) as shares in 0..1."""
    colours = np.asarray(colours)
    whole = np.iinfo(colours.dtype).max if colours.dtype.kind in "iu" else 1.0
    return np.nan_to_num(colours[..., :3] / whole).clip(0, 1)


def _for_display(linear: np.ndarray) -> np.ndarray:
    """Encode linear light as sRGB does."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
