"""Minima, basins and passes of a table of energies, compared with plain Python and with laws of floods."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memscape.kernels import naive_census
from memscape.kernels.flooding import basins_of, passes_between
from memscape.kernels.tables import levels, quadratic_table

# How many different levels there are decides how many plateaus: 2 makes a maze, 10**6 none.
tables = st.tuples(st.integers(1, 8), st.integers(0, 2**31), st.sampled_from([1, 2, 3, 5, 20, 10**6]))


def table(units, seed, count):
    return np.random.default_rng(seed).integers(0, count, 2**units).astype(np.int32)


def flooded(level):
    minima, label = basins_of(level)
    return minima, label, passes_between(level, label, len(minima.minima))


@given(tables)
def test_minima_and_basins_are_those_of_the_steepest_map(size):
    level = table(*size)
    expected = naive_census.minima(level.tolist())
    minima, label, _ = flooded(level)
    assert minima.minima.tolist() == list(expected)
    assert minima.states.tolist() == sorted(s for states in expected.values() for s in states)
    assert minima.minima[label].tolist() == naive_census.bottoms(level.tolist())


@given(tables)
def test_passes_are_those_of_a_flood_state_by_state(size):
    level = table(*size)
    minima, _, passes = flooded(level)
    ends = minima.minima[passes.ends].reshape(-1, 2).tolist()
    assert [(s, *e) for s, e in zip(passes.saddles.tolist(), ends, strict=True)] == naive_census.flood(
        level.tolist()
    )


@given(tables)
def test_basins_share_out_all_states_and_k_minima_have_k_minus_1_passes(size):
    level = table(*size)
    minima, label, passes = flooded(level)
    count = len(minima.minima)
    sizes = np.bincount(label, minlength=count)
    assert sizes.sum() == len(level)
    assert sizes.min() >= 1
    assert (label[minima.states] == minima.owner).all()
    assert len(passes.saddles) == count - 1


@given(st.integers(1, 8), st.integers(0, 2**31), st.sampled_from([3, 10, 10**6]))
def test_two_minima_are_connected_below_a_level_exactly_if_their_passes_are(units, seed, count):
    """The state graph under water, searched afresh at each level, against the tree's passes alone."""
    level = table(units, seed, count)
    minima, _, passes = flooded(level)
    wells = [int(m) for m in minima.minima]
    for water in np.unique(level)[:: max(1, len(np.unique(level)) // 8)]:
        parts = _parts_under_water(level, water)
        group = list(range(len(wells)))
        for saddle, (a, b) in zip(passes.saddles, passes.ends, strict=True):
            if level[saddle] <= water:
                group = [group[a] if g == group[b] else g for g in group]
        wet = [i for i, well in enumerate(wells) if level[well] <= water]
        for i in wet:
            for j in wet:
                assert (parts[wells[i]] == parts[wells[j]]) == (group[i] == group[j])


def _parts_under_water(level, water):
    units = len(level).bit_length() - 1
    part = {}
    for start in np.flatnonzero(level <= water).tolist():
        waiting = [start] if start not in part else []
        while waiting:
            state = waiting.pop()
            part[state] = start
            waiting += [
                t for t in (state ^ (1 << i) for i in range(units)) if level[t] <= water and t not in part
            ]
    return part


@given(st.integers(13, 15), st.integers(0, 2**31), st.sampled_from([2, 50, 10**6]))
def test_tables_longer_than_a_block_obey_the_local_laws(units, seed, count):
    level = table(units, seed, count)
    minima, label, _ = flooded(level)
    near = np.stack([level[np.arange(len(level)) ^ (1 << i)] for i in range(units)])
    far = np.stack([label[np.arange(len(level)) ^ (1 << i)] for i in range(units)])
    assert (near[:, minima.states] >= level[minima.states]).all()
    falls = near.min(0) < level
    assert (label == far[near.argmin(0), np.arange(len(level))])[falls].all()
    owner = np.full(len(level), -1)
    owner[minima.states] = minima.owner
    sides = np.stack([owner[np.arange(len(level)) ^ (1 << i)] for i in range(units)])
    equal = near[:, minima.states] == level[minima.states]
    assert (sides[:, minima.states] == minima.owner)[equal].all()


@given(st.integers(1, 10), st.integers(0, 2**31), st.booleans())
def test_the_table_holds_the_energy_of_every_state(units, seed, whole):
    rng = np.random.default_rng(seed)
    J, theta = rng.integers(-5, 6, (units, units)), rng.integers(-3, 4, units)
    if not whole:
        J, theta = J * 0.37, theta * 0.11 + 0.01
    J = np.triu(J, 1) + np.triu(J, 1).T
    found = quadratic_table(J, theta)
    assert found.dtype == (np.int32 if whole else np.float64)
    signs = (np.arange(2**units)[:, None] >> np.arange(units) & 1) * 2 - 1
    expected = -0.5 * ((signs @ J) * signs).sum(1) - signs @ theta
    np.testing.assert_allclose(found, expected, atol=0 if whole else 1e-12)


@given(st.integers(2, 200), st.integers(0, 2**31))
def test_levels_keep_the_order_and_forget_rounding(count, seed):
    rng = np.random.default_rng(seed)
    exact = rng.integers(-20, 21, count)
    exact[0] = 20
    noisy = exact / 3 + rng.uniform(-1e-12, 1e-12, count)
    assert np.array_equal(levels(noisy), np.unique(exact, return_inverse=True)[1])
    assert np.array_equal(levels(exact * 1.0), exact)
    huge = exact * 2.0**40  # integers that int32 does not hold are still told apart exactly
    huge[1:] += exact[1:]
    assert np.array_equal(levels(huge), np.unique(huge, return_inverse=True)[1])


@pytest.mark.parametrize("units", [1, 6])
def test_a_flat_landscape_is_one_minimum(units):
    minima, label, passes = flooded(np.zeros(2**units, np.int32))
    assert minima.minima.tolist() == [0]
    assert minima.states.tolist() == list(range(2**units))
    assert not label.any()
    assert passes.ends.shape == (0, 2)
