"""How long a training step and an epoch take: the energy model beside the CNNs, part by part.

    python scripts/bench_training.py [--features small medium] [--rounds 4] [--threads 1]

The sample set's training split and the defaults of `objrec train`, on the same extractor and batch.
The models' steps are interleaved and each figure is the best of its rounds, since others may use
the machine. A step is timed whole, as the loop runs it, and then by its parts, one after the other
(on a GPU with a synchronisation after each, which the whole step has not). Peak memory is that of a
process of its own a model. Results go to scripts/results/bench_training.json.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from performance_tables import training_table
from torch import nn

from objrec import open_dataset
from objrec.datasets import Dataset
from objrec.evaluation.hardware import describe_hardware
from objrec.recognizer import choose_device
from objrec.training import Recipe
from objrec.training.distributed import Processes
from objrec.training.loop import Loop, _Watch
from objrec.training.optimisation import has_bfloat16
from objrec.training.run import _Run
from objrec.training.sources import batches_an_epoch

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "bench_training.json"
KINDS = ("cnn", "cnn-pose", "energy")
PARTS = ("augmentation", "features", "objective", "of it energies", "backward", "optimiser")


def main() -> None:
    """Measure, print a table, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", nargs="+", default=["small", "medium"], help="extractors")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, …  [cpu]")
    parser.add_argument("--threads", type=int, default=1, help="threads on the CPU  [1]")
    parser.add_argument("--rounds", type=int, default=4, help="rounds of each kind  [4]")
    parser.add_argument("--steps", type=int, default=4, help="steps a round  [4]")
    parser.add_argument("--no-amp", action="store_true", help="no mixed precision")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the results go")
    parser.add_argument("--memory-of", choices=KINDS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.memory_of:
        print(peak_memory(arguments))
        return
    rows = [row for features in arguments.features for row in measured(features, arguments)]
    print("\n".join(training_table(rows)))
    device = choose_device(arguments.device)
    record = {
        "command": " ".join(["python scripts/bench_training.py", *sys.argv[1:]]),
        "batch_size": Recipe().training.batch_size,
        "rounds": arguments.rounds,
        "steps": arguments.steps,
        "bfloat16": has_bfloat16(device) and not arguments.no_amp,
        "hardware": describe_hardware(device),
        "rows": rows,
    }
    arguments.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


class Bench:
    """One model in training, whose steps can be timed whole or by their parts."""

    def __init__(self, kind: str, features: str, dataset: Dataset, arguments: Any) -> None:
        self.device = choose_device(arguments.device)
        recipe = Recipe().replaced(kind=kind, features=features, amp=not arguments.no_amp)
        recipe = recipe.settled(dataset.colour)
        processes = Processes(device=self.device)
        run = _Run(recipe, processes, lambda *_: None)
        self.loop = Loop(run.job(dataset, Path(), ""), lambda *_: None, lambda *_: None)
        self.kind, self.settings = kind, recipe.training
        self.network = self.loop.job.network.train()
        self.watch = _Watch(self.device, processes)
        self._source, self._epoch = self.loop._source(), 0
        self.batches = self._batches()

    def _batches(self) -> Iterator[Any]:
        """Yield full batches without end."""
        while True:
            generator = torch.Generator().manual_seed(self._epoch)
            self._epoch += 1
            for batch in self._source.epoch(self.settings.batch_size, generator):
                if len(batch.labels) == self.settings.batch_size:
                    yield batch

    def steps(self, count: int) -> float:
        """Return the seconds a step takes, the mean of a few."""
        self._rest()
        began = time.perf_counter()
        for _ in range(count):
            self.loop._step(next(self.batches), self.watch)
        self._rest()
        return (time.perf_counter() - began) / count

    def parts(self) -> dict[str, float]:
        """Return the seconds that the parts of one step take."""
        took: dict[str, float] = {}

        def timed(name: str, part: Callable[[], Any]) -> Any:
            self._rest()
            began = time.perf_counter()
            result = part()
            self._rest()
            took[name] = time.perf_counter() - began
            return result

        batch = timed("augmentation", lambda: next(self.batches))
        mixed = self.settings.amp and has_bfloat16(self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=mixed):
            head = self.network.extractor.head
            features = timed("features", lambda: head(batch.inputs).float())
            took["of it energies"] = 0.0
            if self.kind == "energy":
                # Once more by themselves, without gradients: the objective does all at once.
                with torch.no_grad():
                    timed("of it energies", lambda: self._energies(features))
            objective = self.loop.objective
            result = timed("objective", lambda: objective(features, batch.labels, batch.poses))
        loss = sum(result.terms.values()).mean()
        self.loop.optimizer.zero_grad(set_to_none=True)
        timed("backward", loss.backward)
        timed("optimiser", self._updated)
        return took

    def _energies(self, features: torch.Tensor) -> Any:
        return self.network.energies(features, self.network.warp(self.loop.objective.operators))

    def _updated(self) -> None:
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.max_gradient)
        self.loop.optimizer.step()
        self.loop.averaged.update_parameters(self.network)

    def _rest(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def measured(features: str, arguments: Any) -> list[dict[str, Any]]:
    """Return a row for each kind of model on one extractor."""
    dataset = open_dataset(ROOT / "data" / "toys", "train")
    benches = {kind: Bench(kind, features, dataset, arguments) for kind in KINDS}
    best = {kind: float("inf") for kind in KINDS}
    parts = {kind: dict.fromkeys(PARTS, float("inf")) for kind in KINDS}
    for number in range(arguments.rounds + 1):
        for kind, bench in benches.items():
            step, took = bench.steps(arguments.steps if number else 1), bench.parts()
            if number:  # the first warms up
                best[kind] = min(best[kind], step)
                parts[kind] = {name: min(parts[kind][name], took[name]) for name in PARTS}
    steps = batches_an_epoch(len(dataset), Recipe().training.batch_size)
    return [
        {
            "features": features,
            "kind": kind,
            "parameters": sum(p.numel() for p in benches[kind].network.parameters()),
            "ms_a_step": round(1e3 * best[kind], 2),
            "of_the_cnn": round(best[kind] / best["cnn"], 3),
            "seconds_an_epoch": round(steps * best[kind], 2),
            "steps_an_epoch": steps,
            "ms_by_part": {name: round(1e3 * took, 2) for name, took in parts[kind].items()},
            "peak_mb": memory(kind, features, arguments),
        }
        for kind in KINDS
    ]


def memory(kind: str, features: str, arguments: Any) -> int:
    """Return the peak memory in MB of a process of its own that takes a few steps."""
    words = [sys.executable, __file__, "--memory-of", kind, "--features", features]
    words += ["--device", arguments.device, "--threads", str(arguments.threads)]
    words += ["--no-amp"] if arguments.no_amp else []
    return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def peak_memory(arguments: Any) -> int:
    """Take three steps; return the peak in MB: of the device, or resident on a CPU."""
    dataset = open_dataset(ROOT / "data" / "toys", "train")
    bench = Bench(arguments.memory_of, arguments.features[0], dataset, arguments)
    bench.steps(3)
    if bench.device.type == "cuda":
        return torch.cuda.max_memory_allocated(bench.device) // 2**20
    return resident_peak()


def resident_peak() -> int:
    """Return this process' peak resident memory in MB."""
    status = Path("/proc/self/status")
    if status.is_file():  # what `resource` says there begins with the parent's peak
        lines = (line.split() for line in status.read_text(encoding="utf-8").splitlines())
        return next(int(words[1]) for words in lines if words[0] == "VmHWM:") // 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main()
