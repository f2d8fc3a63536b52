"""What rendering needs: the libraries, and processes that share the work, in its order."""

from __future__ import annotations

import importlib.util
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.synchronize import Event

from objrec.errors import SettingsError

_stop: Event | None = None  # of this process, if it is a worker: set when its work is in vain


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
    context = get_context("spawn")
    stop = context.Event()
    pool = ProcessPoolExecutor(workers, context, initializer=_prepare, initargs=(stop,))
    try:
        yield pool.map
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def give_up_if_stopped() -> None:
    """End a worker's task early once nobody waits for it; to be called now and then.

    Raises:
        KeyboardInterrupt: It is so.
    """
    if _stop is not None and _stop.is_set():
        raise KeyboardInterrupt


def _prepare(stop: Event) -> None:
    """Leave Ctrl-C to the main process, which stops the workers; end when it is killed."""
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
