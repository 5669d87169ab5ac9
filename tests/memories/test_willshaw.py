"""Willshaw's memory: complete cues miss nothing, false units come as often as theory says."""

import math
from decimal import Decimal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import CapacityWarning, InputError, SpaceError
from memscape.core.memory import EnergyMemory, ForgettingMemory, Memory
from memscape.theory import willshaw as theory


def test_it_keeps_the_laws():
    made = ms.testing.check_memory(lambda X: ms.memories.Willshaw(X, active=10))
    assert {"forgetting", "knows what it does not know", "save and load"} <= {check.name for check in made}


def test_it_has_no_energy_and_does_not_pretend():
    memory = ms.memories.Willshaw(ms.patterns.sparse(3, 50, active=5, generator=0), active=5)
    assert isinstance(memory, Memory)
    assert isinstance(memory, ForgettingMemory)
    assert not isinstance(memory, EnergyMemory)
    assert memory.recall(memory.patterns).energy.isnan().all()
    with pytest.raises(InputError, match="no energy"):
        memory.recall(memory.patterns, dynamics=ms.mechanisms.Asynchronous())


@given(
    seed=st.integers(0, 2**31), units=st.integers(20, 80), active=st.integers(1, 9), count=st.integers(1, 60)
)
@pytest.mark.filterwarnings("ignore::memscape.core.errors.CapacityWarning")
def test_a_complete_cue_misses_no_unit_at_any_load(seed, units, active, count):
    X = ms.patterns.sparse(count, units, active=active, generator=seed)
    memory = ms.memories.Willshaw(X, active=active)
    assert (memory.read(X) >= X).all()
    assert torch.equal(memory.recall(X).state, X)  # and every pattern is a fixed point
    wanted = (X.T @ X > 0).to(torch.int8)
    assert torch.equal(memory.synapses, wanted)


def false_rate(n: int, k: int, p: int) -> float:
    """Chance that a silent unit is reached by a whole pattern: what `theory` counts, for patterns paired with
    themselves (a unit then brings k - 1 partners of n - 1), by inclusion and exclusion."""
    total, avoided = Decimal(0), Decimal(1)
    for i in range(k + 1):
        total += (-1) ** i * math.comb(k, i) * (1 - Decimal(k) / n * (1 - avoided)) ** (p - 1)
        avoided *= Decimal(n - k - i) / (n - 1 - i)
    return float(total)


def test_false_units_and_density_are_those_of_theory():
    """n = 1000, k = 10, at .69 n^2 / k^2 patterns, five instances."""
    n, k = 1000, 10
    p = round(theory.optimum_patterns(n, k))
    rates, densities = [], []
    for seed in range(5):
        X = ms.patterns.sparse(p, n, active=k, generator=seed)
        memory = ms.memories.Willshaw(X, active=k)
        densities.append((memory.synapses.double().sum() - n) / (n * (n - 1)))
        rates.append((memory.read(X).sum(-1) - k).double().mean() / (n - k))
    rate, density = torch.stack(rates), torch.stack(densities)
    assert abs(float(density.mean()) - (1 - (1 - k * (k - 1) / (n * (n - 1))) ** p)) < 1e-3
    assert abs(float(rate.mean()) - false_rate(n, k, p)) < 3 * float(rate.std()) / 5**0.5
    assert 0.4 < false_rate(n, k, p) / theory.false_positive(n, k, p) < 1


def test_pairs_of_different_patterns_meet_the_closed_form_and_its_bits():
    """The original setting, p random pairs: false units within three standard errors."""
    n, k, p = 1000, 10, 5000
    rates = []
    for seed in range(5):
        keys, values = (ms.patterns.sparse(p, n, active=k, generator=s) for s in (seed, 100 + seed))
        memory = ms.memories.Hetero(keys, values, rule=ms.mechanisms.ClippedRule())
        read = memory.read(keys)
        assert (read >= values).all()
        rates.append((read - values).double().sum(-1).mean() / (n - k))
    rate = torch.stack(rates)
    wanted = theory.false_positive(n, k, p)
    assert abs(float(rate.mean()) - wanted) < 3 * float(rate.std()) / 5**0.5
    assert theory.information(n, k, p) == pytest.approx(0.399, abs=1e-3)


def test_half_a_pattern_is_completed_well_below_the_capacity():
    X = ms.patterns.sparse(2000, 1000, active=10, generator=0)
    memory = ms.memories.Willshaw(X, active=10)
    cue = memory.space.corrupt(X[:300], 0.5, damage="mask", generator=1)
    result = memory.recall(cue)
    assert float(result.exact.double().mean()) > 0.95
    moved = memory.space.corrupt(X[:300], 0.3, damage="move", generator=2)
    assert float(memory.recall(moved).exact.double().mean()) > 0.9


def test_too_much_and_wrong_input_is_said():
    with pytest.warns(CapacityWarning, match="10 active"):
        ms.memories.Willshaw(ms.patterns.sparse(200, 100, active=10, generator=0), active=10)
    with pytest.raises(SpaceError, match="exactly 4"):
        ms.memories.Willshaw(ms.patterns.sparse(2, 100, active=5, generator=0), active=4)
    with pytest.raises(InputError, match="empty"):
        ms.memories.Willshaw(units=10, active=2).recall(torch.zeros(10))
