"""Demonstration: reading words of digits when nobody says where the digits are.

The reader learns from whole words alone; the cuts between digits are latent. Digits:
scikit-learn's 8×8 images (Alpaydin and Kaynak, UCI, 1998).
"""

from __future__ import annotations

from math import comb

import torch
from sklearn.datasets import load_digits

from objrec.demos.lesson import Context, Demo, Lesson, Player, Section, Table
from objrec.demos.sequence.figures import (
    Snapshot,
    curves_figure,
    posterior_figure,
    strips_figure,
    trellis_frame,
)
from objrec.demos.sequence.reader import (
    COLUMNS,
    DIGITS,
    LENGTHS,
    LOSSES_SHOWN,
    SIZE,
    STEPS,
    Course,
    Strips,
    cut_readings,
    equal_starts,
    error_rates,
    errors,
    snapshot,
    spell,
    train_on_cuts,
    train_on_words,
)
from objrec.demos.sequence.trellis import Trellis, any_word, ends, usage
from objrec.losses import part_energy

Tensor = torch.Tensor

NOISE = 0.15
TRAINING_IMAGES = 1100  # of 1797; test strips are made of the others
STRIPS, TEST_STRIPS = 2000, 500


def make_strips(
    pool: Tensor, count: int, seed: int, avoid: frozenset[tuple[int, ...]] = frozenset()
) -> Strips:
    """Set words of random digits at random places, without overlap, and add noise.

    Args:
        pool: Indices of the images to use.
        count: S.
        seed: Of everything drawn.
        avoid: Words not to set.
    """
    data = load_digits()
    images = torch.tensor(data.images / 16, dtype=torch.float32)
    draw = torch.Generator().manual_seed(seed)
    strips = Strips(
        NOISE * torch.randn(count, SIZE, COLUMNS, generator=draw),
        *(torch.full((count, max(LENGTHS)), -1) for _ in range(3)),
    )
    for i in range(count):
        sources = _draw_word(pool, torch.tensor(data.target), avoid, draw)
        n = len(sources)
        spare = torch.randint(COLUMNS - n * SIZE + 1, (n,), generator=draw).sort().values
        starts = spare + SIZE * torch.arange(n)
        strips.words[i, :n] = torch.tensor(data.target)[sources]
        strips.starts[i, :n], strips.sources[i, :n] = starts, sources
        for start, source in zip(starts.tolist(), sources, strict=True):
            strips.pixels[i, :, start : start + SIZE] += images[source]
    return strips


def _draw_word(pool: Tensor, target: Tensor, avoid: frozenset, draw: torch.Generator) -> Tensor:
    while True:
        n = LENGTHS[int(torch.randint(len(LENGTHS), (), generator=draw))]
        sources = pool[torch.randint(len(pool), (n,), generator=draw)]
        if tuple(target[sources].tolist()) not in avoid:
            return sources


def make_data(seed: int) -> tuple[Strips, Strips]:
    """Return training and test strips: no image is in both, and no word."""
    order = torch.randperm(len(load_digits().target), generator=torch.Generator().manual_seed(seed))
    strips = make_strips(order[:TRAINING_IMAGES], STRIPS, seed)
    known = frozenset(spell(strips.words))
    return strips, make_strips(order[TRAINING_IMAGES:], TEST_STRIPS, seed + 1, known)


def run(context: Context) -> Lesson:
    """Train both readers and the classifier, and read the test strips."""
    strips, test = make_data(context.seed)
    steps = context.steps(STEPS)
    courses = {
        name: train_on_words(name, strips, test, context, i * steps, 2 * steps)
        for i, name in enumerate(LOSSES_SHOWN)
    }
    classifier = train_on_cuts(strips, 3 * steps, context.seed)
    true = spell(test.words)
    numbers = {name: _course_numbers(course, test) for name, course in courses.items()}
    for name, starts in (("true cuts", test.starts), ("equal cuts", equal_starts(test.words))):
        numbers[name] = error_rates(cut_readings(classifier, test, starts), true)
    numbers |= {"training_strips": STRIPS, "test_strips": TEST_STRIPS, "updates": steps}
    sections = [
        _task_section(courses["margin"]),
        _results_section(courses, numbers),
        _segmentation_section(courses, test),
    ]
    return Lesson(_summary(numbers), sections, numbers)


def _course_numbers(course: Course, test: Strips) -> dict:
    return {
        **errors(course.extractor, test),
        "cpu_seconds": round(course.seconds, 1),
        "updates": course.updates,
        "word_errors": course.word_errors,
    }


def _summary(numbers: dict) -> str:
    margin, likelihood, told = (numbers[n] for n in ("margin", "likelihood", "true cuts"))
    return (
        "Each strip holds three or four digits at unknown places. Training is told only the word, "
        "“407”, never where a digit is, nor how many there are when reading. The cuts are "
        "left to the energy: of all ways to cut the strip, the lowest counts (or all, each by its "
        "energy). Wrong words are pushed up, the right one is pulled down at its best cuts, and so "
        "the digits, the gaps and the cuts are learned together. Of words never seen, made of "
        f"images never seen, {1 - margin['word_error']:.0%} are read without a mistake after "
        f"training with the margin loss and {1 - likelihood['word_error']:.0%} with the likelihood "
        f"loss; a classifier that is told all the true cuts reads {1 - told['word_error']:.0%}."
    )


def _task_section(course: Course) -> Section:
    frames = [
        trellis_frame(shown, f"trellis-{i}", course.snapshots[-1])
        for i, shown in enumerate(course.snapshots)
    ]
    captions = [
        f"after {u} updates: {_name(s)}"
        for u, s in zip(course.updates, course.snapshots, strict=True)
    ]
    return Section(
        "The trellis as training goes on",
        (
            "A small network looks at every window of 8 columns and gives each of the ten digits "
            "an energy there; it also gives every single column an energy for being a gap. A "
            "reading goes from left to right, and at each column either passes over it or reads a "
            f"digit and jumps {SIZE} columns. Its energy is the sum. There are {_readings():,} "
            "readings, but "
            "the best way to have read two digits up to column 20 does not depend on what follows: "
            "so the lowest energy is found column by column.",
            "The energy of a word is the lowest energy of its readings. The margin loss compares "
            "it with the most offending wrong word, which the same trellis finds exactly: it "
            "remembers whether a digit has differed from the right word yet.",
        ),
        (
            "E(word) = min over cuts of [ Σ E(digit at its window) + Σ E(gap at its column) ]",
            "loss = max(0, m + E(right word) − min over all other words of E(word))",
        ),
        (Player(frames, captions, "updates"),),
        (
            "One test strip, margin loss. Top: the strip, and the windows of the lowest reading. "
            "Middle: energy of each digit in the window that begins at each column, dark is low; "
            "frames mark what is read. Bottom: the energy surface that is minimised: for each "
            "column and number of digits read so far, the lowest energy of a reading through there "
            "(above the best one). The line is the best path; at first the valley is "
            "shallow and leads anywhere.",
        ),
    )


def _name(shown: Snapshot) -> str:
    return "reads " + "".join(map(str, shown.reading.labels))


def _comparison(numbers: dict) -> str:
    words, told = numbers["margin"]["word_error"], numbers["true cuts"]["word_error"]
    # Two shares, each with an error of its own.
    chance = 2 * 2**0.5 * _standard_error(numbers)
    alike = (
        f"no more than chance makes between two sets of {numbers['test_strips']} strips: having "
        "been told the cuts is worth little here"
        if abs(words - told) < chance
        else "more than chance alone explains"
    )
    return (
        f"The reader trained with the margin loss gets {words:.1%} of the words wrong, the "
        f"classifier at the true cuts {told:.1%}; that is {alike}. What is left are mostly digits "
        "that look like others: of the words that the reader gets wrong, "
        f"{numbers['margin']['wrong_but_cut_right']:.0%} are cut rightly."
    )


def _readings() -> int:
    """Return how many readings there are: words, and ways to strew the spare columns."""
    return sum(DIGITS**n * comb(COLUMNS - n * SIZE + n, n) for n in LENGTHS)


def _standard_error(numbers: dict) -> float:
    error = numbers["margin"]["word_error"]
    return (error * (1 - error) / numbers["test_strips"]) ** 0.5


def _results_section(courses: dict[str, Course], numbers: dict) -> Section:
    rows = [
        ("equal cuts, length told", *_rates(numbers["equal cuts"]), "", ""),
        *(
            (
                f"words only, {name} loss",
                *_rates(numbers[name]),
                f"{numbers[name]['starts_within_1']:.1%}",
                f"{numbers[name]['cpu_seconds']:.0f} s",
            )
            for name in courses
        ),
        ("true cuts, length told", *_rates(numbers["true cuts"]), "", ""),
    ]
    return Section(
        "How well it reads",
        (
            f"{numbers['training_strips']} strips to learn from, {numbers['test_strips']} to "
            "test with, of other images and other words. The likelihood loss is the same training "
            "with free energies: every cut counts by its energy, and so does every wrong word, not "
            "only the worst. For comparison one classifier of the same shape is trained on windows "
            "at the true cuts, and reads the test strips twice: at the true cuts, which nobody has "
            "in practice, and at the middles of equal parts, the simplest guess.",
            _comparison(numbers),
        ),
        figures=(
            curves_figure(
                {name: (c.updates, c.word_errors) for name, c in courses.items()},
                {name: numbers[name]["word_error"] for name in ("true cuts", "equal cuts")},
            ),
        ),
        captions=("Test words that are not read right in every digit, as training goes on.",),
        tables=(
            Table(
                ("", "wrong words", "wrong characters", "cuts found", "processor time"),
                rows,
                "Wrong characters: insertions, deletions and changes needed, by the number of "
                "digits. Cuts found: digits that the best placement of the right word sets within "
                "one column of their true place.",
            ),
        ),
    )


def _rates(found: dict) -> tuple[str, str]:
    return f"{found['word_error']:.1%}", f"{found['character_error']:.1%}"


def _segmentation_section(courses: dict[str, Course], test: Strips) -> Section:
    extractor = courses["margin"].extractor
    shown = [snapshot(extractor, test, i) for i in range(min(60, len(test.words)))]
    wrong = [s for s in shown if s.reading.labels != s.true][:3]
    right = [s for s in shown if s.reading.labels == s.true][: 8 - len(wrong)]
    with torch.no_grad():
        trellis = courses["likelihood"].extractor(test.pixels[:1])
    return Section(
        "Where it cuts",
        (
            "Nobody ever showed it a cut. They come out right because they help: only a window "
            "that holds just one digit can be told from all other digits.",
            "With free energies there is no single path. The derivative of the free energy by one "
            "energy is the probability that a reading uses it, so one backward pass gives, for "
            "each column, how probably each digit begins there.",
        ),
        figures=(
            strips_figure(right + wrong),
            posterior_figure(test.pixels[0], starts_of(trellis)),
        ),
        captions=(
            "Test strips read by the margin loss's reader. Where the word is wrong, the right one "
            "stands beside it.",
            "The first test strip, likelihood loss: probability that a digit begins at a column. "
            "Two bright cells near one another are a digit, or a cut, that could be either.",
        ),
    )


def starts_of(trellis: Trellis) -> Tensor:
    """Return (P, D): how probably each digit is read at each position of one strip, at beta 1."""
    final = torch.zeros(1, max(LENGTHS) + 1, dtype=torch.bool)
    final[:, list(LENGTHS)] = True

    def free(energies: Trellis) -> Tensor:
        return part_energy(ends(energies, any_word(max(LENGTHS), DIGITS), 1.0), final, 1.0)

    return usage(trellis, free)[0]


DEMO = Demo(
    name="sequence",
    title="Reading words without being told the cuts",
    teaches="Labels of whole words are enough to learn digits and where to cut.",
    run=run,
)
