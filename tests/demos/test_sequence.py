"""The reader: its data, its counts against plain loops, its baseline against scikit-learn."""

import itertools
from math import comb

import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from objrec.demos import Context
from objrec.demos.sequence import lesson as demo
from objrec.demos.sequence.reader import (
    COLUMNS,
    LENGTHS,
    LOSSES_SHOWN,
    SIZE,
    cut_readings,
    edits,
    equal_starts,
    error_rates,
    errors,
    new_extractor,
    spell,
    train_on_cuts,
    windows,
    word_losses,
)
from objrec.demos.sequence.trellis import Trellis, read


@pytest.fixture(scope="module")
def data():
    return demo.make_data(0)


@pytest.fixture(scope="module")
def lesson():
    return demo.DEMO.run(Context(effort=0.02))


def test_training_and_test_share_no_image_and_no_word(data):
    training, test = data
    images = [{int(s) for s in strips.sources.flatten() if s >= 0} for strips in data]
    assert not images[0] & images[1]
    assert not set(spell(training.words)) & set(spell(test.words))


def test_strips_hold_the_images_they_say_without_overlap(data):
    pictures = torch.tensor(load_digits().images / 16, dtype=torch.float32)
    target = load_digits().target
    for strips in data:
        ink = torch.zeros_like(strips.pixels)
        for i, (word, starts, sources) in enumerate(
            zip(*map(spell, (strips.words, strips.starts, strips.sources)), strict=True)
        ):
            assert len(word) in LENGTHS and tuple(target[list(sources)]) == word
            assert all(b - a >= SIZE for a, b in itertools.pairwise(starts))
            assert starts[0] >= 0 and starts[-1] + SIZE <= COLUMNS
            for start, source in zip(starts, sources, strict=True):
                ink[i, :, start : start + SIZE] = pictures[source]
        noise = strips.pixels - ink
        assert float(noise.std()) == pytest.approx(demo.NOISE, rel=0.01)
        assert float(noise.mean()) == pytest.approx(0, abs=0.001)


def test_the_same_seed_makes_the_same_strips(data):
    again = demo.make_data(0)
    assert torch.equal(data[1].pixels, again[1].pixels)
    assert not torch.equal(data[1].pixels, demo.make_data(1)[1].pixels)


def test_edits_against_all_ways_to_edit():
    def slow(a, b):
        if not a or not b:
            return len(a) + len(b)
        change = slow(a[1:], b[1:]) + (a[0] != b[0])
        return min(change, slow(a[1:], b) + 1, slow(a, b[1:]) + 1)

    words = [w for n in range(4) for w in itertools.product(range(2), repeat=n)]
    for a, b in itertools.product(words, repeat=2):
        assert edits(a, b) == slow(a, b)


def test_error_rates_by_hand():
    found = error_rates([(1, 2, 3), (4, 5), (7, 7, 7)], [(1, 2, 3), (4, 5, 6), (7, 8, 7)])
    assert found["word_error"] == pytest.approx(2 / 3)
    assert found["character_error"] == pytest.approx(2 / 9)


class Known:
    """Knows the truth: no energy where a digit is, and 1 for anything else."""

    def __init__(self, strips, mistaken=()):
        self.strips, self.mistaken = strips, mistaken

    def __call__(self, pixels):
        label = torch.ones(len(pixels), COLUMNS - SIZE + 1, 10) * 9
        gap = torch.ones(len(pixels), COLUMNS)
        rows = zip(spell(self.strips.words), spell(self.strips.starts), strict=True)
        for i, (word, starts) in enumerate(rows):
            for k, (digit, start) in enumerate(zip(word, starts, strict=True)):
                taken = (digit + 1) % 10 if i in self.mistaken and k == 0 else digit
                label[i, start, taken] = -1
        return Trellis(label, gap)


def test_a_reader_that_knows_makes_no_mistake(data):
    test = data[1]
    found = errors(Known(test), test)
    assert found["word_error"] == found["character_error"] == 0
    assert found["starts_within_1"] == 1


def test_mistakes_are_counted(data):
    test = data[1]
    found = errors(Known(test, mistaken=range(50)), test)
    assert found["word_error"] == pytest.approx(50 / len(test.words))
    assert found["character_error"] == pytest.approx(50 / sum(map(len, spell(test.words))))
    assert found["wrong_but_cut_right"] == 1


def test_equal_parts_hold_their_windows_in_the_middle():
    words = torch.tensor([[1, 2, 3, -1], [1, 2, 3, 4]])
    middles = [(44 / 6, 22, 220 / 6), (5.5, 16.5, 27.5, 38.5)]
    for starts, exact in zip(spell(equal_starts(words)), middles, strict=True):
        assert len(starts) == len(exact)
        assert all(abs(s + SIZE / 2 - m) <= 0.5 for s, m in zip(starts, exact, strict=True))


def test_windows_are_cut_at_the_starts(data):
    test = data[1]
    cut = windows(test.pixels, test.starts)
    places = [(i, s) for i, row in enumerate(spell(test.starts)) for s in row]
    assert len(cut) == len(places)
    for found, (i, s) in list(zip(cut, places, strict=True))[::97]:
        assert torch.equal(found, test.pixels[i, :, s : s + SIZE])


@pytest.mark.parametrize("name", LOSSES_SHOWN)
def test_a_small_step_down_the_gradient_lowers_the_loss(data, name):
    strips, extractor = data[0], new_extractor(0)

    def loss():
        return word_losses(
            extractor(strips.pixels[:16]), strips.words[:16], LOSSES_SHOWN[name]
        ).mean()

    before = loss()
    before.backward()
    with torch.no_grad():
        for parameter in extractor.parameters():
            parameter -= 1e-3 * parameter.grad
    assert 0 < loss().item() < before.item()


def test_the_classifier_is_as_good_as_scikit_learns(data):
    training, test = data
    ours = train_on_cuts(training, 600, 0)
    true, pixels = test.words[test.words >= 0], windows(test.pixels, test.starts)
    found = [d for word in cut_readings(ours, test, test.starts) for d in word]
    accuracy = float((torch.tensor(found) == true).float().mean())
    theirs = LogisticRegression(max_iter=200).fit(
        windows(training.pixels, training.starts).flatten(1).numpy(),
        training.words[training.words >= 0].numpy(),
    )
    assert accuracy > theirs.score(pixels.flatten(1).numpy(), true.numpy()) - 0.02
    assert accuracy > 0.85


def test_the_number_of_readings():
    def count(columns, digits):
        """Ways to read so many digits in so many columns, column by column."""
        if columns < 0 or digits < 0:
            return 0
        if columns == 0:
            return int(digits == 0)
        return count(columns - 1, digits) + 10 * count(columns - SIZE, digits - 1)

    assert demo._readings() == sum(count(COLUMNS, n) for n in LENGTHS) > comb(23, 3)


def test_the_posterior_of_starts_adds_up_to_the_number_of_digits(data):
    extractor = new_extractor(3)
    trellis = extractor(data[1].pixels[:1])
    expected = float(demo.starts_of(trellis).sum())
    assert min(LENGTHS) <= expected <= max(LENGTHS)
    sharp = Trellis(40 * trellis.label, 40 * trellis.gap)
    (reading,) = read(sharp, LENGTHS)
    starts = demo.starts_of(sharp).amax(1).topk(len(reading.starts)).indices
    assert sorted(starts.tolist()) == list(reading.starts)


def test_the_lesson_learns_even_when_cut_short(lesson):
    for name in LOSSES_SHOWN:
        found = lesson.numbers[name]
        assert found["word_errors"][0] > 0.95
        assert len(found["updates"]) == len(found["word_errors"])
    assert lesson.numbers["true cuts"]["word_error"] < lesson.numbers["equal cuts"]["word_error"]
    player = lesson.sections[0].figures[0]
    assert len(player.frames) == len(player.captions)


@pytest.mark.slow
def test_words_alone_are_enough_to_learn_digits_and_cuts(data):
    found = demo.DEMO.run(Context(effort=0.4)).numbers
    for name in LOSSES_SHOWN:
        assert found[name]["word_error"] < 0.35
        assert found[name]["starts_within_1"] > 0.95
        assert found[name]["word_error"] < found["true cuts"]["word_error"] + 0.12
    assert found["equal cuts"]["word_error"] > 0.8
