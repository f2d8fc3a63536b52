"""What objrec depends on: known holes in it, suspect code in ours, and versions it was tried with.

    python scripts/dependencies.py                    # pip-audit and bandit: results/security.json
    python scripts/dependencies.py --tried lowest --python .low/bin/python --tests pytest.log

Both tools must be installed (`pip install pip-audit bandit`). pip-audit asks the advisories of
PyPI, or those of OSV where PyPI's are not to be had; where neither answers, security.json says so.
With `--tried`, the versions of a Python's environment and the last line of a test run in it are
noted in results/dependencies.json. An environment with the lowest versions allowed is made by

    uv pip compile --resolution lowest-direct --python-version 3.11 --extra dev setup.cfg -o low.txt
    uv venv --python 3.11 .low && uv pip install --python .low/bin/python -r low.txt --editable .
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
SERVICES = ("pypi", "osv")
_LISTED = """
from importlib.metadata import distributions
print(*sorted({f"{found.name}=={found.version}" for found in distributions()}), sep="\\n")
"""
_TESTS = re.compile(r"(\d+) (passed|failed|skipped|deselected|error)")


def main() -> None:
    """Audit, or note what was tried."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=sys.executable, help="whose environment; default: this")
    parser.add_argument("--tried", metavar="NAME", help="note versions and tests under this name")
    parser.add_argument("--tests", type=Path, metavar="LOG", help="what pytest printed")
    parser.add_argument("--note", default="", help="with --tried: what else there is to say")
    arguments = parser.parse_args()
    versions = installed(arguments.python)
    if arguments.tried is None:
        _write("security", {"date": _today(), "audit": audit(versions), "bandit": bandit()})
        return
    path = RESULTS / "dependencies.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    known[arguments.tried] = {
        "date": _today(),
        "python": _python(arguments.python),
        "tests": counted(arguments.tests.read_text(encoding="utf-8")) if arguments.tests else None,
        "note": arguments.note,
        "versions": versions,
    }
    _write("dependencies", known)


def installed(python: str) -> dict[str, str]:
    """Return name → version of what an environment holds, without objrec itself."""
    listed = _run([python, "-c", _LISTED]).stdout.split()
    pairs = (line.split("==") for line in listed)
    return {name.lower(): version for name, version in pairs if name not in ("objrec", "None")}


def audit(versions: dict[str, str]) -> dict[str, Any]:
    """Look up versions in the first database of advisories that answers."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, "requirements.txt")
        lines = (f"{name}=={version.split('+')[0]}" for name, version in versions.items())
        listed.write_text("\n".join(lines), encoding="utf-8")
        why = {}
        for service in SERVICES:
            words = ["pip_audit", "-r", str(listed), "--no-deps", "--disable-pip", "-f", "json"]
            ran = _run([sys.executable, "-m", *words, "-s", service])
            found = _json(ran.stdout)
            if found is None:
                why[service] = (ran.stderr.strip().splitlines() or ["no answer"])[-1][-300:]
                continue
            rows = found["dependencies"]
            looked_up = [row for row in rows if "skip_reason" not in row]
            if looked_up:
                return _audited(service, looked_up, len(rows) - len(looked_up))
            why[service] = rows[0]["skip_reason"]
    return {
        "done": False,
        "reason": "no database of advisories answered here; run this where the network is",
        "answers": why,
        "asked for": versions,
    }


def _audited(service: str, rows: list[dict[str, Any]], unknown: int) -> dict[str, Any]:
    holes = {
        f"{row['name']} {row['version']}": [hole["id"] for hole in row["vulns"]]
        for row in rows
        if row["vulns"]
    }
    names = {row["name"]: row["version"] for row in rows}
    return {"done": True, "service": service, "found": holes, "unknown": unknown, "audited": names}


def bandit() -> dict[str, Any]:
    """Run bandit over the code by the settings of pyproject.toml, and once without its skips."""
    words = ["-m", "bandit", "-q", "-r", "objrec", "scripts", "-f", "json"]
    judged, plain = (
        _json(_run([sys.executable, *words, *settings]).stdout)
        for settings in (["-c", "pyproject.toml"], ["-x", "scripts/fuzzing,scripts/interrupting"])
    )
    if judged is None or plain is None:
        return {"done": False, "reason": "bandit is not installed"}
    skipped: dict[str, int] = {}
    for row in plain["results"]:
        skipped[row["test_id"]] = skipped.get(row["test_id"], 0) + 1
    return {
        "done": True,
        "version": _run([sys.executable, "-m", "bandit", "--version"]).stdout.split()[1],
        "lines": judged["metrics"]["_totals"]["loc"],
        "found": [
            f"{r['filename']}:{r['line_number']}: {r['test_id']} {r['issue_text']}"
            for r in judged["results"]
        ],
        "justified in pyproject.toml": dict(sorted(skipped.items())),
    }


def counted(log: str) -> dict[str, int]:
    """Return how many tests passed, failed, …, by the last line of pytest that counts them."""
    lines = [line for line in log.splitlines() if re.search(r"\d+ passed", line)]
    return {kind: int(number) for number, kind in _TESTS.findall(lines[-1])} if lines else {}


def _python(python: str) -> str:
    return _run([python, "-c", "import platform; print(platform.python_version())"]).stdout.strip()


def _run(words: list[str]) -> subprocess.CompletedProcess[str]:
    # bandit and pip-audit end with 1 where they found something.
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _write(name: str, content: dict[str, Any]) -> None:
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
