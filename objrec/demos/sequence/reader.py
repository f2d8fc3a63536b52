"""The reader of the demonstration `sequence`: energies from pixels, training, errors, cuts told.

A trellis adds up the energies of gaps and digits; the cuts between digits are a latent path.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from objrec.answers import Answers
from objrec.demos.lesson import Context
from objrec.demos.sequence.figures import Snapshot
from objrec.demos.sequence.trellis import Trellis, against, align, ends, read, through, word_answers
from objrec.losses import LOSSES, LossSettings

Tensor = torch.Tensor

DIGITS, SIZE, COLUMNS = 10, 8, 44
LENGTHS = (3, 4)
STEPS, BATCH, RATE = 700, 32, 0.005
LOOKS = 18
LOSSES_SHOWN = {
    "margin": LossSettings(loss="hinge", soft=False),
    "likelihood": LossSettings(loss="nll", soft=True),
}


@dataclass(frozen=True)
class Strips:
    """Words set in strips.

    Attributes:
        pixels: (S, SIZE, COLUMNS) ink, and noise.
        words: (S, N) digits; -1 beyond a shorter word's end. So are the next two.
        starts: (S, N) the first column of each digit, not seen in training.
        sources: (S, N) which image each digit is.
    """

    pixels: Tensor
    words: Tensor
    starts: Tensor
    sources: Tensor


def spell(words: Tensor) -> list[tuple[int, ...]]:
    """Return (S, N) words as tuples, without what lies beyond their ends."""
    return [tuple(d for d in word if d >= 0) for word in words.tolist()]


class Extractor(nn.Module):
    """Gives every window of 8 columns an energy for each digit, and every column one for a gap."""

    def __init__(self, hidden: int = 64) -> None:
        super().__init__()
        self.window = nn.Conv2d(1, hidden, SIZE)
        self.digit = nn.Conv1d(hidden, DIGITS, 1)
        self.gap = nn.Sequential(nn.Conv1d(SIZE, 16, 3, padding=1), nn.ReLU(), nn.Conv1d(16, 1, 1))

    def forward(self, pixels: Tensor) -> Trellis:
        """Return the energies of strips, (B, SIZE, T)."""
        features = torch.relu(self.window(pixels[:, None])).squeeze(2)
        return Trellis(self.digit(features).transpose(1, 2), self.gap(pixels)[:, 0])


def new_extractor(seed: int) -> Extractor:
    """Return an untrained extractor; the global random numbers stay as they are."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Extractor()


def word_losses(trellis: Trellis, words: Tensor, settings: LossSettings) -> Tensor:
    """Return (B,): a loss of the library, of the right word against all other words.

    E_C is the energy of the right word over all its placements, E_I that of the most offending
    wrong word; minima for a margin loss, free energies for the likelihood.
    """
    beta = settings.beta if settings.soft else None
    energies = ends(trellis, against(words, DIGITS), beta)
    answers = word_answers(words, LENGTHS)
    return LOSSES[settings.loss](energies[:, :, None], answers, settings)


def fit(
    extractor: Extractor,
    loss: Callable[[Tensor], Tensor],
    count: int,
    steps: int,
    seed: int,
    look: Callable[[int], None] = lambda step: None,
) -> None:
    """Minimise a loss by Adam; `look` is called before each step, and after the last.

    Args:
        extractor: Changed in place.
        loss: Indices of a batch → the loss of each of its samples.
        count: How many samples there are.
        steps: Updates to make.
        seed: Of the order of samples.
        look: Called with the number of updates made.
    """
    adam = torch.optim.Adam(extractor.parameters(), lr=RATE)
    draw = torch.Generator().manual_seed(seed)
    for step in range(steps):
        look(step)
        for group in adam.param_groups:  # smaller steps towards the end
            group["lr"] = RATE * (1 - 0.9 * step / steps)
        adam.zero_grad()
        loss(torch.randint(count, (BATCH,), generator=draw)).mean().backward()
        adam.step()
    look(steps)


@dataclass(frozen=True)
class Course:
    """How training on words with one loss went.

    Attributes:
        extractor: Trained.
        updates: When it was looked at.
        word_errors: Of the test strips, at these times.
        snapshots: Of one test strip, at these times.
        seconds: Of processor time, looks left out.
    """

    extractor: Extractor
    updates: list[int]
    word_errors: list[float]
    snapshots: list[Snapshot]
    seconds: float


def train_on_words(
    name: str, strips: Strips, test: Strips, context: Context, done: int, total: int
) -> Course:
    """Train an extractor with one of `LOSSES_SHOWN`, from strips and their words alone.

    Args:
        name: Of the loss.
        strips: To learn from; `starts` are not read.
        test: To look at.
        context: Seed, progress, effort.
        done: Updates made before, for the progress.
        total: Updates in all.
    """
    steps, extractor = context.steps(STEPS), new_extractor(context.seed)
    times = {round(steps * (i / (LOOKS - 1)) ** 2) for i in range(LOOKS)}
    true = spell(test.words)
    updates, found, snapshots, spent = [], [], [], 0.0

    def look(step: int) -> None:
        nonlocal spent
        began = time.process_time()
        context.on_progress(done + step, total)
        if step in times:
            updates.append(step)
            found.append(error_rates(read_words(extractor, test), true)["word_error"])
            snapshots.append(snapshot(extractor, test, 0))
        spent += time.process_time() - began

    def loss(batch: Tensor) -> Tensor:
        trellis = extractor(strips.pixels[batch])
        return word_losses(trellis, strips.words[batch], LOSSES_SHOWN[name])

    began = time.process_time()
    fit(extractor, loss, len(strips.words), steps, context.seed, look)
    seconds = time.process_time() - began - spent
    return Course(extractor, updates, found, snapshots, seconds)


def read_words(extractor: Extractor, strips: Strips) -> list[tuple[int, ...]]:
    """Return the words read on strips, of which neither cuts nor length are told."""
    with torch.no_grad():
        return [reading.labels for reading in read(extractor(strips.pixels), LENGTHS)]


def errors(extractor: Extractor, strips: Strips) -> dict[str, float]:
    """Return the errors of reading strips, of which neither cuts nor length are told.

    Returns:
        `word_error`: share of words not right in every digit; `character_error`: edits needed, by
        the number of digits; `starts_within_1`: share of digits that the best placement of the
        right word sets within a column of where they are; `wrong_but_cut_right`: share of the
        misread words whose digits were all read within a column of where they are.
    """
    with torch.no_grad():
        trellis = extractor(strips.pixels)
        found = read(trellis, LENGTHS)
        placed = align(trellis, strips.words)
    words, starts = spell(strips.words), spell(strips.starts)
    near = [_near(p.starts, s) for p, s in zip(placed, starts, strict=True)]
    wrong = [
        all(_near(reading.starts, s)) and len(reading.starts) == len(s)
        for reading, word, s in zip(found, words, starts, strict=True)
        if reading.labels != word
    ]
    return error_rates([reading.labels for reading in found], words) | {
        "starts_within_1": sum(map(sum, near)) / sum(map(len, near)),
        "wrong_but_cut_right": sum(wrong) / max(1, len(wrong)),
    }


def _near(starts: Sequence[int], true: Sequence[int]) -> list[bool]:
    return [abs(a - b) <= 1 for a, b in zip(starts, true, strict=False)]


def error_rates(
    found: Sequence[tuple[int, ...]], true: Sequence[tuple[int, ...]]
) -> dict[str, float]:
    """Return the share of wrong words, and edits needed by the number of characters."""
    pairs = list(zip(found, true, strict=True))
    return {
        "word_error": sum(a != b for a, b in pairs) / len(pairs),
        "character_error": sum(edits(a, b) for a, b in pairs) / sum(map(len, true)),
    }


def edits(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many insertions, deletions and changes make one word the other (Levenshtein)."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(second, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def snapshot(extractor: Extractor, strips: Strips, index: int) -> Snapshot:
    """Return the energies of one strip and how it is read, for a figure."""
    with torch.no_grad():
        trellis = extractor(strips.pixels[index : index + 1])
        (reading,) = read(trellis, LENGTHS)
        surface = through(trellis, len(reading.labels), None)[0]
    true = spell(strips.words)[index]
    return Snapshot(strips.pixels[index], trellis.label[0], surface, reading, true)


def cut_readings(classifier: Extractor, strips: Strips, starts: Tensor) -> list[tuple[int, ...]]:
    """Return the words read by classifying windows at given starts, (S, N), -1 beyond the end."""
    with torch.no_grad():
        digits = classifier(windows(strips.pixels, starts)).label[:, 0].argmin(1)
    counts = (starts >= 0).sum(1).tolist()
    return [tuple(part.tolist()) for part in digits.split(counts)]


def windows(pixels: Tensor, starts: Tensor) -> Tensor:
    """Return (M, SIZE, SIZE): the windows at all starts that are not -1, strip by strip."""
    pairs = [(i, s) for i, row in enumerate(starts.tolist()) for s in row if s >= 0]
    return torch.stack([pixels[i, :, s : s + SIZE] for i, s in pairs])


def equal_starts(words: Tensor) -> Tensor:
    """Return (S, N) starts of windows in the middle of as many equal parts as there are digits."""
    counts = (words >= 0).sum(1, keepdim=True)
    middles = (torch.arange(words.shape[1]) + 0.5) * COLUMNS / counts
    return (middles - SIZE / 2).round().long().masked_fill(words < 0, -1)


def train_on_cuts(strips: Strips, steps: int, seed: int) -> Extractor:
    """Return an extractor trained as a plain classifier, on windows at the true starts."""
    pixels, labels = windows(strips.pixels, strips.starts), strips.words[strips.words >= 0]
    right = nn.functional.one_hot(labels, DIGITS).bool()[:, :, None]
    classifier, settings = new_extractor(seed), LossSettings(loss="nll")

    def loss(batch: Tensor) -> Tensor:
        answers = Answers(right[batch], torch.zeros_like(right[batch]))
        energies = classifier(pixels[batch]).label.transpose(1, 2)
        return LOSSES["nll"](energies, answers, settings)

    fit(classifier, loss, len(labels), steps, seed)
    return classifier
