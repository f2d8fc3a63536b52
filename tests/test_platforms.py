"""What would break on macOS or Windows, read from the source: this machine has neither."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parent.parent
FILES = {p.relative_to(ROOT).as_posix(): p for p in sorted((ROOT / "objrec").rglob("*.py"))}

# Modules that Windows has not; a function may import one and say what it does without.
POSIX = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "posix"}
POSIX_CALLS = {"os.fork", "os.forkpty", "os.getuid", "os.geteuid", "os.mkfifo", "os.killpg", "pty"}
SIGNALS = {"SIGKILL", "SIGALRM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGPIPE"}
# Reads a file of Linux where there is one, and something else elsewhere.
LINUX = {"objrec/evaluation/hardware.py": {"/proc/cpuinfo"}}
# The text of these is bytes of a disk by nature (os.scandir, os.path of a million names).
PATHS = {f"objrec/{f}.py" for f in ("cli/inputs", "datasets/checking", "datasets/labels")}
# Windows keeps these, whatever the suffix.
DEVICES = {"con", "prn", "aux", "nul", *(f"{k}{n}" for k in ("com", "lpt") for n in range(1, 10))}


@pytest.fixture(scope="module")
def trees():
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def _calls(trees):
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield f"{name}:{node.lineno}", node, {k.arg: k.value for k in node.keywords}


def _mode(call, given, place):
    """The mode of a call of open; "r" if it names none."""
    found = given.get("mode", call.args[place] if len(call.args) > place else None)
    return found.value if isinstance(found, ast.Constant) else "r"


def _lacks_encoding(call, given):
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if "encoding" in given or None in given:
        return False
    if name == "read_text":
        return not call.args
    if name == "write_text":
        return len(call.args) == 1 and isinstance(call.func, ast.Attribute)
    if name == "open" and isinstance(call.func, ast.Name):
        return "b" not in _mode(call, given, 1)
    if name == "open":
        owner = ast.unparse(call.func.value)
        of_module = owner in ("os", "Image", "gzip", "zipfile", "webbrowser", "tarfile", "io")
        return not of_module and "b" not in _mode(call, given, 0)
    return False


def test_every_text_file_is_opened_as_utf_8(trees):
    own = ("write_text", "read_text")
    wrong = [
        place
        for place, call, given in _calls(trees)
        if _lacks_encoding(call, given)
        and not (isinstance(call.func, ast.Name) and call.func.id in own)
    ]
    assert wrong == []


def test_every_table_is_opened_without_changing_its_line_ends(trees):
    """csv writes its own line ends; without newline="" Windows doubles them."""
    wrong = []
    for name, tree in trees.items():
        for node in (n for n in ast.walk(tree) if isinstance(n, ast.With)):
            uses = any(
                isinstance(n, ast.Call) and ast.unparse(n.func).startswith("csv.")
                for n in ast.walk(node)
            )
            opened = [item.context_expr for item in node.items]
            for call in opened if uses else ():
                is_open = isinstance(call, ast.Call) and ast.unparse(call.func).endswith("open")
                if is_open and "newline" not in {k.arg for k in call.keywords}:
                    wrong.append(f"{name}:{node.lineno}")
    assert wrong == []


def test_what_windows_lacks_is_imported_where_it_is_used(trees):
    wrong = [
        f"{name}:{node.lineno} {module}"
        for name, tree in trees.items()
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in (
            [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
        )
        if module in POSIX
    ]
    assert wrong == []


def test_no_process_is_forked_and_every_pool_says_how_it_starts(trees):
    wrong = []
    for place, call, given in _calls(trees):
        name = ast.unparse(call.func)
        if name in POSIX_CALLS or "fork" in [getattr(a, "value", "") for a in call.args]:
            wrong.append(f"{place}: {name}")
        if name in ("multiprocessing.Pool", "multiprocessing.Process", "Process", "Pool"):
            wrong.append(f"{place}: {name} without get_context('spawn')")
        if name.endswith("get_context") and ast.unparse(call.args[0]) != "'spawn'":
            wrong.append(f"{place}: {name} not 'spawn'")
        if (
            name.endswith("ProcessPoolExecutor")
            and "mp_context" not in given
            and len(call.args) < 2
        ):
            wrong.append(f"{place}: {name} without mp_context")
        if name.endswith("DataLoader"):
            wrong.append(f"{place}: a DataLoader: say multiprocessing_context='spawn'")
    assert wrong == []


def test_no_signal_that_windows_lacks(trees):
    wrong = [
        f"{name}:{node.lineno} {node.attr}"
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in SIGNALS
    ]
    assert wrong == []


def test_no_path_of_linux_alone(trees):
    found = {
        (name, node.value)
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.fullmatch(r"/(proc|dev|tmp|etc|sys|usr|home|var)(/\S*)?", node.value)
    }
    assert found == {(name, path) for name, paths in LINUX.items() for path in paths}


def test_paths_go_through_pathlib(trees):
    wrong = [
        f"{place}: {ast.unparse(call.func)}"
        for place, call, _ in _calls(trees)
        if ast.unparse(call.func).startswith("os.path.")
        and ast.unparse(call.func) not in ("os.path.lexists", "os.path.samestat")
        and place.split(":")[0] not in PATHS
    ]
    assert wrong == []


def _kept_files():
    """Every file of the repository; without git, what lies there."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
            encoding="utf-8",
        ).stdout.split("\0")
        return [name for name in listed if name]
    except (OSError, subprocess.CalledProcessError):
        return list(FILES)


def test_every_file_has_a_name_that_windows_and_macos_can_have():
    names = {part for file in _kept_files() for part in PurePosixPath(file).parts}
    assert not [n for n in names if n.split(".")[0].lower() in DEVICES]
    assert not [n for n in names if re.search(r'[<>:"\\|?*\0-\x1f]|[. ]$', n)]
    paths = {
        p for file in _kept_files() for p in (PurePosixPath(file), *PurePosixPath(file).parents)
    }
    alike = Counter(str(path).casefold() for path in paths)
    assert [path for path, count in alike.items() if count > 1] == []
    assert max(len(file) for file in _kept_files()) < 150  # of 260 that Windows allows in all


def test_python_starts_workers_by_spawn_without_running_the_program_again(tmp_path):
    """As on macOS and Windows: the module that asks for workers is imported anew in each."""
    program = tmp_path / "program.py"
    program.write_text(
        "import multiprocessing, os\n"
        "multiprocessing.set_start_method('spawn', force=True)\n"
        "from functools import partial\n"
        "from objrec.rendering.workers import mapper\n"
        "if __name__ == '__main__':\n"
        "    with mapper(2) as run:\n"
        "        print(sorted(run(abs, [-3, -1, -2])))\n",
        encoding="utf-8",
    )
    ran = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=True)
    assert ran.stdout == "[1, 2, 3]\n"


def test_the_makefile_keeps_to_make_3_81_and_a_plain_shell():
    """macOS has GNU make 3.81, and its sh is no bash."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    newer = r"^\.ONESHELL|\$\(file |\$\(guile |!=|^\.SHELLFLAGS|::=|&:|\$\(let |\$\(intcmp "
    assert not re.search(newer, text, re.MULTILINE)
    assert not re.search(
        r"\[\[|<<<|<\(|\bsource |&>|\blocal |\$\{\w+[,^/:]|sed -i|readlink -f", text
    )
