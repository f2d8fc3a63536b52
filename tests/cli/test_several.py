import click
import pytest

from objrec.cli.several import SeveralCommand, several, spread, words_of


@pytest.fixture
def parsed():
    """Parse words by a command with one argument and an option of several words."""

    @click.command(cls=SeveralCommand)
    @click.argument("target")
    @several("--compare", "MODEL…", "models")
    @click.option("--out")
    @click.option("--force", is_flag=True)
    def verb(**given):
        return given

    return lambda *words: verb.main(list(words), standalone_mode=False)


@pytest.mark.parametrize(
    "words",
    [
        ("set", "--compare", "a", "b", "--out", "o"),
        ("set", "--out", "o", "--compare", "a", "b"),
        ("--compare", "a", "b", "--out", "o", "set"),
        ("set", "--compare", "a", "--compare", "b", "--out=o"),
    ],
)
def test_an_option_takes_all_words_up_to_the_next(parsed, words):
    found = parsed(*words)
    assert (found["target"], found["compare"], found["out"]) == ("set", ("a", "b"), "o")


def test_without_words_and_without_the_option(parsed):
    assert parsed("set", "--force")["compare"] == ()
    with pytest.raises(click.UsageError, match="'--compare' requires an argument"):
        parsed("set", "--compare")


def test_other_options_keep_their_words():
    words = ["--out", "a", "b", "--x", "1", "2"]
    assert spread(words, {"--x"}) == ["--out", "a", "b", "--x", "1", "--x", "2"]
    assert words_of(("a,b", "c")) == ["a", "b", "c"]
