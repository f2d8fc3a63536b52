"""What a protocol consists of: parts, each trained on some images of a set and tested on others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from objrec.datasets import Dataset

NOVEL, FAMILIAR, ALL = "novel", "familiar", "all"


@dataclass(frozen=True)
class Part:
    """One training of each model and seed, and what it is tested on.

    Attributes:
        trained_on: Seed → what is trained on: the same for all models.
        test: What is tested on.
        views: Name → (N test,) bool: the kinds of views that are measured apart.
        facts: What tells its rows from those of other parts, as in {"fold": 0}.
        folder: Ends the names of its model folders; "" in a plan of a single part.
        unknown: Images of what is not trained on, to be told as unknown.
    """

    trained_on: Callable[[int], Dataset]
    test: Dataset
    views: Mapping[str, np.ndarray]
    facts: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""
    unknown: Dataset | None = None

    @classmethod
    def of_all(cls, trained_on: Callable[[int], Dataset], test: Dataset, **facts: Any) -> Part:
        """Return a part whose views are not told apart; `facts` are further attributes."""
        return cls(trained_on, test, {ALL: np.ones(len(test), dtype=bool)}, **facts)

    def of_objects(self) -> Part:
        """Return the part without the test images that show background."""
        shown = ~self.test.shows_background
        views = {name: inside[shown] for name, inside in self.views.items()}
        return replace(self, test=self.test.subset(shown), views=views)


@dataclass(frozen=True)
class Plan:
    """One protocol on one set.

    Attributes:
        protocol: Its name.
        says: What is trained on and what is tested on, in a sentence.
        parts: At least one; their `facts` have the same keys.
        matched: Whether each model is stopped where its error on familiar views equals that of
            the others.
        widened: Whether recognition searches the poses of all views, trained on or not.
        pooled: Whether the answers in all parts are measured together, as those of folds.
        drawn: Whether the seed draws what is trained on.
    """

    protocol: str
    says: str
    parts: tuple[Part, ...]
    matched: bool = False
    widened: bool = False
    pooled: bool = False
    drawn: bool = False

    @property
    def train(self) -> Dataset:
        """What a plan of one part trains on, whatever the seed.

        Raises:
            ValueError: There are several parts.
        """
        return self._only.trained_on(0)

    @property
    def familiar(self) -> np.ndarray:
        """(N test,) bool, the test images of views as trained on, of a plan of one part.

        Raises:
            ValueError: There are several parts.
        """
        return self._only.views[FAMILIAR]

    @property
    def _only(self) -> Part:
        if len(self.parts) > 1:
            raise ValueError(f"the plan of {self.protocol} has {len(self.parts)} parts; name one")
        return self.parts[0]
