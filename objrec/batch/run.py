"""Sharing out a large set of images among workers, by Ray Data, on one machine or a cluster.

The answers are those of one process, in the same order: the images are cut into the same batches.
A worker that dies is replaced, and what it had not finished is done again by another.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from objrec.batch.connecting import check_ray, connected
from objrec.batch.worker import Answered, Asked, Reference, Shard, Worker
from objrec.errors import DataError, Failure, SettingsError
from objrec.recognizer import choose_device

if TYPE_CHECKING:
    from objrec.recognizer import Recognition

SHARD = 64  # images; as `Recognizer.recognize_many` has it, so that the answers are the same bits
MOST_RETRIES = 3  # a shard that so many workers died of is what they died of


def recognize_by_ray(
    references: Iterable[Reference], asked: Asked, workers: int | None = None
) -> Iterator[Recognition | Failure]:
    """Recognise many images by several workers, in order; what cannot be read is a `Failure`.

    A Ray that runs already is used; else the cluster that RAY_ADDRESS names; else Ray is started
    on this machine and ended with the last answer. Answers are passed on as they come: neither
    all of them nor any pixels are ever held here.

    Args:
        references: The images.
        asked: Which model is asked, and how.
        workers: How many processes recognise; None: one a core, or one a GPU if the device is one.

    Raises:
        SettingsError: Ray is not installed, or the device is not one that Ray hands out.
        DataError: A shard of images ended every worker that took it.
    """
    check_ray()
    if asked.device.startswith("cuda:"):
        raise SettingsError(f"--device: '{asked.device}': Ray hands out the GPUs; write 'cuda'")
    if asked.device != "cuda":  # of which this machine may have none
        choose_device(asked.device)
    return _recognized(references, asked, workers)


def _recognized(
    references: Iterable[Reference], asked: Asked, workers: int | None
) -> Iterator[Recognition | Failure]:
    with connected(workers) as ray:
        kind, count = _share(ray, asked.device, workers)
        device = "cuda" if kind == "num_gpus" else _plain(asked.device)
        shards = _shards(references)
        answered = _stage(ray, shards, replace(asked, device=device), count, {kind: 1})
        for expected, part in enumerate(_alive(answered)):
            if part.number != expected:  # then Ray breaks its promise: rather stop than mislead
                raise RuntimeError(f"ray: shard {part.number} came where {expected} was due")
            yield from part.answers


def _shards(references: Iterable[Reference]) -> list[dict[str, Shard]]:
    waiting, shards = iter(references), []
    while part := tuple(islice(waiting, SHARD)):
        shards.append({"shard": Shard(len(shards), part)})
    return shards


def _stage(
    ray: Any, shards: list[dict[str, Shard]], asked: Asked, workers: int, needs: dict[str, int]
) -> Iterator[Answered]:
    """Yield the answers to all shards in order, at the pace at which they are taken."""
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    with warnings.catch_warnings():  # Ray 2.60 to 2.63: retries will have to be said otherwise
        warnings.filterwarnings("ignore", message="`ray_remote_args` is deprecated")
        rows = ray.data.from_items(shards, override_num_blocks=len(shards)).map_batches(
            Worker,
            fn_constructor_args=(asked,),
            batch_size=1,  # shard
            concurrency=min(workers, len(shards)),
            max_restarts=-1,
            max_task_retries=MOST_RETRIES,
            **needs,
        )
    for row in rows.iter_rows():
        yield row["answered"]


def _alive(answered: Iterator[Answered]) -> Iterator[Answered]:
    """Pass answers on, and say which images are at fault if workers die of them.

    Raises:
        DataError: They do.
    """
    from ray.exceptions import ActorDiedError, ActorUnavailableError

    done = 0
    try:
        for part in answered:
            yield part
            done += len(part.answers)
    except (ActorDiedError, ActorUnavailableError) as error:
        raise DataError(
            f"ray: workers keep dying of an image after the first {done}; find it by classifying "
            "parts of the set, and leave it out"
        ) from error


def _share(ray: Any, device: str, workers: int | None) -> tuple[str, int]:
    """Return what a worker takes, ``num_cpus`` or ``num_gpus``, and how many workers there are."""
    has = ray.cluster_resources()
    on_gpu = device == "cuda" or (device == "auto" and has.get("GPU", 0) >= 1)
    kind, resource = ("num_gpus", "GPU") if on_gpu else ("num_cpus", "CPU")
    if on_gpu and not has.get("GPU"):
        raise SettingsError("--device: Ray knows no GPU here; write 'cpu' or 'auto'")
    return kind, workers or max(1, int(has.get(resource, 1)))


def _plain(device: str) -> str:
    return "cpu" if device == "auto" else device
