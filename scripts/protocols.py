"""Collect the rows of finished protocols into scripts/results/protocols.json.

    python scripts/protocols.py out/novel-azimuth out/novel-elevation …

Each DIR was made by `objrec protocol NAME SET --out DIR --seeds 0 1 2`. `python
scripts/readme_tables.py` then writes the table of those that have novel views.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from quality import commit

from objrec.options import options_of
from objrec.protocols import ProtocolSettings

RESULTS = Path(__file__).parent / "results" / "protocols.json"
KEPT = (
    *("protocol", "says", "rows", "differences", "rows_after_full_training", "hardware"),
    *("scores", "mean_scores", "drawn"),  # these only some protocols have
)


def main() -> None:
    """Write one entry a protocol, replacing what the file says of it already."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--set", default="render5", help="what tables call the set")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    entries = json.loads(arguments.out.read_text()) if arguments.out.exists() else []
    for folder in arguments.folders:
        new = collected(folder, arguments.set)
        same = ("set", "protocol")
        entries = [e for e in entries if any(e[key] != new[key] for key in same)] + [new]
    arguments.out.write_text(json.dumps(entries, indent=1) + "\n")


def collected(folder: Path, set_name: str) -> dict[str, Any]:
    """Return what is kept of one protocol.json."""
    found = json.loads((folder / "protocol.json").read_text(encoding="utf-8"))
    flags = _flags(found["settings"]["protocol"])
    command = f"objrec protocol {found['protocol']} {set_name} --out DIR {flags}"
    kept = {key: found[key] for key in KEPT if key in found}
    return {"set": set_name, "command": command, **kept, "commit": commit()}


def _flags(settings: dict[str, Any]) -> str:
    """Return the flags of the seeds, and of what is not as by default."""
    words = []
    for one in options_of(ProtocolSettings):
        value = settings.get(one.name, one.default)
        value = tuple(value) if one.repeated else value
        if one.name == "seeds" or value != one.default:
            numbers = one.repeated and one.kind is not str
            text = (" " if numbers else ",").join(map(str, value)) if one.repeated else value
            words.append(f"{one.flag} {text}")
    return " ".join(words)


if __name__ == "__main__":
    main()
