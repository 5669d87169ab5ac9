"""The projection rule: exact identities, basins, forgetting, and the hierarchy effect."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import CapacityWarning, DependenceWarning
from memscape.mechanisms import Asynchronous
from memscape.memories import Projection
from memscape.theory import projection as theory

seeds = st.integers(0, 2**31)
ENSEMBLES = {
    "independent": lambda seed: ms.patterns.independent(12, 60, generator=seed),
    "tree": lambda seed: ms.patterns.tree((3, 4), overlap=(0.0, 0.6), size=80, generator=seed),
    "biased": lambda seed: ms.patterns.biased(10, 70, bias=0.5, generator=seed),
}


def projector(X: torch.Tensor) -> torch.Tensor:
    return torch.linalg.pinv(X.double()) @ X.double()


@pytest.mark.parametrize("name", ENSEMBLES)
@given(seed=seeds)
def test_the_field_at_a_stored_pattern_is_one_minus_its_diagonal(name, seed):
    """xi_i h_i = 1 - P_ii for every pattern, whatever the correlations; row norm^2 = P_ii (1 - P_ii)."""
    X = ENSEMBLES[name](seed)
    memory, diagonal = Projection(X), projector(X).diagonal()
    assert torch.allclose(memory.field(X) * X, (1 - diagonal).expand(len(X), -1), atol=1e-10)
    assert torch.allclose(memory.weights.square().sum(1), diagonal * (1 - diagonal), atol=1e-10)
    assert torch.allclose(theory.diagonal(X), diagonal, atol=1e-10)
    assert float(diagonal.mean()) == pytest.approx(len(X) / X.shape[1], abs=1e-10)
    margins = (1 - diagonal) / memory.weights.norm(dim=1)
    assert torch.allclose(margins, theory.margins(X), rtol=1e-8)


@pytest.mark.parametrize("name", ENSEMBLES)
@given(seed=seeds)
def test_the_energy_is_the_squared_distance_from_the_span(name, seed):
    """E/n = -(1 - alpha)/2 + dist^2 / 2n: the patterns are the global minima."""
    X = ENSEMBLES[name](seed)
    p, n = X.shape
    memory, states = Projection(X), ms.patterns.independent(20, n, generator=seed + 1)
    distance = (states.double() - states.double() @ projector(X)).square().sum(-1)
    assert torch.allclose(memory.energy(states) / n, -(1 - p / n) / 2 + distance / (2 * n), atol=1e-10)
    assert torch.allclose(memory.energy(X) / n, torch.full((p,), theory.energy(p / n)).double(), atol=1e-10)
    assert (memory.energy(states) >= memory.energy(X).max() - 1e-9).all()


@given(seed=seeds, units=st.integers(20, 80), load=st.floats(0.05, 0.99))
def test_any_independent_patterns_are_recalled_up_to_p_equal_n(seed, units, load):
    X = ms.patterns.independent(max(1, int(load * units)), units, generator=seed)
    if int(torch.linalg.matrix_rank(X.double())) < len(X):
        return
    result = Projection(X).recall(X, generator=seed)
    assert torch.equal(result.state, X)
    assert result.exact.all()
    assert torch.equal(result.match, torch.arange(len(X)))


@pytest.mark.parametrize("load", [0.5, 0.9, 0.99])
def test_one_flipped_bit_is_repaired_under_steepest_descent(load):
    """Its own field points back at every load; patterns are global minima, so steepest descent returns."""
    n = 200
    X = ms.patterns.independent(int(load * n), n, generator=0)
    memory = Projection(X)
    for pattern in X[:: max(1, len(X) // 10)]:
        cues = pattern * (1 - 2 * torch.eye(n))
        own = torch.einsum("ii->i", memory.field(cues)) * pattern
        assert torch.allclose(own, 1 - projector(X).diagonal(), atol=1e-9)
        assert (own > 0).all()
        end = memory.recall(cues, dynamics=Asynchronous("steepest")).state
        assert torch.equal(end, pattern.expand(n, -1))


@given(seed=seeds, count=st.integers(3, 25), units=st.integers(30, 60))
def test_stored_piece_by_piece_or_forgotten_it_is_the_fit_of_what_is_left(seed, count, units):
    """The Gram matrix is whole numbers, so both are the same memory bit for bit."""
    X = ms.patterns.independent(count, units, generator=seed)
    cut = count // 2
    whole, pieces = Projection(X), Projection(units=units).store(X[:cut]).store(X[cut:])
    assert torch.equal(whole.weights, pieces.weights)
    gone = [0, count - 1]
    less, fresh = whole.forget(gone), Projection(X[1:-1])
    assert torch.equal(less.weights, fresh.weights)
    assert torch.equal(less.gram, fresh.gram)
    states = ms.patterns.independent(5, units, generator=seed + 1)
    assert torch.equal(less.energy(states), fresh.energy(states))
    P = projector(X[1:-1]).fill_diagonal_(0)
    assert torch.allclose(less.weights, P, rtol=0, atol=1e-8 * float(P.abs().max()))


def test_at_full_load_the_landscape_is_flat():
    """p = n independent patterns span everything: J vanishes, and no rounding is taken for a field."""
    X = torch.tensor([[1.0, 1.0, 1.0], [1.0, -1.0, 1.0], [1.0, 1.0, -1.0]])
    states = ms.patterns.independent(8, 3, generator=0)
    result = Projection(X).recall(states, generator=0)
    assert torch.equal(result.state, states)
    assert (result.status == ms.Status.TIED).all()


@pytest.mark.parametrize(("load", "wanted"), [(0.1, 0.75), (0.3, 0.45), (0.5, 0.20), (0.7, 0.05)])
def test_the_radius_of_its_basins(load, wanted):
    X = ms.patterns.independent(round(200 * load), 200, generator=0)
    found = ms.landscape.radius(Projection(X), patterns=range(0, len(X), 2), trials=20, generator=0)
    assert float(found.radius.mean()) == pytest.approx(wanted, abs=0.06)


def test_it_knows_what_it_does_not_know():
    """n = 200, p = 20: of random cues at most 1 % RECALLED, of 20 %-damaged stored ones at least 99 %."""
    X = ms.patterns.independent(20, 200, generator=0)
    memory = Projection(X)
    noise = memory.recall(ms.patterns.independent(2000, 200, generator=1), generator=0)
    assert float((noise.verdict == ms.Verdict.RECALLED).double().mean()) <= 0.01
    damaged = ms.patterns.flip(X.repeat(50, 1), fraction=0.2, generator=2)
    known = memory.recall(damaged, generator=0)
    right = (known.verdict == ms.Verdict.RECALLED) & (known.match == torch.arange(20).repeat(50))
    assert float(right.double().mean()) >= 0.99
    # the end states cannot tell: a good part of the random starts ends exactly in a stored pattern
    assert float(noise.exact.double().mean()) > 0.05


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("independent", 0.31), ("4x5, leaves at .6", 0.51), ("4x5, leaves at .9", 0.06)],
)
def test_the_hierarchy_effect(name, wanted):
    """n = 200, p = 20: the share of 16 x 400 random starts that end exactly in +- a stored pattern."""
    shares = []
    for seed in range(16):
        if name == "independent":
            X = ms.patterns.independent(20, 200, generator=seed)
        else:
            leaves = float(name[-2:])
            X = ms.patterns.tree((4, 5), overlap=(0.0, leaves), size=200, generator=seed)
        shares.append(ms.landscape.basins(Projection(X), starts=400, generator=seed).share)
    assert sum(shares) / 16 == pytest.approx(wanted, abs=0.05)


def test_dependent_patterns_are_named_kept_and_recallable():
    X = ms.patterns.independent(4, 100, generator=0)
    with pytest.warns(DependenceWarning, match=r"1 patterns? \(4\)"):
        memory = Projection(torch.cat([X, X[1:2]]))
    assert len(memory) == 5
    assert memory.condition == float("inf")
    assert torch.equal(memory.recall(X, generator=0).state, X)
    assert memory.recall(X, generator=0).match.tolist() == [0, 1, 2, 3]
    # equal to storing it once
    assert torch.allclose(memory.weights, Projection(X).weights, atol=1e-12)
    assert torch.allclose(memory.forget(4).weights, Projection(X).weights, atol=1e-12)


def test_linear_combinations_are_dependent_too():
    a, b, c = ms.patterns.independent(3, 64, generator=1)
    d = a * (b == c) + b * (b != c)
    stack = torch.stack([a, b, c, d, -a])
    with pytest.warns(DependenceWarning, match=r"\(4\)"):
        Projection(stack)


def test_more_patterns_than_units_are_a_warning():
    X = ms.patterns.independent(12, 8, generator=0)
    with pytest.warns((CapacityWarning, DependenceWarning)) as caught:
        Projection(X)
    said = {w.category for w in caught}
    assert said == {CapacityWarning, DependenceWarning}
    assert any("12 patterns on 8 units" in str(w.message) for w in caught)
