"""The command itself: help, start-up time, exit codes, interruption, closed pipes."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from objrec import __version__
from objrec.cli.main import cli, main
from objrec.errors import DataError
from objrec.files import ADVICE

ROOT = Path(__file__).parents[2]
RUN = [sys.executable, "-m", "objrec"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def commands(group: click.Group = cli, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [words]
    for name, made in group.commands.items():
        deeper = (*words, name)
        found += commands(made, deeper) if isinstance(made, click.Group) else [deeper]
    return found


@pytest.fixture
def raising(monkeypatch):
    """Replace the body of a verb by one that raises the given error."""

    def replace(error: BaseException) -> None:
        def fail(**_: object) -> None:
            raise error

        monkeypatch.setattr(cli.commands["classify"], "callback", fail)

    return replace


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_explains_itself_with_an_example(command, words):
    ran = command(*words, "--help")
    assert ran.code == 0
    assert ran.err == ""
    assert f"Usage: objrec{' ' if words else ''}{' '.join(words)}" in ran.out
    assert f"\n    objrec {' '.join(words)}".rstrip() in ran.out, "no example"
    assert "[default: None]" not in ran.out


@pytest.mark.parametrize("words", [(), ("data",)])
def test_a_group_alone_prints_its_help(command, words):
    assert command(*words) == command(*words, "--help")


@pytest.mark.parametrize("made", cli.commands.values(), ids=str)
def test_the_list_of_commands_cuts_no_sentence(command, made):
    assert made.get_short_help_str(60).endswith(".")
    assert not made.get_short_help_str(60).endswith("..")


def test_version(command):
    ran = command("--version")
    assert (ran.code, ran.out) == (0, f"objrec {__version__}\n")


def test_help_does_not_import_the_heavy_libraries():
    heavy = "{'torch', 'numpy', 'cv2', 'rich', 'matplotlib', 'sklearn', 'kornia'}"
    script = (
        f"import sys, objrec.cli.main as m; m.main(['--help']); print({heavy} & set(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=ENVIRONMENT, check=True
    )
    assert ran.stdout.endswith("set()\n")


@pytest.mark.parametrize(
    ("given", "wanted"), [({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active")]
)
def test_idle_threads_sleep_unless_told_otherwise(given, wanted):
    kept = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    code = "import os, sys, objrec.cli.main as main; print(os.environ['OMP_WAIT_POLICY'])"
    code += "; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=kept | given, capture_output=True, text=True, check=True
    )
    policy, torch_loaded = done.stdout.split()
    assert policy == wanted
    assert torch_loaded == "False", "it would be too late then"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["trian"], "objrec: no such command 'trian'; did you mean 'train'?"),
        (["xyzzy"], "objrec: no such command 'xyzzy'; see 'objrec --help'"),
        (["data", "inof"], "objrec: no such command 'inof'; did you mean 'info'?"),
        (["classify"], "objrec: missing argument 'IMAGES…'; see 'objrec classify --help'"),
        (["train", "x"], "objrec: missing option '--out'; see 'objrec train --help'"),
    ],
)
def test_a_wrong_command_line_is_one_line(command, words, line):
    ran = command(*words)
    assert (ran.code, ran.out, ran.err) == (2, "", line + "\n")


def test_an_unknown_option_names_the_one_that_was_meant(command):
    ran = command("classify", "x.png", "--jsn")
    assert ran.code == 2
    assert "--json" in ran.err
    assert ran.err.count("\n") == 1


def test_a_file_in_place_of_a_verb_is_understood(command, tmp_path):
    file = tmp_path / "photo.jpg"
    file.touch()
    assert f"did you mean 'objrec classify {file}'?" in command(file).err


def test_errors_of_the_user_are_one_line_and_code_2(command, raising):
    raising(DataError("photo.jpg: is not an image; replace it"))
    ran = command("classify", "photo.jpg")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "objrec: photo.jpg: is not an image; replace it\n"


def test_bugs_keep_their_traceback(command, raising):
    raising(KeyError("bug"))
    with pytest.raises(KeyError, match="bug"):
        command("classify", "photo.jpg")


@pytest.mark.parametrize("number", ADVICE)
def test_a_full_disk_or_a_forbidden_folder_is_one_line(command, raising, number):
    raising(OSError(number, os.strerror(number), "out/model"))
    ran = command("classify", "photo.jpg")
    said = f"objrec: out/model: {os.strerror(number)}; {ADVICE[number]}\n"
    assert (ran.code, ran.err) == (2, said)


def test_a_file_that_the_program_itself_lost_is_a_bug(command, raising):
    raising(FileNotFoundError(errno.ENOENT, "gone", "template"))
    with pytest.raises(FileNotFoundError, match="gone"):
        command("classify", "photo.jpg")


def test_an_interruption_is_one_line_and_code_130(command, raising):
    raising(KeyboardInterrupt())
    ran = command("classify", "photo.jpg")
    assert (ran.code, ran.err.strip()) == (130, "objrec: interrupted")


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_says_how_to_go_on(photos, tmp_path, sent):
    words = ["train", photos, "--out", tmp_path / "m", "--epochs", "5000", "--batch-size", "8"]
    process = subprocess.Popen(
        [*RUN, *map(str, words)],
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        # A shell's background job, as tests may be, hands down that SIGINT is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert "epoch" in process.stderr.readline()
    process.send_signal(sent)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == (
        f"objrec: {tmp_path / 'm'}: training stopped; the same command with --resume goes on"
    )
    assert "Traceback" not in err and err.count("objrec: ") == 1


def test_an_interruption_that_a_library_takes_for_an_error_is_one(command, monkeypatch):
    def half_loaded(**_: object) -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            raise AttributeError("module 'numpy' has no attribute 'matrix'") from None

    monkeypatch.setattr(cli.commands["classify"], "callback", half_loaded)
    ran = command("classify", "photo.jpg")
    assert (ran.code, ran.err.strip()) == (130, "objrec: interrupted")


def test_sigterm_is_as_before_when_a_command_is_done(command, raising):
    raising(KeyboardInterrupt())
    before = signal.getsignal(signal.SIGTERM)
    assert command("classify", "photo.jpg").code == 130
    assert signal.getsignal(signal.SIGTERM) == before


def test_interrupted_before_it_began_a_training_says_so(command, photos, tmp_path, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("objrec.datasets.open_dataset", interrupted)
    ran = command("train", photos, "--out", tmp_path / "m")
    said = "stopped before the training began; the same command begins it"
    assert (ran.code, ran.err.strip()) == (130, f"objrec: {tmp_path / 'm'}: {said}")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="closed pipes are told differently there")
def test_a_closed_pipe_is_quiet(photos):
    script = f"'{sys.executable}' -m objrec data info '{photos}' --json | head -c 1"
    ran = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env=ENVIRONMENT)
    assert ran.stdout == "{"
    assert ran.stderr == ""


def test_python_m_objrec_is_objrec():
    ran = subprocess.run([*RUN, "--version"], capture_output=True, text=True, env=ENVIRONMENT)
    assert ran.stdout == f"objrec {__version__}\n"


def test_main_reads_the_words_of_the_process_by_default(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["objrec", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("objrec ")
