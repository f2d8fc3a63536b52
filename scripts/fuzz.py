"""Give every reader broken input, and count what it may not do.

    python scripts/fuzz.py [READER…] [--cases 3000] [--seed 0] [--out FILE] [--keep DIR]

A case is a folder of files and one `objrec` command, drawn by hypothesis: mutated bytes, changed
JSON, odd texts. It may succeed, or be refused: with exit code 2 and one line that names the file.
It may not raise, print a library's own messages, run for more than 30 s, take more than 512 MiB
beyond what the process held, or write outside its folder. Every reader runs in a process of its
own, so that a crash is seen. FILE gets the counts; DIR a folder for each kind of failure.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis
from fuzzing.case import MEBIBYTES, SECONDS, Case, complaints

READERS = ("norb", "images", "labels", "descriptions", "models", "checkpoints", "results")


@dataclass
class Tally:
    """What the cases of one reader came to.

    Attributes:
        reader: Its name.
        cases: How many were run.
        seconds: How long they took.
        kinds: Complaint, without its numbers → how often.
        crashed: The exit code of its process if it died.
    """

    reader: str
    cases: int = 0
    seconds: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    crashed: int | None = None


def main() -> int:
    """Run all, and return 1 if anything was wrong."""
    arguments = _arguments()
    tallies = [_apart(reader, arguments) for reader in arguments.readers or READERS]
    for tally in tallies:
        print(f"{tally.reader}: {tally.cases} cases in {tally.seconds:.0f} s, {_said(tally)}")
        for kind, count in tally.kinds.most_common():
            print(f"  {count} x {kind}")
    if arguments.out:
        _write(arguments, tallies)
    return int(any(tally.kinds or tally.crashed for tally in tallies))


def _said(tally: Tally) -> str:
    crash = f", process died ({tally.crashed})" if tally.crashed else ""
    return f"{tally.kinds.total()} complaints{crash}"


def _apart(reader: str, arguments: argparse.Namespace) -> Tally:
    """Fuzz one reader in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    words = (reader, arguments.cases, arguments.seed, arguments.keep, theirs)
    process = context.Process(target=_fuzz, args=words)
    process.start()
    theirs.close()
    tally = Tally(reader)
    while True:
        try:
            tally = ours.recv()
        except EOFError:
            break
    process.join()
    tally.crashed = process.exitcode or None
    return tally


def _fuzz(reader: str, count: int, seed: int, keep: Path | None, results) -> None:
    strategy = importlib.import_module(f"fuzzing.{reader}").CASES
    tally, began = Tally(reader), time.monotonic()

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(strategy)
    def one(case: Case) -> None:
        if keep:
            _keep(keep / reader / "running", case, [])
        for complaint in (found := complaints(case)):
            kind = re.sub(r"fuzz-\w+|[0-9]+", "N", complaint.split("\n")[0])[:160]
            if kind not in tally.kinds and keep:
                _keep(keep / reader / f"{len(tally.kinds) + 1:03d}", case, found)
            tally.kinds[kind] += 1
        tally.cases += 1
        tally.seconds = time.monotonic() - began
        if tally.cases % 50 == 0:
            results.send(tally)
            print(f"\r{reader} {tally.cases}/{count} ", end="", file=sys.stderr, flush=True)

    one()
    results.send(tally)
    print("\r", end="", file=sys.stderr)


def _keep(folder: Path, case: Case, found: list[str]) -> None:
    """Keep a case as a folder: its files, its command, what was wrong."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    (folder / "case").mkdir(parents=True)
    words = case.write(folder / "case")
    (folder / "command.txt").write_text(json.dumps(words) + "\n\n" + "\n\n".join(found))


def _write(arguments: argparse.Namespace, tallies: list[Tally]) -> None:
    written = {
        "command": f"python scripts/fuzz.py --cases {arguments.cases} --seed {arguments.seed}",
        "seconds a case": SECONDS,
        "MiB a case": MEBIBYTES,
        "readers": [vars(tally) for tally in tallies],
    }
    arguments.out.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(READERS))
    parser.add_argument("--cases", type=int, default=3000, help="a reader; 3000")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write the counts into this file")
    parser.add_argument("--keep", type=Path, help="keep a failing case of each kind in this folder")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
