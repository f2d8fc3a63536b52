"""docs/your-own-images.md: every command of the guide is run, on rendered photographs and films."""

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "docs" / "your-own-images.md"
# Trainings that only have to run.
SHORTER = {"train": ["--epochs", "1"], "render": ["--size", "32", "--azimuth-step", "90"]}


@pytest.fixture(scope="module")
def material(tmp_path_factory, script):
    pytest.importorskip("embreex")
    folder = tmp_path_factory.mktemp("guide")
    script("guide_material").make(folder, views=4, frames=24, side=64)
    return folder


def commands():
    blocks = re.findall(r"^```sh\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.M | re.S)
    return [shlex.split(line) for block in blocks for line in block.splitlines() if line]


@pytest.mark.slow
def test_every_command_runs_in_order(material, command, monkeypatch):
    monkeypatch.chdir(material)
    found = commands()
    assert len(found) > 15
    for words in found:
        assert words[0] == "objrec"
        ran = command(*words[1:], *SHORTER.get(words[1], []))
        assert ran.code == 0, f"{' '.join(words)}: {ran.err}"
    assert (material / "out" / "report" / "report.html").is_file()
    assert (material / "photos.png").is_file()


def test_every_verb_that_makes_or_looks_at_a_set_is_in_the_guide():
    from objrec.cli.data import data

    used = {words[2] for words in commands() if words[1] == "data"}
    assert used == set(data.commands) - {"make-toys"}


def test_pictures_are_there():
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", GUIDE.read_text(encoding="utf-8"))
    assert len(pictures) == 3
    assert all((GUIDE.parent / name).is_file() for name in pictures)
