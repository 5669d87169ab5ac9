"""Walks without rejections: the compiled ones against the oracle, and against the law of Boltzmann."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from memscape.kernels.walks import Walks, go_on, go_on_by_fields, state_names

subjects = st.tuples(st.integers(2, 12), st.integers(0, 2**31), st.booleans(), st.floats(0.3, 3.0))


def couplings(units, seed, whole):
    draw = np.random.default_rng(seed)
    weights = (
        draw.integers(-2, 3, (units, units)).astype(float) if whole else draw.normal(size=(units, units))
    )
    weights = np.triu(weights, 1)
    theta = draw.integers(-1, 2, units).astype(float)
    return weights + weights.T, theta, draw.choice(np.array([-1, 1], np.int8), units)


def all_states(units):
    keys = np.arange(1 << units)
    return ((keys[:, None] >> np.arange(units) & 1) * 2 - 1).astype(np.int8)


@settings(max_examples=15)
@given(subjects)
def test_compiled_walks_make_the_oracle_s_flips(subject):
    units, seed, whole, temperature = subject
    weights, theta, start = couplings(units, seed, whole)
    options = {"temperature": temperature, "seed": seed, "most": 50, "slack": 1e-9}
    passed = np.sort(state_names(start[None]))
    fast, slow = Walks.start(start, 4, 7), Walks.start(start, 4, 7)
    go_on(fast, weights, theta, passed, **options)

    def field(states):
        return states.double() @ torch.from_numpy(weights) + torch.from_numpy(theta)

    go_on_by_fields(slow, field, passed, **options)
    assert np.array_equal(fast.states, slow.states)
    assert np.array_equal(fast.flips, slow.flips)
    assert np.array_equal(fast.resting, slow.resting)
    assert np.allclose(fast.time, slow.time)


def test_the_time_spent_in_a_state_is_its_boltzmann_weight():
    """Detailed balance, seen: one walk of 4 units that rests nowhere, 15,000 flips."""
    weights, theta, start = couplings(4, 3, False)
    states, temperature = all_states(4), 1.5
    passed = np.sort(state_names(states))
    spent, place = np.zeros(16), {name: k for k, name in enumerate(state_names(states).tolist())}
    walks, before = Walks.start(start, 1), 0.0
    for flip in range(1, 15_001):
        here = place[int(state_names(walks.states)[0])]
        go_on(walks, weights, theta, passed, temperature=temperature, seed=1, most=flip, slack=0.0)
        spent[here] += walks.time[0] - before
        before = walks.time[0]
    energy = -0.5 * np.einsum("ki,ij,kj->k", states, weights, states) - states @ theta
    law = np.exp(-energy / temperature)
    assert np.abs(spent / spent.sum() - law / law.sum()).max() < 0.03


def test_going_on_in_parts_is_going_on_at_once():
    weights, theta, start = couplings(10, 5, False)
    passed = np.sort(state_names(all_states(10)))
    options = {"temperature": 1.0, "seed": 2, "slack": 0.0}
    once, parts = Walks.start(start, 3), Walks.start(start, 3)
    go_on(once, weights, theta, passed, most=300, **options)
    for most in (100, 101, 300):
        go_on(parts, weights, theta, passed, most=most, **options)
    assert np.array_equal(once.states, parts.states)
    assert np.allclose(once.time, parts.time)


def test_a_walk_rests_where_no_flip_lowers_the_energy():
    weights, theta, start = couplings(9, 8, False)
    walks = Walks.start(start, 20)
    nowhere = np.zeros(0, np.uint64)
    go_on(walks, weights, theta, nowhere, temperature=0.5, seed=0, most=5000, slack=1e-9)
    assert walks.resting.all()
    assert (walks.states * (walks.states @ weights + theta) >= -1e-9).all()
