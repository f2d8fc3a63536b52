"""One fuzz case: some files and a command, and what may not happen when it runs.

A case is a value, so that hypothesis can shrink it and a failing one can be kept as a folder.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from objrec.cli.main import main

HERE = "{}"  # stands for the case's folder in its words
SECONDS = 30
MEBIBYTES = 512
LONGEST = 1000
_LOADED = ("objrec.recognizer", "objrec.training", "objrec.evaluation", "objrec.report")
# What no message may hold: libraries speaking for themselves, or Python.
_FOREIGN = re.compile(
    r"Traceback|[A-Za-z]+Warning:|\[ ?WARN|\[ERROR|libpng|Corrupt JPEG|TIFF[A-Z]\w+:|"
    r"terminate called|Assertion|\[h264|\[av|OpenCV\("
)


@dataclass(frozen=True)
class Case:
    """One command on one folder of files.

    Attributes:
        words: The words after ``objrec``; "{}" in them is the folder.
        files: Path within the folder → bytes.
        links: Path within the folder → what the symbolic link points to.
        named: Texts, one of which a refusal must hold: the file at fault, or its setting.
        good: Whether it must succeed (True), be refused (False), or may do either (None).
        said: Texts that stdout must hold, such as the answers of the inputs that are good.
    """

    words: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    named: tuple[str, ...] = ()
    good: bool | None = None
    said: tuple[str, ...] = ()

    def write(self, folder: Path) -> list[str]:
        """Write the files, and return the words with the folder's path in them."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        for name, target in self.links.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(target)
        return [word.replace(HERE, str(folder)) for word in self.words]


@dataclass(frozen=True)
class Outcome:
    """What a command did.

    Attributes:
        code: Its exit code; None: it raised, and `err` ends with the traceback.
        out: Its stdout, and whatever a library wrote there.
        err: Its stderr, likewise.
        seconds: How long it took.
        mebibytes: By how much its peak exceeded what the process held before.
    """

    code: int | None
    out: str
    err: str
    seconds: float
    mebibytes: float


def complaints(case: Case) -> list[str]:
    """Run a case in a folder of its own and say what was wrong with the outcome; [] if nothing."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as around:
        folder = Path(around) / "case"
        folder.mkdir()
        words = case.write(folder)
        outcome = run(words)
        strays = sorted(path.name for path in Path(around).iterdir() if path != folder)
    found = _judged(case, outcome)
    return found + [f"wrote outside its folder: {name}" for name in strays]


def _judged(case: Case, outcome: Outcome) -> list[str]:
    if outcome.code is None:
        return [f"raised {outcome.err.strip().splitlines()[-1]}\n{outcome.err}"]
    found = []
    if outcome.code not in (0, 1, 2):
        found.append(f"exit code {outcome.code}")
    if case.good is not None and case.good != (outcome.code == 0):
        found.append(f"exit code {outcome.code}, good {case.good}: {outcome.err[-300:]}")
    if foreign := _FOREIGN.search(outcome.out + outcome.err):
        found.append(f"says {foreign[0]}: {outcome.err[:600]}")
    found += [
        f"does not say {text}: {outcome.err[-300:]}"
        for text in case.said
        if text not in outcome.out
    ]
    if (
        outcome.code == 1
        and case.words[0] == "classify"  # the others judge sets, not files
        and case.named
        and not any(n in outcome.out + outcome.err for n in case.named)
    ):
        found.append(f"exit code 1, names none of {case.named}: {outcome.err[-300:]}")
    if outcome.seconds > SECONDS:
        found.append(f"took {outcome.seconds:.0f} s")
    if outcome.mebibytes > MEBIBYTES:
        found.append(f"took {outcome.mebibytes:.0f} MiB")
    return found + (_refusal(case, outcome.err) if outcome.code == 2 else [])


def _refusal(case: Case, err: str) -> list[str]:
    """Judge the one line of a refusal; notes and bars may stand before it."""
    lines = [line for line in err.splitlines() if line.startswith("objrec: ")]
    if len(lines) != 1 or not err.endswith(lines[0] + "\n"):
        return [f"not one line at the end: {err[-600:]}"]
    found = []
    if case.named and not any(name in lines[0] for name in case.named):
        found.append(f"names none of {case.named}: {lines[0]}")
    if len(lines[0]) > LONGEST:
        found.append(f"a line of {len(lines[0])} characters: {lines[0][:300]}")
    return found


def run(words: list[str]) -> Outcome:
    """Run one command in this process, under limits of time and with its memory watched."""
    for name in _LOADED:  # what a command loads is not its input's memory
        importlib.import_module(name)
    before = _memory("VmRSS")
    _forget_peak()
    began = time.monotonic()
    code: int | None = None
    with tempfile.TemporaryFile("w+b") as out, tempfile.TemporaryFile("w+b") as err:
        with _captured(out.fileno(), err.fileno()), _alarm(2 * SECONDS):
            try:
                code = main(words)
            except BaseException:
                traceback.print_exc()
        texts = [_text(file) for file in (out, err)]
    return Outcome(code, *texts, time.monotonic() - began, _memory("VmHWM") - before)


def _text(file) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


@contextlib.contextmanager
def _captured(out: int, err: int) -> Iterator[None]:
    """Send stdout and stderr, those of libraries too, into two files."""
    streams, kept = (sys.stdout, sys.stderr), (os.dup(1), os.dup(2))
    for stream in streams:
        stream.flush()
    os.dup2(out, 1)
    os.dup2(err, 2)
    sys.stdout, sys.stderr = (
        open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        for number in (1, 2)
    )
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = streams
        for number, saved in zip((1, 2), kept, strict=True):
            os.dup2(saved, number)
            os.close(saved)


class Hang(BaseException):
    """A command ran far past its limit; no `except Exception` may swallow it."""


@contextlib.contextmanager
def _alarm(seconds: int) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise Hang(f"no end after {seconds} s")

    earlier = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, earlier)


def _memory(entry: str) -> float:
    """Return a line of /proc/self/status in MiB; 0 where there is no such file."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(entry + ":"):
                return int(line.split()[1]) / 1024
    return 0.0


def _forget_peak() -> None:
    """Let VmHWM start again from now."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
