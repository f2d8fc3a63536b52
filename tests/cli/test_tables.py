"""Tables and bars: what a file gets, what a terminal gets."""

from __future__ import annotations

import io
import sys

import click
import pytest

from objrec.cli.tables import Bar, print_table, say


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_table_in_a_file_is_neither_cut_nor_coloured(capsys):
    long = "a/very/long/path/" * 20 + "view.png"
    print_table(["file", "share"], [(long, "3 %"), ("[b]x[/b]", "12 %")])
    header, _, first, second = capsys.readouterr().out.splitlines()
    assert first == f"{long}     3 %"
    assert second.startswith("[b]x[/b]") and second.endswith(" 12 %")
    assert header.endswith("share")


def test_numbers_are_flush_right_and_text_flush_left(capsys):
    print_table(["name", "n"], [("a", 5), ("bb", 1234), ("c", None)])
    rows = capsys.readouterr().out.splitlines()[2:]
    assert rows == ["a         5", "bb     1234", "c"]


def test_a_table_on_a_terminal_fits_it(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "40")
    print_table(["file", "share"], [("x" * 60, "3 %")])
    lines = [click.unstyle(line) for line in sys.stdout.getvalue().splitlines()]
    assert max(map(len, lines)) <= 40
    assert sum(line.count("x") for line in lines) == 60, "the name is wrapped, not cut"


def test_remarks_go_to_stderr(capsys):
    say("a remark")
    assert capsys.readouterr() == ("", "a remark\n")


def test_no_bar_unless_stderr_is_a_terminal(capsys):
    with Bar("working") as bar:
        bar.tick(1, 2)
        bar.say("half [way]")
        click.echo("result")
    assert capsys.readouterr() == ("result\n", "half [way]\n")


@pytest.mark.parametrize("shown", [True, False])
def test_a_bar_on_a_terminal_leaves_stdout_alone(monkeypatch, capsys, shown):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with Bar("working", shown=shown) as bar:
        bar.tick(1, 2)
        bar.say("half [way]")
        click.echo("result")
    assert capsys.readouterr().out == "result\n"
    assert ("working" in terminal.getvalue()) is shown
    assert "half [way]" in terminal.getvalue()
