"""Nearest neighbour over all training views, in pixels and in the model's features.

scikit-learn's and, where it is installed, FAISS's exact search answer here, since those are what a
user would take; tests hold them against objrec's own baselines of `objrec.evaluation.baselines`,
which find the same views.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import torch
from peers.answering import Answered, Peer, features_of
from sklearn.neighbors import NearestNeighbors

from objrec import Recognizer
from objrec.evaluation.baselines.models import Views

LIBRARIES = ("scikit-learn", "FAISS") if find_spec("faiss") else ("scikit-learn",)
_AT_ONCE = 256
Search = Callable[[np.ndarray], np.ndarray]
"""Vectors (B, D) float32 → the place of the nearest view of each, (B,)."""


def neighbours(
    recognizer: Recognizer, views: Views, space: str, library: str, reading: float = 0.0
) -> Peer:
    """Return nearest neighbour: category and pose of the nearest training view.

    Args:
        recognizer: Whose features are compared.
        views: The training views, labels as the recogniser counts.
        space: 'pixels', by Euclidean distance, or 'features', by the cosine of whole maps, as D.
        library: 'scikit-learn' or 'FAISS'.
        reading: Seconds that reading the views took, a part of the setup.
    """
    vectors = _pixels if space == "pixels" else _features
    began = time.process_time()
    parts = [vectors(recognizer, part) for part in views.images.split(_AT_ONCE)]
    known = np.concatenate(parts)
    search = _SEARCHES[library](known, space)
    setup = time.process_time() - began + reading
    labels, poses = torch.from_numpy(views.labels), torch.from_numpy(views.poses)

    def answer(images: torch.Tensor) -> Answered:
        place = torch.from_numpy(search(vectors(recognizer, images)))
        return Answered(labels[place], poses[place])

    return Peer(f"nearest {space}, {library}", answer, held=known.nbytes, setup=setup)


def _pixels(recognizer: Recognizer, images: torch.Tensor) -> np.ndarray:
    return (images.flatten(1).float() / 255 - 0.5).numpy()


def _features(recognizer: Recognizer, images: torch.Tensor) -> np.ndarray:
    flat = features_of(recognizer, images).flatten(1)
    return torch.nn.functional.normalize(flat, dim=1).numpy()


def _scikit(known: np.ndarray, space: str) -> Search:
    metric = "euclidean" if space == "pixels" else "cosine"
    search = NearestNeighbors(n_neighbors=1, algorithm="brute", metric=metric).fit(known)
    return lambda asked: search.kneighbors(asked, return_distance=False)[:, 0]


def _faiss(known: np.ndarray, space: str) -> Search:
    import faiss

    faiss.omp_set_num_threads(torch.get_num_threads())
    index = (faiss.IndexFlatL2 if space == "pixels" else faiss.IndexFlatIP)(known.shape[1])
    index.add(known)
    return lambda asked: index.search(asked, 1)[1][:, 0]


_SEARCHES: dict[str, Callable[[np.ndarray, str], Search]] = {
    "scikit-learn": _scikit,
    "FAISS": _faiss,
}
