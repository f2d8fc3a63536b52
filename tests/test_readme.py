"""README.md is run: its Python, its commands, and its tables against the results they come from."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")

# What keeps a command short in a test; everything else is as written.
SHORTER = {
    "train": ["--epochs", "1"],
    "protocol": ["--epochs", "1"],
    "evaluate": ["--sweep", "20"],
    "data make-toys": [
        *("--train-instances", "1", "--test-instances", "1"),
        *("--elevations", "1", "--azimuth-step", "180"),
    ],
}


def block(title: str, language: str) -> str:
    section = README.split(f"## {title}\n")[1]
    return re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)[1]


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    """A folder with the sample set and the shipped model, and nothing else."""
    (tmp_path / "data").mkdir()
    shutil.copytree(ROOT / "data" / "toys", tmp_path / "data" / "toys")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_python_runs_as_written(checkout, capsys):
    code = block("In Python", "python")
    exec(compile(code, "README.md", "exec"), {})
    assert "azimuth" in capsys.readouterr().out
    assert (checkout / "out/mine/report.html").stat().st_size > 10_000


@pytest.mark.slow
def test_commands_run_in_order(checkout, command):
    pytest.importorskip("embreex")
    lines = [line.partition("#")[0] for line in block("The commands", "sh").splitlines()]
    for words in filter(None, map(shlex.split, lines)):
        assert words[0] == "objrec"
        verb = " ".join(words[1:3]) if words[1] == "data" else words[1]
        ran = command(*words[1:], *SHORTER.get(verb, []))
        assert ran.code == 0, f"{' '.join(words)}: {ran.err}"


def test_no_placeholder_is_left_and_pictures_exist():
    assert not re.findall(r"\b[A-Z_]+_(?:TEXT|MINUTES)\b|\bEPOCHS\b", README)
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README, re.DOTALL):
        assert (ROOT / picture).is_file()
