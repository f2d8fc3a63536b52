"""Which meshes there are, and what they are called: found by folders, none of them opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from objrec.errors import DataError

# In the order in which they are preferred, where one object is there in several formats.
MESH_SUFFIXES = (".glb", ".gltf", ".obj", ".ply", ".off", ".stl")


@dataclass(frozen=True)
class MeshFile:
    """One object: its category and name, and where its mesh is."""

    category: str
    instance: str
    path: Path


def find_meshes(paths: Sequence[str | Path], category: str | None = None) -> list[MeshFile]:
    """List the meshes that paths name.

    Args:
        paths: Folders with category/instance.obj (or .ply, .stl, .off, .glb, .gltf), or
            category/instance/anything.obj; with a category, also single files and folders of them.
        category: What all of them are.

    Raises:
        DataError: There are none, or a path does not exist, or a file has no category.
    """
    found: list[MeshFile] = []
    for path in map(Path, paths):
        if path.is_dir():
            found += _in_folder(path, category)
        elif path.is_file():
            found.append(_single(path, category))
        else:
            raise DataError(f"{path}: no such file or folder; check the path")
    if not found:
        raise DataError(_nothing_found(Path(paths[0])))
    return _named_once(found)


def is_mesh_name(path: Path) -> bool:
    """Whether a file counts as a mesh: by suffix, and not hidden."""
    return path.suffix.lower() in MESH_SUFFIXES and not path.name.startswith(".")


def _single(path: Path, category: str | None) -> MeshFile:
    if category is None:
        raise DataError(f"{path}: is a file; say what it is with --category")
    if path.suffix.lower() not in MESH_SUFFIXES:
        raise DataError(f"{path}: is no mesh; the formats are {', '.join(MESH_SUFFIXES)}")
    return MeshFile(category, path.stem, path)


def _in_folder(root: Path, category: str | None) -> Iterator[MeshFile]:
    if category is not None:
        yield from _objects_of(root, category)
        return
    for folder in _visible_folders(root):
        yield from _objects_of(folder, folder.name)


def _objects_of(folder: Path, category: str) -> Iterator[MeshFile]:
    """List a category's folder: a mesh is an object, and so is a folder with a mesh in it."""
    for path in _meshes_in(folder.iterdir()):
        yield MeshFile(category, path.stem, path)
    for inner in _visible_folders(folder):
        meshes = _meshes_in(inner.iterdir()) or _meshes_in(inner.rglob("*"))
        for path in meshes:
            name = inner.name if len(meshes) == 1 else f"{inner.name}-{path.stem}"
            yield MeshFile(category, name, path)


def _visible_folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))


def _meshes_in(paths: Iterator[Path]) -> list[Path]:
    """Keep the meshes; of one object in several formats, the one that says most."""
    meshes = sorted(path for path in paths if is_mesh_name(path) and path.is_file())
    best: dict[Path, Path] = {}
    for path in sorted(meshes, key=lambda p: MESH_SUFFIXES.index(p.suffix.lower())):
        best.setdefault(path.with_suffix(""), path)
    return sorted(best.values())


def _nothing_found(path: Path) -> str:
    if path.is_dir() and any(is_mesh_name(inner) for inner in path.iterdir()):
        return (
            f"{path}: holds meshes, but no folder per category; say what they are with --category"
        )
    return f"{path}: holds no meshes; it needs category/instance.obj, .ply, .stl, .off or .glb"


def _named_once(meshes: Sequence[MeshFile]) -> list[MeshFile]:
    """Give objects of one category and name different names."""
    taken: set[tuple[str, str]] = set()
    named = []
    for mesh in meshes:
        name, number = mesh.instance, 1
        while (mesh.category, name) in taken:
            number += 1
            name = f"{mesh.instance}-{number}"
        taken.add((mesh.category, name))
        named.append(replace(mesh, instance=name))
    return named
