"""Several processes that train one model together, as torchrun starts them.

Every process holds the whole set and all weights, and computes its rows of every batch; gradients
and the statistics of batch normalisation are those of the whole batch. So the model is the one
that a single process trains with the same batch size, up to rounding. The first process alone
writes files. Where torchrun started nothing, nothing here touches `torch.distributed`.
"""

from __future__ import annotations

import atexit
import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from objrec.errors import ObjrecError, SettingsError
from objrec.recognizer import choose_device

# While the first process calibrates or frozen features are computed, the others wait. One that
# was killed is no reason to wait: torchrun ends the rest.
_PATIENCE = timedelta(days=2)
_CPU = torch.device("cpu")


class ProcessLost(ObjrecError):
    """Another process of the run has ended; the last checkpoint is still there."""


@dataclass(frozen=True)
class Processes:
    """Which of the processes of a run this one is.

    Attributes:
        rank: Counted from 0, which is the one that writes.
        count: How many there are.
        device: Where this one computes.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = _CPU

    @property
    def first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def rows(self, images: int) -> slice:
        """Return which rows of a batch of that many images this process computes."""
        return slice(
            self.rank * images // self.count,
            (self.rank + 1) * images // self.count,
        )

    def wait(self) -> None:
        """Return when all processes have come here."""
        self.summed(torch.zeros((), device=self.device)).item()

    def summed(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sum over all processes, without gradient; the same bits everywhere."""
        if self.count == 1:
            return values
        total = values.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    def gathered(self, own: torch.Tensor, images: int) -> torch.Tensor:
        """Return all rows of a batch of that many images, given this process' own."""
        if self.count == 1:
            return own
        whole = own.new_zeros(images, *own.shape[1:])
        whole[self.rows(images)] = own.detach()
        return self.summed(whole)

    def agree(self, value: Any) -> None:
        """Make sure that all processes were asked the same.

        Args:
            value: What they were asked, of plain values.

        Raises:
            SettingsError: The values differ.
        """
        if self.count == 1:
            return
        values: list[Any] = [None] * self.count
        dist.all_gather_object(values, value)
        if any(other != values[0] for other in values):
            raise SettingsError(
                "torchrun: the processes were given different settings or data; start all of "
                "them by one command"
            )

    def sharing(self, step: nn.Module) -> nn.Module:
        """Return a module whose backward pass leaves the mean of all processes' gradients."""
        if self.count == 1:
            return step
        own = [self.device.index] if self.device.type == "cuda" else None
        # Buffers are alike already: batch normalisation has seen the whole batch. PyTorch has
        # given the setting another name.
        known = inspect.signature(DistributedDataParallel).parameters
        renamed = "forward_sync_buffers" in known
        unsynced = {"forward_sync_buffers" if renamed else "broadcast_buffers": False}
        return DistributedDataParallel(step, device_ids=own, **unsynced)


ALONE = Processes()


def count_processes() -> int:
    """Return how many processes torchrun started for this run; 1 without it."""
    named = all(name in os.environ for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR"))
    return int(os.environ["WORLD_SIZE"]) if named else 1


def is_first() -> bool:
    """Whether this process is the one that writes and speaks."""
    return count_processes() == 1 or os.environ["RANK"] == "0"


@contextmanager
def joined(device: str) -> Iterator[Processes]:
    """Train together with the other processes of the run, if there are any, within a block.

    Args:
        device: 'auto', 'cpu', 'cuda', ...; with several processes on 'cuda' each has a GPU of
            its own.

    Raises:
        SettingsError: The device is not to be had, or not by so many processes.
        ProcessLost: Another process ended within the block.
    """
    count = count_processes()
    if count == 1:
        yield Processes(device=choose_device(device))
        return
    own = _own_device(device, count)
    if not dist.is_initialized():
        _meet(own)
    try:
        yield Processes(dist.get_rank(), count, own)
    except RuntimeError as error:
        if not _is_loss_of_a_process(error):
            raise
        raise ProcessLost(
            f"training: another of the {count} processes ended; the last checkpoint is kept; "
            "the same command with --resume goes on"
        ) from error


def _meet(own: torch.device) -> None:
    """Connect the processes, until they end: PyTorch cannot make the same group twice."""
    on_gpu = own.type == "cuda"
    if on_gpu:
        torch.cuda.set_device(own)
    dist.init_process_group(
        "nccl" if on_gpu else "gloo", timeout=_PATIENCE, device_id=own if on_gpu else None
    )
    atexit.register(_part)


def _part() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def _own_device(name: str, count: int) -> torch.device:
    here = int(os.environ.get("LOCAL_WORLD_SIZE", count))
    if here != count:
        raise SettingsError("torchrun: all processes must run on one machine; use --standalone")
    device = choose_device(name)
    if device.type == "cpu":
        return device
    if device.type != "cuda" or device.index is not None:
        raise SettingsError(f"--device: {count} processes cannot share '{name}'; use cuda or cpu")
    if count > torch.cuda.device_count():
        raise SettingsError(
            f"torchrun: {count} processes, but {torch.cuda.device_count()} GPUs; start one process "
            "a GPU, or use --device cpu"
        )
    return torch.device("cuda", int(os.environ["LOCAL_RANK"]))


def _is_loss_of_a_process(error: RuntimeError) -> bool:
    # gloo's errors have no type of their own, but name the file they come from.
    return isinstance(error, dist.DistError) or "gloo/" in str(error)


class GlobalBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalisation over the rows of all processes, on any device.

    PyTorch's SyncBatchNorm is for GPUs only, and waits for the device at every layer. Weights,
    buffers and their names are those of the module it stands for.
    """

    @classmethod
    def like(cls, norm: nn.modules.batchnorm._BatchNorm) -> GlobalBatchNorm:
        """Return the same normalisation, its weights and buffers shared."""
        made = cls(norm.num_features, norm.eps, norm.momentum)
        made.weight, made.bias = norm.weight, norm.bias
        made.running_mean, made.running_var = norm.running_mean, norm.running_var
        made.num_batches_tracked = norm.num_batches_tracked
        return made.train(norm.training)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Normalise (B, C, ...); the statistics of training are those of all rows."""
        if not self.training:
            return super().forward(values)
        from torch.distributed.nn.functional import all_reduce  # differentiable

        wide = values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
        others = [0, *range(2, wide.ndim)]
        shape = [1, -1] + [1] * (wide.ndim - 2)
        own = wide.new_full((1,), wide.numel() // wide.shape[1])
        total = all_reduce(torch.cat([wide.sum(others), own]))
        mean, count = total[:-1] / total[-1], total[-1].detach()
        # In two passes: the difference of two large sums would lose a small variance.
        centred = wide - mean.view(shape)
        variance = all_reduce(centred.square().sum(others)) / count
        self._remember(mean.detach(), variance.detach() * count / (count - 1))
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale.view(shape) + self.bias.view(shape)).to(values.dtype)

    @torch.no_grad()
    def _remember(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
        self.running_var.lerp_(variance.to(self.running_var), self.momentum)

    def _check_input_dim(self, values: torch.Tensor) -> None:
        """Take any number of dimensions."""


def normalise_globally(network: nn.Module) -> None:
    """Let the batch normalisations that a network trains see the rows of all processes."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            norm = isinstance(child, nn.modules.batchnorm._BatchNorm)
            if norm and child.weight.requires_grad:
                setattr(module, name, GlobalBatchNorm.like(child))
