"""Use a trained model: images → category, pose, energies and other hypotheses."""

from objrec.recognizer.recognition import Hypothesis, Original, Recognition
from objrec.recognizer.recognizer import Image, Recognizer, Seen, choose_device

__all__ = [
    "Hypothesis",
    "Image",
    "Original",
    "Recognition",
    "Recognizer",
    "Seen",
    "choose_device",
]
