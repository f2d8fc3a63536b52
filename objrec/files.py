"""How objrec writes: every file and folder whole or not at all, by one process at a time.

What is being written lies in a hidden folder beside its place, ``.NAME.partial``, and is renamed
when it is complete and on the disk. A process that is killed leaves that folder behind, and the
next one that writes there takes it away. What the disk refuses becomes one line.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from objrec.errors import DataError

if TYPE_CHECKING:
    import torch

_LONGEST = 200  # bytes of a name that the name of its hidden folder repeats; most disks take 255
_INSIDE = ".objrec.lock"
_OTHERWISE = "check the path and the disk"
_OURS = re.compile(r"\..+\.(partial|gone|lock)")
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # Windows has none; there only the powerful make links
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)

ADVICE = {
    errno.ENOSPC: "make room there and run the command again",
    errno.EDQUOT: "make room there and run the command again",
    errno.EACCES: "check the permissions there, or name another place",
    errno.EPERM: "check the permissions there, or name another place",
    errno.EROFS: "name another place",
    errno.EFBIG: "raise the limit (ulimit -f), or name a place on another disk",
    errno.EIO: "check the disk",
    errno.ESTALE: "check the network drive",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "close other programs",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOTDIR: "check the path",
    errno.EISDIR: "check the path",
    errno.EEXIST: "check the path",
    errno.ELOOP: "check the links on the path",
}
"""What to do about errors of the disk that are the user's to mend, by number."""


def refusal(place: object, number: int | None, reason: str) -> str:
    """Return the line about something that the disk refused."""
    return f"{place}: cannot be written ({reason}); {ADVICE.get(number, _OTHERWISE)}"


@contextmanager
def writing(place: object) -> Iterator[None]:
    """Tell in one line what the disk refuses within a block.

    Raises:
        DataError: It refuses something; the message names `place`.
    """
    try:
        yield
    except OSError as error:
        raise DataError(refusal(place, error.errno, error.strerror or str(error))) from error


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all, its line ends as they are.

    Raises:
        DataError: It cannot be written.
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, written: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        DataError: It cannot be written.
    """
    with replaced(path) as partial:
        partial.write_bytes(written)


def write_tensors(
    path: Path, tensors: dict[str, torch.Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors, contiguous and on the CPU, as safetensors; whole or not at all.

    Raises:
        DataError: It cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with replaced(path) as partial:
        try:
            save_file(tensors, partial, metadata=metadata and dict(metadata))
        except SafetensorError as error:  # what the disk said is in its text only
            found = re.search(r"os error (\d+)", str(error))
            if found is None:
                raise
            raise OSError(int(found[1]), os.strerror(int(found[1]))) from error


@contextmanager
def replaced(path: str | Path) -> Iterator[Path]:
    """Give a path to write a file to; on success it becomes `path`, an older one is replaced.

    Args:
        path: The file; its folder is made.

    Raises:
        DataError: It cannot be written, or another process is writing it.
    """
    path = Path(path)
    with locked(path), writing(path), hidden_folder(path) as folder:
        partial = folder / path.name
        yield partial
        # Some libraries write files that nobody else may read; a folder has what the user wants.
        partial.chmod(folder.stat().st_mode & 0o666)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)


@contextmanager
def hidden_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder beside a place, on the same disk; what is left in it is deleted."""
    folder = _beside(path, "partial")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Delete a folder and what is in it, all at once; it need not be there.

    Of a link to a folder, the link alone.

    Raises:
        DataError: It cannot be deleted.
    """
    if folder.is_symlink():
        with writing(folder):
            folder.unlink(missing_ok=True)
        return
    gone = _beside(folder, "gone")
    shutil.rmtree(gone, ignore_errors=True)
    with writing(folder), suppress(FileNotFoundError):
        folder.replace(gone)
    shutil.rmtree(gone, ignore_errors=True)


def forget_unfinished(path: Path) -> None:
    """Delete what a killed process left of writing or deleting a file or folder, if it did."""
    for ending in ("partial", "gone"):
        shutil.rmtree(_beside(path, ending), ignore_errors=True)
    with suppress(OSError):
        _beside(path, "lock").unlink()


def sweep(folder: Path) -> None:
    """Delete hidden things of this page that could not be deleted from a folder at first."""
    for path in [path for path in folder.iterdir() if _OURS.fullmatch(path.name)]:
        shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):
            path.unlink(missing_ok=True)


@contextmanager
def replaced_folder(path: str | Path) -> Iterator[Path]:
    """Give a folder to fill; on success it becomes `path`, and an older one goes, all of it.

    Raises:
        DataError: It cannot be written, or another process is writing it.
    """
    path = Path(path)
    with locked(path), writing(path), hidden_folder(path) as around:
        folder, old = around / "new", around / "old"
        folder.mkdir()
        yield folder
        sweep(folder)
        if path.is_dir():
            path.replace(old)
        try:
            folder.replace(path)
        except OSError:
            if old.is_dir():
                old.replace(path)
            raise


@contextmanager
def locked(path: str | Path, told: Path | None = None) -> Iterator[None]:
    """Keep other objrec processes from writing a file or folder, for the length of a block.

    The lock ends with the process, however that ends: a killed run can be gone on with at once.

    Args:
        path: The file or folder; it need not exist. Folders that it lies in are made, and are
            removed again if they are empty in the end.
        told: What to call it; None: as it is called.

    Raises:
        DataError: Another process writes there, or nothing can be written there.
    """
    place = Path(path).resolve()
    with writing(path):
        made = _made_folders(place.parent)
        lock, number = _acquired(place)
    try:
        if number is None:
            raise DataError(
                f"{told or path}: another objrec process is writing into it; wait for it, or name "
                "another place"
            )
        yield
    finally:
        if number is not None:
            _release(lock, number)
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


def is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing, but perhaps what this page puts there."""
    return all(_OURS.fullmatch(path.name) for path in folder.iterdir())


def _beside(path: Path, ending: str) -> Path:
    name = os.fsencode(path.name)
    short = path.name if len(name) <= _LONGEST else hashlib.sha256(name).hexdigest()
    return path.parent / f".{short}.{ending}"


def _made_folders(folder: Path) -> list[Path]:
    """Make a folder and those around it; return those that were made, the innermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
    return missing


def _acquired(place: Path) -> tuple[Path, int | None]:
    """Lock a file beside a place, or in it where nothing may be written beside it.

    Returns:
        The locked file and its descriptor; None: another process has it.
    """
    beside = _beside(place, "lock")
    try:
        return beside, _locked_file(beside)
    except OSError as error:
        if error.errno not in _FORBIDDEN or not place.is_dir():
            raise
    return place / _INSIDE, _locked_file(place / _INSIDE)


def _locked_file(lock: Path) -> int | None:
    while True:
        number = os.open(lock, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o666)
        try:
            if not _lock(number):
                os.close(number)
                return None
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(number), lock.stat()):
                    return number
        except BaseException:
            os.close(number)
            raise
        os.close(number)  # its owner deleted it in the meantime; somebody may have made another


def _release(lock: Path, number: int) -> None:
    if os.name == "posix":  # while it is locked: nobody else can own a file of that name then
        with suppress(OSError):
            lock.unlink()
    os.close(number)
    if os.name != "posix":  # an open file cannot be deleted there, nor one that others have open
        with suppress(OSError):
            lock.unlink()


def _lock(number: int) -> bool:
    """Lock an open file, or return that another process has it."""
    try:
        import fcntl
    except ImportError:
        return _lock_on_windows(number)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:  # some network drives have none: better unlocked than not
            raise
    return True


def _lock_on_windows(number: int) -> bool:
    import msvcrt

    try:
        msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True
