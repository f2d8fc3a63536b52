"""What rendering needs: the libraries, and processes that share the work, in its order."""

from __future__ import annotations

import importlib.util
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

from objrec.errors import SettingsError


def check_renderer() -> None:
    """Refuse to go on without the extra 'render'.

    Raises:
        SettingsError: trimesh or embreex is not installed.
    """
    for package in ("trimesh", "embreex"):
        if importlib.util.find_spec(package) is None:
            raise SettingsError(
                f"rendering: {package} is not installed; pip install 'objrec[render]'"
            )


@contextmanager
def mapper(workers: int) -> Iterator[Callable[..., Iterable]]:
    """Give `map`, or its counterpart over worker processes."""
    if workers <= 1:
        yield map
        return
    # Fresh processes: a forked copy of a process with running threads (torch) may hang.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_ignore_interrupts)
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)


def _ignore_interrupts() -> None:
    """Leave Ctrl-C to the main process, which stops the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
