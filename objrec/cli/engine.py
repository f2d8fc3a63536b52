"""``objrec classify --engine``: who recognises, this process or workers of Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from objrec.cli.inputs import Item, SetItem, opened
from objrec.errors import Failure, SettingsError

if TYPE_CHECKING:
    from objrec.batch import Reference
    from objrec.recognizer import Recognition, Recognizer

_ENGINE = click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="ray: share a large set out among processes, here or on the cluster that RAY_ADDRESS "
    "names; needs the extra 'ray'",
)
_WORKERS = click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1),
    help="with --engine ray: how many processes recognise  [default: one a core, or one a GPU]",
)


def engine_options(command: Callable) -> Callable:
    """Add ``--engine`` and ``--workers`` to a command."""
    return _ENGINE(_WORKERS(command))


def check_engine(engine: str, workers: int | None, together: bool) -> None:
    """Refuse flags that make no sense with each other, and an engine that is not installed.

    Raises:
        SettingsError: So it is.
    """
    if engine == "local":
        if workers is not None:
            raise SettingsError("--workers: are those of Ray; add --engine ray")
        return
    if together:
        raise SettingsError("--together: gives one answer, by one process; leave --engine out")
    from objrec.batch import check_ray

    check_ray()


def answered_by(
    engine: str,
    recognizer: Recognizer,
    items: Sequence[Item],
    asked: dict[str, Any],
    workers: int | None,
    **choices: Any,
) -> Iterator[Recognition | Failure]:
    """Return the answers to the items, in their order, as they come.

    Args:
        engine: 'local' or 'ray'.
        recognizer: The model, for this process.
        items: The images.
        asked: Model folder, device, precision, and whether to mirror: how a worker makes the same
            model.
        workers: How many; None: as many as there are cores or GPUs.
        **choices: ``refine`` and ``hypotheses``.
    """
    if engine == "local":
        return recognizer.recognize_many(opened(items), **choices)
    from objrec.batch import Asked, recognize_by_ray

    model = None if asked["model"] is None else str(asked["model"])
    return recognize_by_ray(
        references(items), Asked(**asked | {"model": model}, **choices), workers
    )


def references(items: Iterable[Item]) -> Iterator[Reference]:
    """Yield what a worker is sent of each item: names, which it opens itself."""
    from objrec.batch import SampleAt

    for item in items:
        if isinstance(item, SetItem):
            of = item.dataset
            yield SampleAt(str(of.root), of.split, item.index, of.sources[item.index])
        elif isinstance(item, Failure):
            yield item
        else:
            yield tuple(map(str, item)) if isinstance(item, tuple) else str(item)
