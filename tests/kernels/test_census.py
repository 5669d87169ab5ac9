"""A census finds every minimum: compared with looking at each of the 2^n states."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memscape.core.errors import InputError, SizeError
from memscape.kernels import census as module
from memscape.kernels import naive_census
from memscape.kernels.census import census

KINDS = ("hebb", "large", "float", "scaled", "sparse")


def couplings(kind, units, seed):
    rng = np.random.default_rng(seed)
    X = rng.choice([-1, 1], (int(rng.integers(1, 5)), units))
    J = {
        "hebb": X.T @ X,  # int8 lanes
        "large": 100_000 * (X.T @ X),  # integers that no lane holds
        "float": rng.standard_normal((units, units)),
        "scaled": X.T @ X / 7.3,  # ties up to rounding
        "sparse": rng.integers(-1, 2, (units, units)) * (rng.random((units, units)) < 0.3),
    }[kind]
    J = J + J.T
    np.fill_diagonal(J, 0)
    return J


def thresholds(kind, units, seed):
    rng = np.random.default_rng(seed)
    return {
        "none": np.zeros(units, np.int64),
        "integer": rng.integers(-2, 3, units),
        "float": rng.standard_normal(units),
    }[kind]


def energies(J, theta):
    """E of every state by packed key, one state at a time; rounded so that ties are ties."""
    units, table = len(theta), []
    for key in range(1 << units):
        s = [1 if key >> i & 1 else -1 for i in range(units)]
        pairs = sum(J[i, j] * s[i] * s[j] for i, j in itertools.combinations(range(units), 2))
        table.append(round(float(-pairs - sum(theta[i] * s[i] for i in range(units))), 8))
    return table


@given(
    st.integers(1, 8),
    st.integers(0, 2**31),
    st.sampled_from(KINDS),
    st.sampled_from(["none", "integer", "float"]),
)
def test_the_minima_are_the_closed_plateaus_of_all_states(units, seed, kind, field):
    J, theta = couplings(kind, units, seed), thresholds(field, units, seed)
    expected = naive_census.minima(energies(J, theta))
    found, complete = census(J, theta)
    assert complete
    assert found.minima.tolist() == list(expected)
    assert sorted(zip(found.owner.tolist(), found.states.tolist(), strict=True)) == [
        (owner, state) for owner, states in enumerate(expected.values()) for state in states
    ]


@given(st.integers(9, 16), st.integers(0, 2**31), st.sampled_from(KINDS))
def test_without_thresholds_minima_come_in_pairs(units, seed, kind):
    J = couplings(kind, units, seed)
    found, _ = census(J, np.zeros(units))
    inverted = np.sort(np.uint64(2**units - 1) ^ found.states)
    assert np.array_equal(inverted, found.states)


@given(st.integers(10, 18), st.integers(0, 2**31), st.sampled_from(KINDS))
def test_half_the_search_and_the_whole_search_agree(units, seed, kind):
    """A threshold too small to matter makes the census look at both signs of every state."""
    J = couplings(kind, units, seed).astype(np.float64)
    tiny = np.full(units, 1e-14 * max(1.0, np.abs(J).sum()))
    half, whole = census(J, np.zeros(units))[0], census(J, tiny)[0]
    assert np.array_equal(half.minima, whole.minima)
    assert np.array_equal(half.states, whole.states)


@given(st.integers(9, 14), st.integers(0, 2**31), st.sampled_from(KINDS))
def test_relabelling_the_units_relabels_the_minima(units, seed, kind):
    J = couplings(kind, units, seed)
    order = np.random.default_rng(seed + 1).permutation(units)
    first, second = census(J, np.zeros(units))[0], census(J[np.ix_(order, order)], np.zeros(units))[0]
    bits = second.states[:, None] >> np.arange(units, dtype=np.uint64) & np.uint64(1)
    moved = (bits << order.astype(np.uint64)).sum(1, dtype=np.uint64)
    assert np.array_equal(np.sort(moved), first.states)
    assert len(first.minima) == len(second.minima)


def test_patterns_of_a_projection_are_found_among_four_billion_states():
    rng = np.random.default_rng(3)
    X = rng.choice([-1, 1], (5, 32))
    J = X.T @ np.linalg.solve(X @ X.T, X)
    np.fill_diagonal(J, 0)
    found, _ = census(J, np.zeros(32))
    keys = ((X > 0).astype(np.uint64) << np.arange(32, dtype=np.uint64)).sum(1)
    assert np.isin(keys, found.minima).all()
    signs = (found.minima[:, None] >> np.arange(32, dtype=np.uint64) & np.uint64(1)).astype(float) * 2 - 1
    assert ((signs @ J) * signs).min() > 0


def test_a_census_that_is_stopped_keeps_what_it_found():
    J = couplings("float", 20, 0)
    calls = []
    part, complete = census(J, np.zeros(20), lambda done: calls.append(done) or len(calls) < 20)
    whole, _ = census(J, np.zeros(20))
    assert not complete
    assert len(calls) == 20
    assert 0 < len(part.minima) < len(whole.minima)
    assert np.isin(part.minima, whole.minima).all()


def test_a_flat_landscape_is_one_minimum_until_it_is_too_large(monkeypatch):
    flat, _ = census(np.zeros((12, 12)), np.zeros(12))
    assert flat.minima.tolist() == [0]
    assert len(flat.states) == 2**12
    monkeypatch.setattr(module, "MOST", 2**10)
    with pytest.raises(SizeError, match=r"survey"):
        census(np.zeros((12, 12)), np.zeros(12))


def test_too_many_units_are_refused():
    with pytest.raises(InputError, match="1 to 32 units, not 33"):
        census(np.zeros((33, 33)), np.zeros(33))
