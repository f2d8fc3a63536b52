"""The trellis against exhaustive search: every reading of short strips, one by one."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from objrec.demos.sequence.trellis import (
    Trellis,
    against,
    align,
    any_word,
    ends,
    one_word,
    read,
    through,
    usage,
    word_answers,
)
from objrec.losses import LOSSES, LossSettings, hinge, log

COLUMNS, WIDTH, LABELS = 9, 2, 3
LENGTHS = (1, 2, 3)
SHAPES = st.tuples(st.integers(4, 8), st.integers(1, 3), st.integers(1, 3))


def random_trellis(seed, strips=3, columns=COLUMNS, width=WIDTH, labels=LABELS):
    draw = torch.Generator().manual_seed(seed)
    return Trellis(
        2 * torch.randn(strips, columns - width + 1, labels, generator=draw, dtype=torch.float64),
        torch.randn(strips, columns, generator=draw, dtype=torch.float64),
    )


def random_words(seed, strips=3, longest=3, labels=LABELS):
    """Words of all lengths from 1 to the longest, -1 beyond their ends."""
    draw = torch.Generator().manual_seed(seed)
    words = torch.randint(labels, (strips, longest), generator=draw)
    lengths = torch.randint(1, longest + 1, (strips, 1), generator=draw)
    return words.masked_fill(torch.arange(longest) >= lengths, -1)


def readings(trellis, i, lengths):
    """(Energy, word, starts) of every reading of strip i: all places of all words."""
    label, gap, width = trellis.label[i].tolist(), trellis.gap[i].tolist(), trellis.width
    found = []
    for n in lengths:
        for starts in itertools.combinations(range(len(label)), n):
            if any(b - a < width for a, b in itertools.pairwise(starts)):
                continue
            covered = {s + k for s in starts for k in range(width)}
            gaps = math.fsum(g for t, g in enumerate(gap) if t not in covered)
            for word in itertools.product(range(len(label[0])), repeat=n):
                parts = (label[s][d] for s, d in zip(starts, word, strict=True))
                found.append((gaps + math.fsum(parts), word, starts))
    return found


def total(energies, beta):
    """The minimum, or the free energy, of a list of plain numbers; inf of none."""
    energies = list(energies)
    low = min(energies, default=math.inf)
    if beta is None or low == math.inf:
        return low
    return low - math.log(math.fsum(math.exp(-beta * (e - low)) for e in energies)) / beta


def word_of(row):
    return tuple(d for d in row.tolist() if d >= 0)


def close(value, exact, **tolerance):
    """Equal, or both of what cannot be read."""
    if exact == math.inf:
        return value > 5e8
    return value == pytest.approx(exact, **(tolerance or {"abs": 1e-9}))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), shape=SHAPES, beta=st.sampled_from([None, 0.5, 1.0, 3.0]))
def test_all_words_by_their_length(seed, shape, beta):
    columns, width, labels = shape
    trellis = random_trellis(seed, 2, columns, width, labels)
    found = ends(trellis, any_word(3, labels), beta)
    for i, n in itertools.product(range(2), range(4)):
        listed = readings(trellis, i, [n])
        assert close(float(found[i, n]), total((e for e, *_ in listed), beta))


@pytest.mark.parametrize("beta", [None, 0.7, 2.0])
@pytest.mark.parametrize("seed", range(4))
def test_one_word_over_all_its_placements(seed, beta):
    trellis, words = random_trellis(seed), random_words(seed)
    found = ends(trellis, one_word(words, LABELS), beta)
    for i, row in enumerate(words):
        word = word_of(row)
        listed = [e for e, w, _ in readings(trellis, i, LENGTHS) if w == word]
        assert close(float(found[i, len(word)]), total(listed, beta))
        assert all(float(e) > 5e8 for e in found[i, len(word) + 1 :])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), shape=SHAPES, beta=st.sampled_from([None, 0.5, 2.0]))
def test_the_right_word_against_every_other(seed, shape, beta):
    """The most offending wrong word is exact: it is the second best where the right one leads."""
    columns, width, labels = shape
    trellis, words = (
        random_trellis(seed, 2, columns, width, labels),
        random_words(seed, 2, 3, labels),
    )
    energies = ends(trellis, against(words, labels), beta)
    answers = word_answers(words, (2, 3))
    for i, row in enumerate(words):
        listed = readings(trellis, i, LENGTHS)
        right = [e for e, w, _ in listed if w == word_of(row)]
        wrong = [e for e, w, _ in listed if w != word_of(row) and len(w) in (2, 3)]
        parts = (answers.right[i, :, 0], right), (answers.wrong[i, :, 0], wrong)
        for mask, exact in parts:
            value = total(energies[i][mask].tolist(), beta)
            assert close(value, total(exact, beta))


@pytest.mark.parametrize("beta", [0.6, 1.0])
def test_nll_is_the_free_energy_of_the_word_less_that_of_all_words(beta):
    trellis, words = random_trellis(5, 4), random_words(7, 4)
    energies = ends(trellis, against(words, LABELS), beta)
    losses = LOSSES["nll"](
        energies[:, :, None], word_answers(words, LENGTHS), LossSettings(beta=beta)
    )
    for i, row in enumerate(words):
        listed = readings(trellis, i, LENGTHS)
        right = total((e for e, w, _ in listed if w == word_of(row)), beta)
        wrong = total((e for e, w, _ in listed if w != word_of(row)), beta)
        everything = total((e for e, *_ in listed), beta)
        assert float(losses[i]) == pytest.approx(right - everything, abs=1e-9)
        pair = (torch.tensor(v, dtype=torch.float64) for v in (right, wrong))
        assert float(losses[i]) == pytest.approx(float(log(*pair, LossSettings(beta=beta))))


def test_the_margin_loss_takes_the_most_offending_wrong_word():
    trellis, words = random_trellis(6, 4), random_words(9, 4)
    chosen = LossSettings(loss="hinge", soft=False, margin=3.0)
    energies = ends(trellis, against(words, LABELS), None)
    losses = LOSSES["hinge"](energies[:, :, None], word_answers(words, LENGTHS), chosen)
    for i, row in enumerate(words):
        listed = readings(trellis, i, LENGTHS)
        right = min(e for e, w, _ in listed if w == word_of(row))
        wrong = min(e for e, w, _ in listed if w != word_of(row))
        pair = (torch.tensor(v, dtype=torch.float64) for v in (right, wrong))
        assert float(losses[i]) == pytest.approx(float(hinge(*pair, chosen)), abs=1e-9)


@pytest.mark.parametrize("lengths", [(1,), (2, 3), (3,)])
def test_the_best_reading_and_the_best_placement(lengths):
    trellis, words = random_trellis(12, 5), random_words(13, 5)
    for i, found in enumerate(read(trellis, lengths)):
        energy, word, starts = min(readings(trellis, i, lengths))
        assert (found.labels, found.starts) == (word, starts)
        assert found.energy == pytest.approx(energy, abs=1e-9)
    for i, found in enumerate(align(trellis, words)):
        listed = readings(trellis, i, LENGTHS)
        energy, word, starts = min(r for r in listed if r[1] == word_of(words[i]))
        assert (found.labels, found.starts) == (word, starts)
        assert found.energy == pytest.approx(energy, abs=1e-9)


def test_the_derivative_of_the_free_energy_is_the_posterior():
    trellis, beta = random_trellis(21), 1.3
    found = usage(trellis, lambda t: ends(t, any_word(2, LABELS), beta)[:, 2])
    for i, p, d in itertools.product(range(3), range(COLUMNS - WIDTH + 1), range(LABELS)):
        listed = readings(trellis, i, [2])
        used = (e for e, w, s in listed if (p, d) in zip(s, w, strict=True))
        everything = total((e for e, *_ in listed), beta)
        exact = math.exp(-beta * (total(used, beta) - everything))
        assert float(found[i, p, d]) == pytest.approx(exact, abs=1e-10)


@pytest.mark.parametrize("beta", [None, 1.0])
def test_readings_through_a_cut(beta):
    trellis = random_trellis(31, 2)
    found = through(trellis, 2, beta)
    for i, t, k in itertools.product(range(2), range(COLUMNS + 1), range(3)):
        passing = [
            e
            for e, _, starts in readings(trellis, i, [2])
            if sum(s + WIDTH <= t for s in starts) == k
            and not any(s < t < s + WIDTH for s in starts)
        ]
        assert close(float(found[i, t, k]), total(passing, beta))


@pytest.mark.parametrize("beta", [None, 1.0])
def test_gradients_by_finite_differences(beta):
    trellis, words = random_trellis(41, 2), torch.tensor([[0, 1, -1], [2, 2, 0]])
    answers = word_answers(words, LENGTHS)
    name, chosen = ("hinge" if beta is None else "nll"), LossSettings(soft=beta is not None)

    def loss(label, gap):
        energies = ends(Trellis(label, gap), against(words, LABELS), beta)
        return LOSSES[name](energies[:, :, None], answers, chosen)

    inputs = [part.clone().requires_grad_() for part in (trellis.label, trellis.gap)]
    assert torch.autograd.gradcheck(loss, inputs)


def test_equal_paths_give_one_path():
    trellis = Trellis(torch.zeros(1, 5, 2), torch.zeros(1, 6))
    (found,) = read(trellis, (2,))
    assert len(found.labels) == 2 and found.starts[1] - found.starts[0] >= trellis.width
    assert found.energy == 0


def test_float32_gradients_are_finite_where_much_cannot_be_read():
    trellis = random_trellis(51, 2, columns=6)  # three labels fill it
    label = trellis.label.float().requires_grad_()
    words = torch.tensor([[0, 1, 2], [1, 1, -1]])
    energies = ends(Trellis(label, trellis.gap.float()), against(words, LABELS), 1.0)
    losses = LOSSES["nll"](energies[:, :, None], word_answers(words, (2, 3)), LossSettings())
    losses.sum().backward()
    assert losses.isfinite().all() and label.grad.isfinite().all() and label.grad.abs().sum() > 0


def test_mistakes_of_the_programmer():
    with pytest.raises(ValueError, match="energies must be"):
        Trellis(torch.zeros(2, 5, 3), torch.zeros(1, 6))
    with pytest.raises(ValueError, match="energies must be"):
        Trellis(torch.zeros(2, 7, 3), torch.zeros(2, 6))
