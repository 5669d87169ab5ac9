"""Sparse distributed memory: locations are reached as often as Kanerva says, votes bring patterns back."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import InputError
from memscape.core.memory import EnergyMemory
from memscape.theory import sdm as theory


def test_it_keeps_the_laws():
    made = ms.testing.check_memory(lambda X: ms.memories.SparseDistributed(X, seed=1))
    assert {"forgetting", "unknown units", "save and load"} <= {check.name for check in made}
    memory = ms.memories.SparseDistributed(units=20, locations=10, seed=0)
    assert not isinstance(memory, EnergyMemory)


def test_locations_are_reached_as_often_as_the_closed_form_says():
    n, M, radius = 256, 20_000, 112
    memory = ms.memories.SparseDistributed(units=n, locations=M, radius=radius, seed=0)
    X = ms.patterns.independent(50, n, generator=1)
    moved = ms.patterns.flip(X, fraction=32 / n, generator=2)
    one, both = memory.reached(X), memory.reached(X) & memory.reached(moved)
    for share, wanted in (
        (one, theory.activation_probability(n, radius)),
        (both, theory.access_overlap(n, radius, 32)),
    ):
        error = (wanted * (1 - wanted) / share.numel()) ** 0.5
        assert abs(float(share.double().mean()) - wanted) < 4 * error


@given(seed=st.integers(0, 2**31), count=st.integers(1, 12))
def test_forgetting_takes_the_counters_back_to_the_last_one(seed, count):
    X = ms.patterns.independent(count + 1, 64, generator=seed)
    memory = ms.memories.SparseDistributed(X, locations=200, seed=3).forget(count)
    fresh = ms.memories.SparseDistributed(X[:count], locations=200, seed=3)
    assert torch.equal(memory.counters, fresh.counters)
    assert torch.equal(memory.addresses, fresh.addresses)


def test_far_beyond_its_load_it_no_longer_recalls():
    X = ms.patterns.independent(200, 128, generator=0)
    few, many = (ms.memories.SparseDistributed(x, locations=500, seed=1) for x in (X[:10], X))
    cue = ms.patterns.flip(X[:10], fraction=0.1, generator=2)
    assert bool(few.recall(cue).exact.all())
    assert float(many.recall(cue).exact.double().mean()) < 0.2


def test_a_state_that_no_location_hears_stays_and_is_unknown():
    X = ms.patterns.independent(3, 200, generator=0)
    memory = ms.memories.SparseDistributed(X, locations=100, radius=70, seed=1)
    noise = ms.patterns.independent(20, 200, generator=5)
    assert torch.equal(memory.recall(noise).state, noise)


def test_a_radius_outside_the_cube_is_refused():
    with pytest.raises(InputError, match="0 to 50"):
        ms.memories.SparseDistributed(units=50, radius=51)
