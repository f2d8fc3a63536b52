"""End objrec at every moment and let the disk fail at every write: nothing may be lost.

    python scripts/interruptions.py [--kills 50] [--seed 0] [--only NAME…] [--out FILE]

kills     SIGKILL at random moments of a training, half of them inside the writing of a checkpoint;
          gone on with by --resume, the weights must be those of a run that was not killed
signals   SIGINT and SIGTERM at random moments: exit code 130, one line, and --resume goes on
faults    of every command that writes: each operation on the disk fails in turn (full, forbidden),
          and is the last one before SIGKILL in turn: one line, outputs whole, a second try works
full      a file system of a few hundred KiB (needs root)
twice     two processes into one folder

It runs on one thread of a processor. FILE gets the figures.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from interrupting.commands import COMMANDS, Command, damaged, draw_set, output, prepare
from interrupting.faults import KILL, Fault, Running, forked, load_as

from objrec.evaluation.hardware import describe_hardware

PARTS = ("kills", "signals", "twice", "full", "faults")
TRAINING = COMMANDS[:2]


@dataclass
class Bench:
    """Where everything happens.

    Attributes:
        root: A folder of its own.
        random: Draws the moments.
        complaints: What was wrong, in sentences.
    """

    root: Path
    random: random.Random
    complaints: list[str]

    @property
    def made(self) -> Path:
        """The folder of the set, the model and the report that commands begin with."""
        return self.root / "made"

    def expect(self, right: bool, text: str) -> None:
        """Keep a complaint unless all is right."""
        if not right:
            self.complaints.append(text)
            print(f"! {text}", flush=True)


def main() -> int:
    """Run all parts, and return 1 if anything was lost."""
    arguments = _arguments()
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    began, results = time.monotonic(), {}
    with tempfile.TemporaryDirectory(prefix="interruptions-") as folder:
        bench = Bench(Path(folder), random.Random(arguments.seed), [])
        _make(bench)
        for part in arguments.only or PARTS:
            since = time.monotonic()
            results[part] = globals()[part](bench, arguments)
            results[part]["seconds"] = round(time.monotonic() - since)
            print(f"{part}: {json.dumps(results[part])}", flush=True)
            if arguments.out:
                _write(arguments, results, bench, time.monotonic() - began)
    print(f"{len(bench.complaints)} complaints in {time.monotonic() - began:.0f} s")
    return int(bool(bench.complaints))


def _make(bench: Bench) -> None:
    """Make what commands begin with, each in a process of its own; torch runs nothing here."""
    draw_set(bench.made / "set")
    made = str(bench.made)
    for command, name in ((COMMANDS[0], "model"), (COMMANDS[2], "report")):
        words = [word.replace("{}/OUT", f"{made}/{name}") for word in command.words]
        if load_as([word.replace("{}", made) for word in words]):
            raise SystemExit(f"{name}: cannot be made")
    for command in COMMANDS:
        load_as(command.placed(prepare(command, bench.made, bench.root / "rehearsal")))


def kills(bench: Bench, arguments: argparse.Namespace) -> dict[str, Any]:
    """Kill trainings until there were so many kills; compare the weights at the end of each."""
    done = {"kills": 0, "inside a checkpoint": 0, "runs": 0}
    while done["kills"] < arguments.kills:
        command = TRAINING[done["runs"] % 2]
        folder = prepare(command, bench.made, bench.root / "killed")
        words, whole = [*command.placed(folder), "--resume"], _whole(bench, command)
        for _ in range(bench.random.randint(2, 5)):
            inside = bench.random.random() < 0.5
            code = _killed_inside(bench, words, folder) if inside else _killed(bench, words, whole)
            done["kills"] += code == -signal.SIGKILL
            done["inside a checkpoint"] += inside and code == -signal.SIGKILL
            bench.expect(code in (0, -signal.SIGKILL), f"kills: {command.name}: code {code}")
        ran = forked(words)
        bench.expect(ran.code == 0, f"kills: {command.name}: not gone on with: {ran.err[-300:]}")
        _compare(bench, command, folder, whole[0], "kills")
        done["runs"] += 1
    return done


_wholes: dict[str, tuple[Path, float]] = {}


def _whole(bench: Bench, command: Command) -> tuple[Path, float]:
    """Return the folder of a run of a command that nothing interrupted, and how long it took."""
    if command.name not in _wholes:
        folder = prepare(command, bench.made, bench.root / f"whole-{len(_wholes)}")
        ran = forked(command.placed(folder))
        bench.expect(ran.code == 0, f"{command.name}: {ran.err[-300:]}")
        _wholes[command.name] = (folder, ran.seconds)
    return _wholes[command.name]


def _killed(bench: Bench, words: list[str], whole: tuple[Path, float]) -> int:
    running = Running(words)
    time.sleep(bench.random.uniform(0, whole[1]))
    running.signal(signal.SIGKILL)
    return running.finish().code


def _killed_inside(bench: Bench, words: list[str], folder: Path) -> int:
    """Kill a training half-way through one of its next writings of a checkpoint."""
    only = ("write ", "checkpoint.safetensors")
    return forked(words, Fault(folder, bench.random.randint(1, 3), KILL, only=only)).code


def _compare(bench: Bench, command: Command, folder: Path, whole: Path, part: str) -> None:
    """Compare what must be the same bytes, and look for what must not be left."""
    for name in command.bits:
        ours, theirs = (output(f) / name if name else output(f) for f in (folder, whole))
        same = ours.is_file() and ours.read_bytes() == theirs.read_bytes()
        bench.expect(same, f"{part}: {command.name}: {name or 'the file'} differs")
    left = _unfinished(folder)
    bench.expect(not left, f"{part}: {command.name}: left behind: {left}")


def _unfinished(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob(".*"))


def signals(bench: Bench, arguments: argparse.Namespace) -> dict[str, Any]:
    """Interrupt trainings; what was loaded already is not loaded again, but for a few of them."""
    done = Counter()
    for number, kind in itertools.product(
        range(max(4, arguments.kills // 5)), ("SIGINT", "SIGTERM")
    ):
        command = TRAINING[number % 2]
        whole = _whole(bench, command)
        folder = prepare(command, bench.made, bench.root / "signalled")
        words = [*command.placed(folder), "--resume"]
        running = Running(words)
        time.sleep(bench.random.uniform(0.02, whole[1]))
        running.signal(getattr(signal, kind))
        ran = running.finish()
        done[kind] += ran.code == 130
        _judge_interrupted(bench, ran.code, ran.err, kind)
        ran = forked(words)
        bench.expect(ran.code == 0, f"{kind}: not gone on with: {ran.err[-300:]}")
        _compare(bench, command, folder, whole[0], kind)
    for number in range(6):
        done["SIGINT while it loads"] += _interrupted_loading(bench, 0.5 + number / 2)
    return dict(done)


def _judge_interrupted(bench: Bench, code: int, err: str, kind: str) -> None:
    if code == 0:  # it was done before
        return
    last = err.splitlines()[-1] if err else ""
    one = last.startswith("objrec: ") and err.count("objrec: ") == 1 and "Traceback" not in err
    bench.expect(code == 130 and one, f"{kind}: code {code}: {err[-600:]}")


def _interrupted_loading(bench: Bench, seconds: float) -> bool:
    """Interrupt the real command so long after its start, before everything is loaded."""
    folder = prepare(COMMANDS[0], bench.made, bench.root / "loading")
    words = [sys.executable, "-m", "objrec", *COMMANDS[0].placed(folder)]
    process = subprocess.Popen(
        words,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    err = process.communicate()[1]
    _judge_interrupted(bench, process.returncode, err, f"SIGINT after {seconds} s")
    return process.returncode == 130


def faults(bench: Bench, arguments: argparse.Namespace) -> dict[str, Any]:
    """Let every operation of every command fail, and be its last."""
    kinds = {
        "full": (errno.ENOSPC, True),
        "forbidden": (errno.EACCES, False),
        "killed": (KILL, False),
    }
    done: dict[str, Any] = {}
    for command in COMMANDS:
        if arguments.command and arguments.command not in command.name:
            continue
        since = time.monotonic()
        folder = prepare(command, bench.made, bench.root / "fault")
        operations = forked(command.placed(folder), Fault(folder, 0, KILL)).operations
        whole = _whole(bench, command)[0]
        row = {"operations": len(operations)} | dict.fromkeys(kinds, 0)
        for kind, (at, text) in itertools.product(kinds, enumerate(operations, 1)):
            if kind == "full" and text.split()[0] not in ("open", "mkdir", "write", "fsync"):
                continue
            if bench.random.random() < arguments.share:
                _faulted(bench, command, whole, (at, *kinds[kind]))
                row[kind] += 1
        done[command.name] = row
        print(f"  {command.name}: {row} {time.monotonic() - since:.0f} s", flush=True)
    return done


def _faulted(bench: Bench, command: Command, whole: Path, fault: tuple[int, int, bool]) -> None:
    """Run a command with one fault, judge what it leaves, and let it have a second try."""
    folder = prepare(command, bench.made, bench.root / "fault")
    ran = forked(command.placed(folder), Fault(folder, *fault))
    operation = ran.operations[fault[0] - 1] if len(ran.operations) >= fault[0] else "nothing"
    said = f"{command.name}: {fault[1]} at {fault[0]} ({operation})"
    if fault[1] == KILL:
        bench.expect(ran.code == -signal.SIGKILL, f"{said}: code {ran.code}")
    else:
        lines = [line for line in ran.err.splitlines() if line.startswith("objrec: ")]
        refused = ran.code == 2 and len(lines) == 1 and ran.err.endswith(lines[0] + "\n")
        refused = refused and "cannot be written" in lines[0] and ";" in lines[0]
        # What goes wrong in tidying up is not worth an error.
        right = refused or ran.code == 0
        bench.expect(right, f"{said}: code {ran.code}: {ran.err[-600:]}")
        tidying = operation.startswith(("rmdir ", "remove "))  # it can leave what it may not delete
        left = [] if tidying else _unfinished(folder)
        bench.expect(not left, f"{said}: left {left}")
    broken = damaged(output(folder)) if output(folder).exists() else ""
    unfinished = "no config.json" in broken  # a model folder without it says that it is none yet
    bench.expect(not broken or unfinished, f"{said}: {broken}")
    again = forked([*command.placed(folder), *command.again])
    bench.expect(again.code == 0, f"{said}: second try: {again.err[-300:]}")
    _compare(bench, command, folder, whole, said)


def full(bench: Bench, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train, evaluate and convert on a real file system that fills up, of every size in turn."""
    place, done = bench.root / "small", {"commands": 0, "refused": 0}
    place.mkdir()
    for command in (COMMANDS[0], COMMANDS[2], *COMMANDS[8:11]):
        whole = _whole(bench, command)[0]
        for kibibytes in (8, 16, 32, 64, 128, 256, 512):
            if subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "t", place]
            ).returncode:
                return {"skipped": "no file system can be mounted here"}
            try:
                done["commands"] += 1
                done["refused"] += _filled(bench, command, place, whole, kibibytes)
            finally:
                subprocess.run(["umount", place], check=True)
    return done


def _filled(bench: Bench, command: Command, place: Path, whole: Path, kibibytes: int) -> bool:
    """Run a command on a small disk, then on the same disk made larger."""
    folder = bench.root / "full"
    prepare(command, bench.made, folder)
    inside = place / "out"
    inside.mkdir()
    words = [
        word.replace("{}/OUT", f"{inside}/OUT").replace("{}", str(folder)) for word in command.words
    ]
    ran = forked(words)
    said = f"{command.name} on {kibibytes} KiB"
    refused = ran.code == 2 and ran.err.count("objrec: ") == 1 and "No space left" in ran.err
    bench.expect(refused or ran.code == 0, f"{said}: code {ran.code}: {ran.err[-300:]}")
    left = _unfinished(inside)
    bench.expect(not left, f"{said}: left {left}")
    subprocess.run(["mount", "-o", "remount,size=64m", place], check=True)
    again = forked([*words, *command.again])
    bench.expect(again.code == 0, f"{said}: second try: {again.err[-300:]}")
    _compare(bench, command, inside, whole, said)
    return refused


def twice(bench: Bench, arguments: argparse.Namespace) -> dict[str, Any]:
    """Start every command a second time while the first one is at work, and stands still."""
    done = {"commands": 0, "refused": 0}
    for command in COMMANDS:
        if command.name in ("report", "explain", "export", "data info --picture"):
            continue  # a single file is locked for the milliseconds in which it is written
        folder = prepare(command, bench.made, bench.root / "twice")
        words, whole = command.placed(folder), _whole(bench, command)[0]
        first, since = Running(words), time.monotonic()
        while not _is_locked(folder) and time.monotonic() - since < 60:
            time.sleep(0.0001)
        first.signal(signal.SIGSTOP)
        second = forked(words)
        first.signal(signal.SIGCONT)
        ran = first.finish()
        refused = second.code == 2 and "another objrec process" in second.err
        one = second.err.count("objrec: ") == 1
        bench.expect(ran.code == 0, f"twice: {command.name}: the first: {ran.err[-300:]}")
        bench.expect(refused and one, f"twice: {command.name}: {second.code}: {second.err[-300:]}")
        done["commands"] += 1
        done["refused"] += refused and one
        _compare(bench, command, folder, whole, "twice")
    return done


def _is_locked(folder: Path) -> bool:
    """Whether a process has the lock of the output; a lock's file is there before it is locked."""
    with contextlib.suppress(FileNotFoundError):
        for lock in folder.glob(".OUT*.lock"):
            return f":{lock.stat().st_ino} " in Path("/proc/locks").read_text()
    return False


def _write(arguments: argparse.Namespace, results: dict, bench: Bench, seconds: float) -> None:
    written = {
        "command": f"python scripts/{Path(sys.argv[0]).name} {' '.join(sys.argv[1:])}",
        "hardware": describe_hardware(),
        "seconds": round(seconds),
        "complaints": bench.complaints,
        **results,
    }
    arguments.out.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=50, help="at least so many; 50")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=PARTS, help="these parts")
    parser.add_argument("--command", help="of faults: commands whose name holds this")
    parser.add_argument("--share", type=float, default=1.0, help="of the faults, drawn; 1: all")
    parser.add_argument("--out", type=Path, help="write the figures into this file")
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
