"""Use a trained model: images → category, pose, energies and other hypotheses."""

from objrec.recognizer.device import choose_device
from objrec.recognizer.opening import Image, Opened
from objrec.recognizer.recognition import Hypothesis, Original, Recognition
from objrec.recognizer.recognizer import Recognizer, Seen

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
