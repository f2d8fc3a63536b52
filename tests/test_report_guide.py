"""docs/report.md: its commands are run; its keys and its tables are those of the files."""

import dataclasses
import re
import shlex
import shutil
from pathlib import Path

import pytest

from objrec.evaluation import Evaluation

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
SHORTER = {"evaluate": ["--sweep", "20"], "protocol": ["--epochs", "1"]}


@pytest.mark.slow
def test_its_commands_run(command, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "data" / "toys", tmp_path / "data" / "toys")
    monkeypatch.chdir(tmp_path)
    for code in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL):
        for line in filter(None, (line.partition("  #")[0] for line in code.splitlines())):
            words = shlex.split(line)
            ran = command(*words[1:], *SHORTER.get(words[1], []))
            assert words[0] == "objrec" and ran.code == 0, f"{line}: {ran.err}"


def test_every_key_of_evaluation_json_is_documented():
    rows = re.findall(r"^\| (`.*?`) \|", TEXT.split("## evaluation.json")[1], re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert documented == {field.name for field in dataclasses.fields(Evaluation)}


def test_every_protocol_and_baseline_is_documented():
    from objrec.evaluation.baselines import BASELINES
    from objrec.protocols import PROTOCOLS

    assert all(f"| `{name}` |" in TEXT for name in PROTOCOLS)
    assert all(name in TEXT for name in BASELINES)
