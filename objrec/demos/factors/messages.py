"""Message passing on a factor graph: the lowest energy, and the probabilities, of many variables.

An energy that is a sum of small parts, each over a few variables, is a factor graph. A message
from a factor to a variable says, for each state of the variable, how low the energy of everything
behind that factor can be:

    M(f→v)(x_v) = min over the factor's other variables of  E_f(x) + sum of M(u→f)(x_u)
    M(v→f)(x_v) = sum of M(g→v)(x_v) over the variable's other factors g

With the minimum this is min-sum (the max-product algorithm in the log domain). With the free
energy -(1/beta) log sum exp(-beta E) in the minimum's place it is sum-product. Both are exact on a
tree; on a graph with loops they are an approximation ("loopy belief propagation") that may fail
to settle. Source: Kschischang, Frey and Loeliger, "Factor Graphs and the Sum-Product Algorithm",
IEEE Transactions on Information Theory 47, 2001.

Everything is an energy, in units of 1/beta: low is good, and adding a constant changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from objrec.losses import part_energy

Tensor = torch.Tensor
Messages = Mapping[tuple[int, int], Tensor]


@dataclass(frozen=True)
class Factor:
    """One part of the energy.

    Attributes:
        variables: Which variables it looks at, each once.
        energy: One dimension a variable, finite: the energy of each of their joint states.
    """

    variables: tuple[int, ...]
    energy: Tensor


@dataclass(frozen=True)
class FactorGraph:
    """Variables with a few states each, and the factors whose sum is their energy.

    Attributes:
        sizes: How many states each variable has.
        factors: The parts of the energy.

    Raises:
        ValueError: A factor does not fit the variables.
    """

    sizes: tuple[int, ...]
    factors: tuple[Factor, ...]

    def __post_init__(self) -> None:
        for i, factor in enumerate(self.factors):
            known = all(0 <= v < len(self.sizes) for v in factor.variables)
            if not known or len(set(factor.variables)) != len(factor.variables):
                raise ValueError(f"factor {i} has unknown or repeated variables")
            wanted = tuple(self.sizes[v] for v in factor.variables)
            if tuple(factor.energy.shape) != wanted:
                raise ValueError(f"factor {i} must be {wanted}, got {tuple(factor.energy.shape)}")

    @property
    def edges(self) -> list[tuple[int, int]]:
        """All pairs (factor, variable) that are joined."""
        return [(i, v) for i, factor in enumerate(self.factors) for v in factor.variables]

    def is_tree(self) -> bool:
        """Whether no walk along edges comes back without turning round; parts may lie apart."""
        group = list(range(len(self.sizes)))
        for factor in self.factors:
            reached = {group[v] for v in factor.variables}
            if len(reached) < len(factor.variables):
                return False
            group = [min(reached) if g in reached else g for g in group]
        return True

    def given(self, variable: int, state: int) -> FactorGraph:
        """Return the graph with a variable held at a state; it has that state only from here on."""
        factors = tuple(_hold(factor, variable, state) for factor in self.factors)
        sizes = tuple(1 if v == variable else n for v, n in enumerate(self.sizes))
        return FactorGraph(sizes, factors)

    def joint(self) -> Tensor:
        """Return the energy of every assignment, one dimension a variable: small graphs only."""
        total = torch.zeros(self.sizes, dtype=self._dtype())
        for factor in self.factors:
            order = sorted(range(len(factor.variables)), key=lambda i: factor.variables[i])
            shape = [n if v in factor.variables else 1 for v, n in enumerate(self.sizes)]
            total = total + factor.energy.permute(order).reshape(shape)
        return total

    def silence(self) -> Messages:
        """Return messages that say nothing, to begin with."""
        return {(f, v): torch.zeros(self.sizes[v], dtype=self._dtype()) for f, v in self.edges}

    def _dtype(self) -> torch.dtype:
        return self.factors[0].energy.dtype if self.factors else torch.float64


def _hold(factor: Factor, variable: int, state: int) -> Factor:
    if variable not in factor.variables:
        return factor
    axis = factor.variables.index(variable)
    return replace(factor, energy=factor.energy.narrow(axis, state, 1))


def step(graph: FactorGraph, messages: Messages, beta: float | None) -> Messages:
    """Send every factor-to-variable message once, all from the messages of the step before.

    Args:
        graph: The energy.
        messages: Edge (factor, variable) → (states,), factor to variable.
        beta: Inverse temperature of sum-product; None: min-sum.

    Returns:
        The new messages, each shifted so that its minimum is 0.
    """
    heard = beliefs(graph, messages)
    return {edge: _message(graph, messages, heard, edge, beta) for edge in graph.edges}


def _message(
    graph: FactorGraph, messages: Messages, heard: list[Tensor], edge: tuple[int, int], beta
) -> Tensor:
    f, target = edge
    factor = graph.factors[f]
    total = factor.energy
    for axis, v in enumerate(factor.variables):
        if v != target:
            # What a variable tells a factor is what it heard from all of its other factors.
            total = total + _along(heard[v] - messages[f, v], axis, total.ndim)
    rows = total.movedim(factor.variables.index(target), 0).reshape(graph.sizes[target], -1)
    message = _lowest(rows, beta)
    return message - message.min()


def _along(values: Tensor, axis: int, ndim: int) -> Tensor:
    return values.view([-1 if i == axis else 1 for i in range(ndim)])


def _lowest(rows: Tensor, beta: float | None) -> Tensor:
    """Return (N,) of (N, M): the library's minimum or free energy of each row."""
    return part_energy(rows, torch.ones_like(rows, dtype=torch.bool), beta)


def beliefs(graph: FactorGraph, messages: Messages) -> list[Tensor]:
    """Return, for each variable, (states,): the sum of the messages that reach it."""
    totals = [torch.zeros(n, dtype=graph._dtype()) for n in graph.sizes]
    for (_, v), message in messages.items():
        totals[v] = totals[v] + message
    return totals


@dataclass(frozen=True)
class Propagation:
    """What message passing did.

    Attributes:
        graph: The energy.
        beta: Inverse temperature of sum-product; None: min-sum.
        history: The messages before the first step and after each.
        moved: The largest change that each step asked of a message; one entry more than steps were
            taken if the last change asked for was too small to be made.
        converged: Whether the last messages solve their own equations, within the tolerance.
    """

    graph: FactorGraph
    beta: float | None
    history: tuple[Messages, ...]
    moved: tuple[float, ...]
    converged: bool

    @property
    def iterations(self) -> int:
        """How many steps were taken."""
        return len(self.history) - 1

    def beliefs(self, at: int = -1) -> list[Tensor]:
        """Return (states,) energies of each variable after so many steps, the lowest being 0."""
        totals = beliefs(self.graph, self.history[at])
        return [total - total.min() for total in totals]

    def marginals(self, at: int = -1) -> list[Tensor]:
        """Return (states,) probabilities of each variable; of sum-product only.

        Raises:
            ValueError: The messages are those of min-sum.
        """
        if self.beta is None:
            raise ValueError("min-sum has no probabilities; give a beta")
        return [torch.softmax(-self.beta * total, 0) for total in self.beliefs(at)]

    def states(self, at: int = -1) -> tuple[int, ...]:
        """Return the state of the lowest belief of each variable, the first of equal ones."""
        return tuple(int(total.argmin()) for total in self.beliefs(at))

    def total_energy(self) -> float:
        """Return the lowest energy (min-sum) or the free energy of all assignments (sum-product).

        Exact on a tree; on a loop the Bethe free energy. Each factor's and variable's energy is
        counted, and what a factor and a variable tell each other is then taken off once.
        Source: Yedidia, Freeman and Weiss, IEEE Transactions on Information Theory 51, 2005.
        """
        messages, graph = self.history[-1], self.graph
        heard = beliefs(graph, messages)
        total = sum(_lowest(b[None], self.beta) for b in heard)
        for f, factor in enumerate(graph.factors):
            energy = factor.energy
            for axis, v in enumerate(factor.variables):
                energy = energy + _along(heard[v] - messages[f, v], axis, factor.energy.ndim)
                total = total - _lowest(heard[v][None], self.beta)
            total = total + _lowest(energy.reshape(1, -1), self.beta)
        return float(total)


def propagate(
    graph: FactorGraph,
    beta: float | None,
    *,
    damping: float = 0.0,
    most: int = 200,
    tolerance: float = 1e-10,
) -> Propagation:
    """Pass messages until they stand still.

    Args:
        graph: The energy.
        beta: Inverse temperature of sum-product; None: min-sum.
        damping: Share of the old message kept in each step, in [0, 1).
        most: Stop after so many steps, settled or not.
        tolerance: Messages stand still when no step would move one by more than this.
    """
    if not 0 <= damping < 1:
        raise ValueError(f"damping must lie in [0, 1), got {damping}")
    history, moved, converged = [graph.silence()], [], False
    while not converged and len(history) <= most:
        old = history[-1]
        new = step(graph, old, beta)
        moved.append(max((float((new[e] - old[e]).abs().max()) for e in new), default=0.0))
        converged = moved[-1] <= tolerance
        if not converged:
            history.append({e: damping * old[e] + (1 - damping) * new[e] for e in new})
    return Propagation(graph, beta, tuple(history), tuple(moved), converged)


def lowest_assignment(graph: FactorGraph) -> tuple[int, ...]:
    """Return an assignment of the lowest energy of a tree, exact also where several share it.

    Each variable's lowest belief belongs to some best assignment, not necessarily the same one: so
    variables are settled one after another, each given those before it.
    """
    states = []
    for v in range(len(graph.sizes)):
        states.append(propagate(graph, None, most=4 * len(graph.edges) + 4).states()[v])
        graph = graph.given(v, states[-1])
    return tuple(states)
