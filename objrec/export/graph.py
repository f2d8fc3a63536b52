"""The whole of recognition as one module: from uint8 images to category, pose and energies.

It holds no state beside the model's, and knows neither files nor ONNX.
"""

from __future__ import annotations

import copy

import torch
from torch import nn

from objrec.energy.model import EnergyModel
from objrec.export.heads import ClassifierHead, EnergyHead
from objrec.export.resizing import letterboxed
from objrec.preprocessing import Preprocessing
from objrec.recognizer import Recognizer

INPUT = "images"


class Graph(nn.Module):
    """Images as files have them → everything that a recogniser says of them, but refined poses.

    Args:
        recognizer: The model, on the CPU; its weights are copied.
    """

    def __init__(self, recognizer: Recognizer) -> None:
        super().__init__()
        network, calibration = copy.deepcopy(recognizer.network), recognizer.calibration
        network.requires_grad_(False)  # archives would ask for gradients where they are run
        self.preprocessing: Preprocessing = recognizer.preprocessing
        self.extractor = network.extractor
        kind = EnergyHead if isinstance(network, EnergyModel) else ClassifierHead
        self.head = kind(network)
        self.axes = network.axes
        self.beta = calibration.beta if calibration else 1.0
        self.threshold = calibration.threshold if calibration else None
        self.tells_unknown = network.background or calibration is not None
        self.eval()

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what `forward` returns, in order."""
        pose = ("pose",) if self.axes else ()
        unknown = ("unknown",) if self.tells_unknown else ()
        return ("category", *pose, "energy", "energies", "probabilities", *unknown, "landscape")

    @property
    def frozen_layers(self) -> int:
        """How many layers with weights a frozen backbone has; they come first."""
        kinds = (nn.Conv2d, nn.Linear)
        return sum(isinstance(module, kinds) for module in self.extractor.stem.modules())

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Recognise.

        Args:
            images: uint8 (B, V, H, W), of colour models (B, V, H, W, 3) RGB; any H and W.

        Returns:
            Tensors in the order of `outputs`: category (B,) int64; pose (B, axes) in degrees,
            ratios and shares of the image side; energy (B,); energies (B, K), the lowest of each
            category; probabilities (B, K); unknown (B,) bool; landscape (B, K, P), all energies.
        """
        features = self.extractor(self.preprocessed(images))
        landscape, nothing = self.head(features)
        energies = landscape.amin(dim=2)
        energy, category = energies.min(dim=1)
        answers = [category]
        if self.axes:
            best = landscape.flatten(1).argmin(dim=1) % landscape.shape[2]
            answers.append(self.head.pose(features, best))
        answers += [energy, energies, torch.softmax(-self.beta * energies, dim=1)]
        if self.tells_unknown:
            answers.append(self._unknown(energy, nothing))
        return (*answers, landscape)

    def preprocessed(self, images: torch.Tensor) -> torch.Tensor:
        """Return float32 (B, V, C, S, S): letterboxed, resized and normalised."""
        return self.preprocessing.standardised(self.squares(images) / 255)

    def squares(self, images: torch.Tensor) -> torch.Tensor:
        """Return float32 (B, V, C, S, S), whole numbers: letterboxed and resized."""
        size, channels = self.preprocessing.size, self.preprocessing.channels
        if self.preprocessing.colour:
            images = images.movedim(-1, 2)
        batch, cameras = images.shape[:2]
        flat = images.reshape(-1, *images.shape[-2:]).float()
        return letterboxed(flat, size).view(batch, cameras, channels, size, size)

    def _unknown(self, energy: torch.Tensor, nothing: torch.Tensor | None) -> torch.Tensor:
        unknown = torch.zeros_like(energy, dtype=torch.bool)
        if nothing is not None:
            unknown = unknown | (nothing < energy)
        return unknown if self.threshold is None else unknown | (energy > self.threshold)
