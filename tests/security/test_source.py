"""Nothing is run that came with data: what the source may say."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# scripts/fuzzing makes hostile files on purpose.
SOURCES = [
    path
    for part in ("objrec", "scripts")
    for path in sorted((ROOT / part).rglob("*.py"))
    if "fuzzing" not in path.parts
]

# Imported nowhere. pickle: only the error that torch.load raises is named, in one place.
UNSAFE = {
    "pickle",
    "marshal",
    "shelve",
    "dill",
    "cloudpickle",
    "joblib",
    "yaml",
    "xml",
    "telnetlib",
}
NETWORK = {"socket", "ssl", "http", "ftplib", "smtplib", "requests", "httpx", "aiohttp"}
ALLOWED = {("objrec/energy/pretrained.py", "pickle")}
RUNS = {"eval", "exec", "compile", "__import__"}
CALLS = {"os.system", "os.popen", "os.execv", "os.spawnv", "tempfile.mktemp", "torch.save"}
CALLS |= {"numpy.fromregex", "torch.hub.load", "urllib.request.urlopen", "np.loadtxt"}
# What is safe only with an argument that says so.
NEEDS = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False)}


@pytest.fixture(scope="module")
def trees():
    read = {path: path.read_text(encoding="utf-8") for path in SOURCES}
    return {path.relative_to(ROOT).as_posix(): ast.parse(text) for path, text in read.items()}


def _nodes(trees, kind):
    return [
        (file, n) for file, tree in trees.items() for n in ast.walk(tree) if isinstance(n, kind)
    ]


def _modules(node):
    return [name.name for name in node.names] if isinstance(node, ast.Import) else [node.module]


def test_nothing_that_runs_what_it_reads_is_imported_and_no_network(trees):
    found = {
        (file, module.split(".")[0])
        for file, node in _nodes(trees, (ast.Import, ast.ImportFrom))
        for module in _modules(node)
        if module and module.split(".")[0] in UNSAFE | NETWORK
    }
    assert found == ALLOWED


def test_objrec_starts_no_program(trees):
    modules = {
        (file, module)
        for file, node in _nodes(trees, (ast.Import, ast.ImportFrom))
        for module in _modules(node)
        if module == "subprocess" and file.startswith("objrec/")
    }
    assert modules == set()


def test_every_call_is_safe(trees):
    wrong = []
    for file, call in _nodes(trees, ast.Call):
        name, given = ast.unparse(call.func), {k.arg: k.value for k in call.keywords}
        word, value = NEEDS.get(name, (None, None))
        if word and not (word in given and ast.literal_eval(given[word]) is value):
            wrong.append(f"{file}:{call.lineno}: {name} without {word}={value}")
        if name in RUNS | CALLS or (name.startswith("subprocess.") and "shell" in given):
            wrong.append(f"{file}:{call.lineno}: {name}")
    assert wrong == []


def test_an_archive_is_read_back_only_as_it_was_just_made(trees):
    """torch.export.load may unpickle: objrec gives it the bytes that it has in hand, no file."""
    places = [
        (file, ast.unparse(call.args[0]))
        for file, call in _nodes(trees, ast.Call)
        if ast.unparse(call.func) == "torch.export.load" and file.startswith("objrec/")
    ]
    assert places == [("objrec/export/files.py", "io.BytesIO(written)")]
