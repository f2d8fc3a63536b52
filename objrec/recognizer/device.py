"""Where a model computes."""

from __future__ import annotations

import torch

from objrec.errors import SettingsError


def choose_device(name: str = "auto") -> torch.device:
    """Return a device: 'auto' is a GPU where there is one, otherwise the CPU.

    Raises:
        SettingsError: There is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # 'meta' tensors exist, but hold nothing
    except (RuntimeError, AssertionError, ImportError) as error:
        raise SettingsError(f"--device: '{name}' is not to be had here; use auto or cpu") from error
    return device
