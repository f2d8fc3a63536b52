"""Whole or not at all, by one process at a time, whatever moment a process ends at."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from objrec import files
from objrec.errors import DataError
from objrec.files import (
    forget_unfinished,
    is_empty,
    locked,
    remove_folder,
    replaced,
    replaced_folder,
    sweep,
    write_bytes,
    write_tensors,
    write_text,
)

ROOT = Path(__file__).parents[1]
posix = pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL, nor a mask")


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "deep" / "täßchen ☕.json"
    with replaced(path) as partial:
        partial.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert names(tmp_path) == ["deep", "deep/täßchen ☕.json"]


def test_text_and_tensors_come_back(tmp_path):
    write_text(tmp_path / "a.txt", "é\r\nb\n")
    assert (tmp_path / "a.txt").read_bytes() == "é\r\nb\n".encode()
    write_tensors(tmp_path / "a.safetensors", {"w": torch.arange(3.0)})
    assert load_file(tmp_path / "a.safetensors")["w"].tolist() == [0, 1, 2]
    assert names(tmp_path) == ["a.safetensors", "a.txt"]


@posix
@pytest.mark.parametrize("mask", [0o022, 0o007])
def test_others_may_read_what_the_user_lets_them(tmp_path, mask):
    before = os.umask(mask)
    try:
        write_tensors(tmp_path / "a.safetensors", {"w": torch.zeros(1)})
    finally:
        os.umask(before)
    mode = stat.S_IMODE((tmp_path / "a.safetensors").stat().st_mode)
    assert mode == 0o666 & ~mask


def test_a_name_may_be_as_long_as_the_disk_allows(tmp_path):
    path = tmp_path / ("ü" * 127)
    write_text(path, "a")
    assert names(tmp_path) == [path.name]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_what_was_there_survives(tmp_path, error):
    write_text(tmp_path / "a", "old")
    with pytest.raises((DataError, KeyboardInterrupt)) as caught, replaced(tmp_path / "a") as part:
        part.write_text("half")
        raise error
    if isinstance(error, OSError):
        assert str(caught.value) == (
            f"{tmp_path / 'a'}: cannot be written (No space left); "
            "make room there and run the command again"
        )
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    for content in ("first", "second"):
        with replaced_folder(tmp_path / "out") as folder:
            (folder / content).touch()
        assert names(tmp_path) == ["out", f"out/{content}"]
    with pytest.raises(KeyError, match="bug"), replaced_folder(tmp_path / "out") as folder:
        raise KeyError("bug")
    assert names(tmp_path) == ["out", "out/second"]


def test_a_folder_is_deleted_and_need_not_be_there(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    remove_folder(tmp_path / "a")
    remove_folder(tmp_path / "a")
    assert names(tmp_path) == []


# Several processes --------------------------------------------------------------------------------


def start(code: str, *words: object) -> subprocess.Popen:
    command = [sys.executable, "-c", code, *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


HOLDING = """
import sys, time
from pathlib import Path
from objrec.files import locked, replaced
with locked(Path(sys.argv[1])), replaced(Path(sys.argv[1]) / "a") as partial:
    partial.write_text("half")
    print("there", flush=True)
    time.sleep(60)
"""


@posix
def test_a_lock_keeps_others_out_until_its_process_dies(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    write_text(out / "a", "old")
    with start(HOLDING, out) as process:
        assert process.stdout.readline() == "there\n"
        link = tmp_path / "link"
        link.symlink_to(out)
        for place in (out, link):  # one folder by two names
            with pytest.raises(DataError, match=f"^{place}: another objrec .* wait for it, or"):
                locked(place).__enter__()
        with pytest.raises(DataError, match="a: another objrec process is writing"):
            write_text(out / "a", "mine")
        assert (out / "a").read_text() == "old"
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not is_empty(out) and (out / ".a.partial" / "a").read_text() == "half"
    with locked(out):
        write_text(out / "a", "new")
    assert (out / "a").read_text() == "new"
    assert names(tmp_path) == ["link", "out", "out/a"]


@posix
def test_of_many_processes_one_has_the_lock(tmp_path):
    code = """
import os, sys
from objrec.errors import DataError
from objrec.files import locked
entered = 0
while entered < 50:
    try:
        with locked(sys.argv[1]):
            file = open(sys.argv[2], "x")  # fails if another process is in here
            os.unlink(sys.argv[2])
            entered += 1
    except DataError:
        pass
"""
    processes = [start(code, tmp_path / "out", tmp_path / "inside") for _ in range(2)]
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0, 0]
    assert names(tmp_path) == []


def test_folders_made_for_a_lock_go_with_it(tmp_path):
    with locked(tmp_path / "a" / "b" / "out"):
        assert (tmp_path / "a" / "b").is_dir()
    assert names(tmp_path) == []
    with locked(tmp_path / "a" / "out"):
        (tmp_path / "a" / "out").mkdir()
    assert names(tmp_path) == ["a", "a/out"]


def test_where_nothing_may_be_written_beside_a_folder_its_lock_is_inside(tmp_path, monkeypatch):
    real = os.open

    def forbidden(path, *words):
        if Path(path).parent == tmp_path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *words)

    (tmp_path / "out").mkdir()
    monkeypatch.setattr(os, "open", forbidden)
    with locked(tmp_path / "out"):
        assert names(tmp_path) == ["out", "out/.objrec.lock"]
        assert is_empty(tmp_path / "out")
        with pytest.raises(DataError, match="another objrec"):
            locked(tmp_path / "out").__enter__()
    assert names(tmp_path) == ["out"]
    with pytest.raises(DataError, match=r"new: cannot be written \(Permission denied\); check"):
        locked(tmp_path / "new").__enter__()


def test_a_disk_without_locks_is_written_all_the_same(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def without(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", without)
    write_bytes(tmp_path / "a", b"a")
    assert names(tmp_path) == ["a"]


def test_what_a_killed_process_left_is_no_content_and_goes(tmp_path):
    for name in (".a.partial", ".a.gone"):
        (tmp_path / name).mkdir()
    (tmp_path / ".a.lock").touch()
    assert is_empty(tmp_path)
    forget_unfinished(tmp_path / "a")
    assert names(tmp_path) == []
    (tmp_path / ".hidden").touch()
    assert not is_empty(tmp_path)


def test_windows_locks_have_the_same_words(tmp_path, monkeypatch):
    """msvcrt's own function is only there; what is asked of it is seen here."""
    calls = []

    class Locking:
        LK_NBLCK = 2

        @staticmethod
        def locking(number: int, mode: int, count: int) -> None:
            calls.append((mode, count))
            if len(calls) == 2:
                raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setitem(sys.modules, "msvcrt", Locking)
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with locked(tmp_path / "a"), pytest.raises(DataError, match="a: another objrec"):
        locked(tmp_path / "a").__enter__()
    assert calls == [(2, 1)] * 2
    assert files.is_empty(tmp_path)


def test_hidden_things_are_swept_out_and_nothing_else(tmp_path):
    (tmp_path / ".a.csv.partial").mkdir()
    (tmp_path / ".a.csv.partial" / "a.csv").write_text("half")
    (tmp_path / ".b.lock").write_text("")
    for name in (".mine", "a.partial", "a.csv"):
        (tmp_path / name).write_text("kept")
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mine", "a.csv", "a.partial"]
