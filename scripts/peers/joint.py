"""objrec itself: every reference turned to every pose of the grid once, then one matrix product."""

from __future__ import annotations

import time

import torch
from peers.answering import Answered, Peer, features_of

from objrec import Recognizer
from objrec.pose import AXES


def joint(recognizer: Recognizer, *, refined: bool) -> Peer:
    """Return joint inference over category and pose, as `Recognizer.recognize` does it.

    One answer is asked for, as the other peers give one (`recognize` gives three).

    Args:
        recognizer: The recogniser.
        refined: Whether the pose leaves the grid.
    """
    network = recognizer.network
    began = time.process_time()
    with torch.inference_mode():
        warped = network.prepare()
    setup = time.process_time() - began

    @torch.inference_mode()
    def answer(images: torch.Tensor) -> Answered:
        found = network.hypotheses(*recognizer.see(images), 1, refined=refined)
        return Answered(found.category[:, 0], found.pose[:, 0])

    name = "objrec, refined" if refined else "objrec, grid"
    held = 2 * warped.maps.nbytes + _volumes(recognizer)  # the maps, and what compares with them
    return Peer(name, answer, held=held, setup=setup)


def features_alone(recognizer: Recognizer) -> Peer:
    """Return what answers nothing: the part that all peers share but nearest pixels."""

    def answer(images: torch.Tensor) -> Answered:
        count = len(features_of(recognizer, images))
        return Answered(torch.full((count,), -1), torch.full((count, len(AXES)), torch.nan))

    return Peer("features alone", answer)


def _volumes(recognizer: Recognizer) -> int:
    return sum(weights.nbytes for weights in recognizer.network.references.parameters())
