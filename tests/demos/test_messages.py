"""Message passing against loops over all assignments, and on loops against its own equations."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from objrec.demos.factors.messages import Factor, FactorGraph, lowest_assignment, propagate


def random_tree(seed: int, count: int) -> FactorGraph:
    """Variables of 1 to 4 states, each hung by a factor on one or two earlier ones."""
    draw = torch.Generator().manual_seed(seed)

    def pick(low, high):
        return int(torch.randint(low, high + 1, (), generator=draw))

    sizes = [pick(1, 4) for _ in range(count)]
    scopes = [(v,) for v in range(count) if pick(0, 1)]
    left = list(range(1, count))
    while left:
        parent = pick(0, left[0] - 1)
        taken = [left.pop(0) for _ in range(min(len(left), pick(1, 2)))]
        scope = [*taken, parent]
        order = torch.randperm(len(scope), generator=draw).tolist()
        scopes.append(tuple(scope[i] for i in order))
    factors = [
        Factor(s, 4 * torch.randn([sizes[v] for v in s], generator=draw, dtype=torch.float64))
        for s in scopes
    ]
    return FactorGraph(tuple(sizes), tuple(factors))


def all_energies(graph: FactorGraph) -> dict[tuple[int, ...], float]:
    """Assignment → energy, added up one by one in plain numbers."""
    return {
        states: math.fsum(
            float(f.energy[tuple(states[v] for v in f.variables)]) for f in graph.factors
        )
        for states in itertools.product(*(range(n) for n in graph.sizes))
    }


def free_energy(energies, beta: float) -> float:
    low = min(energies)
    return low - math.log(math.fsum(math.exp(-beta * (e - low)) for e in energies)) / beta


def random_loop(seed: int, pairs, count: int, scale: float) -> FactorGraph:
    draw = torch.Generator().manual_seed(seed)
    scopes = [*((v,) for v in range(count)), *pairs]
    return FactorGraph(
        (2,) * count,
        tuple(
            Factor(s, scale * torch.randn([2] * len(s), generator=draw, dtype=torch.float64))
            for s in scopes
        ),
    )


TREES = {"seed": st.integers(0, 10**6), "count": st.integers(1, 6)}


@settings(max_examples=30, deadline=None)
@given(beta=st.sampled_from([0.3, 1.0, 2.5]), **TREES)
def test_sum_product_on_a_tree_is_exact(seed, count, beta):
    graph = random_tree(seed, count)
    energies = all_energies(graph)
    total = free_energy(energies.values(), beta)
    found = propagate(graph, beta)
    assert graph.is_tree() and found.converged
    assert found.total_energy() == pytest.approx(total, abs=1e-10)
    for v, marginal in enumerate(found.marginals()):
        for state, probability in enumerate(marginal.tolist()):
            part = [e for states, e in energies.items() if states[v] == state]
            exact = math.exp(-beta * (free_energy(part, beta) - total))
            assert probability == pytest.approx(exact, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(**TREES)
def test_min_sum_on_a_tree_is_exact(seed, count):
    graph = random_tree(seed, count)
    energies = all_energies(graph)
    best = min(energies, key=energies.get)
    found = propagate(graph, None)
    assert found.converged
    assert found.total_energy() == pytest.approx(energies[best], abs=1e-10)
    assert found.states() == best == lowest_assignment(graph)
    for v, belief in enumerate(found.beliefs()):
        for state, value in enumerate(belief.tolist()):
            part = min(e for states, e in energies.items() if states[v] == state)
            assert value == pytest.approx(part - energies[best], abs=1e-10)


def test_damping_ends_at_the_same_messages():
    graph = random_tree(3, 6)
    plain, damped = propagate(graph, 1.0), propagate(graph, 1.0, damping=0.5, tolerance=1e-13)
    assert damped.converged and damped.iterations > plain.iterations
    for a, b in zip(plain.marginals(), damped.marginals(), strict=True):
        assert torch.allclose(a, b, atol=1e-12)


def test_a_chain_takes_one_step_a_factor_on_the_way():
    pair = torch.tensor([[0.0, 1.3], [1.1, 0.2]], dtype=torch.float64)
    own = Factor((0,), torch.tensor([0.0, 2.0], dtype=torch.float64))
    graph = FactorGraph((2,) * 6, (own, *(Factor((i, i + 1), pair) for i in range(5))))
    assert propagate(graph, 1.0).iterations == 6  # the evidence's own factor, then five pairs


def test_joint_lists_every_assignment():
    graph = random_tree(11, 5)
    joint = graph.joint()
    for states, energy in all_energies(graph).items():
        assert float(joint[states]) == pytest.approx(energy, abs=1e-12)


def test_holding_a_variable_is_slicing_the_joint():
    graph = random_tree(8, 6)
    v = max(range(6), key=lambda i: graph.sizes[i])
    held, joint = graph.given(v, 1), graph.joint().narrow(v, 1, 1)
    assert torch.equal(held.joint(), joint)
    assert propagate(held, None).total_energy() == pytest.approx(float(joint.min()), abs=1e-12)


def test_equal_best_assignments_are_not_mixed_up():
    differ = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    graph = FactorGraph((2, 2), (Factor((0, 1), differ),))
    assert propagate(graph, None).states() == (0, 0)  # each belief is a tie: documented
    assert lowest_assignment(graph) in {(0, 1), (1, 0)}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("beta", [None, 1.0])
def test_what_settles_on_a_loop_solves_its_own_equations(seed, beta):
    pairs = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)]
    found = propagate(random_loop(seed, pairs, 4, 0.8), beta, damping=0.3, most=2000)
    assert found.converged
    messages, graph = found.history[-1], found.graph
    for (f, v), message in messages.items():
        # The definition, in plain loops over the states.
        factor, values = graph.factors[f], []
        for own in range(2):
            ways = []
            for states in itertools.product(range(2), repeat=len(factor.variables)):
                if states[factor.variables.index(v)] != own:
                    continue
                others = [
                    float(messages[g, u][s])
                    for u, s in zip(factor.variables, states, strict=True)
                    for g, w in messages
                    if w == u and u != v and g != f
                ]
                ways.append(float(factor.energy[states]) + sum(others))
            values.append(min(ways) if beta is None else free_energy(ways, beta))
        assert float(message[1] - message[0]) == pytest.approx(values[1] - values[0], abs=1e-9)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("count", [4, 5, 6])
def test_the_error_on_one_loop_is_the_one_that_weiss_derived(seed, count):
    """Weiss 2000: p = (l1 b + l2 (1 - b)) / (l1 + l2), l the eigenvalues of once round."""
    ring = [(i, (i + 1) % count) for i in range(count)]
    graph = random_loop(seed, ring, count, 1.0)
    found = propagate(graph, 1.0, most=2000)
    assert found.converged and not graph.is_tree()
    around = torch.eye(2, dtype=torch.float64)
    for v in range(count):
        own, pair = graph.factors[v].energy, graph.factors[count + v].energy
        around = around @ torch.diag(torch.exp(-own)) @ torch.exp(-pair)
    second, first = sorted(torch.linalg.eigvals(around).real.tolist(), key=abs)
    energies = all_energies(graph)
    total = math.fsum(math.exp(-e) for e in energies.values())
    for v, belief in enumerate(found.marginals()):
        b = float(belief[1])
        exact = math.fsum(math.exp(-e) for s, e in energies.items() if s[v]) / total
        assert (first * b + second * (1 - b)) / (first + second) == pytest.approx(exact, abs=1e-9)
        assert (b > 0.5) == (exact > 0.5)


def test_what_does_not_settle_says_so():
    everyone = list(itertools.combinations(range(6), 2))
    differ = torch.tensor([[3.0, 0.0], [0.0, 3.0]], dtype=torch.float64)
    own = torch.tensor([0.2, 0.0], dtype=torch.float64)
    factors = (*(Factor((v,), own) for v in range(6)), *(Factor(p, differ) for p in everyone))
    found = propagate(FactorGraph((2,) * 6, factors), 1.0, most=50)
    assert not found.converged and found.iterations == 50 and found.moved[-1] > 0.1


def test_is_tree():
    pair = torch.zeros(2, 2)
    chain = (Factor((0, 1), pair), Factor((1, 2), pair))
    assert FactorGraph((2, 2, 2), chain).is_tree()
    assert not FactorGraph((2, 2, 2), (*chain, Factor((0, 2), pair))).is_tree()
    assert not FactorGraph((2, 2), (Factor((0, 1), pair), Factor((0, 1), pair))).is_tree()
    assert FactorGraph((2, 2, 3), (Factor((0, 1), pair),)).is_tree()  # two parts


def test_mistakes_of_the_programmer():
    with pytest.raises(ValueError, match="must be"):
        FactorGraph((2, 3), (Factor((0, 1), torch.zeros(3, 2)),))
    with pytest.raises(ValueError, match="repeated"):
        FactorGraph((2, 2), (Factor((0, 0), torch.zeros(2, 2)),))
    with pytest.raises(ValueError, match="unknown"):
        FactorGraph((2, 2), (Factor((0, 2), torch.zeros(2, 2)),))
    graph = FactorGraph((2,), (Factor((0,), torch.zeros(2)),))
    with pytest.raises(ValueError, match="damping"):
        propagate(graph, 1.0, damping=1.0)
    with pytest.raises(ValueError, match="no probabilities"):
        propagate(graph, None).marginals()
