"""A trellis: the energies of all ways to read a strip, searched by dynamic programming.

A strip of T columns is read from left to right. At each column the reader either passes over it
(a gap, one column) or reads a label, which takes `width` columns. Every column gap and every label
at every position has an energy; the energy of a reading is their sum. A word has many readings:
where its labels stand is a latent variable.

A `Grammar` says what may be read. It is a small machine of states: a gap leaves the state, a label
moves on to a later one. Three grammars answer every question:

    any_word    all words up to a length; state k: k labels read
    one_word    one given word, at all placements (its path is latent)
    against     every word, sorted into the given one and all others; one pass finds both

`ends` returns the lowest energy of all readings that end in each state (Viterbi, beta None), or
their free energy (the forward algorithm). The derivative of that energy by the energy of a label
somewhere says whether, or how probably, the label is read there: the best path, or the posterior.
Sources: Viterbi 1967; Rabiner, Proceedings of the IEEE 77, 1989; LeCun, Bottou, Bengio and Haffner,
Proceedings of the IEEE 86, 1998 (word readers trained with a latent segmentation); Eisner 2016,
"Inside-Outside and Forward-Backward Algorithms Are Just Backprop".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from objrec.answers import Answers

Tensor = torch.Tensor

# The energy of what cannot be read. Finite, since an infinity less an infinity is no number.
_FAR = 1e9


@dataclass(frozen=True)
class Trellis:
    """The energies of the parts of all readings of B strips.

    Attributes:
        label: (B, P, D) energy of label d in the columns p to p + width - 1.
        gap: (B, T) energy of passing over a column.

    Raises:
        ValueError: The two do not fit each other.
    """

    label: Tensor
    gap: Tensor

    def __post_init__(self) -> None:
        fits = self.label.ndim == 3 and self.gap.ndim == 2 and len(self.label) == len(self.gap)
        if not fits or not 1 <= self.label.shape[1] <= self.gap.shape[1]:
            shapes = tuple(self.label.shape), tuple(self.gap.shape)
            raise ValueError(f"energies must be (B, P, D) and (B, T >= P), got {shapes}")

    @property
    def width(self) -> int:
        """How many columns a label takes."""
        return self.gap.shape[1] - self.label.shape[1] + 1


@dataclass(frozen=True)
class Grammar:
    """What may be read: states joined by arcs, each of which reads one label.

    Attributes:
        source: (S, R) where each of the R arcs that enter a state comes from.
        labels: (B or 1, S, R, D) bool, the labels that an arc may read; none: no such arc.

    Reading begins in state 0. Arcs lead from lower to higher states.
    """

    source: Tensor
    labels: Tensor


def any_word(longest: int, labels: int) -> Grammar:
    """Return the grammar of all words; state k, of longest + 1, is "k labels read"."""
    allowed = torch.ones(1, longest + 1, 1, labels, dtype=torch.bool)
    allowed[:, 0] = False
    return Grammar(_before(longest)[:, None], allowed)


def one_word(words: Tensor, labels: int) -> Grammar:
    """Return the grammar of one word a strip; state k is "the first k labels read".

    Args:
        words: (B, N) labels; -1 beyond a shorter word's end.
        labels: D.
    """
    allowed = torch.zeros(len(words), words.shape[1] + 1, 1, labels, dtype=torch.bool)
    allowed[:, 1:, 0] = _is_label(words, labels)
    return Grammar(_before(words.shape[1])[:, None], allowed)


def against(words: Tensor, labels: int) -> Grammar:
    """Return the grammar that tells a word from all others; N + 1 states "same", N + 1 "other".

    State k: k labels read, all as in the word. State N + 1 + k: k labels read, at least one
    of them not as in the word. A word that goes on beyond the given one is another.

    Args:
        words: (B, N) labels; -1 beyond a shorter word's end.
        labels: D.
    """
    n = words.shape[1]
    same = _is_label(words, labels)
    allowed = torch.zeros(len(words), 2 * (n + 1), 2, labels, dtype=torch.bool)
    allowed[:, 1 : n + 1, 0] = same
    allowed[:, n + 2 :, 0] = ~same
    allowed[:, n + 3 :, 1] = True  # what was another word already may read anything
    before = _before(n)
    from_same, from_other = torch.cat([before, before]), torch.cat([before, before + n + 1])
    return Grammar(torch.stack([from_same, from_other], dim=1), allowed)


def word_answers(words: Tensor, lengths: Sequence[int]) -> Answers:
    """Return which ends of `against` are right and wrong, for the losses of the library.

    Args:
        words: (B, N) labels; -1 beyond a shorter word's end.
        lengths: How long a word may be; ends of other lengths are forbidden, so in no part.

    Returns:
        (B, 2 (N + 1), 1): ends stand where the library has categories, and placements, which
        `ends` has taken the minimum or sum over, where it has poses.
    """
    counts = torch.arange(words.shape[1] + 1)
    possible = torch.isin(counts, torch.tensor(lengths)).expand(len(words), -1)
    right = counts == (words >= 0).sum(1, keepdim=True)
    nothing = torch.zeros_like(right)
    right, wrong = torch.cat([right, nothing], 1), torch.cat([possible & ~right, possible], 1)
    return Answers(right[:, :, None], ~(right | wrong)[:, :, None])


def _before(longest: int) -> Tensor:
    return (torch.arange(longest + 1) - 1).clamp(min=0)


def _is_label(words: Tensor, labels: int) -> Tensor:
    return words[:, :, None] == torch.arange(labels)


def forward(trellis: Trellis, grammar: Grammar, beta: float | None) -> Tensor:
    """Return the energy of all beginnings of readings, by where they end and in which state.

    Args:
        trellis: Energies of B strips.
        grammar: What may be read.
        beta: Inverse temperature of free energies; None: minima.

    Returns:
        (B, T + 1, S), differentiable; about 1e9 and more where nothing can be read.
    """
    arcs = _arc_energies(trellis, grammar, beta)
    strips, width = len(trellis.gap), trellis.width
    start = torch.full((strips, len(grammar.source)), _FAR).to(trellis.gap)
    start[:, 0] = 0
    reached = [start]
    for t in range(1, trellis.gap.shape[1] + 1):
        ways = (reached[-1] + trellis.gap[:, t - 1, None])[:, :, None]
        if t >= width:
            read = reached[t - width][:, grammar.source] + arcs[:, t - width]
            ways = torch.cat([ways, read], dim=2)
        reached.append(_lowest(ways, beta))
    return torch.stack(reached, dim=1)


def ends(trellis: Trellis, grammar: Grammar, beta: float | None) -> Tensor:
    """Return (B, S): the energy of all whole readings that end in each state (see `forward`)."""
    return forward(trellis, grammar, beta)[:, -1]


def through(trellis: Trellis, count: int, beta: float | None) -> Tensor:
    """Return the energy of all words of a length, by the cuts and states they pass through.

    The second half of a reading is the first half of one from right to left.

    Returns:
        (B, T + 1, count + 1): of the readings that have read k labels to the left of column t and
        the rest to its right. Lowest along the best path, where it is the energy of that path.
    """
    grammar = any_word(count, trellis.label.shape[2])
    back = Trellis(trellis.label.flip(1), trellis.gap.flip(1))
    return forward(trellis, grammar, beta) + forward(back, grammar, beta).flip(1, 2)


def _arc_energies(trellis: Trellis, grammar: Grammar, beta: float | None) -> Tensor:
    """Return (B, P, S, R): the energy of the labels that each arc may read at each position."""
    energies = torch.where(grammar.labels[:, None], trellis.label[:, :, None, None], _FAR)
    return _lowest(energies, beta)


def _lowest(ways: Tensor, beta: float | None) -> Tensor:
    # `min` and not `amin`: of several equal ways one gets the whole derivative, which so is a path.
    if beta is None:
        return ways.min(dim=-1).values
    return -torch.logsumexp(-beta * ways, dim=-1) / beta


def usage(trellis: Trellis, energy: Callable[[Trellis], Tensor]) -> Tensor:
    """Return where labels are read: the derivative of energies by the energies of labels.

    Args:
        trellis: Energies of B strips.
        energy: Trellis → (B,), a minimum or free energy over readings.

    Returns:
        (B, P, D): of a minimum, 1 on the best path and 0 elsewhere; of a free energy, the
        probability that label d is read at position p.
    """
    with torch.enable_grad():
        label = trellis.label.detach().requires_grad_()
        total = energy(Trellis(label, trellis.gap.detach())).sum()
        return torch.autograd.grad(total, label)[0]


@dataclass(frozen=True)
class Reading:
    """How a strip is read.

    Attributes:
        labels: From left to right.
        starts: The first column of each.
        energy: Of the whole reading.
    """

    labels: tuple[int, ...]
    starts: tuple[int, ...]
    energy: float


def read(trellis: Trellis, lengths: Sequence[int]) -> list[Reading]:
    """Return the reading of lowest energy of each strip, over all words of the lengths."""
    grammar = any_word(max(lengths), trellis.label.shape[2])
    return _readings(trellis, grammar, sorted(set(lengths)))


def align(trellis: Trellis, words: Tensor) -> list[Reading]:
    """Return the best placement of a given word, (B, N), on each strip: the latent path."""
    lengths = (words >= 0).sum(1, keepdim=True)
    counts = torch.arange(words.shape[1] + 1)
    return _readings(trellis, one_word(words, trellis.label.shape[2]), counts == lengths)


def _readings(trellis: Trellis, grammar: Grammar, final: list[int] | Tensor) -> list[Reading]:
    if isinstance(final, list):
        chosen = torch.zeros(len(grammar.source), dtype=torch.bool)
        chosen[final] = True
        final = chosen.expand(len(trellis.gap), -1)

    def lowest(energies: Trellis) -> Tensor:
        found = ends(energies, grammar, None).masked_fill(~final, 2 * _FAR)
        return _lowest(found, None)

    paths, totals = usage(trellis, lowest), lowest(trellis)
    found = []
    for path, total in zip(paths, totals.tolist(), strict=True):
        starts, labels = path.nonzero(as_tuple=True)
        found.append(Reading(tuple(labels.tolist()), tuple(starts.tolist()), total))
    return found
