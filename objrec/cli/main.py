"""The ``objrec`` command itself: its verbs, and the one place where errors become exit codes.

Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 some inputs failed while the
others went on, 2 the input, the settings or the command line was refused, 130 interrupted.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from objrec import __version__
from objrec.cli.calibrate import calibrate
from objrec.cli.classify import classify
from objrec.cli.data import data
from objrec.cli.demo import demo
from objrec.cli.evaluate import evaluate
from objrec.cli.explain import explain
from objrec.cli.export import export
from objrec.cli.groups import VerbGroup
from objrec.cli.learn import learn
from objrec.cli.protocol import protocol
from objrec.cli.render import render
from objrec.cli.report import report
from objrec.cli.train import train
from objrec.errors import ObjrecError, one_line
from objrec.files import ADVICE

# Threads that wait for work sleep: those that spin slow two threads down to a fraction of one as
# soon as another process is busy. It is read when PyTorch is loaded, which is later.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

REFUSED, INTERRUPTED = 2, 130


@click.group(
    cls=VerbGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="objrec", message="%(prog)s %(version)s")
def cli() -> None:
    """Recognise objects whatever their pose, and say what the pose is.

    \b
    Start here, with one folder of images per category in photos/:
      objrec data info photos/                     what is in there
      objrec train photos/ --out out/mine          train a recogniser
      objrec classify new.jpg --model out/mine     what is this, and how is it turned
      objrec evaluate photos/ --model out/mine --out out/report

    \b
    With the model that comes with objrec:
      objrec classify data/toys@test:0-5
    """  # noqa: D301  (\b is click's mark for lines to keep as they are)


for verb in (
    train,
    learn,
    calibrate,
    classify,
    evaluate,
    report,
    explain,
    export,
    protocol,
    data,
    render,
    demo,
):
    cli.add_command(verb)


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; errors are one line on stderr.

    Args:
        args: The words after ``objrec``; None: those of the process.
    """
    words = list(sys.argv[1:] if args is None else args)
    _let_all_be_printed()
    try:
        with _interruptible():
            return int(cli.main(words, prog_name="objrec", standalone_mode=False, obj=words) or 0)
    except ObjrecError as error:
        return _refuse(str(error))
    except click.UsageError as error:
        return _refuse(_one_line(error))
    except click.Abort as error:
        _say(str(error.__cause__ or "") or "interrupted")
        return INTERRUPTED
    except OSError as error:
        if error.errno not in ADVICE:
            raise
        return _refuse(f"{error.filename or 'output'}: {error.strerror}; {ADVICE[error.errno]}")


def _let_all_be_printed() -> None:
    """Have stdout show as an escape what its encoding lacks: names of files may hold anything."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM, which comes before SIGKILL where time is up, do what Ctrl-C does.

    Of the processes of torchrun the first one; the others have nothing to finish. An interruption
    within a library that is just being loaded may come out as another error: it is one all the
    same.
    """
    main_thread = threading.current_thread() is threading.main_thread()
    if not main_thread or os.environ.get("RANK", "0") != "0":
        yield
        return
    met = []

    def interrupt(*_: object) -> None:
        met.append(True)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, handler in before.items():
        if handler in (signal.SIG_DFL, signal.default_int_handler):  # else somebody wants it so
            signal.signal(number, interrupt)
    try:
        yield
    except (click.Abort, ObjrecError):
        raise
    except Exception:
        if met:
            raise click.Abort from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def _one_line(error: click.UsageError) -> str:
    message = error.format_message().rstrip(".")
    message = message[:1].lower() + message[1:]
    where = error.ctx.command_path if error.ctx else "objrec"
    return message if message.endswith("?") else f"{message}; see '{where} --help'"


def _refuse(message: str) -> int:
    _say(message)
    return REFUSED


# Under torchrun all processes meet the same error: the first one tells it and ends, and torchrun
# ends the others. One that has an error of its own tells it after so many seconds.
_PATIENCE = 20.0


def _say(message: str) -> None:
    if os.environ.get("RANK", "0") != "0":
        time.sleep(_PATIENCE)
    click.echo(f"objrec: {one_line(message)}", err=True)
