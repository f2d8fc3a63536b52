"""Connecting to Ray, or starting one, without a word of its own among the results."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from objrec.errors import SettingsError

_STORE = 2**28  # bytes of shared memory, of a Ray of our own: shards hold names, not pixels


def check_ray() -> None:
    """Refuse to go on without the extra 'ray'.

    Raises:
        SettingsError: Ray is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise SettingsError("ray: is not installed; pip install 'objrec[ray]'")


@contextmanager
def connected(workers: int | None) -> Iterator[Any]:
    """Give the module `ray`, connected; a Ray of our own ends with the block.

    Args:
        workers: How many there will be, at least; None: one a core.

    Raises:
        SettingsError: There is no Ray where RAY_ADDRESS says.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    import ray
    import ray.data

    if ray.is_initialized():
        yield ray
        return
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    own: dict[str, Any] = {}
    if not os.environ.get("RAY_ADDRESS"):
        own = {"include_dashboard": False, "object_store_memory": _STORE, "address": "local"}
        own["num_cpus"] = max(workers or 1, _cores())
    with redirect_stdout(_Apart(sys.stdout)):
        try:
            with _hushed():
                ray.init(log_to_driver=False, logging_level=logging.ERROR, **own)
        except ConnectionError as error:
            place = os.environ.get("RAY_ADDRESS", "this machine")
            raise SettingsError(f"ray: no answer from {place}; is the cluster up?") from error
        try:
            yield ray
        finally:
            with redirect_stdout(sys.stderr):  # it prints what it had held back, in this thread
                ray.shutdown()


class _Apart:
    """Standard output for this thread; what Ray's print, as that a worker died, goes to stderr."""

    def __init__(self, stdout: Any) -> None:
        self._stdout, self._own = stdout, threading.get_ident()

    def write(self, text: str) -> int:
        """Write where it belongs."""
        own = threading.get_ident() == self._own
        return (self._stdout if own else sys.stderr).write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stdout, name)


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep what Ray's C++ remarks about its own start off stderr; its errors are exceptions."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
