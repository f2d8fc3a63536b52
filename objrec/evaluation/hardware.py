"""What a measurement ran on: a speed without its machine means nothing."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import torch

import objrec


def describe_hardware(device: str | torch.device = "cpu") -> dict[str, Any]:
    """Return processor, cores, threads, device and versions as plain values.

    Args:
        device: The torch device that did the work.
    """
    device = torch.device(device)
    facts = {
        "cpu": _processor_name(),
        "cores": _usable_cores(),
        "threads": torch.get_num_threads(),
        "device": str(device),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "objrec": objrec.__version__,
    }
    if device.type == "cuda":
        facts["gpu"] = torch.cuda.get_device_name(device)
    return facts


def _usable_cores() -> int:
    """Count the cores this process may use; a container may own fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name" and value.strip():
            return value.strip()
    return platform.processor() or platform.machine() or "unknown"
