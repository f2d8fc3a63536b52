"""What gets installed: the wheel and the source archive hold everything, the lists are complete."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from objrec import __version__
from objrec.saving import shipped_model

ROOT = Path(__file__).parent.parent
MODEL_FILES = ("model.safetensors", "config.json", "README.md", "metrics.csv")
BUILD = "import sys; from setuptools import build_meta as b; print(getattr(b, sys.argv[1])('dist'))"


def setup_cfg() -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of what a checkout holds, so that building leaves nothing in the real one."""
    copy = tmp_path_factory.mktemp("tree")
    for name in ("objrec", "models"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, copy)
    return copy


def built(tree: Path, kind: str) -> Path:
    """Build without network and without isolation; return the archive."""
    ran = subprocess.run(
        [sys.executable, "-c", BUILD, kind], cwd=tree, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return tree / "dist" / ran.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(tree) -> Path:
    return built(tree, "build_wheel")


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory) -> Path:
    """A folder on the import path into which the wheel has been unpacked."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_installed(site: Path, *words: str) -> str:
    """Run Python away from the checkout, with the unpacked wheel first on its path."""
    environment = {**os.environ, "PYTHONPATH": str(site)}
    ran = subprocess.run(
        [sys.executable, *words], cwd=site, capture_output=True, text=True, env=environment
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_the_list_of_packages_is_complete():
    listed = set(setup_cfg()["options"]["packages"].split())
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "objrec").rglob("__init__.py")}
    assert listed == {".".join(folder.parts) for folder in folders} | {"objrec.shipped"}


def test_the_wheel_holds_every_file_of_the_package(site):
    files = [p for p in (ROOT / "objrec").rglob("*") if p.is_file() and p.suffix != ".pyc"]
    missing = [p for p in files if not (site / p.relative_to(ROOT)).is_file()]
    assert not missing, f"add them to package_data: {missing}"


def test_the_wheel_holds_no_tests_and_no_data(wheel):
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert tops == {"objrec", f"objrec-{__version__}.dist-info"}


def test_the_installed_command_is_main(site):
    entry_points = (site / f"objrec-{__version__}.dist-info" / "entry_points.txt").read_text()
    assert "objrec = objrec.cli.main:main" in entry_points


def test_the_metadata_names_python_licence_and_dependencies(site):
    metadata = (site / f"objrec-{__version__}.dist-info" / "METADATA").read_text()
    assert "Requires-Python: >=3.11" in metadata
    assert "License-Expression: Apache-2.0" in metadata
    for name in ("torch", "torchvision", "kornia", "opencv-python-headless", "scikit-learn"):
        assert re.search(rf"^Requires-Dist: {name}>=[\d.]+$", metadata, re.MULTILINE)
    for extra in ("dev", "render", "pretrained", "tensorboard"):
        assert f"Provides-Extra: {extra}" in metadata


def test_the_installed_package_runs(site):
    assert run_installed(site, "-m", "objrec", "--version") == f"objrec {__version__}"


def test_the_shipped_model_is_found_in_a_checkout():
    assert shipped_model() == ROOT / "models" / "toys"


@pytest.mark.slow
def test_the_shipped_model_is_found_in_the_wheel(site):
    found = run_installed(site, "-c", "from objrec.saving import shipped_model as s; print(s())")
    assert Path(found) == site / "objrec" / "shipped" / "toys"
    for name in MODEL_FILES:
        installed = (Path(found) / name).read_bytes()
        assert installed == (ROOT / "models" / "toys" / name).read_bytes()


def test_the_source_archive_builds_too(tree):
    archive = built(tree, "build_sdist")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    wanted = {f"models/toys/{name}" for name in MODEL_FILES}
    wanted |= {"setup.cfg", "pyproject.toml", "LICENSE", "README.md", "objrec/cli/main.py"}
    assert wanted <= names


def test_an_editable_install_points_at_the_checkout(tree, tmp_path):
    with zipfile.ZipFile(built(tree, "build_editable")) as archive:
        archive.extractall(tmp_path)
    (finder,) = tmp_path.glob("__editable__*.py")
    mapping = finder.read_text()
    assert f"'objrec': '{tree / 'objrec'}'" in mapping
    assert f"'objrec.shipped': '{tree / 'models'}'" in mapping


def test_pyproject_names_the_backend_and_the_linters_only():
    tables = re.findall(r"^\[([\w.-]+)", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert {name.split(".")[0] for name in tables} == {"build-system", "tool"}
    assert all(name.startswith(("build-system", "tool.ruff", "tool.bandit")) for name in tables)
