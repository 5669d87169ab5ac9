"""Dense memories: theory's stable shares, finite at every size, one step against many errors."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import CapacityWarning, InputError
from memscape.mechanisms import (
    Asynchronous,
    Entmax,
    Exponential,
    Power,
    RectifiedPower,
    Sparsemax,
    Synchronous,
)
from memscape.memories import Dense, Hebbian
from memscape.theory import dense as theory

pytestmark = pytest.mark.filterwarnings("ignore::memscape.core.errors.CapacityWarning")
seeds = st.integers(0, 2**31)
SEPARATIONS = [Power(2), Power(3), RectifiedPower(3), Exponential(0.5), Sparsemax(0.2), Entmax(1.5, 0.2)]


def stable_share(units: int, degree: int, count: int, instances: int, tested: int = 60) -> float:
    """Share of stored patterns of which no unit wants to flip."""
    shares = []
    for seed in range(instances):
        X = ms.patterns.independent(count, units, generator=seed)
        some = X[:tested]
        stable = (Dense(X, separation=Power(degree)).field(some) * some >= 0).all(-1)
        shares.append(float(stable.double().mean()))
    return sum(shares) / len(shares)


@pytest.mark.parametrize(("ratio", "wanted"), [(0.5, 1.0), (1.0, 0.964), (2.0, 0.323)])
def test_stable_shares_of_degree_two(ratio, wanted):
    """n = 100, p = 5, 10, 21 around the capacity n / (2 ln n), mean over 200 instances."""
    count = int(ratio * theory.capacity(100, 2))
    assert stable_share(100, 2, count, 200) == pytest.approx(wanted, abs=0.05)


@pytest.mark.parametrize(("ratio", "wanted"), [(0.5, 0.998), (1.0, 0.878), (2.0, 0.188)])
def test_stable_shares_of_degree_four(ratio, wanted):
    """n = 100, thousands of patterns around the capacity n^3 / (30 ln n), mean over 10 instances."""
    count = int(ratio * theory.capacity(100, 4))
    assert stable_share(100, 4, count, 10) == pytest.approx(wanted, abs=0.05)


@pytest.mark.parametrize("degree", [2, 3, 4])
def test_unstable_bits_are_as_many_as_the_theory_says(degree):
    """At three times the capacity, where bit errors are many enough to be counted."""
    n = 100
    count = int(3 * theory.capacity(n, degree))
    separation, wrong = Power(degree), []
    for seed in range(max(1, 200 // min(count, 200))):
        X = ms.patterns.independent(count, n, generator=seed)
        some = X[:200]
        wrong.append(float((Dense(X, separation=separation).field(some) * some < 0).double().mean()))
    share, wanted = sum(wrong) / len(wrong), theory.bit_error(n, degree, count)
    assert share == pytest.approx(wanted, rel=0.25)


@pytest.mark.parametrize(("units", "errors", "count"), [(60, 0.1, 250), (100, 0.1, 9914), (60, 0.2, 103)])
def test_one_parallel_step_of_the_exponential_memory_repairs_many_errors(units, errors, count):
    X = ms.patterns.independent(count, units, generator=0)
    memory = Dense(X, separation=Exponential(beta=1.0))
    cues = ms.patterns.flip(X[:200], fraction=errors, generator=1)
    end = memory.recall(cues, dynamics=Synchronous(), max_steps=1)
    assert float(end.exact.double().mean()) >= 0.99


def test_the_exponential_memory_is_finite_at_ten_thousand_units():
    X = ms.patterns.independent(20, 10_000, generator=0)
    memory = Dense(X, separation=Exponential(beta=1.0))
    result = memory.recall(ms.patterns.flip(X, fraction=0.3, generator=1), generator=0, trace=True)
    assert result.exact.all()
    for value in (result.energy, result.gap, result.familiarity, result.overlap, result.trace.energy):
        assert torch.isfinite(value).all()
    assert torch.allclose(result.energy, torch.full((20,), -10_000.0).double())
    assert (result.verdict == ms.Verdict.RECALLED).all()
    assert (
        memory.recall(ms.patterns.independent(20, 10_000, generator=5)).verdict == ms.Verdict.UNKNOWN
    ).all()


@pytest.mark.parametrize("separation", SEPARATIONS, ids=repr)
@settings(max_examples=8)
@given(seed=seeds, units=st.integers(4, 14), count=st.integers(1, 6))
def test_energy_never_rises_under_asynchronous_descent(separation, seed, units, count):
    memory = Dense(ms.patterns.independent(count, units, generator=seed), separation=separation, unknown=0.0)
    cues = ms.patterns.independent(5, units, generator=seed + 1)
    energy = memory.recall(cues, generator=seed, trace=True).trace.energy
    assert (energy.diff(dim=1) <= 1e-9 * float(energy.abs().max())).all()


def test_degree_two_is_hebbs_rule():
    X = ms.patterns.independent(8, 101, generator=0)
    cues = ms.patterns.independent(50, 101, generator=1)
    ends = [
        m.recall(cues, dynamics=Asynchronous("fixed")).state
        for m in (Dense(X, separation=Power(2)), Hebbian(X))
    ]
    assert torch.equal(*ends)


def test_odd_degrees_tell_a_pattern_from_its_negative():
    X = ms.patterns.independent(4, 200, generator=0)
    assert (Dense(X, separation=RectifiedPower(3)).recall(-X, generator=0).kind != ms.Kind.INVERTED).all()
    assert (Dense(X, separation=Power(4)).recall(-X, generator=0).kind == ms.Kind.INVERTED).all()


def test_a_bias_widens_a_well():
    """Between two patterns the one with the larger bias wins; a log prior is log pi / beta."""
    X = ms.patterns.independent(2, 101, generator=0)
    half = torch.where(torch.arange(101) % 2 == 0, X[0], X[1])
    for winner in (0, 1):
        bias = [0.0, 0.0]
        bias[winner] = math.log(1e12) / 0.5
        memory = Dense(X, separation=Exponential(0.5), bias=bias)
        assert int(memory.recall(half, dynamics=Asynchronous("fixed")).match) == winner
        assert memory.strengths.tolist() == bias


def test_reshaped_keeps_the_patterns_and_changes_the_strengths():
    X = ms.patterns.independent(3, 50, generator=0)
    memory = Dense(X, separation=Exponential(0.2), threshold=0.8)
    other = memory.reshaped([1.0, 2.0, 3.0])
    assert torch.equal(other.patterns, memory.patterns)
    assert other.strengths.tolist() == [1, 2, 3]
    assert memory.strengths.tolist() == [0, 0, 0]
    assert other.reading == memory.reading
    assert other.separation == memory.separation


def test_biases_come_and_go_with_their_patterns():
    X = ms.patterns.independent(4, 50, generator=0)
    memory = Dense(X[:3], separation=Exponential(0.2), bias=[1.0, 2.0, 3.0]).store(X[3])
    assert memory.strengths.tolist() == [1, 2, 3, 0]
    assert memory.forget(1).strengths.tolist() == [1, 3, 0]


@pytest.mark.parametrize("separation", [Power(3), RectifiedPower(2)], ids=repr)
def test_a_bias_is_refused_where_it_has_no_meaning(separation):
    with pytest.raises(InputError, match="Softmax"):
        Dense(ms.patterns.independent(2, 20, generator=0), separation=separation, bias=[1.0, 2.0])


@pytest.mark.parametrize("bias", [[1.0], [1.0, 2.0, 3.0], [float("nan"), 0.0], ["a", "b"]])
def test_a_bias_needs_one_number_for_each_pattern(bias):
    with pytest.raises(InputError):
        Dense(ms.patterns.independent(2, 20, generator=0), separation=Exponential(), bias=bias)


def test_more_than_the_capacity_is_a_warning():
    with pytest.warns(CapacityWarning, match="degree 3"):
        Dense(ms.patterns.independent(100, 20, generator=0), separation=Power(3))
