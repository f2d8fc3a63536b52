"""Settings classes as options: groups and defaults in --help, parsing, instances built."""

from __future__ import annotations

from dataclasses import dataclass, field

import click
import pytest

from objrec.cli.flags import SettingsCommand, help_of, metavar, settings_command
from objrec.errors import SettingsError
from objrec.options import Settings, option, options_of


@dataclass(frozen=True)
class Paint(Settings):
    """How to paint."""

    colour: str = option("red", "which colour", choices=("red", "green"))
    finish: str = option(
        "matt", "which finish", choices=("matt", "satin", "silk", "gloss", "high-gloss")
    )
    coats: int = option(2, "how many coats", minimum=1, maximum=5)
    thickness: float = option(0.5, "how thick", minimum=0.0)
    primer: bool = option(True, "whether to prime first")
    hours: float | None = option(8.0, "drying time")
    start: int | None = option(None, "hour of the day; auto: at dawn")
    rooms: tuple[str, ...] = option((), "where")
    doors: tuple[int, ...] = option((1, 2), "which doors")


@dataclass(frozen=True)
class Paper(Settings):
    """How to paper the walls."""

    pattern: str = option("plain", "which pattern")


@dataclass(frozen=True)
class Work:
    """Both, and something that is no setting."""

    place: str = "home"
    paint: Paint = field(default_factory=Paint)
    paper: Paper = field(default_factory=Paper)


def built(settings_type: type, *words: str) -> object:
    """Return the settings that a command is handed for these words."""
    taken = []
    made = settings_command("work", lambda: settings_type)(lambda settings: taken.append(settings))
    made.main(list(words), standalone_mode=False)
    return taken[0]


def help_text(settings_type: type) -> str:
    made = settings_command("work", lambda: settings_type)(lambda settings: None)
    context = click.Context(made, info_name="work", terminal_width=100)
    return made.get_help(context)


def test_nothing_given_means_the_defaults():
    assert built(Paint) == Paint()
    assert built(Work) == Work()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--colour green", Paint(colour="green")),
        ("--coats 3 --thickness 1e-2", Paint(coats=3, thickness=0.01)),
        ("--no-primer", Paint(primer=False)),
        ("--primer", Paint(primer=True)),
        ("--hours none", Paint(hours=None)),
        ("--hours auto", Paint(hours=None)),
        ("--hours 3", Paint(hours=3.0)),
        ("--start 6", Paint(start=6)),
        ("--rooms hall", Paint(rooms=("hall",))),
        ("--rooms hall,attic --rooms cellar", Paint(rooms=("hall", "attic", "cellar"))),
        ("--doors none", Paint(doors=())),
        ("--doors 4,5", Paint(doors=(4, 5))),
    ],
)
def test_values_reach_the_settings(words, expected):
    assert built(Paint, *words.split()) == expected


def test_repeated_values_may_be_separated_by_blanks():
    assert built(Paint, "--rooms", "hall attic").rooms == ("hall", "attic")


def test_the_parts_of_a_bundle_are_built_together():
    work = built(Work, "--pattern", "stripes", "--coats", "1")
    assert work == Work(paint=Paint(coats=1), paper=Paper(pattern="stripes"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--coats many", "^--coats: 'many' is not a whole number$"),
        ("--coats 1.5", "^--coats: '1.5' is not a whole number$"),
        ("--coats 9", "^--coats: coats must be at most 5$"),
        ("--thickness thin", "^--thickness: 'thin' is not a number$"),
        ("--thickness nan", "^--thickness: thickness must be a finite number"),
        ("--colour gren", "^--colour: colour 'gren' is none of red, green; did you mean 'green'"),
        ("--coats none", "^--coats: 'none' is not a whole number$"),
        ("--doors 1,two", "^--doors: 'two' is not a whole number$"),
    ],
)
def test_wrong_values_are_refused_in_one_line_that_names_the_flag(words, sentence):
    with pytest.raises(SettingsError, match=sentence):
        built(Paint, *words.split())


def test_help_has_a_titled_group_for_each_settings_class():
    text = help_text(Work)
    assert text.index("Options:") < text.index("How to paint:") < text.index("How to paper")
    assert "--place" not in text


def test_help_shows_sentence_limits_choices_and_default():
    text = " ".join(help_text(Paint).split())
    assert "--coats N how many coats [1 to 5; default: 2]" in text
    assert "--thickness X how thick [at least 0; default: 0.5]" in text
    assert "--colour [red|green] which colour [default: red]" in text
    assert "--finish NAME which finish [one of matt, satin, silk, gloss, high-gloss; " in text
    assert "--primer / --no-primer whether to prime first [default: on]" in text
    assert "--rooms TEXT,… where [default: none]" in text
    assert "--doors N,… which doors [default: 1,2]" in text
    assert "--start N hour of the day; auto: at dawn [default: auto]" in text
    assert "default: 8" in text


def test_classes_are_loaded_only_when_the_command_is_used():
    def load() -> type:
        raise AssertionError("loaded too early")

    made = settings_command("work", load)(lambda settings: None)
    assert made.name == "work"
    with pytest.raises(AssertionError, match="loaded too early"):
        made.main(["--help"], standalone_mode=False)


def test_two_options_of_one_name_are_a_programmers_mistake():
    @settings_command("work", lambda: Paper)
    @click.option("--pattern")
    def work(settings, pattern):
        """Never runs."""

    with pytest.raises(ValueError, match="work: two options are called pattern"):
        work.main([], standalone_mode=False)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["here"], (None, "here")),
        (["here", "--base"], ("cnn", "here")),
        (["--base", "here"], ("cnn", "here")),
        (["--base", "cnn-pose", "here"], ("cnn-pose", "here")),
        (["--base=cnn-pose", "here"], ("cnn-pose", "here")),
        (["here", "--base", "--pattern", "x"], ("cnn", "here")),
    ],
)
def test_a_flag_that_may_stand_alone_does_not_swallow_a_path(
    words, expected, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    taken = []

    @settings_command("work", lambda: Paper)
    @click.argument("place")
    @click.option("--base", is_flag=False, flag_value="cnn", type=click.Choice(["cnn", "cnn-pose"]))
    def work(settings, place, base):
        taken.append((base, place))

    work.main(words, standalone_mode=False)
    assert taken == [expected]


def test_the_real_commands_have_no_clashing_options():
    from objrec.cli.data import make_toys
    from objrec.cli.train import train

    for made in (train, make_toys):
        assert isinstance(made, SettingsCommand)
        assert made.get_help(click.Context(made, info_name=made.name))


def test_every_training_setting_has_a_sentence_for_people():
    from objrec.cli.flags import parts_of
    from objrec.training import Recipe

    for part in parts_of(Recipe).values():
        for described in options_of(part):
            assert described.text[-1] != ".", f"{described.flag}: no full stop"
            assert help_of(described).startswith(described.text)
            assert described.kind is bool or metavar(described)
