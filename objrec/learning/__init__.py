"""A new category from a handful of views: one more reference model, all else left as it is."""

from objrec.learning.learn import Learned, learn

__all__ = ["Learned", "learn"]
