"""Use a trained model: images → category, pose, energies and other hypotheses."""

from objrec.recognizer.recognition import Hypothesis, Original, Recognition
from objrec.recognizer.recognizer import Image, Opened, Recognizer, Seen, choose_device

__all__ = [
    "Hypothesis",
    "Image",
    "Opened",
    "Original",
    "Recognition",
    "Recognizer",
    "Seen",
    "choose_device",
]
