"""Runs a command in a forked process, and lets its n-th touch of the disk fail, or be its last.

Operations on files below one folder are counted as Python announces them (audit events): opening
to write, making, renaming, deleting. Writing and syncing, which it does not announce, are wrapped.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch

from objrec.cli.main import main

_EVENTS = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.link")
_GROWING = ("open", "os.mkdir", "write", "fsync")  # what a full disk refuses
KILL = -1  # stands for SIGKILL in the place of an error's number


@dataclass(frozen=True)
class Fault:
    """What happens to the disk.

    Attributes:
        root: The folder whose operations count.
        at: The number of the operation, from 1; 0: never.
        number: The error; KILL: the process dies there instead, of a write half-way.
        lasting: Later operations that take room fail too, as on a full disk.
        only: Count these operations only, by how their text begins and ends; () counts all.
    """

    root: Path
    at: int
    number: int
    lasting: bool = False
    only: tuple[str, str] | tuple[()] = ()


@dataclass(frozen=True)
class Ran:
    """What a command did.

    Attributes:
        code: Its exit code; negative: the signal that ended it; 70: it raised.
        err: Its stderr.
        operations: What it did on the disk, in order.
        seconds: How long it ran.
    """

    code: int
    err: str
    operations: tuple[str, ...]
    seconds: float


def forked(words: list[str], fault: Fault | None = None) -> Ran:
    """Run a command in a process of its own, and wait for it."""
    return Running(words, fault).finish()


def load_as(words: list[str]) -> int:
    """Run a command in a process of its own, and import here what it imported there.

    So that the next ones begin at once, and no time is spent on loading that is not objrec's own.
    """
    with tempfile.TemporaryFile("w+") as names:
        pid = os.fork()
        if pid == 0:
            for number in (1, 2):
                os.dup2(os.open(os.devnull, os.O_WRONLY), number)
            code = main([*words])
            names.write("\n".join(sys.modules))
            names.flush()
            os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        names.seek(0)
        for name in names.read().split("\n"):
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    return code


class Running:
    """A command that runs in a forked process; everything is loaded already."""

    def __init__(self, words: list[str], fault: Fault | None = None) -> None:
        """Start it."""
        self._err, self._told = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        self._began = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            self._run(words, fault)

    def _run(self, words: list[str], fault: Fault | None) -> None:
        code = 70
        try:
            os.dup2(self._err.fileno(), 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
            sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
            if fault:
                _Counter(fault, self._told.fileno()).install()
            code = main(words)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def signal(self, number: int) -> None:
        """Send a signal; it may have ended by then."""
        os.kill(self.pid, number)

    def finish(self) -> Ran:
        """Wait for its end."""
        status = os.waitpid(self.pid, 0)[1]
        seconds = time.monotonic() - self._began
        texts = []
        for file in (self._err, self._told):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
            file.close()
        code = os.waitstatus_to_exitcode(status)
        return Ran(code, texts[0], tuple(texts[1].splitlines()), seconds)


class _Counter:
    """Counts operations, and makes one of them fail."""

    def __init__(self, fault: Fault, told: int) -> None:
        self._fault, self._told, self._count = fault, told, 0
        self._root = str(fault.root) + os.sep

    def install(self) -> None:
        """Watch from now on; there is no way back."""
        sys.addaudithook(self._heard)
        os.fsync = self._before("fsync", os.fsync)
        Path.write_bytes = self._halved(Path.write_bytes, self._half_of_bytes)
        save = safetensors.torch.save_file
        safetensors.torch.save_file = self._halved(save, self._half_of_tensors(save))

    def _heard(self, event: str, words: tuple) -> None:
        if event == "open":
            path, _, flags = words
            if not isinstance(path, str | bytes | os.PathLike):
                return
            if not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
        elif event in _EVENTS:
            path = words[0]
        else:
            return
        path = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
        if path.startswith(self._root):
            self._meet(event, path)

    def _meet(self, event: str, path: str, half: Callable[[], None] | None = None) -> None:
        """Count one operation; fail, or end, if it is its turn."""
        text = f"{event.removeprefix('os.')} {path.removeprefix(self._root)}"
        if self._fault.only:
            begin, end = self._fault.only
            if not (text.startswith(begin) and text.endswith(end)):
                return
        self._count += 1
        os.write(self._told, f"{text}\n".encode())
        if self._fault.lasting and event not in _GROWING:
            return
        due = self._count == self._fault.at
        later = self._fault.lasting and 0 < self._fault.at < self._count and event in _GROWING
        if not (due or later):
            return
        number = self._fault.number
        if half and due:
            half()
        if number == KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(number, os.strerror(number), path)

    def _before(self, event: str, real: Callable) -> Callable:
        def wrapped(*words):
            self._meet(event, f"{self._root}descriptor")
            return real(*words)

        return wrapped

    def _halved(self, real: Callable, half: Callable) -> Callable:
        def wrapped(one, other, *words, **named):
            path = one if isinstance(one, Path) else Path(other)
            if str(path).startswith(self._root):
                self._meet("write", str(path), lambda: half(one, other, **named))
            return real(one, other, *words, **named)

        return wrapped

    @staticmethod
    def _half_of_bytes(path: Path, written: bytes) -> None:
        number = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.write(number, written[: len(written) // 2])
        os.close(number)

    def _half_of_tensors(self, save: Callable) -> Callable:
        def half(tensors, path, **named) -> None:
            save(tensors, path, **named)
            os.truncate(path, os.stat(path).st_size // 2)  # noqa: PTH116
            if self._fault.number != KILL:  # as the library tells what the disk said
                text = f"Error while serializing: I/O error: it (os error {self._fault.number})"
                raise safetensors.SafetensorError(text)

        return half
