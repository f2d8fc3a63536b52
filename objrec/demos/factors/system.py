"""The systems of the demonstration `factors`: a scene that is a tree, patches that are a loop.

Both are small enough for every assignment to be listed, which is what messages are compared with.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import torch

from objrec.demos.factors.messages import Factor, FactorGraph, propagate
from objrec.demos.lesson import Context

Tensor = torch.Tensor

NAMES = ("material", "category", "pose", "camera", "lamp")
STATES = (
    ("glass", "paper"),
    ("cup", "bottle", "book"),
    ("standing", "leaning", "lying"),
    ("above", "level"),
    ("overhead", "low"),
)
CATEGORY, LAMP, LOW = 1, 4, 1
# The energies of one made-up photograph: a tall outline, some gloss, a short shadow.
SCENE: dict[tuple[int, ...], list] = {
    (0,): [0.4, 0.5],
    (0, 1): [[0.8, 0.2, 4.0], [1.0, 3.0, 0.2]],
    (1, 2): [[1.8, 3.0, 2.6], [0.4, 2.6, 3.2], [1.0, 0.5, 0.6]],
    (2, 3): [[1.2, 0.2], [0.6, 0.6], [0.4, 1.0]],
    (2, 4): [[0.1, 2.4], [0.5, 0.7], [0.5, 0.3]],
    (4,): [0.3, 0.7],
}
PATCHES = 6
# Energy of "background" less that of "object" for each patch: what its own pixels say.
EVIDENCE = (1.2, -0.5, 0.3, -0.2, 0.6, -0.8)
SHOWN_COUPLING = 2.5
STRONGEST, COUPLINGS = 3.0, 17
DAMPING, MOST = 0.5, 200


def scene() -> FactorGraph:
    """Return the tree: material – category – pose, and pose – camera, pose – lamp."""
    factors = (Factor(v, torch.tensor(e, dtype=torch.float64)) for v, e in SCENE.items())
    return FactorGraph(tuple(map(len, STATES)), tuple(factors))


def patches(coupling: float, *, everyone: bool = False) -> FactorGraph:
    """Return patches that are background (0) or object (1), joined in a ring.

    Args:
        coupling: Energy that it costs two joined patches to differ; below 0: to agree.
        everyone: Join each patch with every other instead.
    """
    ring = [(i, (i + 1) % PATCHES) for i in range(PATCHES)]
    pairs = list(combinations(range(PATCHES), 2)) if everyone else ring
    differ = torch.tensor([[0, coupling], [coupling, 0]], dtype=torch.float64)
    own = (torch.tensor([h / 2, -h / 2], dtype=torch.float64) for h in EVIDENCE)
    factors = [Factor((i,), energy) for i, energy in enumerate(own)]
    return FactorGraph((2,) * PATCHES, (*factors, *(Factor(pair, differ) for pair in pairs)))


def exact_marginals(graph: FactorGraph) -> list[Tensor]:
    """Return the probabilities of each variable's states by listing all assignments, at beta 1."""
    energies = graph.joint()
    joint = torch.softmax(-energies.flatten(), 0).view(energies.shape)
    axes = range(energies.ndim)
    return [joint.sum([a for a in axes if a != v]) for v in axes]


def largest_error(found: list[Tensor], exact: list[Tensor]) -> float:
    """Return the largest difference of any probability."""
    return max(float((a - b).abs().max()) for a, b in zip(found, exact, strict=True))


def left_after_a_round(coupling: float) -> float:
    """Return which share of a difference is left of a message that has gone round the ring.

    Once round, a message is multiplied by one 2×2 matrix: the share is the quotient of its
    eigenvalues. Source: Weiss, "Correctness of Local Probability Propagation in Graphical Models
    with Loops", Neural Computation 12, 2000.
    """
    around = torch.eye(2, dtype=torch.float64)
    pair = torch.tensor([[0, coupling], [coupling, 0]], dtype=torch.float64)
    for h in EVIDENCE:
        own = torch.tensor([h / 2, -h / 2], dtype=torch.float64)
        around = around @ torch.diag(torch.exp(-own)) @ torch.exp(-pair)
    sizes = torch.linalg.eigvals(around).real
    return float(sizes.abs().min() / sizes.abs().max())


@dataclass(frozen=True)
class Point:
    """What message passing found at one coupling.

    Attributes:
        coupling: Energy of a disagreement.
        error: Largest difference of any probability from the exact one.
        settled: Whether the messages stood still.
        iterations: Steps taken.
        lowest_found: Whether min-sum stood still at an assignment of the lowest energy.
    """

    coupling: float
    error: float
    settled: bool
    iterations: int
    lowest_found: bool


def measure(coupling: float, *, everyone: bool, damping: float) -> Point:
    """Pass messages at one coupling and compare with enumeration."""
    graph = patches(coupling, everyone=everyone)
    soft = propagate(graph, 1.0, damping=damping, most=MOST)
    hard = propagate(graph, None, damping=damping, most=MOST)
    energies = graph.joint()
    found = hard.converged and bool(energies[hard.states()] <= energies.min() + 1e-9)
    error = largest_error(soft.marginals(), exact_marginals(graph))
    return Point(coupling, error, soft.converged, soft.iterations, found)


def sweep(context: Context) -> dict[str, list[Point]]:
    """Return what is found over the couplings: of the ring, and of all with all."""
    couplings = torch.linspace(-STRONGEST, STRONGEST, context.steps(COUPLINGS)).tolist()
    kinds = {
        "ring": {"everyone": False, "damping": 0.0},
        "everyone": {"everyone": True, "damping": 0.0},
        "everyone damped": {"everyone": True, "damping": DAMPING},
    }
    points: dict[str, list[Point]] = {name: [] for name in kinds}
    for done, coupling in enumerate(couplings, 1):
        for name, kind in kinds.items():
            points[name].append(measure(coupling, **kind))
        context.on_progress(done, len(couplings))
    return points
